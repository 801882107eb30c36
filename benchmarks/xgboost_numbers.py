"""Compares the numbers of dagcast-xgboost with those of the library in the images of tag 1.7-1.

    python -m benchmarks.xgboost_numbers
    python -m benchmarks.xgboost_numbers --reference /path/to/venv/bin/python

Without ``--reference`` it makes an environment with xgboost 1.7.6 (``constraints/bench-xgboost.txt``, 190 MB to download). Both
train on the same files: the old library through its own ``train``, the new one through the training program, which
sets the defaults of old tags. The exit code is 1 if a number that has to be equal to five digits is not.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import venv
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

PINS = Path(__file__).parents[1] / "constraints" / "bench-xgboost.txt"
ROUNDS = 50
LAST_DIGIT = 1.5e-5
"""Two libraries round the last of five digits differently now and then, as 1.2.1 and 1.7.6 do."""

LINE = re.compile(r"\[\d+\]\t")
"""The beginning of a line with metrics. The libraries also print warnings, with the time in brackets."""

REFERENCE = """
import json, sys
import xgboost
folder, parameters = sys.argv[1], json.loads(sys.argv[2])
rounds = int(parameters.pop("num_round"))
if "eval_metric" in parameters:
    parameters["eval_metric"] = parameters["eval_metric"].split(",")
form = "format=csv&label_column=0&delimiter=,"
train, validation = (xgboost.DMatrix(f"{folder}/{name}/a.csv?{form}") for name in ("train", "validation"))
log = {}
xgboost.train(parameters, train, rounds, [(train, "train"), (validation, "validation")], evals_result=log, verbose_eval=False)
for number in range(rounds):
    cells = [f"{data}-{name}:{log[data][name][number]:.5f}" for data in log for name in log[data]]
    print(f"[{number}]", *cells, sep="\\t")
"""


@dataclass(frozen=True)
class Case:
    """One training, with what has to be equal.

    Attributes:
        name: What the table calls it.
        parameters: The hyperparameters.
        classes: The number of classes of the label; 0 for a number.
        exact: Whether every number has to be equal to five digits.
    """

    name: str
    parameters: dict[str, str] = field(default_factory=dict)
    classes: int = 0
    exact: bool = True


ABALONE = {"max_depth": "5", "eta": "0.2", "gamma": "4", "min_child_weight": "6"}
CASES = (
    Case("regression", {"objective": "reg:squarederror", **ABALONE}),
    Case("regression, library defaults", {"objective": "reg:linear"}),
    Case("regression, mae and rmse", {"eval_metric": "mae,rmse", "max_depth": "3"}),
    Case("binary, auc", {"objective": "binary:logistic", "eval_metric": "auc,logloss", **ABALONE}, classes=2),
    Case("three classes", {"objective": "multi:softprob", "num_class": "3", "eta": "0.2"}, classes=3),
    Case("counts", {"objective": "count:poisson", "max_depth": "4"}),
    Case(
        "regression, subsample 0.7",
        {"objective": "reg:squarederror", **ABALONE, "subsample": "0.7"},
        exact=False,
    ),
)


def make_data(folder: Path, classes: int) -> None:
    """Write abalone-like data: ``train/a.csv`` and ``validation/a.csv``."""
    random = np.random.default_rng(7)
    age = random.gamma(6, 1.2, size=2000) + 2
    length = 0.75 * (1 - np.exp(-age / 5)) * random.normal(1, 0.06, size=2000)
    columns = [
        length,
        length * random.normal(0.79, 0.02, 2000),
        2.9 * length**3 * random.normal(1, 0.1, 2000),
    ]
    columns.append(columns[2] * (0.28 + age / 200) * random.normal(1, 0.1, 2000))
    label = np.round(age) + 1
    if classes:
        label = np.digitize(label, np.quantile(label, np.linspace(0, 1, classes + 1)[1:-1]))
    table = np.column_stack([label, *columns]).round(4)
    for name, part in (("train", table[:1500]), ("validation", table[1500:])):
        (folder / name).mkdir(parents=True)
        np.savetxt(folder / name / "a.csv", part, delimiter=",", fmt="%g")


def make_environment(folder: Path) -> Path:
    """Make an environment with the old library, and return its interpreter."""
    print(f"making an environment with {PINS.name}", file=sys.stderr)
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", PINS], check=True, timeout=1800)
    return python


def run_reference(python: Path, data: Path, parameters: dict[str, str]) -> list[str]:
    """Return the lines that the old library would have logged."""
    program = [str(python), "-c", REFERENCE, str(data), json.dumps(parameters)]
    done = subprocess.run(program, capture_output=True, text=True, check=True, timeout=600)
    return [line for line in done.stdout.splitlines() if LINE.match(line)]


def run_program(folder: Path, parameters: dict[str, str], tag: str) -> list[str]:
    """Return the lines that the training program logs."""
    channels = {name: {"ContentType": "text/csv"} for name in ("train", "validation")}
    for name in ("config", "model", "output"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "config" / "hyperparameters.json").write_text(json.dumps(parameters), "utf-8")
    (folder / "config" / "inputdataconfig.json").write_text(json.dumps(channels), "utf-8")
    folders = [str(folder / name) for name in ("config", "data", "model", "output")]
    done = subprocess.run(
        [sys.executable, "-m", "dagcast_xgboost.train", *folders],
        env={**os.environ, "DAGCAST_IMAGE_TAG": tag},
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    return [line for line in done.stdout.splitlines() if LINE.match(line)]


def values(line: str) -> list[float]:
    """Return the numbers of a line of the log."""
    return [float(cell.rpartition(":")[2]) for cell in line.split("\t")[1:]]


def largest_difference(first: list[str], second: list[str]) -> float:
    """Return the largest difference of two numbers at the same place."""
    pairs = [
        pair
        for one, other in zip(first, second, strict=True)
        for pair in zip(values(one), values(other), strict=True)
    ]
    return max(abs(old - new) for old, new in pairs)


def main() -> int:
    """Compare all cases, print a table, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.xgboost_numbers", description=__doc__)
    parser.add_argument("--reference", type=Path, help="The Python of an environment with xgboost 1.7.6.")
    reference: Path | None = parser.parse_args().reference
    wrong = 0
    print(
        "| case | 1.7.6: first, last | tag 1.7-1 here | largest difference | tag 3.2-0 here |\n|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as scratch:
        python = reference or make_environment(Path(scratch, "venv"))
        for number, case in enumerate(CASES):
            folder = Path(scratch, str(number))
            make_data(folder / "data", case.classes)
            parameters = {"num_round": str(ROUNDS), "nthread": "1", **case.parameters}
            old = run_reference(python, folder / "data", parameters)
            new, newest = (run_program(folder, parameters, tag) for tag in ("1.7-1", "3.2-0"))
            largest = largest_difference(old, new)
            wrong += case.exact and largest > LAST_DIGIT
            difference = f"{largest:.5f}" if largest else "none"
            cells = (
                ", ".join(f"{values(lines[index])[-1]:.5f}" for index in (0, -1))
                for lines in (old, new, newest)
            )
            first, second, third = cells
            print(f"| {case.name} | {first} | {second} | {difference} | {third} |", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
