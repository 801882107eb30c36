"""Measures the model on the test set."""

import argparse
import io
import json
import tarfile
from pathlib import Path

import joblib
import numpy as np
from sklearn.metrics import mean_squared_error

parser = argparse.ArgumentParser()
parser.add_argument("--model", type=Path, default=Path("/opt/ml/processing/model"))
parser.add_argument("--test", type=Path, default=Path("/opt/ml/processing/test"))
parser.add_argument("--output", type=Path, default=Path("/opt/ml/processing/evaluation"))
arguments = parser.parse_args()

with tarfile.open(arguments.model / "model.tar.gz") as archive:
    model = joblib.load(io.BytesIO(archive.extractfile("model.joblib").read()))
rows = np.loadtxt(arguments.test / "data.csv", delimiter=",")
rmse = mean_squared_error(rows[:, 0], model.predict(rows[:, 1:])) ** 0.5
arguments.output.mkdir(parents=True, exist_ok=True)
report = {"regression_metrics": {"rmse": {"value": float(rmse)}}}
(arguments.output / "evaluation.json").write_text(json.dumps(report))
