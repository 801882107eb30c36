"""Splits scikit-learn's breast cancer data into the parts that the later steps read.

The data is the Wisconsin diagnostic set that the package ships: 569 tumours, 30 measurements each; the target
is 1 for a benign tumour and 0 for a malignant one.

Written as CSV: ``train``, ``validation`` and ``test`` have a header, and the target as their first column.
``batch`` holds the rows of ``test`` again as a service would get them: no header, no target.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split


def main() -> None:
    arguments = parse_arguments()
    data = load_breast_cancer()
    rows = np.column_stack([data.target, data.data])
    header = ",".join(["target", *(name.replace(" ", "_") for name in data.feature_names)])

    held_out = arguments.validation_fraction + arguments.test_fraction
    train, rest = train_test_split(rows, test_size=held_out, stratify=rows[:, 0], random_state=arguments.seed)
    validation, test = train_test_split(
        rest, test_size=arguments.test_fraction / held_out, stratify=rest[:, 0], random_state=arguments.seed
    )

    write(arguments.train_dir / "train.csv", train, header)
    write(arguments.validation_dir / "validation.csv", validation, header)
    write(arguments.test_dir / "test.csv", test, header)
    write(arguments.batch_dir / "batch.csv", test[:, 1:])
    print(f"rows: train={len(train)} validation={len(validation)} test={len(test)}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    for part in ("train", "validation", "test", "batch"):
        parser.add_argument(f"--{part}-dir", type=Path, default=Path("/opt/ml/processing", part))
    parser.add_argument("--validation-fraction", type=fraction, default=0.2)
    parser.add_argument("--test-fraction", type=fraction, default=0.2)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.validation_fraction + arguments.test_fraction >= 1:
        parser.error("the validation and test fractions leave nothing to train on")
    return arguments


def fraction(text: str) -> float:
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value


def write(path: Path, rows: np.ndarray, header: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Nine digits give back what the data set holds, and no more.
    np.savetxt(path, rows, fmt="%.9g", delimiter=",", header=header, comments="")


if __name__ == "__main__":
    main()
