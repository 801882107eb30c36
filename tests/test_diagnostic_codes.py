"""Codes of diagnostics: each code in the sources is registered, listed in the docs, and produced by an input here."""

from __future__ import annotations

import ast
import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

import dagcast_guardrails.diagnostic_codes
import mods_plugin.diagnostic_codes
from dagcast import DagcastError, PipelineDAGCompiler, diagnostic_codes
from dagcast.artifacts import archive_bytes
from dagcast.check.definition import check_steps
from dagcast.cli.main import cli
from dagcast.command_line import fail
from dagcast.definition.read import read_definition
from dagcast.errors import Diagnostic, InvalidInputError
from dagcast.runner import Runner, RunOptions
from dagcast.runner.records.events import Event
from dagcast.runner.records.staged_sources import RunSources
from dagcast.staging.stage_files import stage_file
from tests.support.compiling import ALWAYS, JOB, PIPELINE, check, config

ROOT = Path(__file__).parents[1]
SOURCES = {
    "core/dagcast": diagnostic_codes.CODES,
    "mods_plugin/mods_plugin": mods_plugin.diagnostic_codes.CODES,
    "plugins/dagcast-guardrails/dagcast_guardrails": dagcast_guardrails.diagnostic_codes.CODES,
}
ALL = {code: text for codes in SOURCES.values() for code, text in codes.items()}
ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*\.[a-z][a-z0-9]*(-[a-z0-9]+)*")


# The vocabulary


def test_ids_have_one_form_and_one_sentence() -> None:
    for code, text in ALL.items():
        assert ID.fullmatch(code), code
        assert text[0].isupper(), code
        assert text.endswith("."), code
        assert ". " not in text, code


def test_no_two_distributions_share_an_area() -> None:
    areas = [{code.partition(".")[0] for code in codes} for codes in SOURCES.values()]
    assert sum(map(len, areas)) == len(set().union(*areas))


@pytest.mark.parametrize(
    "code", ["config.unknwon-field", "unknown-field", "Config.field", "a.b.c", "a b.c", "a_b.c", ""]
)
def test_an_unknown_or_malformed_code_cannot_be_used(code: str) -> None:
    with pytest.raises(ValueError, match="diagnostic code"):
        Diagnostic("wrong", code=code)


def test_a_plugin_has_an_area_of_its_own() -> None:
    assert Diagnostic("wrong", code="acme.missing-owner").as_dict()["code"] == "acme.missing-owner"


def _nodes(folder: str) -> Iterator[tuple[Path, ast.AST]]:
    for path in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            yield path, node


@pytest.mark.parametrize("folder", SOURCES)
def test_every_diagnostic_in_the_sources_has_a_code(folder: str) -> None:
    calls = [
        (path, node)
        for path, node in _nodes(folder)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Diagnostic"
    ]
    assert calls
    for path, call in calls:
        assert "code" in [keyword.arg for keyword in call.keywords], f"{path}:{call.lineno}"


FILE = re.compile(r".*\.(csv|joblib|json|py|sh|txt|yaml)")


@pytest.mark.parametrize("folder", SOURCES)
def test_every_code_in_the_sources_is_registered(folder: str) -> None:
    """Wherever it stands: given by name or by position, in a table, or in a conditional expression."""
    areas = {code.partition(".")[0] for code in ALL}
    used = 0
    for path, node in _nodes(folder):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            continue
        text = node.value
        if ID.fullmatch(text) and text.partition(".")[0] in areas and not FILE.fullmatch(text):
            assert text in ALL or text in diagnostic_codes.RULE_IDS, f"{path}:{node.lineno}: {text}"
            used += 1
    assert used


@pytest.mark.parametrize("folder", ["core/dagcast", "mods_plugin/mods_plugin"])
def test_every_registered_code_is_used_in_the_sources(folder: str) -> None:
    used = {
        node.value
        for path, node in _nodes(folder)
        if path.name != "diagnostic_codes.py"
        and isinstance(node, ast.Constant)
        and isinstance(node.value, str)
    }
    assert sorted(set(SOURCES[folder]) - used) == []


def test_the_docs_list_every_code() -> None:
    rows = re.findall(
        r"^\| `([^`]+)` \| (.+) \|$", (ROOT / "docs" / "diagnostics.md").read_text("utf-8"), re.MULTILINE
    )
    assert dict(rows) == ALL
    assert len(rows) == len(ALL)


# Each code of dagcast's own, produced through a public door. Those of the plugins: tests/guardrails, tests/mods_plugin.

STOP = {"type": "Fail", "error_message": "no"}
WORK = {"type": "Processing", **JOB, "outputs": {"data": None}}
PYTORCH = {"framework": "pytorch", "framework_version": "2.0", "py_version": "py310"}
TRAIN = {"type": "Training", **JOB, "hyperparameters": {"x": 1}}


def _without(name: str) -> dict[str, Any]:
    return {key: value for key, value in PIPELINE.items() if key != name}


TEXTS: Mapping[str, str | bytes] = {
    "document.ambiguous-number": "pipeline: {name: a}\nparameters: {X: 010}\n",
    "document.bad-character": 'pipeline: {name: "a\x01"}\n',
    "document.duplicate-key": "pipeline: {name: a}\npipeline: {name: b}\n",
    "document.encoding": b"pipeline: {name: \xff}\n",
    "document.integer-range": "pipeline: {name: a}\nparameters: {X: 99999999999999999999999999}\n",
    "document.invalid-merge": "pipeline:\n  <<: 1\n  name: a\n",
    "document.key-not-string": "pipeline: {1: a}\n",
    "document.not-a-mapping": "- a\n",
    "document.not-finite": "pipeline: {name: a}\nparameters: {X: .inf}\n",
    "document.recursive": "pipeline: &a {name: *a}\n",
    "document.syntax": "pipeline: {name: a\n",
    "document.too-deep": "pipeline: " + "[" * 3000 + "]" * 3000 + "\n",
    "document.unknown-alias": "pipeline: *missing\n",
    "document.unknown-tag": "pipeline: !python/object a\n",
    "document.wrong-tag": "pipeline: {name: a}\nparameters: {X: !!int many}\n",
    "document.too-large": "a0: &a0 [1, 1]\n"
    + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 8)),
}
COMPILED: Mapping[str, Any] = {
    "branch.too-deep": config(
        {f"c{n}": {"type": "Condition", "conditions": ALWAYS, "if_steps": [f"c{n + 1}"]} for n in range(51)}
        | {"c51": STOP}
    ),
    "config.unknown-rule": config({"a": STOP}, ignore_rules=["training.spot-wiat"]),
    "wiring.output-as-text": config({"a": TRAIN, "b": {**WORK, "environment": {"A": "a.model"}}}),
    "wiring.shared-alias": config(
        {"a": {**WORK, "inputs": {name: {"aliases": ["z"], "source": f"s3://b/{name}"} for name in "pq"}}}
    ),
    "document.not-plain-data": {"pipeline": {"name": object()}},
    "document.unreadable-file": "missing.yaml",
    "document.unknown-format": "config.ini",
    "config.duplicate": {"pipeline": {**PIPELINE, "pipeline_name": "a"}, "steps": {"a": STOP}},
    "config.invalid-name": config({"a b": STOP}),
    "config.length": {"pipeline": {**PIPELINE, "description": "x" * 4000}, "steps": {"a": STOP}},
    "config.missing-field": {"pipeline": {}, "steps": {"a": STOP}},
    "config.pattern": {"pipeline": {**PIPELINE, "name": "a--"}, "steps": {"a": STOP}},
    "config.unknown-field": config({"a": {**STOP, "mesage": "x"}}),
    "config.unknown-type": config({"a": {"type": "Trainig"}}),
    "config.unused-step": config({"a": STOP, "b": STOP}),
    "config.wrong-type": config({"a": {**STOP, "depends_on": 7}}),
    "dag.cycle": config({"a": WORK, "b": WORK}, edges=["a => b", "b => a"]),
    "dag.invalid-edge": config({"a": STOP}, edges=["a"]),
    "dag.unconfigured-node": config({"a": STOP}),
    "dag.unknown-node": config({"a": STOP}, edges=["a => b"]),
    "parameter.invalid": config({"a": STOP}, parameters={"X": {"type": "Integer", "default": "x"}}),
    "pipeline.long-name": {"pipeline": {**PIPELINE, "name": "x" * 200}, "steps": {"a": TRAIN}},
    "pipeline.quota": config({f"s{n}": STOP for n in range(60)}),
    "reference.invalid": config({"a": {**STOP, "error_message": "${step}"}}),
    "reference.needs-text": config({"a": {**TRAIN, "role": "${param.X}"}}, parameters={"X": 1}),
    "reference.not-a-value": config({"a": TRAIN, "b": {**STOP, "error_message": "${step.a.ModelArtifacts}"}}),
    "reference.property-syntax": config(
        {"a": TRAIN, "b": {**STOP, "error_message": "${step.a.ModelArtifacts[}"}}
    ),
    "reference.unknown-parameter": config({"a": {**STOP, "error_message": "${param.X}"}}),
    "reference.unknown-property": config({"a": TRAIN, "b": {**STOP, "error_message": "${step.a.Nothing}"}}),
    "reference.unknown-property-file": config(
        {"a": WORK, "b": {**STOP, "error_message": "${json.a.Report.x}"}}
    ),
    "reference.unknown-step": config({"a": {**STOP, "error_message": "${step.z.X}"}}),
    "reference.wrong-type": config(
        {"a": {**TRAIN, "volume_size_in_gb": "${param.X}"}}, parameters={"X": "text"}
    ),
    "request.length": config({"a": {**TRAIN, "hyperparameters": {f"k{n}": 1 for n in range(200)}}}),
    "request.missing-field": config({"a": {**TRAIN, "request": {"VpcConfig": {"Subnets": ["subnet-1"]}}}}),
    "request.pattern": config(
        {"a": {**TRAIN, "request": {"VpcConfig": {"Subnets": ["?"], "SecurityGroupIds": ["sg-1"]}}}}
    ),
    "request.unknown-field": config({"a": {**TRAIN, "request": {"Nothing": 1}}}),
    "request.unknown-value": config({"a": {**TRAIN, "instance_type": "ml.none.large"}}),
    "request.wrong-type": config({"a": {**TRAIN, "request": {"VpcConfig": 1}}}),
    "wiring.ambiguous": config(
        {"a": {**WORK, "outputs": {"x": None, "y": None}}, "b": {**WORK, "inputs": {"p": None, "q": None}}},
        edges=["a -> b"],
    ),
    "wiring.fed-twice": config(
        {"a": WORK, "b": WORK, "c": {**WORK, "inputs": {"data": None}}},
        edges=["a.data -> c.data", "b.data -> c.data"],
    ),
    "wiring.no-ports": config({"a": STOP, "b": WORK}, edges=["a -> b"]),
    "wiring.unfed-input": config({"c": {**WORK, "inputs": {"data": None}}}),
    "wiring.unknown-port": config(
        {"a": WORK, "c": {**WORK, "inputs": {"data": None}}}, edges=["a.none -> c.data"]
    ),
    "wiring.unknown-source": config({"c": {**WORK, "inputs": {"data": "nothing"}}}),
    "model.isolated-code": config(
        {
            "m": {
                "type": "CreateModel",
                "image_uri": JOB["image_uri"],
                "entry_point": "x.py",
                "enable_network_isolation": True,
            }
        }
    ),
    "branch.outside-branch": config(
        {
            "c": {
                "type": "Condition",
                "conditions": [{"left": 1, "op": "==", "right": 1}],
                "if_steps": ["a"],
            },
            "a": WORK,
            "b": {**WORK, "inputs": {"data": None}},
        },
        edges=["a.data -> b.data"],
    ),
    "branch.other-branch": config(
        {
            "c": {
                "type": "Condition",
                "conditions": [{"left": 1, "op": "==", "right": 1}],
                "if_steps": ["a"],
                "else_steps": ["b"],
            },
            "a": WORK,
            "b": {**WORK, "inputs": {"data": None}},
        },
        edges=["a.data -> b.data"],
    ),
    "branch.two-branches": config(
        {
            "c": {
                "type": "Condition",
                "conditions": [{"left": 1, "op": "==", "right": 1}],
                "if_steps": ["a"],
                "else_steps": ["a"],
            },
            "a": WORK,
        }
    ),
    "code.reserved-input": config(
        {"a": {"type": "Processing", **JOB, "entry_point": "a.py", "inputs": {"code": "s3://b/x"}}}
    ),
    "config.unknown-value": config({"a": STOP}, parameters={"X": {"type": "Sting"}}),
    "request.forbidden-field": config(
        {"a": {**TRAIN, "request": {"ExperimentConfig": {"ExperimentName": "x"}}}}
    ),
    "request.null": config({"a": {**TRAIN, "request": {"Environment": {"A": None}}}}),
    "request.out-of-range": config(
        {"a": {**TRAIN, "request": {"StoppingCondition": {"MaxRuntimeInSeconds": 0}}}}
    ),
    "request.union": config(
        {
            "a": {
                "type": "Request",
                "step_type": "AutoML",
                "shape": "CreateAutoMLJobV2Request",
                "request": {"AutoMLProblemTypeConfig": {}},
            }
        }
    ),
    "tuning.fixed-and-tuned": config(
        {
            "a": {
                "type": "Tuning",
                **JOB,
                "hyperparameters": {"x": 1},
                "ranges": {"x": {"type": "Continuous", "min": 0, "max": 1}},
                "objective": {"name": "m", "type": "Maximize"},
                "metric_definitions": {"m": "m=(.*)"},
                "max_jobs": 1,
            }
        }
    ),
    "model.needs-repack": config(
        {
            "a": {
                "type": "CreateModel",
                "framework": "pytorch",
                "framework_version": "2.0",
                "entry_point": "x.py",
                "instance_type": "ml.m5.xlarge",
            }
        }
    ),
    "code.entry-point-conflict": config(
        {"a": {"type": "Processing", **JOB, "entry_point": "a.py", "container_entrypoint": ["sh"]}}
    ),
    "code.invalid": config({"a": {"type": "Processing", **JOB, "entry_point": "none.py"}}),
    "code.missing-entry-point": config({"a": {"type": "Processing", **JOB, "source_dir": "."}}),
    "config.invalid-value": config({"a": {**STOP, "request": {"x": 1}}}),
    "code.unusable-source": config(
        {"a": {"type": "Processing", **JOB, "entry_point": "s3://bucket/folder/"}}
    ),
    "data.parameter-slash": config(
        {"a": {**TRAIN, "output_path": "${param.Out}/models"}}, parameters={"Out": "s3://bucket/x/"}
    ),
    "image.by-default": config(
        {
            "a": {
                "type": "Training",
                "instance_type": "${param.Machine}",
                **PYTORCH,
            }
        },
        parameters={"Machine": "ml.m5.xlarge"},
    ),
    "config.renamed-field": config({"a": {**TRAIN, "entrypoint": ["sh"]}}),
    "config.unknown-environment": config({"a": STOP}, environments={"prod": {}}),
    "config.managed-field": config(
        {"a": {"type": "EMR", "jar": "s3://b/x.jar", "cluster_config": {"Name": "x", "Instances": {}}}}
    ),
    "dag.duplicate-node": config({"a": STOP}),
    "dag.unknown-field": config({"a": STOP}),
    "dag.wrong-type": config({"a": STOP}),
    "image.conflict": config({"a": {**TRAIN, **PYTORCH}}),
    "image.missing": config({"a": {"type": "Training", "instance_type": "ml.m5.xlarge"}}),
    "image.unknown": config(
        {
            "a": {
                "type": "Training",
                "instance_type": "ml.m5.xlarge",
                "framework": "pytorch",
                "framework_version": "0.0.9",
                "py_version": "py310",
            }
        }
    ),
    "pipeline.missing-bucket": {"pipeline": _without("bucket"), "steps": {"a": TRAIN}},
    "pipeline.missing-region": {
        "pipeline": _without("region"),
        "steps": {
            "a": {
                "type": "Training",
                "instance_type": "ml.m5.xlarge",
                **PYTORCH,
            }
        },
    },
    "pipeline.missing-role": {"pipeline": _without("role"), "steps": {"a": TRAIN}},
    "reference.in-key": config({"a": {**TRAIN, "hyperparameters": {"${param.X}": 1}}}, parameters={"X": 1}),
    "reference.not-yet-known": {
        "pipeline": {**PIPELINE, "experiment": {"name": "${step.a.TrainingJobName}"}},
        "steps": {"a": TRAIN},
    },
    "reference.own-step": config({"a": {**TRAIN, "hyperparameters": {"x": "${step.a.TrainingJobName}"}}}),
    "reference.unknown-output": config(
        {"a": {**WORK, "property_files": {"Report": {"output": "none", "path": "x.json"}}}}
    ),
    "request.unknown-shape": config(
        {"a": {"type": "Request", "step_type": "Training", "shape": "NoSuchShape"}}
    ),
    "training.compiler": config(
        {
            "a": {
                "type": "Training",
                **PYTORCH,
                "instance_type": "ml.m5.xlarge",
                "entry_point": "train.py",
                "source_dir": "s3://b/source.tar.gz",
                "compiler_config": True,
            }
        }
    ),
    "training.distribution": config(
        {
            "a": {
                "type": "Training",
                "framework": "sklearn",
                "framework_version": "1.2-1",
                "instance_type": "ml.m5.xlarge",
                "entry_point": "train.py",
                "source_dir": "s3://b/source.tar.gz",
                "distribution": {"mpi": True},
            }
        }
    ),
    "training.model-dir": config(
        {
            "a": {
                "type": "Training",
                **PYTORCH,
                "instance_type": "ml.g5.xlarge",
                "entry_point": "train.py",
                "source_dir": "s3://b/source.tar.gz",
                "model_dir": "s3://b/model",
            }
        }
    ),
    "training.repeated-hyperparameter": config(
        {
            "a": {
                **TRAIN,
                "entry_point": "train.py",
                "source_dir": "s3://b/source.tar.gz",
                "model_dir": "s3://b/model",
                "hyperparameters": {"model_dir": "s3://b/other"},
            }
        }
    ),
    "training.nested-reference": config(
        {"a": {**TRAIN, "hyperparameters": {"x": ["${param.X}"]}}}, parameters={"X": 1}
    ),
    "wiring.kind": config(
        {"a": WORK, "b": {"type": "CreateModel", "image_uri": JOB["image_uri"]}, "c": WORK},
        edges=["b.model_name -> c.data"],
    ),
}
DAGS: Mapping[str, dict[str, Any]] = {
    "config.unused-step": {"nodes": ["a"]},
    "dag.unconfigured-node": {"nodes": ["a", "b"]},
    "dag.duplicate-node": {"nodes": ["a", "a"]},
    "dag.unknown-field": {"nodes": ["a"], "edgs": []},
    "dag.wrong-type": {"nodes": "a"},
}
ENVIRONMENTS = {"config.unknown-environment": "test"}


def config_file(text: str | bytes) -> Iterable[str]:
    """Validate a config file."""
    file = Path("c.yaml")
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return [item.code for item in check(file).errors]


def compiled(source: Any, dag: Any = None, env: str | None = None) -> Iterable[str]:
    """Validate a config next to a few empty files."""
    for name in ("a.py", "x.py", "config.ini"):
        Path(name).write_text("")
    result = check(source, dag, env=env)
    return [item.code for item in (*result.errors, *result.warnings)]


FAIL = {"Name": "a", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}
TEXT = {"Name": "Mode", "Type": "String", "EnumValues": ["fast", "slow"], "DefaultValue": "fast"}


def _definition(*steps: Any, **sections: Any) -> str:
    return json.dumps({"Version": "2020-12-01", "Steps": list(steps), **sections})


def _condition(*conditions: Any) -> dict[str, Any]:
    return {
        "Name": "c",
        "Type": "Condition",
        "Arguments": {"Conditions": list(conditions), "IfSteps": [FAIL], "ElseSteps": []},
    }


APP = {"AppSpecification": {"ImageUri": "x", "ContainerEntrypoint": ["sh"]}}


ROLE_OF_JOBS = "arn:aws:iam::123456789012:role/R"


def _processing(**arguments: Any) -> dict[str, Any]:
    cluster = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30}
    needed = {"RoleArn": ROLE_OF_JOBS, "ProcessingResources": {"ClusterConfig": cluster}}
    return {"Name": "a", "Type": "Processing", "Arguments": {**needed, **APP, **arguments}}


def _input(name: str = "x", uri: str = "s3://bucket/none") -> dict[str, Any]:
    source = {"S3Uri": uri, "S3DataType": "S3Prefix", "S3InputMode": "File"}
    return {"InputName": name, "S3Input": {**source, "LocalPath": "/opt/ml/processing/x"}}


OUTPUT = {"OutputName": "o", "S3Output": {"S3Uri": "s3://bucket/o", "LocalPath": "/opt/ml/processing/o"}}
ALGORITHM = {
    "AlgorithmSpecification": {"TrainingImage": "x", "TrainingInputMode": "File"},
    "OutputDataConfig": {"S3OutputPath": "s3://bucket/m"},
    "HyperParameters": {"sagemaker_program": "a.py", "sagemaker_submit_directory": "s3://bucket/c"},
}


def _training(**arguments: Any) -> dict[str, Any]:
    return {"Name": "a", "Type": "Training", "Arguments": {**ALGORITHM, **arguments}}


LAMBDA = {
    "Name": "a",
    "Type": "Lambda",
    "FunctionArn": "arn:aws:lambda:us-east-1:123456789012:function:notify",
    "Arguments": {},
    "OutputParameters": [],
}
CALLBACK = {
    "Name": "a",
    "Type": "Callback",
    "SqsQueueUrl": "https://sqs.us-east-1.amazonaws.com/123456789012/q",
    "Arguments": {},
    "OutputParameters": [],
}


def _tuning(
    strategy: str = "Random", metrics: Sequence[Any] = ({"Name": "m", "Regex": "m=(.*)"},)
) -> dict[str, Any]:
    return {
        "Name": "a",
        "Type": "Tuning",
        "Arguments": {
            "HyperParameterTuningJobConfig": {
                "Strategy": strategy,
                "ResourceLimits": {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 1},
                "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "m"},
                "ParameterRanges": {
                    "ContinuousParameterRanges": [{"Name": "r", "MinValue": "0", "MaxValue": "1"}]
                },
            },
            "TrainingJobDefinition": {
                "AlgorithmSpecification": {
                    "TrainingImage": "x",
                    "TrainingInputMode": "File",
                    "MetricDefinitions": list(metrics),
                },
                "OutputDataConfig": {"S3OutputPath": "s3://bucket/m"},
                "StaticHyperParameters": ALGORITHM["HyperParameters"],
            },
        },
    }


TRANSFORM = {
    "Name": "a",
    "Type": "Transform",
    "Arguments": {
        "ModelName": "m",
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/x"}}
        },
        "TransformOutput": {"S3OutputPath": "s3://bucket/o"},
        "TransformResources": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1},
        "DataProcessing": {"InputFilter": "$.name["},
    },
}


def _xgboost(tag: str, **hyperparameters: str) -> dict[str, Any]:
    """A training job for whose image the local image of dagcast-xgboost stands."""
    image = f"683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:{tag}"
    train = {
        "ChannelName": "train",
        "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/none"}},
    }
    return {
        **_training(
            AlgorithmSpecification={"TrainingImage": image, "TrainingInputMode": "File"},
            HyperParameters=hyperparameters,
            InputDataConfig=[train],
            ResourceConfig={"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 1},
            RoleArn="arn:aws:iam::123456789012:role/SageMakerRole",
            StoppingCondition={"MaxRuntimeInSeconds": 60},
        ),
        "Name": "x",
    }


RUN: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "run.image-refuses": (_definition(_xgboost("1.7-1", num_round="0")), ()),
    "run.image-stands-in": (
        _definition(_xgboost("1.7-1", num_round="1")),
        ("--input", "s3://bucket/none=empty.py"),
    ),
    "run.unknown-image-tag": (_definition(_xgboost("9.9-9", num_round="1")), ()),
    "request.duplicate": (_definition(_processing(ProcessingOutputConfig={"Outputs": [OUTPUT, OUTPUT]})), ()),
    "request.invalid-regex": (
        _definition(
            _training(
                AlgorithmSpecification={
                    **ALGORITHM["AlgorithmSpecification"],
                    "MetricDefinitions": [{"Name": "m", "Regex": "("}],
                }
            )
        ),
        (),
    ),
    "request.unsafe-path": (
        _definition(
            _training(
                RoleArn=ROLE_OF_JOBS,
                ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30},
                StoppingCondition={"MaxRuntimeInSeconds": 60},
                CheckpointConfig={"S3Uri": "s3://bucket/c", "LocalPath": "/opt/ml/model"},
            )
        ),
        (),
    ),
    "request.invalid-name": (
        _definition(
            {
                "Name": "a",
                "Type": "RegisterModel",
                "Arguments": {"InferenceSpecification": {"Containers": []}, "ModelPackageGroupName": "../x"},
            }
        ),
        (),
    ),
    "run.missing-lambda": (_definition(LAMBDA), ()),
    "run.invalid-lambda": (_definition(LAMBDA), ("--lambda", "notify=empty.py:main")),
    "run.missing-callback": (_definition(CALLBACK), ()),
    "run.missing-program": (_definition(CALLBACK), ("--callback", "a=no-such-program --really")),
    "run.invalid-callback": (_definition(CALLBACK), ("--callback", "a=sh -c 'no end")),
    "run.invalid-json": (_definition(CALLBACK), ("--callback", "a=broken.json")),
    "run.one-process": (
        _definition(
            _training(
                HyperParameters={
                    **ALGORITHM["HyperParameters"],
                    "sagemaker_torch_distributed_enabled": "true",
                }
            )
        ),
        (),
    ),
    "run.unsupported-field": (
        _definition(
            _processing(
                ProcessingInputs=[{**_input(), "S3Input": {**_input()["S3Input"], "S3InputMode": "Pipe"}}]
            )
        ),
        (),
    ),
    "stub.invalid-json": (_definition(_processing()), ("--stub", "a=broken.json")),
    "stub.wrong-type": (_definition(_processing()), ("--stub", "a=list.json")),
    "stub.unknown-field": (_definition(_processing()), ("--stub", "a=unknown.json")),
    "stub.missing-file": (_definition(_processing()), ("--stub", "a=none.json")),
    "stub.unknown-name": (_definition(_processing()), ("--stub", "a=outputs.json")),
    "stub.unsafe-uri": (_definition(_processing()), ("--stub", "a=uri.json")),
    "transform.data-processing": (_definition(TRANSFORM), ()),
    "tuning.invalid-range": (_definition(_tuning("Grid")), ()),
    "tuning.missing-metric": (_definition(_tuning(metrics=())), ()),
    "run.unsafe-file": (
        _definition(_processing(ProcessingInputs=[_input()])),
        ("--input", "s3://bucket/none=linked"),
    ),
    "condition.missing-field": (_definition(_condition({"Type": "Equals"})), ()),
    "condition.unknown-type": (_definition(_condition({"Type": "Almost"})), ()),
    "condition.wrong-type": (_definition(_condition({"Type": "Or", "Conditions": 1})), ()),
    "definition.duplicate": (_definition(FAIL, FAIL), ()),
    "definition.invalid-duration": (
        _definition({**FAIL, "CacheConfig": {"Enabled": True, "ExpireAfter": "soon"}}),
        (),
    ),
    "definition.invalid-name": (_definition({**FAIL, "Name": "a b"}), ()),
    "definition.invalid-reference": (
        _definition({**FAIL, "Arguments": {"ErrorMessage": {"Get": "nothing"}}}),
        (),
    ),
    "definition.wrong-type": (_definition({**FAIL, "Arguments": 1}), ()),
    "parameter.missing": (_definition(FAIL, Parameters=[{"Name": "P", "Type": "String"}]), ()),
    "parameter.unknown": (_definition(FAIL), ("--param", "P=1")),
    "parameter.unknown-value": (_definition(FAIL, Parameters=[TEXT]), ("--param", "Mode=best")),
    "parameter.wrong-type": (
        _definition(FAIL, Parameters=[{"Name": "P", "Type": "Integer"}]),
        ("--param", "P=many"),
    ),
    "run.missing-file": (_definition(FAIL), ("--input", "s3://bucket/x=none")),
    "run.unknown-function": (_definition(FAIL), ("--lambda", "none=none.py:main")),
    "run.unknown-run": (_definition(FAIL), ("--from-run", "none", "--only", "a")),
    "run.unknown-step": (_definition(FAIL), ("--only", "b")),
    "run.unread-input": (_definition(FAIL), ("--input", "s3://bucket/x=linked")),
    "run.unsupported-step": (_definition({"Name": "e", "Type": "EMR", "Arguments": {}}), ()),
}


FILES = {
    "empty.py": "",
    "broken.json": "{",
    "list.json": "[]",
    "unknown.json": '{"propertys": {}}',
    "outputs.json": '{"outputs": {"none": "empty.py"}}',
    "uri.json": '{"outputs": {"s3://bucket/../x": "empty.py"}}',
}


def run(*arguments: str) -> Iterable[str]:
    """Call ``dagcast run`` next to a few files."""
    for name, content in FILES.items():
        Path(name).write_text(content)
    Path("linked").mkdir()
    Path("linked", "loop").symlink_to(Path("linked").absolute())
    return command("run", *arguments)


def command(*arguments: str) -> Iterable[str]:
    """Call a command that prints JSON: one object, or a line for each event."""
    output = CliRunner().invoke(cli, [*arguments, "--json"]).stdout
    try:
        parts = [json.loads(output)]
    except ValueError:
        parts = [json.loads(line) for line in output.splitlines()]
    return [item["code"] for part in parts for item in (part, *part.get("diagnostics", ())) if "code" in item]


def run_definition(text: str, *arguments: str) -> Iterable[str]:
    Path("definition.json").write_text(text)
    return run("definition.json", *arguments)


def resume_changed(file: str, text: str) -> Iterable[str]:
    """Resume a run whose folder somebody has changed."""
    Path("definition.json").write_text(_definition(FAIL))
    CliRunner().invoke(cli, ["run", "definition.json"])
    (folder,) = Path(".dagcast/runs").glob("[!.]*")
    (folder / file).write_text(text)
    return command("run", "--resume", folder.name)


COMMANDS: Mapping[str, tuple[str, ...]] = {
    "plugin.failed": ("validate", "c.json", "--plugin", "none"),
    "plugin.unknown": ("validate", "p.json"),
    "plugin.lock": ("compile", "c.json", "-o", "d.json", "--locked"),
    "command.unwritable-output": ("compile", "c.json", "-o", "c.json/d.json"),
    "parameter.too-long": ("run", "d.json", "--param", "P=" + "x" * 1025),
    "run.missing-data": ("run", "reads.json"),
    "run.debug": ("run", "two.json", "--debug", "a", "--only", "b"),
    "run.not-selected": ("run", "two.json", "--only", "b"),
}


def other_command(*arguments: str) -> Iterable[str]:
    """Call a command next to the files that the table names."""
    Path("c.json").write_text(json.dumps(config({"a": STOP})))
    Path("p.json").write_text(json.dumps(config({"a": STOP}, plugins={"disable": ["none"]})))
    Path("d.json").write_text(
        _definition(FAIL, Parameters=[{"Name": "P", "Type": "String", "DefaultValue": ""}])
    )
    job = _processing(ProcessingInputs=[_input()])
    Path("reads.json").write_text(_definition(job))
    after = {**FAIL, "Name": "b", "Arguments": {"ErrorMessage": {"Get": "Steps.a.ProcessingJobName"}}}
    Path("two.json").write_text(_definition(job, after))
    return command(*arguments)


def no_container_engine() -> Iterable[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(Path.cwd()))
        return run_definition(_definition(_processing()), "--runner", "docker")


def no_optuna() -> Iterable[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "optuna", None)
        return run_definition(_definition(_tuning()))


def no_sdk(program: str) -> Iterable[str]:
    """Run a program that prints codes in another process, which cannot import ``sagemaker``, with an empty cache."""
    start = (
        "import sys; sys.modules['sagemaker'] = None\nfrom dagcast import DagcastError, PipelineDAGCompiler\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", start + program],
        env={**os.environ, "XDG_CACHE_HOME": str(Path.cwd())},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return done.stdout.split()


def image_without_sdk() -> Iterable[str]:
    source = config({"a": {"type": "Training", "instance_type": "ml.m5.xlarge", **PYTORCH}})
    return no_sdk(
        f"print(*[item.code for item in PipelineDAGCompiler({source!r}, plugins=[]).validate().errors])"
    )


def compile_without_sdk() -> Iterable[str]:
    return no_sdk(f"""
try:
    PipelineDAGCompiler({config({"a": STOP})!r}, plugins=[]).compile()
except DagcastError as error:
    print(error.code)
""")


def changed_code() -> Iterable[str]:
    script = Path("a.py")
    script.write_text("print(1)")
    source = config({"a": {"type": "Processing", **JOB, "entry_point": str(script)}})
    compilation = PipelineDAGCompiler(source, plugins=[]).compile_definition()
    script.write_text("print(2)")
    (staged,) = compilation.spec.staged
    with pytest.raises(DagcastError) as caught:
        archive_bytes(staged)
    return [caught.value.code]


def resume_with_another_parameter() -> Iterable[str]:
    parameter = {"Name": "P", "Type": "String", "DefaultValue": "1"}
    options = RunOptions(runs=Path("runs"))
    outcome = Runner(_definition(FAIL, Parameters=[parameter]), "p", options=options).run()
    return refused(lambda: Runner.resume(outcome.id, replace(options, parameters={"P": "2"})))


def resume_after_an_edit() -> Iterable[str]:
    Path("a.py").write_text("old")
    staged = stage_file("a.py", Path.cwd(), "bucket", "")
    sources = RunSources([staged], "dagcast run a.yaml")
    options = RunOptions(runs=Path("runs"))
    outcome = Runner(_definition(FAIL), "p", options=options, sources=sources).run()
    Path("a.py").write_text("new")
    events: list[Event] = []
    Runner.resume(outcome.id, options, listener=events.append).run()
    return [event.details["code"] for event in events if event.kind == "warning"]


def input_without_uri() -> Iterable[str]:
    options = RunOptions(runs=Path("runs"), inputs={"nonsense": Path()})
    return refused(Runner(_definition(FAIL), "p", options=options).run)


def refused(call: Callable[[], Any]) -> Iterable[str]:
    with pytest.raises(InvalidInputError) as caught:
        call()
    return [item.code for item in caught.value.diagnostics]


def error_of_a_plugins_command() -> Iterable[str]:
    """An error that has no code of its own."""

    @click.command()
    def look_up() -> None:
        fail(DagcastError("the directory does not answer"), True)

    return [item["code"] for item in json.loads(CliRunner().invoke(look_up).stdout)["diagnostics"]]


def infinite_number() -> Iterable[str]:
    variant = {"VariantName": "v", "ModelName": "m", "InitialVariantWeight": math.inf}
    step = {"Name": "a", "Type": "EndpointConfig", "Arguments": {"ProductionVariants": [variant]}}
    return [problem.code for problem in check_steps(read_definition(_definition(step)))]


def new_plugin(*names: str) -> Iterable[str]:
    """Write plugins into one folder, and give the codes of the last."""
    return [command("plugins", "new", name, "--folder", "new") for name in names][-1]


def with_policy(policy: Mapping[str, Any], *arguments: str) -> Iterable[str]:
    """Compile a config that gives guardrails a key, on a machine with a site policy."""
    options = {"options": {"guardrails": {"kms_key": "alias/mine"}}}
    Path("c.json").write_text(json.dumps(config({"a": STOP}, plugins=options)))
    Path("site.json").write_text(json.dumps({"plugins": policy}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGCAST_SITE", "site.json")
        return command("validate", "c.json", *arguments)


def no_temporary_folder() -> Iterable[str]:
    script = (
        "import tempfile; tempfile.tempdir = '/nonexistent'\n"
        "from dagcast.staging.temporary_folder import TemporaryFolderError, temporary_folder\n"
        "try:\n    with temporary_folder('x'): pass\nexcept TemporaryFolderError as error: print(error.code)\n"
    )
    return no_sdk(script)


def code_outside_of_the_project() -> Iterable[str]:
    Path("project").mkdir()
    Path("a.py").write_text("print(1)")
    source = config({"a": {"type": "Processing", **JOB, "entry_point": "../a.py"}})
    Path("project/c.json").write_text(json.dumps(source))
    return [item.code for item in PipelineDAGCompiler("project/c.json", plugins=[]).validate().warnings]


INPUTS: Mapping[str, Callable[..., Iterable[str]]] = {
    **{code: partial(config_file, text) for code, text in TEXTS.items()},
    **{
        code: partial(compiled, source, DAGS.get(code), ENVIRONMENTS.get(code))
        for code, source in COMPILED.items()
    },
    **{code: partial(run_definition, text, *arguments) for code, (text, arguments) in RUN.items()},
    **{code: partial(other_command, *arguments) for code, arguments in COMMANDS.items()},
    "code.changed": changed_code,
    "code.outside-project": code_outside_of_the_project,
    "command.temporary-folder": no_temporary_folder,
    "command.failed": error_of_a_plugins_command,
    "definition.invalid-json": partial(resume_changed, "definition.json", "{"),
    "definition.too-deep": partial(resume_changed, "definition.json", '{"a":' * 500 + "1" + "}" * 500),
    "image.missing-sdk": image_without_sdk,
    "plugin.file-exists": partial(new_plugin, "owner", "owner"),
    "plugin.invalid-name": partial(new_plugin, "9lives"),
    "plugin.fixed-option": partial(
        with_policy, {"required": ["guardrails"], "fixed": {"guardrails": {"kms_key": "alias/ml"}}}
    ),
    "plugin.forbidden": partial(with_policy, {"forbidden": ["never"]}, "--plugin", "never"),
    "plugin.policy": partial(with_policy, {"forbidden": ["a"], "required": ["a"]}),
    "plugin.required": partial(with_policy, {"required": ["always"]}, "--no-plugins"),
    "request.not-finite": infinite_number,
    "run.folder": partial(run, "--resume", "none"),
    "run.invalid-name": lambda: refused(
        Runner(_definition(FAIL), "a b", options=RunOptions(runs=Path("runs"))).run
    ),
    "run.isolation": no_container_engine,
    "run.missing-extra": no_optuna,
    "run.changed-code": resume_after_an_edit,
    "run.resumed-parameter": resume_with_another_parameter,
    "run.unsafe-uri": input_without_uri,
    "sdk.unusable": compile_without_sdk,
}
"""By code: a function that produces diagnostics in an empty working directory, and returns their codes."""


@pytest.mark.parametrize("code", diagnostic_codes.CODES)
def test_each_code_is_produced_by_an_input(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert code in list(INPUTS[code]())
