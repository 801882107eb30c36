"""Codes of diagnostics: each code in the sources is registered, listed in the docs, and produced by an input here."""

from __future__ import annotations

import ast
import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import dagcast_guardrails.diagnostic_codes
import mods_plugin.diagnostic_codes
from dagcast import DagcastError, PipelineDAGCompiler, diagnostic_codes
from dagcast.artifacts import archive_bytes
from dagcast.check.steps import check_steps
from dagcast.cli.main import cli
from dagcast.command_line import fail
from dagcast.definition.read import read_definition
from dagcast.definition.references import Scope
from dagcast.errors import Diagnostic, InvalidInputError
from dagcast.plugins.scaffold import write_project
from dagcast.runner import Runner, RunOptions
from dagcast.runner.unused_inputs import check_inputs_are_read
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


def _calls(folder: str) -> Iterator[tuple[Path, ast.Call]]:
    for path in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                yield path, node


@pytest.mark.parametrize("folder", SOURCES)
def test_every_diagnostic_in_the_sources_has_a_registered_code(folder: str) -> None:
    seen = 0
    for path, call in _calls(folder):
        given = {keyword.arg: keyword.value for keyword in call.keywords}
        name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
        if name == "Diagnostic":
            assert "code" in given, f"{path}:{call.lineno}"
            seen += 1
        code = given.get("code")
        if isinstance(code, ast.Constant) and isinstance(code.value, str):
            assert code.value in ALL, f"{path}:{call.lineno}: {code.value}"
    assert seen


@pytest.mark.parametrize("folder", ["core/dagcast", "mods_plugin/mods_plugin"])
def test_every_registered_code_is_used_in_the_sources(folder: str) -> None:
    used = {
        node.value
        for path in (ROOT / folder).rglob("*.py")
        if path.name != "diagnostic_codes.py"
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert sorted(set(SOURCES[folder]) - used) == []


def test_the_docs_list_every_code() -> None:
    rows = re.findall(
        r"^\| `([^`]+)` \| (.+) \|$", (ROOT / "docs" / "diagnostics.md").read_text("utf-8"), re.MULTILINE
    )
    assert dict(rows) == ALL
    assert len(rows) == len(ALL)


# Each code, produced through a public door

STOP = {"type": "Fail", "error_message": "no"}
WORK = {"type": "Processing", **JOB, "outputs": {"data": None}}
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
    "data.own-results": config({"a": {**TRAIN, "inputs": {"x": "s3://my-bucket/"}}}),
    "data.parameter-slash": config(
        {"a": {**TRAIN, "output_path": "${param.Out}/models"}}, parameters={"Out": "s3://bucket/x/"}
    ),
    "data.sibling-prefix": config(
        {
            "a": {
                "type": "Processing",
                **JOB,
                "outputs": {"x": {"destination": "s3://bucket/x"}, "y": {"destination": "s3://bucket/xy"}},
            }
        }
    ),
    "image.by-default": config(
        {
            "a": {
                "type": "Training",
                "instance_type": "${param.Machine}",
                "framework": "pytorch",
                "framework_version": "2.0",
                "py_version": "py310",
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
    "image.conflict": config(
        {"a": {**TRAIN, "framework": "pytorch", "framework_version": "2.0", "py_version": "py310"}}
    ),
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
                "framework": "pytorch",
                "framework_version": "2.0",
                "py_version": "py310",
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


@pytest.mark.parametrize("code", TEXTS)
def test_a_config_file_gives_the_code(code: str, tmp_path: Path) -> None:
    text, file = TEXTS[code], tmp_path / "c.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert code in [item.code for item in check(file).errors]


@pytest.mark.parametrize("code", COMPILED)
def test_a_compile_gives_the_code(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.py", "x.py", "config.ini"):
        Path(name).write_text("")
    result = check(COMPILED[code], DAGS.get(code), env=ENVIRONMENTS.get(code))
    assert code in [item.code for item in (*result.errors, *result.warnings)], result


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


def _processing(**arguments: Any) -> dict[str, Any]:
    return {"Name": "a", "Type": "Processing", "Arguments": {**APP, **arguments}}


def _input(name: str = "x", uri: str = "s3://bucket/none") -> dict[str, Any]:
    return {"InputName": name, "S3Input": {"S3Uri": uri, "LocalPath": "/opt/ml/processing/x"}}


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


RUN: Mapping[str, tuple[str, tuple[str, ...]]] = {
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
    "request.unsafe-path": (_definition(_processing(ProcessingInputs=[_input("../x")])), ()),
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
    "run.isolation": (_definition(_processing()), ("--runner", "docker")),
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
    "run.folder": (_definition(FAIL), ("--resume", "none")),
    "run.missing-file": (_definition(FAIL), ("--input", "s3://bucket/x=none")),
    "run.unknown-function": (_definition(FAIL), ("--lambda", "none=none.py:main")),
    "run.unknown-run": (_definition(FAIL), ("--from-run", "none", "--only", "a")),
    "run.unknown-step": (_definition(FAIL), ("--only", "b")),
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


@pytest.mark.parametrize("code", RUN)
def test_a_local_run_gives_the_code(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text, arguments = RUN[code]
    for name, content in FILES.items():
        Path(name).write_text(content)
    Path("linked").mkdir()
    Path("linked", "loop").symlink_to(tmp_path / "linked")
    if code == "run.isolation":
        monkeypatch.setenv("PATH", str(tmp_path))  # no container engine
    Path("definition.json").write_text(text)
    source = () if "--resume" in arguments else ("definition.json",)
    result = CliRunner().invoke(cli, ["run", *source, "--json", *arguments])
    found = [item for line in result.stdout.splitlines() for item in json.loads(line).get("diagnostics", ())]
    assert code in [item["code"] for item in found], result.output


@pytest.mark.parametrize(
    ("code", "text", "pipeline"),
    [
        ("definition.invalid-json", "{", "p"),
        ("definition.too-deep", '{"a":' * 500 + "1" + "}" * 500, "p"),
        ("run.invalid-name", _definition(FAIL), "a b"),
    ],
)
def test_a_runner_that_is_given_a_text_gives_the_code(
    code: str, text: str, pipeline: str, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        Runner(text, pipeline, options=RunOptions(runs=tmp_path)).run()
    assert [item.code for item in caught.value.diagnostics] == [code]


@pytest.mark.parametrize(
    ("code", "name"), [("plugin.file-exists", "owner"), ("plugin.invalid-name", "9lives")]
)
def test_a_new_plugin_gives_the_code(code: str, name: str, tmp_path: Path) -> None:
    write_project("owner", tmp_path)
    with pytest.raises(InvalidInputError) as caught:
        write_project(name, tmp_path)
    assert {item.code for item in caught.value.diagnostics} == {code}


COMMANDS: Mapping[str, tuple[str, ...]] = {
    "plugin.failed": ("validate", "c.json", "--json", "--plugin", "none"),
    "plugin.unknown": ("validate", "p.json", "--json"),
    "plugin.lock": ("compile", "c.json", "-o", "d.json", "--json", "--locked"),
    "command.unwritable-output": ("compile", "c.json", "-o", "c.json/d.json", "--json"),
    "parameter.too-long": ("run", "d.json", "--json", "--param", "P=" + "x" * 1025),
    "run.missing-data": ("run", "reads.json", "--json"),
    "request.unsafe-uri": ("run", "unsafe.json", "--json"),
    "run.not-selected": ("run", "two.json", "--json", "--only", "b"),
}


@pytest.mark.parametrize("code", COMMANDS)
def test_a_command_gives_the_code(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.json").write_text(json.dumps(config({"a": STOP})))
    Path("p.json").write_text(json.dumps(config({"a": STOP}, plugins={"disable": ["none"]})))
    Path("d.json").write_text(
        _definition(FAIL, Parameters=[{"Name": "P", "Type": "String", "DefaultValue": ""}])
    )
    reads = {
        "ProcessingInputs": [
            {"InputName": "x", "S3Input": {"S3Uri": "s3://bucket/none", "LocalPath": "/opt/ml/processing/x"}}
        ],
        "AppSpecification": {"ImageUri": "x", "ContainerEntrypoint": ["sh"]},
    }
    job = {"Name": "a", "Type": "Processing", "Arguments": reads}
    Path("reads.json").write_text(_definition(job))
    Path("unsafe.json").write_text(_definition(job).replace("s3://bucket/none", "s3://b/none"))
    after = {**FAIL, "Name": "b", "Arguments": {"ErrorMessage": {"Get": "Steps.a.ProcessingJobName"}}}
    Path("two.json").write_text(_definition(job, after))
    result = CliRunner().invoke(cli, list(COMMANDS[code]))
    assert f'"{code}"' in result.output, result.output


def test_an_input_that_no_step_reads_gives_the_code(tmp_path: Path) -> None:
    definition = read_definition(_definition(FAIL))
    options = RunOptions(runs=tmp_path, inputs={"s3://bucket/x": tmp_path})
    scope = Scope(
        parameters={},
        execution={"PipelineExecutionId": "run"},
        properties_of=lambda step: {},
        property_file=lambda step, file: None,
        read_json=lambda uri: None,
    )
    found = check_inputs_are_read(definition, definition.steps, options, scope)
    assert [item.code for item in found] == ["run.unread-input"]


def test_an_invalid_uri_of_an_input_gives_the_code(tmp_path: Path) -> None:
    options = RunOptions(runs=tmp_path / "runs", inputs={"nonsense": tmp_path})
    with pytest.raises(InvalidInputError) as caught:
        Runner(_definition(FAIL), "p", options=options).run()
    assert [item.code for item in caught.value.diagnostics] == ["run.unsafe-uri"]


def test_a_resumed_run_gives_the_code(tmp_path: Path) -> None:
    parameter = {"Name": "P", "Type": "String", "DefaultValue": "1"}
    options = RunOptions(runs=tmp_path)
    outcome = Runner(_definition(FAIL, Parameters=[parameter]), "p", options=options).run()
    with pytest.raises(InvalidInputError) as caught:
        Runner.resume(outcome.id, replace(options, parameters={"P": "2"}))
    assert [item.code for item in caught.value.diagnostics] == ["run.resumed-parameter"]


def test_missing_packages_give_the_codes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(InvalidInputError) as caught:
        Runner(_definition(_tuning()), "p", options=RunOptions(runs=tmp_path)).run()
    assert "run.missing-extra" in [item.code for item in caught.value.diagnostics]


def test_without_an_sdk_the_codes_are_given(tmp_path: Path) -> None:
    """In another process, where the package ``sagemaker`` cannot be imported, and no image was looked up before."""
    framework = {"framework": "pytorch", "framework_version": "2.0", "py_version": "py310"}
    source = config({"a": {"type": "Training", "instance_type": "ml.m5.xlarge", **framework}})
    code = f"""
import sys
sys.modules["sagemaker"] = None
from dagcast import DagcastError, PipelineDAGCompiler
print([item.code for item in PipelineDAGCompiler({source!r}, plugins=[]).validate().errors])
try:
    PipelineDAGCompiler({config({"a": STOP})!r}, plugins=[]).compile()
except DagcastError as error:
    print(error.code)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.stdout == "['image.missing-sdk']\nsdk.unusable\n", done.stderr


def test_changed_code_gives_the_code(tmp_path: Path) -> None:
    script = tmp_path / "a.py"
    script.write_text("print(1)")
    source = config({"a": {"type": "Processing", **JOB, "entry_point": str(script)}})
    compilation = PipelineDAGCompiler(source, plugins=[]).compile_definition()
    script.write_text("print(2)")
    (staged,) = compilation.spec.staged
    with pytest.raises(DagcastError) as caught:
        archive_bytes(staged)
    assert caught.value.code == "code.changed"


def test_another_error_gives_the_code(capsys: pytest.CaptureFixture[str]) -> None:
    """An error of a plugin's command that has no code of its own."""
    with pytest.raises(SystemExit):
        fail(DagcastError("the directory does not answer"), True)
    assert json.loads(capsys.readouterr().out)["diagnostics"][0]["code"] == "command.failed"


def test_an_infinite_number_in_a_definition_gives_the_code() -> None:
    variant = {"VariantName": "v", "ModelName": "m", "InitialVariantWeight": math.inf}
    step = {"Name": "a", "Type": "EndpointConfig", "Arguments": {"ProductionVariants": [variant]}}
    found = check_steps(read_definition(_definition(step)))
    assert "request.not-finite" in [problem.code for problem in found]


OTHER_TESTS = {
    *("definition.invalid-json", "definition.too-deep", "run.invalid-name"),
    *("plugin.file-exists", "plugin.invalid-name", "run.unread-input", "run.resumed-parameter"),
    *("run.missing-extra", "image.missing-sdk", "sdk.unusable", "code.changed", "command.failed"),
    "request.not-finite",
    "run.unsafe-uri",
}
"""Ids that a test above produces outside of the tables."""


def test_every_code_is_produced_by_a_test_above() -> None:
    produced = {*TEXTS, *COMPILED, *RUN, *COMMANDS, *OTHER_TESTS}
    assert produced == set(diagnostic_codes.CODES)
