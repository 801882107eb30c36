"""Makes data of the form of the UCI abalone data set: ``data/raw/abalone.csv`` and ``data/batch/batch.csv``."""

from pathlib import Path

import numpy as np

ROWS, BATCH = 2000, 50
ENCODED_SEX = {"F": (1, 0, 0), "I": (0, 1, 0), "M": (0, 0, 1)}


def make_rows(count: int, seed: int) -> list[list[str]]:
    """Measurements of abalones: sex, length, diameter, height, four weights, and the rings."""
    random = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        sex = random.choice(["F", "I", "M"])
        age = random.gamma(6, 1.2) + (2 if sex != "I" else 0)
        length = 0.75 * (1 - np.exp(-age / 5)) * random.normal(1, 0.06)
        diameter, height = length * random.normal(0.79, 0.02), length * random.normal(0.27, 0.03)
        whole = 2.9 * length**3 * random.normal(1, 0.1)
        parts = (whole * share * random.normal(1, 0.1) for share in (0.43, 0.22, 0.28 + age / 200))
        numbers = (length, diameter, height, whole, *parts)
        rows.append([str(sex), *(f"{max(number, 0.001):.4f}" for number in numbers), str(round(age) + 1)])
    return rows


def main(folder: Path = Path("data")) -> None:
    """Write the two files."""
    for name in ("raw", "batch"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    lines = [",".join(row) for row in make_rows(ROWS, 7)]
    (folder / "raw" / "abalone.csv").write_text("\n".join(lines) + "\n", "utf-8")
    # A batch has the features of the model: no rings, and the sex as preprocess.py encodes it.
    batch = [",".join([*row[1:-1], *map(str, ENCODED_SEX[row[0]])]) for row in make_rows(BATCH, 8)]
    (folder / "batch" / "batch.csv").write_text("\n".join(batch) + "\n", "utf-8")


if __name__ == "__main__":
    main()
