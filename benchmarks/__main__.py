"""Run every benchmark, write ``docs/benchmarks.md``, and fail if a promise of speed is missed."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks import local_run
from benchmarks.pipelines import SHAPES, config
from benchmarks.promises import Promise, table

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
EXAMPLE = PAGE.parents[1] / "examples" / "breast_cancer" / "pipeline.yaml"
SIZES = (10, 100, 1_000, 10_000)
QUICK_SIZES = (4,)
HAND_LIMIT = {2: 1_000, 3: 100}
"""By hand, larger pipelines take minutes (SDK 3: half a second a step) and show the same."""
GROWTH = 1.1
"""The largest ratio of the cost of a step of 10,000 to one of 100."""
BESIDE_YAML = 2.0
"""The largest ratio of reading and compiling 1,000 steps to reading them with libyaml and writing them as JSON."""
RULES = 0.1
"""The largest share of the rules in reading and compiling."""
BY_HAND = {2: 4, 3: 200}
"""By SDK: how many times faster 100 steps are than by hand, at least."""
START_UP = 1.4
"""The largest ratio of ``dagcast compile -o`` of the example to :data:`IMPORTS`."""
IMPORTS = "import click, yaml, pydantic\nclass Model(pydantic.BaseModel):\n    name: str\n"
"""The smallest program that uses the libraries that every compile needs."""


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
    rows = parts.measure("compile", lambda: compile_rows(pythons, QUICK_SIZES if quick else SIZES))
    large, small = (200, 100) if quick else (10_000, 1_000)
    ratios = {
        "growth": parts.measure("growth", lambda: growth_rows(pythons, large, 1 if quick else 3)),
        "yaml": parts.measure("yaml", lambda: beside_yaml(python, small, many)),
        "rules": parts.measure("rules", lambda: rule_share(python, small, 2 * many)),
        "start": parts.measure("start-up", lambda: start_up(python, 1 if quick else 21)),
    }
    memory = parts.measure("memory", lambda: [] if quick else memory_rows(pythons))
    whole = parts.measure("whole processes", lambda: whole_processes(python, 1 if quick else 5))
    plugins = parts.measure("plugins", lambda: run_json(python, "benchmarks.plugin_cost", *few))
    local = parts.measure("local runs", lambda: run_json(python, "benchmarks.local_run", *few))
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


def compile_rows(pythons: dict[int, str], sizes: tuple[int, ...]) -> list[dict[str, Any]]:
    """Return one row for each SDK, shape and size, with medians of seconds and of the ratios of each repeat."""
    rows = []
    for sdk, python in pythons.items():
        for shape, size in product(SHAPES if len(sizes) > 1 else SHAPES[:1], sizes):
            hand = size <= HAND_LIMIT[sdk]
            # By hand on SDK 3, a step takes about half a second.
            repeats = 1 if (sdk == 3 and size == 100) or sizes == QUICK_SIZES else 5 if hand else 2
            options = ["compile", "--shape", shape, "--size", str(size), "--repeats", str(repeats)]
            times = run_json(python, "benchmarks.measure", *options, *(["--hand"] if hand else []))
            row = {"sdk": sdk, "shape": shape, "size": size}
            row.update({key: statistics.median(values) for key, values in times.items()})
            if hand:
                ours = [c + d for c, d in zip(times["compile"], times["definition"], strict=True)]
                theirs = [b + d for b, d in zip(times["hand_build"], times["hand_definition"], strict=True)]
                read = times["read"]
                row["ratio"] = statistics.median(t / o for t, o in zip(theirs, ours, strict=True))
                row["ratio_read"] = statistics.median(
                    t / (o + r) for t, o, r in zip(theirs, ours, read, strict=True)
                )
            rows.append(row)
    return rows


def growth_rows(pythons: dict[int, str], size: int, repeats: int) -> list[dict[str, Any]]:
    """Return the ratio of the cost of a step in the largest pipeline to one of 100, for each SDK and shape."""
    rows = []
    for sdk, python in pythons.items():
        for shape in SHAPES if repeats > 1 else SHAPES[:1]:
            options = ["growth", "--shape", shape, "--size", str(size), "--repeats", str(repeats)]
            found = run_json(python, "benchmarks.measure", *options)
            rows.append({"sdk": sdk, "shape": shape, "ratio": statistics.median(found["ratios"])})
    return rows


def beside_yaml(python: str, size: int, repeats: int) -> dict[str, float]:
    """Return the ratio of reading and compiling to libyaml's parser and ``json.dumps``, with the collector on and off."""
    options = ["yaml", "--shape", "chain", "--size", str(size), "--repeats", str(repeats)]
    found = run_json(python, "benchmarks.measure", *options)
    return {collector: statistics.median(ratios) for collector, ratios in found.items()}


def rule_share(python: str, size: int, repeats: int) -> float:
    """Return the share of the rules in reading and compiling."""
    options = ["rules", "--shape", "chain", "--size", str(size), "--repeats", str(repeats)]
    return statistics.median(run_json(python, "benchmarks.measure", *options)["shares"])


def start_up(python: str, pairs: int) -> dict[str, float]:
    """Return the CPU seconds of ``dagcast compile -o`` of the example and of :data:`IMPORTS`, as alternating processes."""
    times: dict[str, list[float]] = {"imports": [], "compile": []}
    with tempfile.TemporaryDirectory() as folder:
        compiling = [python, "-m", "dagcast.cli", "compile", str(EXAMPLE), "-o", f"{folder}/definition.json"]
        for _ in range(pairs + 1):
            times["imports"].append(cpu_seconds([python, "-c", IMPORTS]))
            times["compile"].append(cpu_seconds(compiling))
    # The first run of each writes bytecode.
    ratios = [ours / least for ours, least in zip(times["compile"][1:], times["imports"][1:], strict=True)]
    found = {name: statistics.median(values[1:]) for name, values in times.items()}
    return {**found, "ratio": statistics.median(ratios)}


def cpu_seconds(command: list[str]) -> float:
    """Return the CPU time of a process in seconds, including the kernel's; other processes hardly influence it."""
    quiet = [(os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_WRONLY, 0) for stream in (1, 2)]
    process = os.posix_spawn(command[0], command, environment(), file_actions=quiet)
    _, status, usage = os.wait4(process, 0)
    if status != 0:
        raise SystemExit(f"{' '.join(command)} failed")
    return usage.ru_utime + usage.ru_stime


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


def memory_rows(pythons: dict[int, str]) -> list[dict[str, Any]]:
    """Return the peak memory without imports, at 1,000 steps on SDK 2 and 100 on SDK 3, and dagcast's at 10,000."""
    rows = []
    for sdk, size in ((2, 1_000), (3, 100), (3, 10_000)):
        row: dict[str, Any] = {"sdk": sdk, "size": size}
        for who in ("ours", "hand"):
            if who == "hand" and size > HAND_LIMIT[sdk]:
                continue
            options = [
                "memory",
                "--shape",
                "chain",
                "--size",
                str(size),
                *(["--hand"] if who == "hand" else []),
            ]
            used = run_json(pythons[sdk], "benchmarks.measure", *options)
            row[who] = used["peak"] - used["before"]
        rows.append(row)
    return rows


def whole_processes(python: str, repeats: int) -> dict[str, float]:
    """Return the seconds of whole processes, as medians of alternating runs, and the heavy modules that they imported."""
    data = config("chain", 100)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pipeline.yaml"
        import yaml

        path.write_text(yaml.safe_dump(data, sort_keys=False))
        commands = {
            "python -c pass": [python, "-c", "pass"],
            "dagcast --help": [python, "-m", "dagcast.cli", "--help"],
            "import SDK 3": [python, "-c", "import sagemaker.mlops.workflow.pipeline"],
            "validate": [python, "-m", "dagcast.cli", "validate", str(path)],
            "compile -o": [
                python,
                "-m",
                "dagcast.cli",
                "compile",
                str(path),
                "-o",
                f"{folder}/definition.json",
            ],
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(repeats + 1):
            for name, command in commands.items():
                start = time.perf_counter()
                subprocess.run(command, check=True, capture_output=True, env=environment())
                times[name].append(time.perf_counter() - start)
    # The first run of each writes bytecode.
    found = {name: statistics.median(values[1:]) for name, values in times.items()}
    found["help"] = statistics.median(
        h - p for h, p in zip(times["dagcast --help"][1:], times["python -c pass"][1:], strict=True)
    )
    for name in ("validate", "compile -o"):
        pairs = zip(times[name][1:], times["import SDK 3"][1:], strict=True)
        found[f"{name} share"] = statistics.median(ours / theirs for ours, theirs in pairs)
    return found


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


def render(
    rows: list[dict[str, Any]],
    memory: list[dict[str, Any]],
    whole: dict[str, float],
    plugins: dict[str, Any],
    ratios: dict[str, Any],
    sizes: tuple[int, int],
    minutes: float,
) -> str:
    """Return the text of the page."""
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench`, which measures everything side by side in one run and fails if a promise is not kept.",
        f"It took {minutes:.0f} minutes. Ratios hold across machines; milliseconds are those of the run that wrote this page.",
        "",
        "## Beside the same pipeline by hand",
        "",
        "Chains and fan-outs of Processing steps. *Compile* is from a config already read to the SDK's `Pipeline`; *read* is",
        "reading and checking the YAML; *by hand* is building the same pipeline with the SDK's own classes. Faster: compile and",
        "definition against building and definition by hand; in brackets with reading included.",
        "",
        "| SDK | pipeline | read | compile | definition | by hand: build | definition | faster |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        hand = [ms(row[key]) if key in row else "-" for key in ("hand_build", "hand_definition")]
        faster = f"**{row['ratio']:.0f} times** ({row['ratio_read']:.1f} times)" if "ratio" in row else "-"
        ours = [ms(row[key]) for key in ("read", "compile", "definition")]
        cells = [str(row["sdk"]), f"{row['shape']} of {row['size']:,}", *ours, *hand, faster]
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        "By hand is measured up to 1,000 steps on SDK 2 and 100 on SDK 3, where it takes seconds to minutes. The definition of",
        "10,000 such steps is longer than the service takes; the limit is lifted to measure how cost grows.",
        "",
        f"A step of {sizes[0]:,} by one of 100, compile and definition, CPU time in turn within a process; promised {GROWTH}:",
        "",
        "| SDK | shape | a step, by one of 100 |",
        "|---|---|---|",
        *(f"| {row['sdk']} | {row['shape']} | {row['ratio']:.2f} times |" for row in ratios["growth"]),
        "",
        f"Reading a chain of {sizes[1]:,} steps and compiling it to its definition, by libyaml's C parser (`yaml.load` with",
        f"`CSafeLoader`) and `json.dumps` of the same file: **{ratios['yaml']['on']:.2f} times** with Python's cyclic garbage collector on,",
        f"as it is by default, and {ratios['yaml']['off']:.2f} times with it off for both. Promised is {BESIDE_YAML:.0f} times with it on.",
        f"The rules of the service take {ratios['rules']:.0%} of it; promised {RULES:.0%}.",
        "",
    ]
    if memory:
        lines += [
            "## Memory",
            "",
            "Peak above what importing took, MiB, for a chain.",
            "",
            "| SDK | steps | dagcast | by hand |",
            "|---|---|---|---|",
        ]
        for row in memory:
            hand_used = f"{row['hand']:.0f}" if "hand" in row else "-"
            lines.append(f"| {row['sdk']} | {row['size']:,} | {row['ours']:.0f} | {hand_used} |")
        lines.append("")
    lines += [
        "## Whole processes",
        "",
        "100 steps that name their images; neither `validate` nor `compile -o` imports an SDK.",
        "",
        "| command | ms | of importing SDK 3 |",
        "|---|---|---|",
    ]
    for name in ("python -c pass", "dagcast --help", "validate", "compile -o", "import SDK 3"):
        share = f"{whole[f'{name} share']:.2f}" if f"{name} share" in whole else "-"
        lines.append(f"| `{name}` | {ms(whole[name])} | {share} |")
    start = ratios["start"]
    lines += [
        "",
        "`dagcast compile -o` of the example (eight steps), by a program that imports click and yaml and defines one pydantic",
        f"model: **{start['ratio']:.2f} times** the CPU time ({ms(start['compile'])} and {ms(start['imports'])} ms), whole processes in turn;",
        f"promised {START_UP}.",
        "",
        "## Plugins",
        "",
        "Beside 400 other installed distributions. The scan reads their metadata and imports nothing; the first one of a",
        f"process takes {ms(plugins['first_scan'])} ms. Each plugin gives metadata, decorates the class and tags all of 100",
        "steps; a compile is from the config file to the definition.",
        "",
        "| plugins | scan, ms | compile, against none |",
        "|---|---|---|",
        *(
            f"| {count} | {ms(cost['scan'])} | {cost['ratio']:.2f} times |"
            for count, cost in plugins["counts"].items()
        ),
        "",
        "The plugins of this repository on the same pipeline, in one process: guardrails with nine rules, mods with metadata and",
        "standard parameters, and openlineage with a file, to which its client writes an event for every step. More than half of",
        "what guardrails and mods cost is that the pipeline grows: they add about ten settings to every step, which are attributed,",
        "checked and written. More than half of what openlineage costs is OpenLineage's own client. The promise, 1.5 times, is for",
        "three plugins like those above, and for each of these alone; it is not kept by all of these together. In a git checkout",
        "mods also asks git twice, which takes a few milliseconds however large the pipeline is.",
        "",
        "| plugins | compile, against none |",
        "|---|---|",
        *(f"| {names} | {ratio:.2f} times |" for names, ratio in plugins["real"].items()),
        "",
        "The plugin lock compares the code of these three with their files: digests of the files, and cached bytecode and functions of",
        f"the imported modules. The first comparison of a process takes {ms(plugins['lock'])} ms of CPU time; promised are 100.",
        "",
    ]
    return "\n".join(lines)


def ms(seconds: float) -> str:
    return f"{seconds * 1000:,.1f}" if seconds < 0.1 else f"{seconds * 1000:,.0f}"


def run_json(python: str, module: str, *arguments: str) -> Any:
    command = [python, "-m", module, *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment())
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def environment() -> dict[str, str]:
    return {
        # With PYTHONDONTWRITEBYTECODE each process would compile our modules from source again.
        **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "DAGCAST_PLUGINS": "",
    }


if __name__ == "__main__":
    main()
