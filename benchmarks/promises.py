"""Promises of speed: what was measured, and what is promised."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

GROWTH = 1.1
"""The largest ratio of the cost of a step of 10,000 to one of 100."""
BESIDE_YAML = 2.0
"""The largest ratio of reading and compiling 1,000 steps to reading them with libyaml and writing them as JSON."""
RULES = 0.1
"""The largest share of the rules in reading and compiling."""
BY_HAND = {2: 4, 3: 200}
"""By SDK: how many times faster 100 steps are than by hand, at least."""
START_UP = 1.4
"""The largest ratio of ``dagcast compile -o`` of the example to :data:`benchmarks.processes.IMPORTS`."""


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


def compile_promises(
    rows: list[dict[str, Any]], whole: dict[str, float], plugins: dict[str, Any]
) -> list[Promise]:
    """Return the promises about compiles, whole processes and plugins."""
    found = []
    for row in rows:
        name = f"SDK {row['sdk']}, {row['shape']} of {row['size']}"
        if row["size"] == 100:
            found.append(
                Promise(f"{name}: times faster than by hand", row["ratio"], BY_HAND[row["sdk"]], True)
            )
        if row["size"] == 100 and row["sdk"] == 2:
            found.append(Promise(f"{name}: the same with the YAML read", row["ratio_read"], 1, True))
    found.append(Promise("`dagcast --help`: ms beyond `python -c pass`", whole["help"] * 1000, 150))
    found += [
        Promise(f"`{name}`, by importing SDK 3", whole[f"{name} share"], 1 / 3)
        for name in ("validate", "compile -o")
    ]
    found.append(Promise("three plugins, by a compile without", plugins["counts"]["3"]["ratio"], 1.5))
    found += [
        Promise(f"plugin {name}, by a compile without", ratio, 1.5)
        for name, ratio in plugins["real"].items()
        if "," not in name
    ]
    slowest = max(plugins["first_scan"], *(cost["scan"] for cost in plugins["counts"].values()))
    found.append(Promise("ms of a scan beside 400 distributions", slowest * 1000, 30))
    return [*found, Promise("ms of checking the code of the plugins here", plugins["lock"] * 1000, 100)]


def ratio_promises(ratios: dict[str, Any], large: int, small: int) -> list[Promise]:
    """Return the promises about ratios."""
    return [
        *(
            Promise(
                f"SDK {row['sdk']}, {row['shape']}: a step of {large:,}, by one of 100",
                row["ratio"],
                GROWTH,
            )
            for row in ratios["growth"]
        ),
        Promise(
            f"reading and compiling {small:,} steps, by libyaml and `json.dumps`",
            ratios["yaml"]["on"],
            BESIDE_YAML,
        ),
        Promise(f"share of the rules in reading and compiling {small:,} steps", ratios["rules"], RULES),
        Promise("`compile -o` of the example, by its smallest imports", ratios["start"]["ratio"], START_UP),
    ]
