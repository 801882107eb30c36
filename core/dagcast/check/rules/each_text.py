"""A check of each text of a request by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from dagcast.check.rules.request_body import Finding, RequestBody
from dagcast.check.rules.rule import PipelineFacts
from dagcast.paths import FieldPath

_FREE_TEXT = frozenset(
    {"Environment", "HyperParameters", "StaticHyperParameters", "Tags", "ContainerArguments"}
)

TextCheck = Callable[[str, PipelineFacts], tuple[str, str | None] | None]
"""Returns what is wrong with a text, and what to write instead if that can be said; ``None`` for a valid text."""


class EachText:
    """Every text of a request obeys a check. Free text is left out: hyperparameters, variables, arguments, tags.

    Args:
        find: The check of one text.

    Example:
        >>> check = EachText(lambda text, facts: ("it is empty", None) if text == "" else None)
        >>> body = RequestBody({"A": "x", "B": [{"C": "", "Tags": [""]}]})
        >>> [found.path for found in check(body, PipelineFacts())]
        [('B', 0, 'C')]
    """

    def __init__(self, find: TextCheck) -> None:
        self.find = find

    def __call__(self, body: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
        """Yield what is wrong with the texts of a body."""
        for path in text_leaves(body.data):
            problem = self.find(body.get(*path), facts)
            if problem is not None:
                yield body.finding(problem[0], *path, hint=problem[1])


def text_leaves(value: Any, path: FieldPath = ()) -> Iterator[FieldPath]:
    """Yield the path of each text in a body that is not free text."""
    if isinstance(value, str):
        yield path
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name not in _FREE_TEXT:
                yield from text_leaves(inner, (*path, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from text_leaves(inner, (*path, index))
