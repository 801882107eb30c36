"""Trains a classifier in script mode, and serves it.

As a program, it reads the channels ``train`` and ``validation``, takes hyperparameters as arguments, and
leaves ``model.joblib`` in the model folder. The functions at the end are those that the serving container
calls.
"""

from __future__ import annotations

import argparse
import io
import json
import os
from pathlib import Path

import joblib
import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

MODEL_FILE = "model.joblib"


def main() -> None:
    arguments = parse_arguments()
    target, features = read_channel(arguments.train)
    model = build_model(arguments)
    model.fit(features, target)

    target, features = read_channel(arguments.validation)
    # The training job's metric definitions read these lines.
    print(f"validation:accuracy={accuracy_score(target, model.predict(features)):.6f}")
    print(f"validation:auc={roc_auc_score(target, model.predict_proba(features)[:, 1]):.6f}")

    arguments.model_dir.mkdir(parents=True, exist_ok=True)
    joblib.dump(model, arguments.model_dir / MODEL_FILE)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--algorithm", choices=["logistic", "boosting"], default="logistic")
    parser.add_argument("--regularization", type=float, default=1.0, help="C of the logistic regression")
    parser.add_argument("--learning-rate", type=float, default=0.1, help="of the boosting")
    parser.add_argument("--n-estimators", type=int, default=100, help="of the boosting")
    parser.add_argument("--seed", type=int, default=0)
    for option, variable, fallback in (
        ("--train", "SM_CHANNEL_TRAIN", "/opt/ml/input/data/train"),
        ("--validation", "SM_CHANNEL_VALIDATION", "/opt/ml/input/data/validation"),
        ("--model-dir", "SM_MODEL_DIR", "/opt/ml/model"),
    ):
        parser.add_argument(option, type=Path, default=os.environ.get(variable, fallback))
    return parser.parse_args()


def read_channel(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """The target and the features of every CSV file in ``folder``."""
    files = sorted(folder.glob("*.csv"))
    if not files:
        raise SystemExit(f"no CSV file in {folder}")
    rows = np.concatenate([np.loadtxt(file, delimiter=",", skiprows=1, ndmin=2) for file in files])
    return rows[:, 0].astype(int), rows[:, 1:]


def build_model(arguments: argparse.Namespace) -> ClassifierMixin:
    if arguments.algorithm == "boosting":
        return GradientBoostingClassifier(
            learning_rate=arguments.learning_rate,
            n_estimators=arguments.n_estimators,
            random_state=arguments.seed,
        )
    classifier = LogisticRegression(C=arguments.regularization, max_iter=1000)
    return make_pipeline(StandardScaler(), classifier)


def model_fn(model_dir: str) -> ClassifierMixin:
    return joblib.load(Path(model_dir, MODEL_FILE))


def input_fn(body: str | bytes, content_type: str) -> np.ndarray:
    """Rows of features: CSV without a header, or a JSON list of lists."""
    text = body.decode() if isinstance(body, bytes) else body
    if content_type == "text/csv":
        return np.loadtxt(io.StringIO(text), delimiter=",", ndmin=2)
    if content_type == "application/json":
        return np.asarray(json.loads(text), dtype=float)
    raise ValueError(f"cannot read {content_type}: send text/csv or application/json")


def predict_fn(features: np.ndarray, model: ClassifierMixin) -> np.ndarray:
    """The probability, for each row, that the tumour is benign."""
    return model.predict_proba(features)[:, 1]


def output_fn(probabilities: np.ndarray, accept: str) -> tuple[str, str]:
    if accept == "application/json":
        return json.dumps(probabilities.tolist()), accept
    return "".join(f"{probability:.6f}\n" for probability in probabilities), "text/csv"


if __name__ == "__main__":
    main()
