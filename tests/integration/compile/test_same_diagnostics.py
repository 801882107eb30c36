"""What ``validate`` says of a config, ``compile`` and ``run`` say in the same words, before anything starts."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dagcast import PipelineDAGCompiler
from dagcast.cli.main import cli
from dagcast.compiler import ValidationResult
from dagcast.errors import InvalidInputError
from tests.check.rows.row import one
from tests.check.test_service_rows import REQUIREMENTS
from tests.support.compiling import ALWAYS, JOB, PIPELINE, config

STOP = {"type": "Fail", "error_message": "no"}
PROCESSING = {"type": "Processing", **JOB}
TRAINING = {"type": "Training", **JOB}
OTHER_FAULTS: Mapping[str, Mapping[str, Any]] = {
    "misspelt section": {**config({"stop": STOP}), "paramters": {}},
    "misspelt field": config({"stop": {**STOP, "error_mesage": "no"}}),
    "unknown type": config({"stop": {"type": "Fial"}}),
    "no type": config({"stop": {"error_message": "no"}}),
    "no role": {"pipeline": {"name": "demo"}, "steps": {"train": TRAINING}},
    "wrong name": {"pipeline": {**PIPELINE, "name": "not valid"}, "steps": {"stop": STOP}},
    "wrong region": {"pipeline": {**PIPELINE, "region": "nowhere"}, "steps": {"stop": STOP}},
    "unknown edge": config({"stop": STOP}, edges=["stop -> sotp"]),
    "cycle": config({"a": PROCESSING, "b": PROCESSING}, edges=["a => b", "b => a"]),
    "unfed input": config({"score": {"type": "Transform", "instance_type": "ml.m5.xlarge"}}),
    "unknown parameter": config({"train": {**TRAINING, "instance_count": "${param.Count}"}}),
    "unknown step": config({"train": {**TRAINING, "environment": {"A": "${step.prepare.RoleArn}"}}}),
    "unknown property": config(
        {"a": PROCESSING, "b": {**PROCESSING, "environment": {"A": "${step.a.RoleArm}"}}}
    ),
    "unknown property file": config(
        {
            "a": PROCESSING,
            "b": {
                "type": "Condition",
                "conditions": [{"left": "${json.a.Report.x}", "op": "==", "right": 1}],
                "if_steps": ["stop"],
            },
            "stop": STOP,
        }
    ),
    "step in two branches": config(
        {
            "choose": {
                "type": "Condition",
                "conditions": ALWAYS,
                "if_steps": ["stop"],
                "else_steps": ["stop"],
            },
            "stop": STOP,
        }
    ),
    "wrong default": config(
        {"train": {**TRAINING, "instance_type": "${param.Machine}"}}, parameters={"Machine": "ml.m5.huge"}
    ),
    "code that is missing": config({"a": {**PROCESSING, "entry_point": "missing.py"}}),
    "unsafe output": config({"a": {**PROCESSING, "outputs": {"out": "/etc"}}}),
    "escaping name": config({"a": {**PROCESSING, "inputs": {"../../../y": "s3://my-bucket/x"}}}),
    "unknown rule": config({"stop": STOP}, ignore_rules=["training.spot-wiat"]),
    "disabled plugin and an error": config(
        {"stop": {**STOP, "error_mesage": "no"}}, plugins={"disable": ["no-such-plugin"]}
    ),
    "warnings, ignored rules and an error": config(
        {
            "train": {
                **TRAINING,
                "use_spot_instances": True,
                "metric_definitions": {"auc": "auc=.*", "loss": "loss=.*"},
            },
            "stop": {**STOP, "error_mesage": "no"},
        },
        ignore_rules={"training.spot-wait": "a trial", "model.hostname": "never used"},
    ),
    "an error of a later stage": config({"a": {**PROCESSING, "request": {"ProcessingInput": []}}}),
    "many errors": config(
        {
            "a": {**PROCESSING, "instance_type": "m5.large", "volume_size_in_gb": 0},
            "b": {**TRAINING, "max_runtime_in_seconds": 0, "tags": {"aws:x": "1"}},
            "c": {"type": "Fail"},
        },
        edges=["a -> b", "b -> d"],
    ),
}
STAND_INS = {"pipeline.missing-role", "pipeline.missing-bucket"}
"""What a config may lack only where it runs on this machine."""
ROW_FAULTS = {
    f"{number}-{name}-{place}": case.broken
    for number, (name, cases) in sorted(REQUIREMENTS.items())
    for place, case in enumerate(cases)
}
FAULTS = {**OTHER_FAULTS, **ROW_FAULTS}
PARAMETERS = [pytest.param(fault, id=name.replace(" ", "-")) for name, fault in FAULTS.items()]


def _validated(source: Mapping[str, Any]) -> ValidationResult:
    return PipelineDAGCompiler(source, plugins=[]).validate()


def _compiled(compile_config: Callable[[], Any]) -> tuple[Any, Any]:
    """What a compile reports: its diagnostics and the ignored rules."""
    try:
        report = compile_config()
    except InvalidInputError as error:
        return error.diagnostics, error.ignored
    return report.warnings, report.ignored


@pytest.mark.parametrize("source", PARAMETERS)
def test_a_compile_reports_what_validate_reports(source: Mapping[str, Any]) -> None:
    expected = _validated(source)
    compiler = PipelineDAGCompiler(source, plugins=[])
    found = _compiled(lambda: compiler.compile_definition().report)
    assert found == ((*expected.errors, *expected.warnings), expected.ignored)


@pytest.mark.parametrize("source", [pytest.param(fault, id=name) for name, fault in OTHER_FAULTS.items()])
def test_a_compile_with_the_sdk_reports_what_validate_reports(source: Mapping[str, Any]) -> None:
    expected = _validated(source)
    compiler = PipelineDAGCompiler(source, plugins=[])
    found = _compiled(lambda: compiler.compile_with_report()[1])
    assert found == ((*expected.errors, *expected.warnings), expected.ignored)
    assert not expected.is_valid


def _command(name: str, *arguments: str) -> tuple[int, dict[str, Any]]:
    result = CliRunner().invoke(cli, [name, *arguments, "--json", "--no-plugins"], catch_exceptions=False)
    # A run prints a line of JSON for each event; the error is the last one.
    text = result.stdout.splitlines()[-1] if name == "run" else result.stdout
    body: dict[str, Any] = json.loads(text)
    return result.exit_code, body


@pytest.mark.parametrize("source", PARAMETERS)
def test_every_command_reports_the_same(source: Mapping[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "pipeline.json"
    path.write_text(json.dumps(source), "utf-8")
    code, expected = _command("validate", str(path))
    output = tmp_path / "definition.json"
    compiled, body = _command("compile", str(path), "-o", str(output))
    assert compiled == code
    assert (body["ok"], body["diagnostics"], body["ignored"]) == (
        expected["ok"],
        expected["diagnostics"],
        expected["ignored"],
    )
    assert output.exists() is expected["ok"]
    if expected["ok"] or {item["code"] for item in expected["diagnostics"]} <= STAND_INS:
        return  # It would run.
    runs = tmp_path / "runs"
    ran, event = _command("run", str(path), "--runs", str(runs))
    assert ran == code
    assert (event["ok"], event["diagnostics"], event["ignored"]) == (
        False,
        expected["diagnostics"],
        expected["ignored"],
    )
    assert not runs.exists()


@pytest.mark.parametrize("command", ["validate", "compile", "run"])
def test_a_failing_command_prints_warnings_and_ignored_rules(command: str, tmp_path: Path) -> None:
    path = tmp_path / "pipeline.json"
    path.write_text(json.dumps(OTHER_FAULTS["warnings, ignored rules and an error"]), "utf-8")
    result = CliRunner().invoke(cli, [command, str(path), "--no-plugins"], catch_exceptions=False)
    assert result.exit_code == 1
    for text in (
        "error: step 'stop' (Fail): unknown field 'error_mesage'",
        "the regex of metric 'auc' has no group",
        "ignored: training.spot-wait (a trial): ",
        "ignored: model.hostname (never used): nothing breaks it",
        "1 error",
    ):
        assert text in result.stderr


def test_a_run_prints_warnings_of_reading_the_config(tmp_path: Path) -> None:
    path = tmp_path / "pipeline.json"
    path.write_text(json.dumps(config({"stop": STOP}, plugins={"disable": ["no-such-plugin"]})), "utf-8")
    arguments = ["run", str(path), "--runs", str(tmp_path / "runs")]
    result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert "warning: disabled plugin 'no-such-plugin' is not installed" in result.stderr


def test_a_definition_that_cannot_run_says_which_rules_are_ignored(tmp_path: Path) -> None:
    job = {"Name": "call", "Type": "Lambda", "Arguments": {"names": ["a"]}}
    training = {"Name": "train", "Type": "Training", "Arguments": {}}
    path = tmp_path / "definition.json"
    path.write_text(json.dumps({"Version": "2020-12-01", "Steps": [job, training]}), "utf-8")
    ignore = ["--ignore-rule", "pipeline.nested-input=it takes lists"]
    expected = _command("validate", str(path), *ignore)
    ran, event = _command("run", str(path), "--runs", str(tmp_path / "runs"), *ignore)
    assert (ran, event["ignored"]) == (expected[0], expected[1]["ignored"])
    assert event["ignored"][0]["reason"] == "it takes lists"
    told = [item for item in event["diagnostics"] if not item["code"].startswith("run.")]
    assert all(item in told for item in expected[1]["diagnostics"])


CSV = {"content_type": "text/csv", "accept": "text/csv", "split_type": "Line", "assemble_with": "Line"}
JSON = {"content_type": "application/json", "accept": "application/json", "join_source": "Input"}
ODD = [
    *(
        one(kind, inputs={"data": uri})
        for kind in ("Training", "Processing")
        for uri in ("s3://my-bucket/../x", "s3://my-bucket//x", "s3://B/x", "https://x/y", "s3://my-bucket")
    ),
    *(one("Training", inputs={name: "s3://my-bucket/x"}) for name in (".", "..", "a b", "a.b")),
    *(one("Processing", inputs={name: "s3://my-bucket/x"}) for name in ("x/y", "x/../y", "..", "a b")),
    *(one("Processing", outputs={name: None}) for name in ("x/y", "../o", "a b")),
    *(
        one("Processing", outputs={"out": path})
        for path in ("/opt/ml/processing", "/opt/ml/processing/a/../b", "/opt/ml/processing/../x", "out")
    ),
    *(
        one(
            "Processing",
            inputs=None,
            outputs={"report": None},
            property_files={"Metrics": {"output": "report", "path": path}},
        )
        for path in ("", "..", "./r.json", "a//b", "a/../b", "/r.json")
    ),
    *(one("RegisterModel", model_package_group_name=name) for name in ("a b", "-x", "x" * 64)),
    *(one("Tuning", ranges={"eta": {"type": "Integer", "min": low, "max": 9}}) for low in (1.5, 0, 1)),
    *(
        one(
            "Tuning",
            request={
                "HyperParameterTuningJobConfig": {
                    "ParameterRanges": {f"{kind}ParameterRanges": [{"Name": "x", **bounds}]}
                }
            },
        )
        for kind, bounds in (
            ("Integer", {"MinValue": "1.5", "MaxValue": "9"}),
            ("Integer", {"MinValue": "a", "MaxValue": "9"}),
            ("Continuous", {"MinValue": "nan", "MaxValue": "9"}),
        )
    ),
    one(
        "Tuning",
        image_uri="683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1",
        metric_definitions=None,
        objective={"name": "validation:rmse"},
    ),
    *(
        one("Transform", input_filter=path, **fields)
        for fields in (CSV, JSON)
        for path in ("$", "$[", "$[0", "$[a]", "$.a", "$..x", "$[?(@.x)]", "$[1:3]", "$x", "$['a']", "[0]")
    ),
    *(one("Transform", split_type=split) for split in ("RecordIO", "TFRecord")),
    *(one("Processing", cache={"expire_after": text}) for text in ("30 days", "P30D", "P", "-P1D")),
    *(
        config(
            {
                "choose": {
                    "type": "Condition",
                    "conditions": [{"left": left, "op": op, "right": right}],
                    "if_steps": ["stop"],
                },
                "stop": STOP,
            },
            parameters={"S": "x", "N": 3, "F": 0.5},
        )
        for left in ("x", 1, True, 0.5, "${param.S}", "${param.N}", "${param.F}")
        for op, right in (("==", 1), (">=", "x"), ("in", ["x", 1]), ("<", True), ("==", 0.5))
    ),
]


@pytest.mark.parametrize("source", ODD, ids=map(str, range(len(ODD))))
def test_a_run_adds_only_what_cannot_run_here(source: Mapping[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "pipeline.json"
    path.write_text(json.dumps(source), "utf-8")
    _, validated = _command("validate", str(path))
    _, event = _command("run", str(path), "--runs", str(tmp_path / "runs"))
    errors = [item for item in event.get("diagnostics", ()) if item["severity"] == "error"]
    if not validated["ok"]:
        assert errors == [item for item in validated["diagnostics"] if item["severity"] == "error"]
    elif not validated["diagnostics"]:
        assert [item["code"] for item in errors if not item["code"].startswith("run.")] == []
