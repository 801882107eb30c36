"""Requirements of tuning jobs."""

from __future__ import annotations

from typing import Any

from tests.check.rows.row import Case, one, requested, step, warning
from tests.support.compiling import IMAGE, ROLE, config

SETTINGS = "HyperParameterTuningJobConfig"


def ranges(**ranged: Any) -> dict[str, Any]:
    return one("Tuning", ranges=ranged)


def numeric(low: float, high: float, kind: str = "Continuous", **more: Any) -> dict[str, Any]:
    return ranges(eta={"type": kind, "min": low, "max": high, **more})


def settings(members: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return requested("Tuning", {SETTINGS: members}, **fields)


def _band(low: int, high: int, strategy: str = "Hyperband") -> dict[str, Any]:
    resources = {"MinResource": low, "MaxResource": high}
    return settings({"StrategyConfig": {"HyperbandStrategyConfig": resources}}, strategy=strategy)


def _several(*names: str | None, request: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """Several definitions, which take the place of the one that the fields describe."""
    unset = {"HyperParameterTuningJobObjective": None, "ParameterRanges": None}
    definitions = [
        {
            **({} if name is None else {"DefinitionName": name}),
            "TuningObjective": {"MetricName": "auc", "Type": "Maximize"},
            "HyperParameterRanges": {
                "ContinuousParameterRanges": [{"Name": "eta", "MinValue": "0.1", "MaxValue": "0.9"}]
            },
            "AlgorithmSpecification": {
                "TrainingImage": IMAGE,
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "auc", "Regex": "auc=(.*?);"}],
            },
            "RoleArn": ROLE,
            "OutputDataConfig": {"S3OutputPath": "s3://my-bucket/models"},
            "ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30},
            "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        }
        for name in names
    ]
    members = {
        "TrainingJobDefinition": None,
        "TrainingJobDefinitions": definitions,
        SETTINGS: unset,
        **(request or {}),
    }
    return requested("Tuning", members, **fields)


def _job(resources: dict[str, Any], **definition: Any) -> dict[str, Any]:
    return requested(
        "Tuning",
        {"TrainingJobDefinition": {"ResourceConfig": None, "HyperParameterTuningResourceConfig": resources}},
        instance_type=None,
        **definition,
    )


_CLUSTER = {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30}
_XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
# The request's shape limits each list of ranges to 30, and not their sum.
_MANY: dict[str, Any] = {
    **{f"p{number}": {"type": "Continuous", "min": 0, "max": 1} for number in range(20)},
    **{f"p{number}": {"type": "Integer", "min": 0, "max": 9} for number in range(20, 31)},
}

ROWS: dict[int, tuple[str, list[Case]]] = {
    5: (
        "the objective is one of the metrics",
        [
            Case(
                "tuning.objective-metric",
                one("Tuning", objective={"name": "acu"}),
                one("Tuning", objective={"name": "auc"}),
            ),
            Case(
                "tuning.objective-metric",
                one("Tuning", metric_definitions=None),
                one("Tuning"),
            ),
        ],
    ),
    6: (
        "a hyperparameter is fixed or tuned",
        [
            warning(
                "tuning.static-and-tuned",
                one("Tuning", request={"TrainingJobDefinition": {"StaticHyperParameters": {"eta": "1"}}}),
                one("Tuning", request={"TrainingJobDefinition": {"StaticHyperParameters": {"etb": "1"}}}),
            )
        ],
    ),
    7: (
        "the minimum is below the maximum",
        [
            Case("tuning.range-order", numeric(0.9, 0.1), numeric(0.1, 0.9)),
            Case("tuning.range-order", numeric(9, 1, "Integer"), numeric(1, 9, "Integer")),
        ],
    ),
    8: (
        "not more jobs at a time than in all",
        [
            warning(
                "tuning.parallel-jobs", one("Tuning", max_parallel_jobs=5), one("Tuning", max_parallel_jobs=4)
            )
        ],
    ),
    9: (
        "there are enough combinations",
        [
            Case("tuning.combinations", ranges(c=["a", "b", "c"]), ranges(c=["a", "b", "c", "d"])),
            Case("tuning.combinations", numeric(1, 3, "Integer"), numeric(1, 4, "Integer")),
            Case(
                "tuning.combinations",
                ranges(c=["a", "b"]),
                ranges(c=["a", "b"], eta={"type": "Continuous", "min": 0, "max": 1}),
            ),
        ],
    ),
    10: (
        "ranges have several values",
        [
            warning("tuning.range-values", numeric(0.5, 0.5), numeric(0.5, 0.6)),
            warning(
                "tuning.range-values",
                ranges(c=["a"], eta={"type": "Continuous", "min": 0, "max": 1}),
                ranges(c=["a", "b"], eta={"type": "Continuous", "min": 0, "max": 1}),
            ),
            warning("tuning.range-values", ranges(c=["a", "a", "b", "d"]), ranges(c=["a", "b", "c", "d"])),
        ],
    ),
    34: (
        "scales fit their values",
        [
            Case(
                "tuning.range-scale",
                numeric(0, 1, scaling="Logarithmic"),
                numeric(0.1, 1, scaling="Logarithmic"),
            ),
            Case(
                "tuning.range-scale",
                numeric(0.1, 1, scaling="ReverseLogarithmic"),
                numeric(0.1, 0.9, scaling="ReverseLogarithmic"),
            ),
            Case(
                "tuning.range-scale",
                numeric(1, 9, "Integer", scaling="ReverseLogarithmic"),
                numeric(1, 9, "Integer", scaling="Logarithmic"),
            ),
        ],
    ),
    35: (
        "Hyperband stops jobs itself",
        [
            Case(
                "tuning.hyperband-early-stopping",
                one("Tuning", strategy="Hyperband", early_stopping="Auto"),
                one("Tuning", strategy="Hyperband", early_stopping="Off"),
            )
        ],
    ),
    36: (
        "settings of Hyperband are for Hyperband",
        [
            Case("tuning.hyperband-config", _band(1, 9, "Bayesian"), _band(1, 9)),
            Case("tuning.hyperband-config", _band(9, 1), _band(1, 9)),
        ],
    ),
    37: (
        "a grid has lists of values",
        [
            Case(
                "tuning.grid-range",
                one("Tuning", strategy="Grid", max_jobs=None),
                one("Tuning", strategy="Grid", max_jobs=None, ranges={"c": ["a", "b"]}),
            )
        ],
    ),
    38: (
        "there is an objective",
        [
            Case(
                "tuning.objective",
                settings({"HyperParameterTuningJobObjective": None}),
                one("Tuning"),
            )
        ],
    ),
    39: (
        "something is searched, and the search ends",
        [
            Case("tuning.no-range", settings({"ParameterRanges": None}), one("Tuning")),
            Case("tuning.no-range", one("Tuning", max_jobs=None), one("Tuning")),
            Case(
                "tuning.range-name",
                settings(
                    {
                        "ParameterRanges": {
                            "CategoricalParameterRanges": [{"Name": "eta", "Values": ["1", "2"]}]
                        }
                    }
                ),
                settings(
                    {"ParameterRanges": {"CategoricalParameterRanges": [{"Name": "c", "Values": ["1", "2"]}]}}
                ),
            ),
        ],
    ),
    40: (
        "machines are described once",
        [
            warning(
                "tuning.two-clusters",
                requested(
                    "Tuning", {"TrainingJobDefinition": {"HyperParameterTuningResourceConfig": _CLUSTER}}
                ),
                _job(_CLUSTER),
            )
        ],
    ),
    52: (
        "algorithms have objectives of their own",
        [
            warning(
                "tuning.builtin-metric",
                one(
                    "Tuning",
                    image_uri=_XGBOOST,
                    metric_definitions=None,
                    objective={"name": "validation:rsme"},
                ),
                one(
                    "Tuning",
                    image_uri=_XGBOOST,
                    metric_definitions=None,
                    objective={"name": "validation:rmse"},
                ),
            )
        ],
    ),
    53: (
        "a grid is searched whole",
        [
            warning(
                "tuning.grid-count",
                one("Tuning", strategy="Grid", max_jobs=4, ranges={"c": ["a", "b"]}),
                one("Tuning", strategy="Grid", max_jobs=2, ranges={"c": ["a", "b"]}),
            )
        ],
    ),
    54: (
        "30 hyperparameters are tuned",
        [
            Case(
                "tuning.tuned-count", ranges(**_MANY), ranges(**{key: _MANY[key] for key in list(_MANY)[:30]})
            )
        ],
    ),
    55: (
        "a job has 100 hyperparameters",
        [
            Case(
                "tuning.hyperparameter-count",
                one("Tuning", hyperparameters={f"p{number}": 1 for number in range(99)}),
                one("Tuning", hyperparameters={f"p{number}": 1 for number in range(98)}),
            )
        ],
    ),
    56: (
        "there is one definition, or several",
        [
            Case(
                "tuning.definitions",
                config({"it": step("Tuning", request=request)}),
                _several("one", "two"),
            )
            for request in (
                {"TrainingJobDefinition": None},
                {
                    "TrainingJobDefinitions": _several("one")["steps"]["it"]["request"][
                        "TrainingJobDefinitions"
                    ]
                },
            )
        ],
    ),
    57: (
        "definitions have names",
        [
            Case("tuning.definition-name", _several("one", "one"), _several("one", "two")),
            Case("tuning.definition-name", _several("one", None), _several("one", "two")),
        ],
    ),
    58: (
        "several definitions neither stop early nor start warm",
        [
            Case(
                "tuning.definitions-exclude",
                _several("one", "two", early_stopping="Auto"),
                _several("one", "two"),
            ),
            Case(
                "tuning.definitions-exclude",
                _several(
                    "one",
                    "two",
                    request={
                        "WarmStartConfig": {
                            "WarmStartType": "TransferLearning",
                            "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": "old"}],
                        }
                    },
                ),
                _several("one", "two"),
            ),
        ],
    ),
    59: (
        "lists of machines replace a machine",
        [
            Case(
                "tuning.instance-configs",
                _job({**_CLUSTER, "InstanceConfigs": [_CLUSTER]}),
                _job({"InstanceConfigs": [_CLUSTER]}),
            )
        ],
    ),
    60: (
        "a search keeps machines itself",
        [
            warning(
                "tuning.warm-pool",
                requested(
                    "Tuning", {"TrainingJobDefinition": {"ResourceConfig": {"KeepAlivePeriodInSeconds": 60}}}
                ),
                one("Tuning"),
            )
        ],
    ),
    61: (
        "searches have quotas",
        [
            warning("tuning.quota", one("Tuning", max_jobs=751), one("Tuning", max_jobs=750)),
            warning(
                "tuning.quota",
                one("Tuning", max_jobs=10001, strategy="Random"),
                one("Tuning", max_jobs=10000, strategy="Random"),
            ),
            warning(
                "tuning.quota",
                one("Tuning", max_jobs=750, max_parallel_jobs=101),
                one("Tuning", max_jobs=750, max_parallel_jobs=100),
            ),
            warning(
                "tuning.quota",
                one("Tuning", metric_definitions={**{f"m{i}": "(.)" for i in range(20)}, "auc": "(.)"}),
                one("Tuning", metric_definitions={**{f"m{i}": "(.)" for i in range(19)}, "auc": "(.)"}),
            ),
        ],
    ),
}
