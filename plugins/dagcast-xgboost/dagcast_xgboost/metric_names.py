"""The names of the metrics of the XGBoost images. dagcast knows how the service finds them in a log.

Source: ``constants/xgb_constants.py`` of aws/sagemaker-xgboost-container.
"""

from __future__ import annotations

MAXIMIZED = (
    "accuracy",
    "auc",
    "aucpr",
    "balanced_accuracy",
    "f1",
    "f1_binary",
    "f1_macro",
    "map",
    "ndcg",
    "precision",
    "precision_macro",
    "precision_micro",
    "r2",
    "recall",
    "recall_macro",
    "recall_micro",
)
"""Metrics of which a larger value is better."""

MINIMIZED = (
    "aft-nloglik",
    "cox-nloglik",
    "error",
    "gamma-deviance",
    "gamma-nloglik",
    "interval-regression-accuracy",
    "logloss",
    "mae",
    "mape",
    "merror",
    "mlogloss",
    "mphe",
    "mse",
    "poisson-nloglik",
    "rmse",
    "rmsle",
    "tweedie-nloglik",
)
"""Metrics of which a smaller value is better."""

NAMES = tuple(sorted((*MAXIMIZED, *MINIMIZED)))

METRICS = tuple(f"{data}:{name}" for data in ("train", "validation") for name in NAMES)
"""The names of metrics in the service."""

_WITH_THRESHOLD = ("error", "ndcg", "map")


def is_metric(text: str) -> bool:
    """Return whether a metric can be evaluated: a name, or ``error@t``, ``ndcg@t`` or ``map@t``.

    Example:
        >>> is_metric("error@0.7"), is_metric("auc@0.7"), is_metric("eror")
        (True, False, False)
    """
    name, at, threshold = text.partition("@")
    if not at:
        return name in NAMES
    try:
        float(threshold.strip().removesuffix("-"))
    except ValueError:
        return False
    return name.strip() in _WITH_THRESHOLD
