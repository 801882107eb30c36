"""The training program: ``python -m dagcast_xgboost.train CONFIG DATA MODEL OUTPUT``.

It reads the files that the image would find, writes the lines that the service searches for metrics, and leaves the
model in the form of the image's tag.
"""

from __future__ import annotations

import json
import os
import pickle
import sys
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xgboost

from dagcast_xgboost import custom_metrics
from dagcast_xgboost.content_types import DEFAULT, ContentTypeError, read_content_type
from dagcast_xgboost.data import read_data
from dagcast_xgboost.hyperparameters import ALIASES, UserError, read_hyperparameters
from dagcast_xgboost.metric_names import MAXIMIZED
from dagcast_xgboost.tags import has_old_defaults, keeps_best_model, pickles_models

MODEL = "xgboost-model"
"""The name of the model's file."""

_FOR_THE_PROGRAM = (
    "_kfold",
    "_num_cv_round",
    "_tuning_objective_metric",
    "csv_weights",
    "early_stopping_rounds",
    "eval_metric",
    "num_round",
    "save_model_on_termination",
    "use_dask_gpu_training",
)
"""Hyperparameters that the container reads, and does not pass to the library."""

_REMOVED = (
    "deterministic_histogram",
    "dsplit",
    "lambda_bias",
    "predictor",
    "prob_buffer_row",
    "silent",
    "single_precision_histogram",
    "sketch_eps",
)
"""Hyperparameters that the library had, and has no more. They change speed, not what is learned, but for two."""


def main(config: str, data: str, model: str, output: str) -> int:
    """Train, and return the exit code. A failure is described in the file ``failure``, as by the container."""
    try:
        train(Path(config), Path(data), Path(model), os.environ["DAGCAST_IMAGE_TAG"])
    except UserError as error:
        kind = "UserError"
        message = str(error)
    except xgboost.core.XGBoostError as error:
        kind = "AlgorithmError"
        message = f"XGB train call failed with exception:\n {error}"
    else:
        return 0
    text = f"framework error: \n{kind}: {message}"
    print(text, file=sys.stderr)
    Path(output, "failure").write_text(text, "utf-8")
    return 1


def train(config: Path, data: Path, model: Path, tag: str) -> None:
    """Train the model of a job.

    Args:
        config: The folder with ``hyperparameters.json`` and ``inputdataconfig.json``.
        data: The folder with a folder of each channel.
        model: The folder of the model.
        tag: The tag of the image.

    Raises:
        UserError: If a hyperparameter or the data is invalid.
        XGBoostError: If the library fails.
    """
    given = json.loads((config / "hyperparameters.json").read_text("utf-8"))
    texts = {name: str(text) for name, text in given.items()}
    values = read_hyperparameters(tag, texts)
    channels = json.loads((config / "inputdataconfig.json").read_text("utf-8"))
    names = [name for name in ("train", "validation") if name in channels]
    if "train" not in names:
        raise UserError("Missing required channel: train")
    kind = _content_type(channels["train"])
    weights = values.get("csv_weights") == 1
    job = _Job(tag, _library_parameters(tag, texts, values), values)
    matrices: dict[str, xgboost.DMatrix] = {}
    for name in names:
        matrix = read_data([data / name], kind, weights=weights)
        if matrix is None:
            channel = "training" if name == "train" else name
            raise UserError(f"No data in {channel} channel path {data / name}")
        matrices[name] = matrix
        print(f"{name.capitalize()} matrix has {matrix.num_row()} rows", flush=True)
    if "_kfold" in values:
        whole = read_data([data / name for name in names], kind, weights=weights)
        for number, booster in enumerate(job.train_folds(whole)):
            save_model(booster, model / f"{MODEL}-{number}", tag)
        return
    save_model(job.train(matrices, model / MODEL), model / MODEL, tag)


def _content_type(channel: Mapping[str, Any]) -> str:
    try:
        return read_content_type(channel.get("ContentType") or DEFAULT)
    except ContentTypeError as error:
        raise UserError(str(error)) from error


def _library_parameters(tag: str, texts: Mapping[str, str], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of the library, with the defaults that it had at the tag."""
    written = {ALIASES.get(name, name): text for name, text in texts.items()}
    parameters: dict[str, Any] = {
        name: text for name, text in written.items() if name not in (*_FOR_THE_PROGRAM, *_REMOVED)
    }
    if parameters.get("tree_method") == "gpu_hist":
        parameters["tree_method"] = "hist"
    if has_old_defaults(tag):
        parameters.setdefault("base_score", "0.5")
        # A linear booster grows no trees, and an updater that is given says how.
        if parameters.get("booster") != "gblinear" and not parameters.keys() & {"updater", "process_type"}:
            parameters.setdefault("tree_method", "exact")
            if parameters["tree_method"] == "auto":
                parameters["tree_method"] = "exact"
    return parameters


class _Monitor(xgboost.callback.TrainingCallback):
    """Prints a line for each round, as the service searches it: ``[0]<TAB>train-rmse:2.7<TAB>validation-rmse:2.8``."""

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        scores = "".join(
            f"\t{data}-{metric}:{_last(values):.5f}"
            for data, metrics in evals_log.items()
            for metric, values in metrics.items()
        )
        print(f"[{epoch}]{scores}", flush=True)
        return False


class _SaveEachRound(xgboost.callback.TrainingCallback):
    """Saves the model after each round, so that a job that is ended leaves the last one."""

    def __init__(self, file: Path, tag: str) -> None:
        super().__init__()
        self._file, self._tag = file, tag

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        save_model(model, self._file, self._tag)
        return False


def _last(values: Any) -> float:
    last = values[-1]
    return float(last[0] if isinstance(last, tuple) else last)


class _Job:
    """One training job: its parameters, and the metrics that it evaluates.

    Args:
        tag: The tag of the image.
        parameters: The parameters of the library.
        values: All hyperparameters.
    """

    def __init__(self, tag: str, parameters: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        self._tag, self._values = tag, values
        objective_metric = values.get("_tuning_objective_metric")
        tuned = [] if objective_metric is None else [objective_metric.partition(":")[2]]
        listed = list(values.get("eval_metric", []))
        # Both together are sorted, as in the container: their order is that of the log.
        self._metrics = sorted({*listed, *tuned}) if listed and tuned else [*listed, *tuned]
        stopping = tuned or listed
        self._stopping_metric = stopping[-1] if stopping else None
        self._custom = [name for name in self._metrics if name in custom_metrics.NAMES]
        own = [name for name in self._metrics if name not in custom_metrics.NAMES]
        self._parameters = {**parameters, **({"eval_metric": own} if own else {})}

    def train(
        self, matrices: Mapping[str, xgboost.DMatrix], file: Path, log: dict[str, Any] | None = None
    ) -> xgboost.Booster:
        """Train one model.

        Args:
            matrices: The data, by name of the channel.
            file: Where the model is saved after each round, if the hyperparameters ask for it.
            log: Receives the values of the metrics.
        """
        callbacks: list[Any] = [_Monitor()]
        stopping = self._stopping(matrices)
        callbacks += [] if stopping is None else [stopping]
        if self._values.get("save_model_on_termination") == "true" and log is None:
            callbacks.append(_SaveEachRound(file, self._tag))
        objective = str(self._values.get("objective", "reg:squarederror"))
        return xgboost.train(
            self._parameters,
            matrices["train"],
            num_boost_round=self._values["num_round"],
            evals=[(matrix, name) for name, matrix in matrices.items()],
            custom_metric=custom_metrics.evaluate_with(self._custom, objective) if self._custom else None,
            callbacks=callbacks,
            evals_result=log,
            verbose_eval=False,
        )

    def _stopping(self, matrices: Mapping[str, Any]) -> Any:
        """Return the callback that stops early; ``None`` if the image would not stop.

        It needs a validation channel and a metric. Otherwise nothing says that it has no effect, as in the container.
        """
        rounds = self._values.get("early_stopping_rounds")
        if rounds is None:
            return None
        keeps_best = keeps_best_model(self._tag)
        if keeps_best and ("validation" not in matrices or self._stopping_metric is None):
            return None
        return xgboost.callback.EarlyStopping(
            rounds=rounds,
            metric_name=self._stopping_metric,
            data_name="validation" if "validation" in matrices else "train",
            maximize=_is_maximized(self._stopping_metric),
            save_best=keeps_best,
        )

    def train_folds(self, whole: xgboost.DMatrix | None) -> Iterator[xgboost.Booster]:
        """Train a model for each fold of the data, and print the mean of each metric after each round of folds."""
        from sklearn.model_selection import RepeatedKFold, RepeatedStratifiedKFold

        if whole is None:
            raise UserError("No data in training channel")
        folds, repeats = self._values["_kfold"], self._values.get("_num_cv_round", 1)
        classes = str(self._values.get("objective", "")).startswith(("binary:", "multi:"))
        splitter = RepeatedStratifiedKFold if classes else RepeatedKFold
        # The container's folds differ from run to run; here the same inputs give the same models.
        split = splitter(n_splits=folds, n_repeats=repeats, random_state=self._values.get("seed", 0))
        logs: list[dict[str, Any]] = []
        try:
            parts = list(split.split(np.zeros(whole.num_row()), whole.get_label()))
        except ValueError as error:
            raise UserError(str(error)) from error
        for number, (train, validation) in enumerate(parts, 1):
            log: dict[str, Any] = {}
            matrices = {"train": whole.slice(train), "validation": whole.slice(validation)}
            yield self.train(matrices, Path(), log)
            logs.append(log)
            if number % folds == 0:
                _print_means(number // folds - 1, logs[-folds:])
        if repeats > 1:
            _print_means(repeats, logs)


def _is_maximized(metric: str | None) -> bool | None:
    """Return whether a larger value of a metric is better; ``None`` if the library is to decide."""
    return None if metric is None else metric.partition("@")[0] in MAXIMIZED


def _print_means(number: int, logs: list[dict[str, Any]]) -> None:
    line = f"[{number}]"
    for metric in logs[0]["train"]:
        for data in ("train", "validation"):
            mean = float(np.mean([_last(log[data][metric]) for log in logs]))
            line += f"\t{data}-{metric}:{mean:.5f}"
    print(line, flush=True)


def save_model(booster: xgboost.Booster, file: Path, tag: str) -> None:
    """Write a model as the image of a tag does: pickled, or by the library's ``save_model``."""
    if pickles_models(tag):
        with file.open("wb") as stream:
            pickle.dump(booster, stream)
        return
    with warnings.catch_warnings():
        # A file without an extension gets the library's default format, and a warning.
        warnings.simplefilter("ignore", UserWarning)
        booster.save_model(file)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
