"""Encodes the sex, and splits the rows into train, validation and test, with the rings as the first column."""

from pathlib import Path

import numpy as np
import pandas as pd

BASE = Path("/opt/ml/processing")
COLUMNS = ["sex", "length", "diameter", "height", "whole", "shucked", "viscera", "shell", "rings"]


def main() -> None:
    """Read all files of the input, and write the three parts without headers."""
    files = sorted((BASE / "input").glob("*.csv"))
    data = pd.concat([pd.read_csv(file, header=None, names=COLUMNS) for file in files])
    sexes = pd.get_dummies(data.pop("sex"), dtype=int)
    rings = data.pop("rings")
    table = pd.concat([rings, data, sexes], axis=1).sample(frac=1, random_state=1)
    parts = np.split(table.to_numpy(), [int(0.7 * len(table)), int(0.85 * len(table))])
    for name, part in zip(("train", "validation", "test"), parts, strict=True):
        folder = BASE / name
        folder.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(part).to_csv(folder / f"{name}.csv", header=False, index=False)
        print(f"{name}: {len(part)} rows")


if __name__ == "__main__":
    main()
