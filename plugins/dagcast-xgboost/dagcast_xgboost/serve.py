"""The serving module: it predicts the requests of a batch transform.

Source: ``algorithm_mode/serve.py`` and ``serve_utils.py`` of aws/sagemaker-xgboost-container.
"""

from __future__ import annotations

import csv
import json
import os
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xgboost
from scipy.sparse import csr_matrix
from scipy.stats import mode

from dagcast_xgboost.content_types import CSV, LIBSVM, ContentTypeError, read_content_type
from dagcast_xgboost.selected_output import select_output, selected_keys, write_selected

OUTPUT_VARIABLE = "SAGEMAKER_INFERENCE_OUTPUT"
"""The variable that selects what a prediction consists of."""

_VOTES = ("binary:hinge", "multi:softmax")
"""Objectives whose predictions are classes: an ensemble votes instead of taking the mean."""


_NO_PICKLE = (
    pickle.UnpicklingError,
    xgboost.core.XGBoostError,
    AttributeError,
    EOFError,
    ImportError,
    IndexError,
    KeyError,
    TypeError,
    ValueError,
)
"""What unpickling a file of another form raises."""


class ServingError(SystemExit):
    """A request cannot be answered: the service's container answers with an error, and the batch fails."""


@dataclass(frozen=True)
class Model:
    """The models of a folder, which predict together.

    Attributes:
        boosters: The models, in the order of their files.
        objective: What they were trained for.
        classes: The number of classes of ``multi:*``; else 0.
    """

    boosters: tuple[xgboost.Booster, ...]
    objective: str
    classes: int


def load_model(folder: str) -> Model:
    """Load every file of a folder that is not hidden: first as a pickle, then by the library.

    Raises:
        ServingError: If a file is no model, or there is none.
    """
    files = sorted(
        path for path in Path(folder).iterdir() if path.is_file() and not path.name.startswith(".")
    )
    if not files:
        raise ServingError(f"No model file in {folder}")
    boosters = tuple(map(_load_file, files))
    learner = json.loads(boosters[0].save_config())["learner"]
    classes = int(learner["learner_model_param"]["num_class"])
    return Model(boosters, str(learner["objective"]["name"]), classes)


def _load_file(path: Path) -> xgboost.Booster:
    try:
        with path.open("rb") as stream:
            booster = pickle.load(stream)
    except _NO_PICKLE as no_pickle:
        booster = xgboost.Booster()
        try:
            booster.load_model(path)
        except xgboost.core.XGBoostError as error:
            raise ServingError(f"Model at {path} cannot be loaded:\n{no_pickle}\n{error}") from error
    if not isinstance(booster, xgboost.Booster):
        raise ServingError(
            f"Model at {path} cannot be loaded: it is a {type(booster).__name__}, not a Booster"
        )
    return booster


def predict(model: Model, body: bytes, content_type: str, accept: str) -> bytes:
    """Return the predictions of a request, one record a line.

    Args:
        model: The models.
        body: The records.
        content_type: Their content type.
        accept: The type of the answer. The service's container ignores it in a batch, but for selected output.

    Raises:
        ServingError: If the request cannot be read or predicted.
    """
    data, kind = _read(body, content_type)
    _check_features(model.boosters[0], data, kind)
    try:
        predictions = _predict(model, data).tolist()
    except (xgboost.core.XGBoostError, ValueError) as error:
        raise ServingError(f"Unable to evaluate payload provided: {error}") from error
    selected = os.environ.get(OUTPUT_VARIABLE)
    if selected is None:
        return "".join(f"{prediction}\n" for prediction in predictions).encode()
    try:
        values = select_output(predictions, selected_keys(selected), model.objective, model.classes)
        return write_selected(values, accept).encode()
    except ValueError as error:
        raise ServingError(str(error)) from error


def _read(body: bytes, content_type: str) -> tuple[xgboost.DMatrix, str]:
    try:
        kind = read_content_type(content_type)
    except ContentTypeError as error:
        raise ServingError(str(error)) from error
    readers = {CSV: _read_csv, LIBSVM: _read_libsvm}
    if kind not in readers:
        raise ServingError(f"Content-type {content_type} is not supported.")
    try:
        return readers[kind](body.strip().decode()), kind
    except (ValueError, IndexError, csv.Error) as error:
        hint = (
            "; for other data, give the transform its content type, such as text/csv"
            if kind == LIBSVM
            else ""
        )
        raise ServingError(
            f"Loading {kind} data failed with Exception, please ensure data is in {kind} format:\n {error}{hint}"
        ) from error


def _read_csv(text: str) -> xgboost.DMatrix:
    lines = text.split("\n")
    found = csv.Sniffer().sniff(lines[0][:512]).delimiter
    delimiter = "," if found.isalnum() else found
    rows = [[cell or "nan" for cell in line.split(delimiter)] for line in lines]
    return xgboost.DMatrix(np.array(rows).astype(float))


def _read_libsvm(text: str) -> xgboost.DMatrix:
    values, rows, columns = [], [], []
    lines = text.split("\n")
    for row, line in enumerate(lines):
        for item in line.split():
            # A label may stand before the features, and is ignored.
            index, colon, value = item.partition(":")
            if colon:
                rows.append(row)
                columns.append(int(index))
                values.append(float(value))
    if not values:
        raise ValueError("no line has a feature INDEX:VALUE")
    return xgboost.DMatrix(csr_matrix((values, (rows, columns)), shape=(len(lines), max(columns) + 1)))


def _check_features(booster: xgboost.Booster, data: xgboost.DMatrix, kind: str) -> None:
    known, given = booster.num_features(), data.num_col()
    if kind == LIBSVM and given > known + 1:
        raise ServingError(
            f"Feature size of libsvm inference data {given} is larger than feature size of trained model {known}."
        )
    if kind != LIBSVM and given not in (known, known - 1):
        raise ServingError(
            f"Feature size of {kind} inference data {given} is not consistent with feature size of trained model "
            f"{known}."
        )


def _predict(model: Model, data: xgboost.DMatrix) -> Any:
    found = [
        booster.predict(data, iteration_range=_rounds(booster), validate_features=False)
        for booster in model.boosters
    ]
    if len(found) == 1:
        return found[0]
    return mode(found, axis=0).mode if model.objective in _VOTES else np.mean(found, axis=0)


def _rounds(booster: xgboost.Booster) -> tuple[int, int]:
    """Return the rounds that predict: those up to the best one, if the training stopped early."""
    best = booster.attr("best_iteration")
    return (0, 0) if best is None else (0, int(best) + 1)
