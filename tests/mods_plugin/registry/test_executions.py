"""Executions: who started what, with which parameters, and how it ended."""

from __future__ import annotations

import dataclasses
import getpass
import json
import threading
from datetime import datetime, timezone
from typing import Any

import pytest

from mods_plugin import MODSPipelineDAGCompiler
from mods_plugin.registry import Registry, RegistryError, UnknownTemplateError
from tests.mods_plugin.configs import CODE, STATED, config


@pytest.fixture
def filled(registry: Registry) -> Registry:
    """A registry with one version."""
    registry.register(config())
    return registry


def test_a_start_and_an_end_are_recorded(filled: Registry) -> None:
    before = datetime.now(timezone.utc)
    parameters = {"MaxDepth": 6, "Limit": 0.5, "Verbose": True, "Name": "é"}
    started = filled.start_execution(
        "churn", "1.4.0", parameters=parameters, started_by="operator", place="sagemaker", reference="arn:x"
    )
    assert (started.name, started.version, started.state) == ("churn", "1.4.0", "running")
    assert (started.started_by, started.parameters) == ("operator", parameters)
    assert (started.place, started.reference) == ("sagemaker", "arn:x")
    assert before <= started.started_at <= datetime.now(timezone.utc)
    assert (started.ended_at, started.reason) == (None, None)
    ended = filled.end_execution(started.id, "failed", reason="train: no memory")
    assert ended.ended_at is not None
    assert ended.ended_at >= started.started_at
    changed = {"state": "failed", "reason": "train: no memory", "ended_at": ended.ended_at}
    assert ended == dataclasses.replace(started, **changed)
    assert filled.executions("churn") == filled.executions("churn", "1.4.0") == (ended,)
    assert json.loads(json.dumps(ended.as_dict()))["parameters"] == parameters


def test_metadata_go_from_the_config_to_the_execution(filled: Registry) -> None:
    """Class, pipeline, report, registry and execution say the same."""
    compiler = MODSPipelineDAGCompiler(config())
    decorated = compiler.create_decorated_class()
    said = {
        "author": decorated.extract_author(),
        "version": decorated.extract_version(),
        "description": decorated.extract_description(),
        "package_name": decorated.extract_gitfarm_package_name(),
        "commit_id": decorated.extract_commit_id(),
    }
    assert said == {**STATED, **CODE}
    pipeline, report = compiler.compile_with_report()
    tags = dict(pipeline.spec.tags)
    assert pipeline.spec.description == said["description"]
    assert (tags["mods:author"], tags["mods:version"]) == (said["author"], said["version"])
    assert (tags["mods:package"], tags["mods:commit"]) == (said["package_name"], said["commit_id"])
    execution = filled.start_execution("churn", "1.4.0")
    for metadata in (report.metadata, filled.show("churn").metadata, execution.metadata):
        assert {field: metadata[field] for field in said} == said
        assert (metadata["module"], metadata["name"]) == (
            decorated.extract_module(),
            decorated.extract_name(),
        )


def test_the_default_user_is_the_operating_system_user(filled: Registry) -> None:
    assert filled.start_execution("churn", "1.4.0").started_by == getpass.getuser()


def test_executions_are_listed_newest_first(filled: Registry) -> None:
    filled.register(config(pipeline={**config()["pipeline"], "version": "2.0.0"}))
    numbers = [filled.start_execution("churn", version).id for version in ("1.4.0", "2.0.0", "1.4.0")]
    assert len(set(numbers)) == 3
    assert [item.id for item in filled.executions("churn")] == numbers[::-1]
    assert [item.id for item in filled.executions("churn", "1.4.0")] == [numbers[2], numbers[0]]
    assert filled.executions("churn", "3.0.0") == filled.executions("other") == ()


def test_an_end_is_immutable(filled: Registry) -> None:
    number = filled.start_execution("churn", "1.4.0").id
    filled.end_execution(number, "succeeded")
    with pytest.raises(RegistryError, match=rf"execution {number} of churn 1\.4\.0 has succeeded already"):
        filled.end_execution(number, "failed")
    assert filled.executions("churn")[0].state == "succeeded"


def test_of_two_concurrent_ends_one_succeeds(filled: Registry) -> None:
    number = filled.start_execution("churn", "1.4.0").id
    refused: list[RegistryError] = []

    def end(state: Any) -> None:
        try:
            filled.end_execution(number, state)
        except RegistryError as error:
            refused.append(error)

    threads = [threading.Thread(target=end, args=[state]) for state in ("succeeded", "failed", "stopped")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 2
    assert f"has {filled.executions('churn')[0].state} already" in str(refused[0])


@pytest.mark.parametrize(("state", "hint"), [("running", "known"), ("faild", "did you mean 'failed'")])
def test_an_invalid_end_state_is_an_error(filled: Registry, state: Any, hint: str) -> None:
    number = filled.start_execution("churn", "1.4.0").id
    with pytest.raises(RegistryError, match=f"invalid end state '{state}' .*{hint}"):
        filled.end_execution(number, state)
    assert filled.executions("churn")[0].state == "running"


@pytest.mark.parametrize(
    ("name", "version", "message"),
    [
        ("churm", "1.4.0", r"unknown template 'churm' \(did you mean 'churn'\?\)"),
        ("churn", "1.4.1", r"unknown version '1\.4\.1' of template 'churn' \(did you mean '1\.4\.0'\?\)"),
        ("churn\0", "1.4.0", "unknown template"),
        ("churn", "\ud800", "unknown version"),
    ],
)
def test_an_unregistered_version_cannot_be_started(
    filled: Registry, name: str, version: str, message: str
) -> None:
    with pytest.raises(UnknownTemplateError, match=message):
        filled.start_execution(name, version)
    assert filled.executions("churn") == ()


def test_an_unknown_execution_cannot_end(filled: Registry) -> None:
    with pytest.raises(UnknownTemplateError, match="unknown execution 17"):
        filled.end_execution(17, "failed")


@pytest.mark.parametrize("value", [None, [1], {"a": 1}, float("nan"), float("inf"), object()])
def test_a_parameter_value_must_be_a_scalar(filled: Registry, value: object) -> None:
    with pytest.raises(RegistryError, match="parameter"):
        filled.start_execution("churn", "1.4.0", parameters={"Depth": value})
    assert filled.executions("churn") == ()


def test_a_parameter_name_must_be_a_string(filled: Registry) -> None:
    with pytest.raises(RegistryError, match="parameter 7"):
        filled.start_execution("churn", "1.4.0", parameters={7: "x"})  # type: ignore[dict-item]


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_text_that_databases_cannot_store_is_an_error(filled: Registry, text: str) -> None:
    number = filled.start_execution("churn", "1.4.0").id
    for arguments in ({"started_by": text}, {"place": text}, {"reference": text}):
        with pytest.raises(RegistryError, match="contains a character that databases cannot store"):
            filled.start_execution("churn", "1.4.0", **arguments)
    with pytest.raises(RegistryError, match="contains a character"):
        filled.end_execution(number, "failed", reason=text)


def test_a_missing_registry_is_an_error(file_registry: Registry) -> None:
    with pytest.raises(RegistryError, match="does not exist: register a template"):
        file_registry.start_execution("churn", "1.4.0")
    with pytest.raises(RegistryError, match="does not exist: register a template"):
        file_registry.end_execution(1, "failed")
