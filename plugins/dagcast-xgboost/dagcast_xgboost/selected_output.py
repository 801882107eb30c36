"""Selectable inference: what ``SAGEMAKER_INFERENCE_OUTPUT`` asks for, for each prediction.

Source: ``algorithm_mode/serve_utils.py`` of aws/sagemaker-xgboost-container.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

KEYS = (
    "predicted_label",
    "labels",
    "probability",
    "probabilities",
    "raw_score",
    "raw_scores",
    "predicted_score",
)
"""What can be asked for."""

ACCEPTED = ("text/csv", "application/json", "application/jsonlines")
"""The types in which selected predictions are written. The images have recordio-protobuf as well."""

_LABELS = ("predicted_label", "labels", "raw_score", "raw_scores")
_KEYS_OF_OBJECTIVE = {
    "reg:squarederror": ("predicted_score",),
    "reg:logistic": ("predicted_score",),
    "reg:gamma": ("predicted_score",),
    "reg:tweedie": ("predicted_score",),
    "binary:logistic": (*_LABELS, "probability", "probabilities"),
    "binary:logitraw": _LABELS,
    "binary:hinge": _LABELS,
    "multi:softmax": _LABELS,
    "multi:softprob": (*_LABELS, "probability", "probabilities"),
}
_NOT_A_NUMBER = float("nan")


def selected_keys(text: str) -> list[str]:
    """Return the keys that the variable asks for, in order.

    Example:
        >>> selected_keys("predicted_label, Probabilities")
        ['predicted_label', 'probabilities']
    """
    return text.replace(" ", "").lower().split(",")


def select_output(
    predictions: Sequence[Any], keys: Sequence[str], objective: str, classes: int
) -> list[dict[str, Any]]:
    """Return the selected values of each prediction; a key that does not fit the objective is not a number.

    Args:
        predictions: A number for each record, or a list of numbers with ``multi:softprob``.
        keys: The keys, in order.
        objective: The objective that the model was trained for.
        classes: The number of classes of ``multi:*``.

    Raises:
        ValueError: If the images have no selected output for the objective.

    Example:
        >>> select_output([0.75], ["predicted_label", "probabilities", "predicted_score"], "binary:logistic", 0)
        [{'predicted_label': 1, 'probabilities': [0.25, 0.75], 'predicted_score': nan}]
    """
    if objective not in _KEYS_OF_OBJECTIVE:
        raise ValueError(f"Objective `{objective}` unsupported for selectable inference predictions.")
    valid = _KEYS_OF_OBJECTIVE[objective]
    return [
        {key: _value(key, prediction, objective, classes) if key in valid else _NOT_A_NUMBER for key in keys}
        for prediction in predictions
    ]


def _value(key: str, prediction: Any, objective: str, classes: int) -> Any:
    is_list = objective == "multi:softprob"
    if key == "predicted_label":
        return _label(prediction, objective)
    if key == "labels":
        return list(range(classes)) if objective.startswith("multi:") else [0, 1]
    if key in ("probability", "raw_score"):
        return max(prediction) if is_list else prediction
    if key in ("probabilities", "raw_scores"):
        return list(prediction) if is_list else [1.0 - prediction, prediction]
    return prediction


def _label(prediction: Any, objective: str) -> Any:
    if objective == "binary:logistic":
        return int(prediction > 0.5)
    if objective == "binary:logitraw":
        return int(prediction > 0)
    if objective == "multi:softprob":
        return max(range(len(prediction)), key=prediction.__getitem__)
    return prediction


def write_selected(selected: Sequence[dict[str, Any]], accept: str) -> str:
    """Return selected values as text, one record a line but for JSON.

    Raises:
        ValueError: If the type is not one of :data:`ACCEPTED`.
    """
    kind = accept.partition(";")[0].strip().lower()
    if kind == "application/json":
        return json.dumps({"predictions": selected})
    if kind == "application/jsonlines":
        return "".join(json.dumps(values) + "\n" for values in selected)
    if kind == "text/csv":
        return "".join(",".join(map(_cell, values.values())) + "\n" for values in selected)
    raise ValueError(f"Cannot encode selected predictions into accept type '{accept}'.")


def _cell(value: Any) -> str:
    return f'"{value}"' if isinstance(value, list) else str(value)
