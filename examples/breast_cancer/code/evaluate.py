"""Measures the trained model on the test set and writes SageMaker's model quality report.

The report, ``evaluation.json``, is in the format for binary classification: the pipeline's condition reads
its metrics, and the model registry shows them.
"""

from __future__ import annotations

import argparse
import io
import json
import tarfile
from pathlib import Path

import joblib
import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    f1_score,
    precision_score,
    recall_score,
    roc_auc_score,
    roc_curve,
)


def main() -> None:
    arguments = parse_arguments()
    model = load_model(arguments.model_dir / "model.tar.gz")
    rows = np.loadtxt(arguments.test_dir / "test.csv", delimiter=",", skiprows=1, ndmin=2)
    report = evaluate(model, rows[:, 1:], rows[:, 0].astype(int))

    arguments.output_dir.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report, indent=2)
    (arguments.output_dir / "evaluation.json").write_text(text, encoding="utf-8")
    print(text)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model-dir", type=Path, default=Path("/opt/ml/processing/model"))
    parser.add_argument("--test-dir", type=Path, default=Path("/opt/ml/processing/test"))
    parser.add_argument("--output-dir", type=Path, default=Path("/opt/ml/processing/evaluation"))
    return parser.parse_args()


def load_model(archive: Path) -> ClassifierMixin:
    """The model in ``archive``; nothing of the archive is written to disk."""
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.isfile() and Path(member.name) == Path("model.joblib"):
                return joblib.load(io.BytesIO(tar.extractfile(member).read()))
    raise SystemExit(f"no model.joblib in {archive}")


def evaluate(model: ClassifierMixin, features: np.ndarray, target: np.ndarray) -> dict:
    predicted = model.predict(features)
    probability = model.predict_proba(features)[:, 1]
    counts = confusion_matrix(target, predicted, labels=[0, 1]).tolist()
    false_positive_rates, true_positive_rates, _ = roc_curve(target, probability)
    return {
        "binary_classification_metrics": {
            "confusion_matrix": {
                str(actual): {str(guess): counts[actual][guess] for guess in (0, 1)} for actual in (0, 1)
            },
            "accuracy": metric(accuracy_score(target, predicted)),
            "precision": metric(precision_score(target, predicted)),
            "recall": metric(recall_score(target, predicted)),
            "f1": metric(f1_score(target, predicted)),
            "auc": metric(roc_auc_score(target, probability)),
            "receiver_operating_characteristic_curve": {
                "false_positive_rates": false_positive_rates.tolist(),
                "true_positive_rates": true_positive_rates.tolist(),
            },
        }
    }


def metric(value: float) -> dict:
    # One test set gives no deviation; the format spells that "NaN", as a string.
    return {"value": float(value), "standard_deviation": "NaN"}


if __name__ == "__main__":
    main()
