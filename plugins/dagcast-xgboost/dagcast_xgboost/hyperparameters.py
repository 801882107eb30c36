"""The hyperparameters of the XGBoost images, and how they are checked.

Source: ``algorithm_mode/hyperparameter_validation.py`` of aws/sagemaker-xgboost-container, from tag to tag. It has only
the names that the library or the container reads; all are texts, and only ``num_round`` is required.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dagcast_xgboost.metric_names import METRICS, is_metric
from dagcast_xgboost.tags import is_between


class UserError(ValueError):
    """A mistake in the hyperparameters or the data, as the images call it."""


@dataclass(frozen=True)
class Problem:
    """A mistake in the hyperparameters.

    Attributes:
        name: The hyperparameter; ``None`` if one is missing.
        message: What is wrong.
    """

    name: str | None
    message: str


@dataclass(frozen=True)
class Hyperparameter:
    """A hyperparameter.

    Attributes:
        parse: Returns the value of a text. Raises ValueError if it is not of the type.
        accepts: Returns whether a value is in the range.
        range: The range, for messages.
        first: The first tag that has it.
        last: The last tag that has it.
    """

    parse: Callable[[str], Any]
    accepts: Callable[[Any], bool]
    range: str
    first: str | None = None
    last: str | None = None


def _interval(
    parse: Callable[[str], Any], low: float | None, high: float | None = None, ends: str = "[]", **tags: Any
) -> Hyperparameter:
    def accepts(value: Any) -> bool:
        above = low is None or value > low or (value == low and ends[0] == "[")
        return above and (high is None or value < high or (value == high and ends[1] == "]"))

    left = "(-inf" if low is None else f"{ends[0]}{low}"
    right = "+inf)" if high is None else f"{high}{ends[1]}"
    return Hyperparameter(parse, accepts, f"{left}, {right}", **tags)


def _whole(low: float | None, high: float | None = None, ends: str = "[]", **tags: Any) -> Hyperparameter:
    return _interval(int, low, high, ends, **tags)


def _real(low: float | None, high: float | None = None, ends: str = "[]", **tags: Any) -> Hyperparameter:
    return _interval(float, low, high, ends, **tags)


def _one_of(*values: str, **tags: Any) -> Hyperparameter:
    return Hyperparameter(str, lambda value: value in values, str(list(values)), **tags)


def _list(accepts: Callable[[str], bool], values: str) -> Hyperparameter:
    return Hyperparameter(lambda text: text.split(","), lambda items: all(map(accepts, items)), values)


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise ValueError(str(error)) from error


def _is_tuple_of_signs(value: Any) -> bool:
    items = value if isinstance(value, tuple | list) else (value,)
    return all(item in (-1, 0, 1) for item in items)


def _is_nested_list(value: Any) -> bool:
    return isinstance(value, tuple | list) and all(
        isinstance(inner, tuple | list) and all(isinstance(item, int) and item >= 1 for item in inner)
        for inner in value
    )


_LINEAR_UPDATERS = ("shotgun", "coord_descent")
_GROWING_UPDATERS = (
    "grow_colmaker",
    "distcol",
    "grow_histmaker",
    "grow_local_histmaker",
    "grow_quantile_histmaker",
)
_REFRESHING_UPDATERS = ("refresh", "prune")
_TREE_UPDATERS = (*_GROWING_UPDATERS, "grow_skmaker", "sync", *_REFRESHING_UPDATERS)
_UPDATERS = (*_TREE_UPDATERS, *_LINEAR_UPDATERS)

_OBJECTIVES = (
    "binary:hinge",
    "binary:logistic",
    "binary:logitraw",
    "count:poisson",
    "multi:softmax",
    "multi:softprob",
    "rank:map",
    "rank:ndcg",
    "rank:pairwise",
    "reg:absoluteerror",
    "reg:gamma",
    "reg:linear",
    "reg:logistic",
    "reg:pseudohubererror",
    "reg:squarederror",
    "reg:squaredlogerror",
    "reg:tweedie",
    "survival:aft",
    "survival:cox",
)

_NAMES: Mapping[str, Hyperparameter] = {
    "_kfold": _whole(2, first="1.2-2"),
    "_num_cv_round": _whole(1, first="1.2-2"),
    "_tuning_objective_metric": Hyperparameter(str, lambda value: value in METRICS, "[validation:METRIC]"),
    "aft_loss_distribution": _one_of("normal", "logistic", "extreme"),
    "aft_loss_distribution_scale": _real(0),
    "alpha": _real(0),
    "base_score": _real(0),
    "booster": _one_of("gbtree", "gblinear", "dart"),
    "colsample_bylevel": _real(0, 1, "(]"),
    "colsample_bynode": _real(0, 1, "(]"),
    "colsample_bytree": _real(0, 1, "(]"),
    "csv_weights": _whole(0, 1),
    "deterministic_histogram": _one_of("true", "false"),
    "dsplit": _one_of("row", "col"),
    "early_stopping_rounds": _whole(1),
    "eta": _real(0, 1),
    "eval_metric": _list(is_metric, "[METRIC, METRIC@THRESHOLD]"),
    "gamma": _real(0),
    "grow_policy": _one_of("depthwise", "lossguide"),
    "interaction_constraints": Hyperparameter(_literal, _is_nested_list, "[1, +inf)"),
    "lambda": _real(0),
    "lambda_bias": _real(0, 1),
    "max_bin": _whole(0),
    "max_delta_step": _real(0),
    "max_depth": _whole(0),
    "max_leaves": _whole(0),
    "min_child_weight": _real(0),
    "monotone_constraints": Hyperparameter(_literal, _is_tuple_of_signs, "[-1, 0, 1]"),
    "normalize_type": _one_of("tree", "forest"),
    "nthread": _whole(1),
    "num_class": _whole(2),
    "num_parallel_tree": _whole(1),
    "num_round": _whole(1),
    "objective": _one_of(*_OBJECTIVES),
    "one_drop": _whole(0, 1),
    "predictor": _one_of("auto", "cpu_predictor", "gpu_predictor"),
    "prob_buffer_row": _whole(1, None, "(]"),
    "process_type": _one_of("default", "update"),
    "rate_drop": _real(0, 1),
    "refresh_leaf": _whole(0, 1),
    "sample_type": _one_of("uniform", "weighted"),
    "sampling_method": _one_of("uniform", "gradient_based"),
    "save_model_on_termination": _one_of("true", "false"),
    "scale_pos_weight": _real(0, None, "(]"),
    "seed": _whole(-(2**31), 2**31 - 1, "()"),
    "silent": _whole(0, 1, last="1.0-1"),
    "single_precision_histogram": _one_of("true", "false", first="1.2-1", last="1.5-1"),
    "sketch_eps": _real(0, 1, "()"),
    "skip_drop": _real(0, 1),
    "subsample": _real(0, 1, "(]"),
    "tree_method": _one_of("auto", "exact", "approx", "hist", "gpu_hist"),
    "tweedie_variance_power": _real(1, 2, "()"),
    "updater": _list(lambda value: value in _UPDATERS, str(list(_UPDATERS))),
    "use_dask_gpu_training": _one_of("true", "false", first="1.7-1"),
    "verbosity": _whole(0, 3),
}

ALIASES: Mapping[str, str] = {
    "learning_rate": "eta",
    "min_split_loss": "gamma",
    "reg_alpha": "alpha",
    "reg_lambda": "lambda",
}

KNOWN = (*_NAMES, *ALIASES)
"""All names, those of some tags included."""


def tags_of(name: str) -> str | None:
    """Return which tags have a hyperparameter, in words; ``None`` if all have it, or none.

    Example:
        >>> tags_of("silent"), tags_of("_kfold"), tags_of("eta")
        ('tags up to 1.0-1 have it', 'tags from 1.2-2 on have it', None)
    """
    found = _NAMES.get(ALIASES.get(name, name))
    if found is None or (found.first is None and found.last is None):
        return None
    if found.last is None:
        return f"tags from {found.first} on have it"
    return (
        f"tags up to {found.last} have it"
        if found.first is None
        else f"tags {found.first} to {found.last} have it"
    )


UNKNOWN = object()
"""Stands for a value that is not known before the run."""


def find_problems(tag: str, given: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield each mistake in the hyperparameters of a job.

    Args:
        tag: The tag of the image.
        given: The hyperparameters: texts, or :data:`UNKNOWN`.
    """
    values: dict[str, Any] = {}
    broken = False
    for written, text in given.items():
        name = ALIASES.get(written, written)
        found = _NAMES.get(name)
        if found is None or not is_between(tag, found.first, found.last):
            yield Problem(written, f"Extraneous hyperparameter found: {written}")
            continue
        if text is UNKNOWN:
            values[name] = UNKNOWN
            continue
        try:
            value = found.parse(str(text))
        except ValueError:
            yield Problem(written, f"Hyperparameter {written}: could not parse value {text!r}")
            broken = True
            continue
        if not found.accepts(value):
            yield Problem(written, f"Hyperparameter {written}: {text} is not in {found.range}")
            broken = True
            continue
        values[name] = value
    if "num_round" not in {ALIASES.get(name, name) for name in given}:
        yield Problem(None, "Missing required hyperparameter: num_round")
    if not broken:
        yield from _find_contradictions(values)


def _find_contradictions(values: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield each hyperparameter that another one does not allow. What is unknown allows everything."""
    objective, tree_method = values.get("objective", ""), values.get("tree_method")
    metrics = values.get("eval_metric", [])
    if objective in ("multi:softmax", "multi:softprob") and "num_class" not in values:
        yield Problem("objective", "Require input for parameter 'num_class' for multi-classification")
    if objective is not UNKNOWN and metrics is not UNKNOWN:
        if "auc" in metrics and not objective.startswith(("binary:", "rank:")):
            message = "Metric 'auc' can only be applied for classification and ranking problems."
            yield Problem("eval_metric", message)
        if "aft-nloglik" in metrics and objective != "survival:aft":
            message = "Metric 'aft-nloglik' can only be applied for 'survival:aft' objective."
            yield Problem("eval_metric", message)
    for name, methods in (
        ("monotone_constraints", ("exact", "hist")),
        ("interaction_constraints", ("exact", "hist", "approx")),
    ):
        if name in values and tree_method is not UNKNOWN and tree_method not in methods:
            listed = " or ".join(map(repr, methods))
            message = f"{name} can be used only when the tree_method parameter is set to {listed}."
            yield Problem(name, message)
    yield from _find_wrong_updaters(values)


def _find_wrong_updaters(values: Mapping[str, Any]) -> Iterator[Problem]:
    updaters, booster = values.get("updater"), values.get("booster")
    if updaters in (None, UNKNOWN) or booster is UNKNOWN or values.get("process_type") is UNKNOWN:
        return
    if booster == "gblinear":
        if len(updaters) != 1 or updaters[0] not in _LINEAR_UPDATERS:
            yield Problem("updater", f"Linear updater should be one of {list(_LINEAR_UPDATERS)}.")
    elif values.get("process_type") == "update":
        if not set(updaters) <= set(_REFRESHING_UPDATERS):
            message = "process_type 'update' can only be used with updater 'refresh' and 'prune'"
            yield Problem("updater", message)
    elif not set(updaters) <= set(_TREE_UPDATERS):
        yield Problem("updater", f"Tree updater should be selected from {list(_TREE_UPDATERS)}.")
    elif sum(updater in _GROWING_UPDATERS for updater in updaters) > 1:
        yield Problem("updater", f"Only one tree grow plugin can be selected of {list(_GROWING_UPDATERS)}.")


def read_hyperparameters(tag: str, given: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of hyperparameters by their canonical names.

    Args:
        tag: The tag of the image.
        given: The hyperparameters, as texts.

    Raises:
        UserError: If one is invalid, with the first mistake, as the images do.
    """
    for problem in find_problems(tag, given):
        raise UserError(problem.message)
    names = {ALIASES.get(written, written): text for written, text in given.items()}
    return {name: _NAMES[name].parse(str(text)) for name, text in names.items()}
