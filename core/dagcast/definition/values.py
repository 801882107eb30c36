"""Frozen data: mappings and sequences that cannot be changed."""

from __future__ import annotations

from typing import Any, NoReturn


class FrozenError(TypeError):
    """Something that is frozen was to be changed."""


class FrozenDict(dict[str, Any]):
    """A mapping that cannot be changed; JSON-ready and as fast to read as a ``dict``."""

    __slots__ = ()

    def _refuse(self, *args: object, **kwargs: object) -> NoReturn:
        raise FrozenError("this mapping is frozen: make a changed copy with thaw() and freeze()")

    __setitem__ = __delitem__ = clear = pop = popitem = setdefault = update = __ior__ = _refuse

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(self.items()))

    def __reduce__(self) -> tuple[type[FrozenDict], tuple[dict[str, Any]]]:
        return (FrozenDict, (dict(self),))


SCALARS = frozenset({str, int, float, bool, type(None)})
"""The types of most values in a request. They hold no others, which spares a call for each."""


def freeze(value: Any) -> Any:
    """``value`` with every mapping and sequence in it frozen, at any depth."""
    if isinstance(value, FrozenDict):
        return value
    if isinstance(value, dict):
        return FrozenDict(
            {key: item if type(item) in SCALARS else freeze(item) for key, item in value.items()}
        )
    if isinstance(value, list):
        return tuple([item if type(item) in SCALARS else freeze(item) for item in value])
    if isinstance(value, tuple):
        frozen = tuple([freeze(item) for item in value])
        # What is frozen already stays the same object, so that a change can be found by identity.
        return value if all(a is b for a, b in zip(frozen, value, strict=True)) else frozen
    return value


def thaw(value: Any) -> Any:
    """A copy of ``value`` made of ordinary dicts and lists, to be changed freely; references stay."""
    if isinstance(value, dict):
        return {key: item if type(item) in SCALARS else thaw(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [thaw(item) for item in value]
    return value
