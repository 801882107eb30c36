"""The events of a compile, as a receiver gets them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from dagcast import PipelineDAGCompiler
from dagcast.errors import InvalidInputError
from dagcast.plugin import hookimpl
from tests.distributions.pipelines import STEPS, config
from tests.openlineage.receiver import Receiver, receiving
from tests.openlineage.schema import problems

DESCRIBED = {"description": "Finds tumours.", "author": "data-science"}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


def compiler(
    receiver: Receiver, steps: dict[str, Any], plugins: Any = ("openlineage",), **sections: Any
) -> Any:
    options = {"openlineage": {"namespace": "risk", "transport": "http", "url": receiver.url}}
    return PipelineDAGCompiler(config(steps, options, **sections), plugins=list(plugins))


def kinds(receiver: Receiver) -> list[str]:
    return [event.get("eventType", "JOB") for event in receiver.events]


def test_a_compile_emits_start_steps_and_complete(receiver: Receiver) -> None:
    compiler(
        receiver, {"train": STEPS["Training"], "stop": STEPS["Fail"]}, pipeline=DESCRIBED
    ).compile_definition()
    assert kinds(receiver) == ["START", "JOB", "JOB", "COMPLETE"]
    start, train, stop, complete = receiver.events
    assert start["run"]["runId"] == complete["run"]["runId"]
    assert UUID(start["run"]["runId"]).variant == "specified in RFC 4122"
    assert start["job"] == complete["job"]
    assert (start["job"]["namespace"], start["job"]["name"]) == ("risk", "demo")
    assert [train["job"]["name"], stop["job"]["name"]] == ["demo.train", "demo.stop"]
    times = [datetime.fromisoformat(event["eventTime"]) for event in receiver.events]
    assert times == sorted(times)
    assert all(time.tzinfo is not None for time in times)


def test_facets_describe_the_jobs(receiver: Receiver) -> None:
    steps = {"train": {**STEPS["Training"], "description": "Trains."}}
    compiler(receiver, steps, pipeline=DESCRIBED).compile_definition()
    pipeline, train = receiver.events[0]["job"]["facets"], receiver.events[1]["job"]["facets"]
    assert pipeline["jobType"]["jobType"] == "PIPELINE"
    assert (
        train["jobType"] | {"jobType": "TRAINING", "processingType": "BATCH", "integration": "SAGEMAKER"}
        == (train["jobType"])
    )
    assert pipeline["documentation"]["description"] == "Finds tumours."
    assert train["documentation"]["description"] == "Trains."
    for facets in (pipeline, train):
        assert facets["ownership"]["owners"] == [{"name": "data-science", "type": "AUTHOR"}]


def test_unknown_values_have_no_facet(receiver: Receiver) -> None:
    compiler(receiver, {"train": STEPS["Training"]}).compile_definition()
    for event in receiver.events:
        assert set(event["job"]["facets"]) == {"jobType"}


class Author:
    """A plugin that knows the author."""

    name = "author"

    @hookimpl
    def extract_metadata(self) -> dict[str, str]:
        return {"author": "the-other-team"}


def test_the_author_in_the_metadata_overrides_the_configs(receiver: Receiver) -> None:
    plugins = (Author(), "openlineage")
    compiler(receiver, {"train": STEPS["Training"]}, plugins, pipeline=DESCRIBED).compile_definition()
    owners = [event["job"]["facets"]["ownership"]["owners"] for event in receiver.events]
    assert owners == [[{"name": "the-other-team", "type": "AUTHOR"}]] * 3


@pytest.mark.parametrize("kind", STEPS)
def test_every_event_matches_the_clients_schema(kind: str, receiver: Receiver) -> None:
    step = {**STEPS[kind], "description": "A step."}
    compiler(receiver, {"step": step}, pipeline=DESCRIBED).compile_definition()
    assert kinds(receiver) == ["START", "JOB", "COMPLETE"]
    assert [problem for event in receiver.events for problem in problems(event)] == []


def test_the_schema_rejects_invalid_events(receiver: Receiver) -> None:
    compiler(receiver, {"step": STEPS["Training"]}, pipeline=DESCRIBED).compile_definition()
    start, job, _ = receiver.events
    assert problems({**start, "eventType": "BEGIN"})
    assert problems({**start, "eventTime": "today"})
    assert problems({**start, "run": {**start["run"], "runId": "1"}})
    assert problems({**job, "colour": "red"})
    assert problems({**job, "outputs": [{"name": "x"}]})
    wrong = {**job["job"]["facets"]["jobType"], "processingType": None}
    assert problems({**job, "job": {**job["job"], "facets": {"jobType": wrong}}})


def test_a_failing_compile_emits_fail(receiver: Receiver) -> None:
    step = {**STEPS["Training"], "volume_kms_key": "${param.Missing}"}
    with pytest.raises(InvalidInputError):
        compiler(receiver, {"step": step}).compile_definition()
    assert kinds(receiver) == ["START", "FAIL"]
    error = receiver.events[1]["run"]["facets"]["errorMessage"]
    assert "Missing" in error["message"]
    assert error["programmingLanguage"] == "PYTHON"
    assert [problem for event in receiver.events for problem in problems(event)] == []


def test_a_retry_after_a_failure_is_another_run(receiver: Receiver) -> None:
    template = compiler(
        receiver, {"step": {**STEPS["Training"], "volume_kms_key": "${param.Missing}"}}
    ).create_template()
    for _ in range(2):
        with pytest.raises(InvalidInputError):
            template.generate_definition()
    assert kinds(receiver) == ["START", "FAIL", "START", "FAIL"]
    assert len({event["run"]["runId"] for event in receiver.events}) == 2


def test_one_template_emits_its_events_once(receiver: Receiver) -> None:
    template = compiler(receiver, {"step": STEPS["Training"]}).create_template()
    template.generate_definition()
    template.generate_definition()
    template.generate_pipeline()
    assert kinds(receiver) == ["START", "JOB", "COMPLETE"]


def test_generating_the_sdks_pipeline_emits_events_once(receiver: Receiver) -> None:
    pipeline = compiler(receiver, {"step": STEPS["Training"]}).compile()
    assert [step.name for step in pipeline.steps] == ["step"]
    assert kinds(receiver) == ["START", "JOB", "COMPLETE"]


class Curious:
    """A plugin whose template class asks for the definition while it makes the pipeline."""

    name = "curious"

    @hookimpl
    def decorate_template_class(self, template_class: type) -> type:
        class Asks(template_class):  # type: ignore[misc, valid-type]
            def generate_pipeline(self) -> Any:
                self.generate_definition()
                return super().generate_pipeline()

        return Asks


@pytest.mark.parametrize("first", [True, False])
def test_a_method_that_calls_the_other_emits_events_once(first: bool, receiver: Receiver) -> None:
    plugins = (Curious(), "openlineage") if first else ("openlineage", Curious())
    compiler(receiver, {"step": STEPS["Training"]}, plugins).compile()
    assert kinds(receiver) == ["START", "JOB", "COMPLETE"]


def test_two_compiles_are_two_runs(receiver: Receiver) -> None:
    made = compiler(receiver, {"step": STEPS["Training"]})
    made.compile_definition()
    made.compile_definition()
    assert kinds(receiver) == ["START", "JOB", "COMPLETE"] * 2
    assert len({event["run"]["runId"] for event in receiver.events if "run" in event}) == 2


def test_validating_and_creating_a_class_emit_no_events(receiver: Receiver) -> None:
    made = compiler(receiver, {"step": STEPS["Training"]})
    assert made.validate().is_valid
    made.create_decorated_class()
    made.create_template()
    assert receiver.events == []


def test_the_events_are_not_part_of_the_definition(receiver: Receiver) -> None:
    told = compiler(receiver, STEPS).compile_definition()
    plain = compiler(receiver, STEPS, plugins=()).compile_definition()
    assert told.definition == plain.definition
    assert told.report.changes == ()


def test_the_run_around_a_compile_is_its_parent(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = "01890a5d-ac96-774b-bcce-b302099a8057"
    monkeypatch.setenv("OPENLINEAGE_PARENT_ID", f"airflow://host/nightly.compile/{run_id}")
    compiler(receiver, {"step": STEPS["Training"]}).compile_definition()
    for event in (receiver.events[0], receiver.events[2]):
        parent = event["run"]["facets"]["parent"]
        assert parent["run"]["runId"] == run_id
        assert (parent["job"]["namespace"], parent["job"]["name"]) == ("airflow://host", "nightly.compile")
        assert problems(event) == []


@pytest.mark.parametrize("text", ["nonsense", "a/b/not-a-uuid"])
def test_an_invalid_parent_is_ignored(
    text: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OPENLINEAGE_PARENT_ID", text)
    compiler(receiver, {"step": STEPS["Training"]}).compile_definition()
    assert "parent" not in receiver.events[0]["run"]["facets"]
    assert text in caplog.text


def test_events_contain_the_producer(receiver: Receiver) -> None:
    options = {
        "openlineage": {"transport": "http", "url": receiver.url, "producer": "https://example.com/platform"}
    }
    PipelineDAGCompiler(
        config({"step": STEPS["Training"]}, options), plugins=["openlineage"]
    ).compile_definition()
    assert {event["producer"] for event in receiver.events} == {"https://example.com/platform"}
    assert {event["job"]["facets"]["jobType"]["_producer"] for event in receiver.events} == {
        "https://example.com/platform"
    }
