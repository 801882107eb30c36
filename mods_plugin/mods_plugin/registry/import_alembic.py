"""Import Alembic in spite of malformed metadata of any distribution."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import importlib_metadata

_MODULES = (importlib.metadata, importlib_metadata)
"""Alembic reads entry points with one of these, by the version of Python."""


@contextmanager
def readable_entry_points() -> Iterator[None]:
    """Leave out entry points of distributions whose metadata cannot be read, while the block imports Alembic.

    On import, Alembic loads the plugins of group ``alembic.plugins``, and fails if the entry points of any distribution
    are malformed. Source: ``_setup`` in alembic/runtime/plugins.py. If all can be read, nothing is replaced.
    """
    if "alembic" in sys.modules or _all_are_readable():
        yield
        return
    before = [module.entry_points for module in _MODULES]
    for module in _MODULES:
        vars(module)["entry_points"] = _tolerant(module)
    try:
        yield
    finally:
        for module, original in zip(_MODULES, before, strict=True):
            vars(module)["entry_points"] = original


def _all_are_readable() -> bool:
    for module in _MODULES:
        try:
            module.entry_points(group="alembic.plugins")
        # A malformed file raises TypeError, ValueError or UnicodeDecodeError; a third-party finder may raise anything.
        except Exception:
            return False
    return True


def _tolerant(module: Any) -> Any:
    def entry_points(**chosen: Any) -> Any:
        found: list[Any] = []
        for distribution in module.distributions():
            try:
                found.extend(distribution.entry_points)
            # See above.
            except Exception:
                continue
        return module.EntryPoints(found).select(**chosen)

    return entry_points
