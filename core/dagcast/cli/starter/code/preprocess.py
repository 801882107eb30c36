"""Splits the diabetes data that scikit-learn ships into a training and a test set."""

import argparse
from pathlib import Path

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split

parser = argparse.ArgumentParser()
parser.add_argument("--train", type=Path, default=Path("/opt/ml/processing/train"))
parser.add_argument("--test", type=Path, default=Path("/opt/ml/processing/test"))
arguments = parser.parse_args()

data = load_diabetes()
rows = np.column_stack([data.target, data.data])
train, test = train_test_split(rows, test_size=0.25, random_state=0)
for folder, part in ((arguments.train, train), (arguments.test, test)):
    folder.mkdir(parents=True, exist_ok=True)
    np.savetxt(folder / "data.csv", part, delimiter=",")
