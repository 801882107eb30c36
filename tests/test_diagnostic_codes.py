"""Codes of diagnostics: every one in the sources is registered, listed in the docs, and produced by a test."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import dagcast_guardrails.diagnostic_codes
import mods_plugin.diagnostic_codes
from dagcast import diagnostic_codes
from dagcast.cli.main import cli
from dagcast.errors import Diagnostic, InvalidInputError
from dagcast.plugins.scaffold import write_project
from dagcast.runner import Runner, RunOptions
from tests.support.compiling import JOB, PIPELINE, check, config

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


# Each code, produced through a public door. Those that are not here are in the tests of their rooms.

STOP = {"type": "Fail", "error_message": "no"}
WORK = {"type": "Processing", **JOB, "outputs": {"data": None}}
TRAIN = {"type": "Training", **JOB, "hyperparameters": {"x": 1}}


def _without(name: str) -> dict[str, Any]:
    return {key: value for key, value in PIPELINE.items() if key != name}


COMPILED: Mapping[str, dict[str, Any]] = {
    "code.entry-point-conflict": config(
        {"a": {"type": "Processing", **JOB, "entry_point": "a.py", "container_entrypoint": ["sh"]}}
    ),
    "code.invalid": config({"a": {"type": "Processing", **JOB, "entry_point": "none.py"}}),
    "code.missing-entry-point": config({"a": {"type": "Processing", **JOB, "source_dir": "."}}),
    "config.invalid-value": config({"a": {**STOP, "request": {"x": 1}}}),
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
    "dag.duplicate-node": {"nodes": ["a", "a"]},
    "dag.unknown-field": {"nodes": ["a"], "edgs": []},
    "dag.wrong-type": {"nodes": "a"},
}
ENVIRONMENTS = {"config.unknown-environment": "test"}


@pytest.mark.parametrize("code", COMPILED)
def test_a_compile_gives_the_code(code: str) -> None:
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


RUN: Mapping[str, tuple[str, tuple[str, ...]]] = {
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


@pytest.mark.parametrize("code", RUN)
def test_a_local_run_gives_the_code(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text, arguments = RUN[code]
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


NOT_YET = {
    "code.changed",
    "command.failed",
    "config.duplicate",
    "request.duplicate",
    "request.invalid-regex",
    "run.missing-extra",
    "run.resumed-parameter",
    "run.unread-input",
    "run.unsafe-file",
    "sdk.unusable",
    "tuning.invalid-range",
}
"""Codes whose inputs are tested by their messages alone. A new code is not added here: it gets an input above."""


def test_every_code_is_expected_by_a_test() -> None:
    tests = {
        node.value
        for path in (ROOT / "tests").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert sorted(set(diagnostic_codes.CODES) - tests) == []
    assert not NOT_YET & {*COMPILED, *RUN, *COMMANDS}
