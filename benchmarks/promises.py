"""Promises of speed: what was measured, and what is promised."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Promise:
    """A promise and its measurement.

    Attributes:
        name: What is measured, with its unit.
        measured: The measurement.
        promised: The limit.
        at_least: Whether the limit is the least value; by default it is the largest.

    Example:
        >>> print(Promise("compile -o, by its imports", 1.5, 1.4))
        MISSED: compile -o, by its imports: 1.50, promised at most 1.4
    """

    name: str
    measured: float
    promised: float
    at_least: bool = False

    @property
    def is_kept(self) -> bool:
        """Whether the measurement is within the limit."""
        if self.at_least:
            return self.measured >= self.promised
        return self.measured <= self.promised

    def __str__(self) -> str:
        word = "PROMISE" if self.is_kept else "MISSED"
        bound = "at least" if self.at_least else "at most"
        return f"{word}: {self.name}: {self.measured:,.2f}, promised {bound} {self.promised:,g}"


def table(promises: Iterable[Promise]) -> list[str]:
    """Return the section of the page that lists all promises."""
    rows = [
        f"| {promise.name} | {promise.measured:,.2f} | at {'least' if promise.at_least else 'most'} "
        f"{promise.promised:,g} | {'yes' if promise.is_kept else '**no**'} |"
        for promise in promises
    ]
    return ["## Promises", "", "| what | measured | promised | kept |", "|---|---|---|---|", *rows, ""]
