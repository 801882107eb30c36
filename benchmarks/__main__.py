"""Run every benchmark, write ``docs/benchmarks.md``, and fail if a promise of speed is missed."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import compiles, local_run, processes
from benchmarks.page import render
from benchmarks.promises import compile_promises, ratio_promises, table

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--sdk3-python", required=True, help="Python of an environment with SDK 3")
    parser.add_argument("--sdk2-python", required=True, help="Python of an environment with SDK 2")
    parser.add_argument(
        "--quick", action="store_true", help="tiny sizes, to see that each part runs; the page is not written"
    )
    arguments = parser.parse_args()
    quick: bool = arguments.quick
    pythons = {2: arguments.sdk2_python, 3: arguments.sdk3_python}
    python = pythons[3]
    few, many = ("--quick",) if quick else (), 1 if quick else 5
    parts = Parts()
    rows = parts.measure(
        "compile", lambda: compiles.compile_rows(pythons, compiles.QUICK_SIZES if quick else compiles.SIZES)
    )
    large, small = (200, 100) if quick else (10_000, 1_000)
    ratios = {
        "growth": parts.measure("growth", lambda: compiles.growth_rows(pythons, large, 1 if quick else 3)),
        "yaml": parts.measure("yaml", lambda: compiles.beside_yaml(python, small, many)),
        "rules": parts.measure("rules", lambda: compiles.rule_share(python, small, 2 * many)),
        "start": parts.measure("start-up", lambda: processes.start_up(python, 1 if quick else 21)),
    }
    memory = parts.measure(
        "memory",
        lambda: compiles.memory_rows(
            pythons, compiles.QUICK_MEMORY_SIZES if quick else compiles.MEMORY_SIZES
        ),
    )
    whole = parts.measure("whole processes", lambda: processes.whole_processes(python, 1 if quick else 5))
    plugins = parts.measure("plugins", lambda: processes.run_json(python, "benchmarks.plugin_cost", *few))
    local = parts.measure("local runs", lambda: processes.run_json(python, "benchmarks.local_run", *few))
    promises = [
        *compile_promises(rows, whole, plugins),
        *ratio_promises(ratios, large, small),
        *local_run.promises(local),
    ]
    body = render(rows, memory, whole, plugins, ratios, (large, small), parts.minutes)
    page = "\n".join([body, *local_run.lines(local), "", *table(promises)])
    print(page)
    for promise in promises:
        print(promise, file=sys.stderr)
    if quick:
        print("--quick shows that the parts run; its ratios mean nothing", file=sys.stderr)
        return
    PAGE.write_text(page, encoding="utf-8")
    sys.exit(0 if all(promise.is_kept for promise in promises) else 1)


class Parts:
    """Runs the parts of the benchmark, and reports how long each takes."""

    def __init__(self) -> None:
        self._begin = time.monotonic()

    @property
    def minutes(self) -> float:
        """The minutes since the start."""
        return (time.monotonic() - self._begin) / 60

    def measure(self, name: str, work: Callable[[], Any]) -> Any:
        """Return what ``work`` returns."""
        begin = time.monotonic()
        found = work()
        print(f"measured {name} in {time.monotonic() - begin:.0f} s", file=sys.stderr)
        return found


if __name__ == "__main__":
    main()
