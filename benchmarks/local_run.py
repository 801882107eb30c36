"""The cost of the local runner, compared with the same processes by hand and with KFP's local runner.

``python -m benchmarks.local_run`` runs on its own, in an environment with dagcast: it prints a table, and JSON in the
last line. KFP is installed for it into an environment that is thrown away, with the pins of
``constraints/bench-kfp.txt``.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks import local_pipelines
from benchmarks.promises import Promise
from dagcast.errors import InvalidInputError
from dagcast.runner.launch.choose_launcher import choose_launcher

ROOT = Path(__file__).parents[1]
KFP_PINS = ROOT / "constraints" / "bench-kfp.txt"
MEMORY = Path("/dev/shm")
PROMISED = {"namespace": 0.030, "paths": 0.010}
"""The most seconds that a step may take in addition to its process."""

FULL = {"turns": 8, "turn": 25, "many": 1_000, "diamond": 100, "log": 262_144, "plan": 10_000, "chain": 10}
QUICK = {"turns": 1, "turn": 3, "many": 12, "diamond": 6, "log": 1_024, "plan": 100, "chain": 3}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.local_run")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, each once, and nothing beside KFP")
    found = measured(quick=parser.parse_args().quick)
    print("\n".join(lines(found)))
    print(json.dumps(found))


def measured(*, quick: bool) -> dict[str, Any]:
    """Return all measurements, as medians of seconds and MiB."""
    size, repeats = (QUICK, 1) if quick else (FULL, 5)
    load = os.getloadavg()[0]
    isolations = ["namespace", "paths"] if _has_namespaces() else ["paths"]
    found: dict[str, Any] = {"size": size, "repeats": repeats, "cpus": os.cpu_count()}
    places = ["memory", "disk"] if os.access(MEMORY, os.W_OK) else ["disk"]
    found["overhead"] = [
        _overhead(work, isolation, where, size)
        for where in places
        for isolation in isolations
        for work in ("shell", "python", "counting")
    ]
    found["many"] = [_many(isolation, places[0], size["many"], 1 if quick else 3) for isolation in isolations]
    found["diamond"] = _diamond(isolations[0], size["diamond"], repeats)
    found["log"] = [_log(isolations[0], kibibytes) for kibibytes in (1, size["log"])]
    found["plan"] = [_plan(steps, repeats) for steps in (size["plan"] // 10, size["plan"])]
    found["start"] = _start(repeats)
    found["kfp"] = {"problem": "--quick"} if quick else _beside_kfp(isolations, size["chain"], repeats)
    found["load"] = [load, os.getloadavg()[0]]
    found["ahead"] = sys.platform == "linux" and os.sched_getscheduler(0) != os.SCHED_OTHER
    return found


def _has_namespaces() -> bool:
    with tempfile.TemporaryDirectory() as folder:
        try:
            choose_launcher("namespace", Path(folder)).close()
        except InvalidInputError as error:
            print(f"namespaces: not measured: {error}", file=sys.stderr)
            return False
    return True


def _overhead(work: str, isolation: str, where: str, size: dict[str, int]) -> dict[str, Any]:
    options = ["--work", work, "--isolation", isolation, "--size", str(size["turn"]), *_within(where)]
    times = _json("steps", *options, "--rounds", str(size["turns"]))
    row: dict[str, Any] = {
        "work": work,
        "isolation": isolation,
        "where": where,
        "samples": len(times["steps"]),
    }
    for key in ("steps", "hand"):
        low, *_, high = statistics.quantiles(times[key], n=10, method="inclusive")
        row |= {key: statistics.median(times[key]), f"{key}_low": low, f"{key}_high": high}
    row["overhead"] = row["steps"] - row["hand"]
    row["file"] = statistics.median(times["files"])
    return row


def _within(where: str) -> list[str]:
    return ["--within", str(MEMORY)] if where == "memory" else []


def _many(isolation: str, where: str, steps: int, repeats: int) -> dict[str, Any]:
    """Return the time of a long chain, and the ratio of its last steps to its first ones."""
    options = ["--isolation", isolation, "--size", str(steps), *_within(where)]
    runs = [_json("run", *options) for _ in range(repeats)]
    tenth = max(steps // 10, 2)
    growths = []
    for run in runs:
        periods = [after - before for before, after in pairwise(run["ends"])]
        growths.append(statistics.median(periods[-tenth:]) / statistics.median(periods[:tenth]))
    small = _json("run", "--isolation", isolation, "--size", "2", "--rounds", "0")
    return {
        "isolation": isolation,
        "where": where,
        "steps": steps,
        "repeats": repeats,
        "seconds": statistics.median(run["seconds"] for run in runs),
        "hand": statistics.median(sum(run["hand"]) for run in runs),
        "growth": statistics.median(growths),
        "peak": statistics.median(run["peak"] for run in runs),
        "peak_of_two": small["peak"],
    }


def _diamond(isolation: str, steps: int, repeats: int) -> dict[str, Any]:
    row: dict[str, Any] = {"isolation": isolation, "steps": steps}
    runs: dict[int, list[dict[str, Any]]] = {1: [], 2: []}
    options = ["--isolation", isolation, "--shape", "diamond", "--work", "python", "--size", str(steps)]
    for _ in range(repeats):
        for jobs, made in runs.items():
            made.append(_json("run", *options, "--jobs", str(jobs)))
    for jobs, made in runs.items():
        row[f"jobs_{jobs}"] = statistics.median(run["seconds"] for run in made)
    row["hand"] = statistics.median(sum(run["hand"]) for made in runs.values() for run in made)
    pairs = zip(runs[1], runs[2], strict=True)
    row["faster"] = statistics.median(one["seconds"] / two["seconds"] for one, two in pairs)
    return row


def _log(isolation: str, kibibytes: int) -> dict[str, Any]:
    return {
        "kibibytes": kibibytes,
        **_json("log", "--isolation", isolation, "--size", str(kibibytes)),
    }


def _plan(steps: int, repeats: int) -> dict[str, Any]:
    times = _json("plan", "--size", str(steps), "--rounds", str(repeats))
    return {"steps": steps, "seconds": statistics.median(times["seconds"]), "peak": times["peak"]}


def _start(repeats: int) -> dict[str, float]:
    """Return the seconds of ``dagcast run`` until its first step starts and until it ends, for one no-op step."""
    times: dict[str, list[float]] = {"python": [], "first": [], "whole": []}
    with tempfile.TemporaryDirectory(prefix="dagcast-bench-") as folder:
        path = Path(folder, "definition.json")
        path.write_text(local_pipelines.chain(1, local_pipelines.SHELL))
        command = [
            sys.executable,
            "-m",
            "dagcast.cli",
            "run",
            str(path),
            "--json",
            "--runs",
            f"{folder}/runs",
        ]
        for _ in range(repeats):
            begin = time.perf_counter()
            subprocess.run([sys.executable, "-c", "pass"], check=True)
            times["python"].append(time.perf_counter() - begin)
            begin = time.perf_counter()
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
                assert process.stdout is not None
                for line in process.stdout:
                    if json.loads(line)["event"] == "step-started":
                        times["first"].append(time.perf_counter() - begin)
            times["whole"].append(time.perf_counter() - begin)
    return {key: statistics.median(values) for key, values in times.items()}


def _beside_kfp(isolations: Sequence[str], steps: int, repeats: int) -> dict[str, Any]:
    """Return the seconds of equal pipelines in alternation: KFP without installation, KFP's default, and dagcast."""
    with tempfile.TemporaryDirectory(prefix="dagcast-bench-") as folder:
        problem = _install_kfp(Path(folder, "kfp"))
        if problem is not None:
            print(f"kfp: not measured: {problem}", file=sys.stderr)
            return {"problem": problem}
        python = f"{folder}/kfp/bin/python"
        times: dict[str, list[float]] = {}
        for turn in range(repeats):
            for setting in ("trusts", "installs"):
                root = Path(folder, f"root-{turn}-{setting}")
                root.mkdir()
                program = str(Path(__file__).with_name("kfp_chain.py"))
                done = _last_line([python, program, str(steps), str(root), setting])
                times.setdefault(f"kfp_{setting}", []).append(done["seconds"])
            for isolation in isolations:
                options = ["--work", "counting", "--isolation", isolation, "--size", str(steps)]
                times.setdefault(isolation, []).append(_json("run", *options, "--rounds", "0")["seconds"])
    found: dict[str, Any] = {"steps": steps, "version": _kfp_version()}
    for key, values in times.items():
        found[key] = statistics.median(values)
    for isolation in isolations:
        for setting in ("trusts", "installs"):
            pairs = zip(times[f"kfp_{setting}"], times[isolation], strict=True)
            found[f"{isolation}_faster_than_{setting}"] = statistics.median(k / o for k, o in pairs)
    return found


def _kfp_version() -> str:
    pins = KFP_PINS.read_text().split()
    return next(pin.removeprefix("kfp==") for pin in pins if pin.startswith("kfp=="))


def _install_kfp(folder: Path) -> str | None:
    """Create an environment for KFP, whose pins conflict with the SDKs'; return the reason if that is impossible."""
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    for command in (
        [sys.executable, "-m", "venv", str(folder)],
        [str(folder / "bin" / "python"), *install, "--requirement", str(KFP_PINS)],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return (done.stderr or done.stdout).strip().rpartition("\n")[2]
    return None


def _json(what: str, *options: str) -> dict[str, Any]:
    return _last_line([sys.executable, "-m", "benchmarks.local_measure", what, *options])


def _last_line(command: Sequence[str]) -> dict[str, Any]:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def promises(found: dict[str, Any]) -> list[Promise]:
    """Return the promises about local runs."""
    kept = [
        Promise(
            f"local run, {row['where']}, {row['isolation']}, {row['work']}: ms of a step beyond its process",
            row["overhead"] * 1000,
            PROMISED[row["isolation"]] * 1000,
        )
        for row in found["overhead"]
        # The promise is about starting a process; a step with files also copies and moves them.
        if row["work"] != "counting"
    ]
    kept += [
        Promise(
            f"local run, {row['isolation']}: the last of {row['steps']:,} steps, by the first",
            row["growth"],
            1.5,
        )
        for row in found["many"]
    ]
    small, large = found["log"]
    few, many = found["plan"]
    growth = (many["seconds"] / many["steps"]) / (few["seconds"] / few["steps"])
    return [
        *kept,
        Promise(
            f"local run: MiB of memory for a log of {large['kibibytes'] // 1024} MiB",
            large["peak"] - small["peak"],
            5,
        ),
        Promise(f"local run: planning a step of {many['steps']:,}, by one of {few['steps']:,}", growth, 1.5),
    ]


def lines(found: dict[str, Any]) -> list[str]:
    """Return the section of the page."""
    work = {
        "shell": "shell, no-op",
        "python": "interpreter, no-op",
        "counting": "interpreter, passes a file on",
    }
    first = found["overhead"][0]
    text = [
        "## Local runs",
        "",
        f"Processing steps on {found['cpus']} CPUs. *Step* is from the end of the step before to its own end; *by hand* is starting the",
        "same process with its output in files, and waiting for it. Runs and processes by hand take turns, and medians are shown:",
        f"of {first['samples']} steps here, of {found['repeats']} runs below (3 of the longest). How noisy the machine was: in four of five cases a",
        f"process by hand (shell) took {ms(first['hand_low'])} to {ms(first['hand_high'])} ms; the load average was {found['load'][0]:.1f} before and {found['load'][1]:.1f} after.",
        *(
            ["All of it ran ahead of what else the machine did (real-time priority)."]
            if found["ahead"]
            else []
        ),
        "",
        "*Memory* is a tmpfs. A step leaves two logs and a result in two folders, besides its outputs, and what a disk takes for a file is",
        f"its own affair: an empty one took {_file_times(found['overhead'])}.",
        "",
        "| folder of runs | `/opt/ml` | step | step, ms (10% to 90%) | by hand, ms | more, ms |",
        "|---|---|---|---|---|---|",
    ]
    for row in found["overhead"]:
        spread = f"{ms(row['steps'])} ({ms(row['steps_low'])} to {ms(row['steps_high'])})"
        cells = [row["where"], row["isolation"], work[row["work"]], spread, ms(row["hand"])]
        text.append(f"| {' | '.join(cells)} | **{ms(row['overhead'])}** |")
    text += [
        "",
        "| chain of no-op steps (shell) | s | by hand, s | last tenth, by the first | peak memory of the runner, MiB (of 2 steps) |",
        "|---|---|---|---|---|",
    ]
    for row in found["many"]:
        cells = [
            f"{row['steps']:,}, {row['isolation']}, {row['where']}",
            f"{row['seconds']:.1f}",
            f"{row['hand']:.1f}",
        ]
        cells += [f"{row['growth']:.2f} times", f"{row['peak']:.0f} ({row['peak_of_two']:.0f})"]
        text.append(f"| {' | '.join(cells)} |")
    row = found["diamond"]
    small, large = found["log"]
    few, many = found["plan"]
    start = found["start"]
    text += [
        "",
        f"- A diamond of {row['steps']} no-op steps (interpreter, {row['isolation']}): {row['jobs_1']:.2f} s with `--jobs 1`, "
        f"{row['jobs_2']:.2f} s with `--jobs 2`",
        f"  ({row['faster']:.2f} times faster); by hand, one after the other: {row['hand']:.2f} s.",
        f"- The runner's peak memory: {small['peak']:.1f} MiB for a step that prints 1 KiB, {large['peak']:.1f} MiB for one that "
        f"prints {large['kibibytes'] // 1024} MiB.",
        f"- Planning {few['steps']:,} steps: {ms(few['seconds'])} ms; {many['steps']:,}: {ms(many['seconds'])} ms "
        f"(peak {many['peak']:.0f} MiB).",
        f"- `dagcast run definition.json`: {ms(start['first'])} ms until the first step starts, {ms(start['whole'])} ms for the "
        f"whole of one no-op step; `python -c pass` {ms(start['python'])} ms.",
        "",
        *_kfp_lines(found["kfp"]),
    ]
    return text


def _file_times(rows: Sequence[dict[str, Any]]) -> str:
    by_place: dict[str, list[float]] = {}
    for row in rows:
        by_place.setdefault(row["where"], []).append(row["file"])
    return " and ".join(
        f"{min(times) * 1000:.2f} to {max(times) * 1000:.2f} ms ({where})"
        for where, times in by_place.items()
    )


def _kfp_lines(row: dict[str, Any]) -> list[str]:
    if "problem" in row:
        return ["Beside `kfp.local`: not measured.", ""]
    text = [
        f"Beside `kfp.local.SubprocessRunner(use_venv=False)` of kfp {row['version']}: a chain of {row['steps']} steps, each a Python process that reads",
        "the number in the file of the one before and leaves the next. In one process each, in turns; imports do not count. KFP's",
        "steps import its executor, and *as it is* each sees to kfp's installation, which `install_kfp_package=False` leaves out.",
        "",
        "| runner | s | KFP without installation, by this | KFP as it is, by this |",
        "|---|---|---|---|",
        f"| kfp, without installation | {row['kfp_trusts']:.2f} | | |",
        f"| kfp, as it is | {row['kfp_installs']:.2f} | | |",
    ]
    for isolation in ("namespace", "paths"):
        if isolation in row:
            ratios = [row[f"{isolation}_faster_than_{setting}"] for setting in ("trusts", "installs")]
            text.append(
                f"| dagcast, {isolation} | {row[isolation]:.2f} | **{ratios[0]:.1f} times** | {ratios[1]:.1f} times |"
            )
    return [*text, ""]


def ms(seconds: float) -> str:
    return f"{seconds * 1000:,.1f}" if seconds < 0.1 else f"{seconds * 1000:,.0f}"


if __name__ == "__main__":
    main()
