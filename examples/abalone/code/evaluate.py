"""Evaluates the model of the XGBoost image on the test data, and writes its mean squared error."""

import argparse
import json
import pickle
import tarfile
from pathlib import Path
from typing import Any

import pandas as pd
import xgboost

BASE = Path("/opt/ml/processing")


def load(file: Path, how: str) -> Any:
    """Load the model as the tag of its image left it."""
    if how == "pickle":
        with file.open("rb") as stream:
            return pickle.load(stream)
    model = xgboost.Booster()
    model.load_model(file)
    return model


def main() -> None:
    """Unpack the model, predict, and write the report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--load", choices=["pickle", "load_model"], required=True)
    how = parser.parse_args().load
    with tarfile.open(BASE / "model" / "model.tar.gz") as archive:
        archive.extractall(path=".", filter="data")
    model = load(Path("xgboost-model"), how)
    test = pd.read_csv(BASE / "test" / "test.csv", header=None)
    truth = test.pop(0)
    errors = truth - model.predict(xgboost.DMatrix(test.to_numpy()))
    report = {
        "regression_metrics": {
            "mse": {"value": float((errors**2).mean()), "standard_deviation": float(errors.std())}
        }
    }
    print(report)
    folder = BASE / "evaluation"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "evaluation.json").write_text(json.dumps(report), "utf-8")


if __name__ == "__main__":
    main()
