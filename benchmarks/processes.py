"""Start processes that measure, and measure whole processes."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.pipelines import config

EXAMPLE = Path(__file__).parents[1] / "examples" / "breast_cancer" / "pipeline.yaml"
IMPORTS = "import click, yaml, pydantic\nclass Model(pydantic.BaseModel):\n    name: str\n"
"""The smallest program that uses the libraries that every compile needs."""


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


def cpu_seconds(command: list[str]) -> float:
    """Return the CPU time of a process in seconds, including the kernel's; other processes hardly influence it."""
    quiet = [(os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_WRONLY, 0) for stream in (1, 2)]
    process = os.posix_spawn(command[0], command, environment(), file_actions=quiet)
    _, status, usage = os.wait4(process, 0)
    if status != 0:
        raise SystemExit(f"{' '.join(command)} failed")
    return usage.ru_utime + usage.ru_stime


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
