"""The metrics that the XGBoost images add to those of the library.

Source: ``metrics/custom_metrics.py`` of aws/sagemaker-xgboost-container. There a metric gets margins, and takes a
positive one for the class 1; here it gets what the objective makes of them, so the limit depends on the objective.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import xgboost


def _classes(predictions: Any, objective: str) -> Any:
    """Return the predicted classes."""
    if predictions.ndim > 1:
        return np.argmax(predictions, axis=-1)
    if objective == "multi:softmax":
        return predictions.astype(int)
    limit = 0.5 if objective in ("binary:logistic", "binary:hinge", "reg:logistic") else 0.0
    return (predictions > limit).astype(int)


_AVERAGES: Mapping[str, tuple[str, str]] = {
    "f1": ("f1_score", "macro"),
    "f1_binary": ("f1_score", "binary"),
    "f1_macro": ("f1_score", "macro"),
    "precision": ("precision_score", "binary"),
    "precision_macro": ("precision_score", "macro"),
    "precision_micro": ("precision_score", "micro"),
    "recall": ("recall_score", "binary"),
    "recall_macro": ("recall_score", "macro"),
    "recall_micro": ("recall_score", "micro"),
}
"""By metric: the function of ``sklearn.metrics``, and how it averages the classes."""

_OF_CLASSES = {"accuracy": "accuracy_score", "balanced_accuracy": "balanced_accuracy_score"}
_OF_NUMBERS = {"mse": "mean_squared_error", "r2": "r2_score"}

NAMES = frozenset((*_AVERAGES, *_OF_CLASSES, *_OF_NUMBERS))
"""The metrics that the library has not."""


def _score(name: str, truth: Any, predictions: Any, objective: str) -> float:
    # It takes a second to import, and most jobs have none of these metrics.
    import sklearn.metrics

    if name in _OF_NUMBERS:
        return float(getattr(sklearn.metrics, _OF_NUMBERS[name])(truth, predictions))
    classes = _classes(predictions, objective)
    if name in _OF_CLASSES:
        return float(getattr(sklearn.metrics, _OF_CLASSES[name])(truth, classes))
    function, average = _AVERAGES[name]
    return float(getattr(sklearn.metrics, function)(truth, classes, average=average, zero_division=0))


def evaluate_with(
    names: Sequence[str], objective: str
) -> Callable[[Any, xgboost.DMatrix], list[tuple[str, float]]]:
    """Return a function that evaluates metrics, as ``custom_metric`` of ``xgboost.train``.

    Args:
        names: The metrics, in the order in which the log lists them.
        objective: The objective of the training.
    """

    def evaluate(predictions: Any, data: xgboost.DMatrix) -> list[tuple[str, float]]:
        truth = data.get_label()
        return [(name, _score(name, truth, predictions, objective)) for name in names]

    return evaluate
