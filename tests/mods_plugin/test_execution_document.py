"""Execution documents: a default one for a pipeline, and one that is filled from the config."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import pytest

from dagcast.errors import InvalidInputError
from dagcast.plugin import StepConfig, StepType, StrOrReference, To, hookimpl
from mods_plugin import MODSPipelineDAGCompiler, default_execution_document
from mods_plugin.execution_document import InExecution, ToStepConfig
from tests.mods_plugin.configs import IMAGE, config

STEPS = {"load": "PROCESSING_STEP", "train": "TRAINING_STEP", "stop": "FAIL_STEP"}
EMPTY = {
    "PIPELINE_STEP_CONFIGS": {name: {"STEP_TYPE": kind, "STEP_CONFIG": {}} for name, kind in STEPS.items()},
    "PIPELINE_ADDITIONAL_PARAMS": {},
}


class RegistrationConfig(StepConfig):
    type: Literal["Registration"] = "Registration"
    domain: Annotated[str, ToStepConfig(("registration", "domain"))]
    owner: Annotated[str | None, ToStepConfig(("registration", "owner"))] = None
    note: Annotated[StrOrReference, To("ErrorMessage"), ToStepConfig("note")] = "none"
    in_execution: ClassVar[InExecution] = InExecution(
        ("PROCESSING_STEP", "MimsModelRegistrationProcessingStep"), required=True
    )


class LoadingConfig(StepConfig):
    type: Literal["Loading"] = "Loading"
    request_id: Annotated[str | None, ToStepConfig("id")] = None
    in_execution: ClassVar[InExecution] = InExecution(
        ("WORKFLOW_INPUT", "CradleDataLoadingStep"), required=True
    )


class Steps:
    """A plugin with step types whose fields go into the document."""

    name = "steps"

    @hookimpl
    def register_step_types(self) -> list[StepType[Any]]:
        return [
            StepType(
                name="Registration",
                definition_type="Fail",
                about="Registers.",
                config=RegistrationConfig,
                lower=lambda step, _: step.put_fields(),
            ),
            StepType(
                name="Loading",
                definition_type="Fail",
                about="Loads.",
                config=LoadingConfig,
                lower=lambda step, _: step.put("ErrorMessage", "x"),
            ),
        ]


def document(**changes: Any) -> dict[str, Any]:
    """The default document with other entries; ``None`` takes one away."""
    copy: dict[str, Any] = json.loads(json.dumps(EMPTY))
    for name, entry in changes.items():
        if entry is None:
            del copy["PIPELINE_STEP_CONFIGS"][name]
        else:
            copy["PIPELINE_STEP_CONFIGS"][name] = entry
    return copy


def filled(doc: Any, options: dict[str, Any] | None = None) -> dict[str, Any]:
    return MODSPipelineDAGCompiler(config(options)).compile_and_fill_execution_doc(None, doc)[1]


def errors_of(doc: Any) -> list[str]:
    with pytest.raises(InvalidInputError) as caught:
        filled(doc)
    return [str(diagnostic) for diagnostic in caught.value.diagnostics]


def test_the_default_document_lists_every_step() -> None:
    pipeline = MODSPipelineDAGCompiler(config()).compile()
    assert default_execution_document(pipeline) == EMPTY
    assert filled(EMPTY) == EMPTY


def test_steps_in_branches_are_listed() -> None:
    always = [{"left": 1, "op": "==", "right": 1}]
    model = {"type": "CreateModel", "image_uri": IMAGE, "inputs": {"model": "s3://bucket/model.tar.gz"}}
    inner = {"type": "Condition", "conditions": always, "if_steps": ["model"]}
    steps = {
        "outer": {"type": "Condition", "conditions": always, "if_steps": ["inner"]},
        "inner": inner,
        "model": model,
    }
    found = default_execution_document(MODSPipelineDAGCompiler(config(steps=steps, edges=[])).compile())
    types = {name: entry["STEP_TYPE"] for name, entry in found["PIPELINE_STEP_CONFIGS"].items()}
    assert types == {"outer": "CONDITION_STEP", "inner": "CONDITION_STEP", "model": "CREATE_MODEL_STEP"}


def test_the_pipeline_is_returned_with_the_document() -> None:
    compiler = MODSPipelineDAGCompiler(config())
    pipeline, _ = compiler.compile_and_fill_execution_doc(None, EMPTY)
    assert pipeline.definition() == compiler.compile().definition()


def test_the_config_fills_gaps_of_the_document() -> None:
    options = {"execution": {"load": {"step_config": {"source": {"kind": "s3", "rows": 1}, "days": 3}}}}
    doc = document(
        load={"STEP_TYPE": "PROCESSING_STEP", "STEP_CONFIG": {"source": {"rows": 9}, "mine": True}, "x": 1}
    )
    doc["PIPELINE_ADDITIONAL_PARAMS"] = {"priority": "high"}
    doc["ELSE"] = [1]
    before = json.dumps(doc)
    found = filled(doc, options)
    assert json.dumps(doc) == before, "the document that was given is not changed"
    load = found["PIPELINE_STEP_CONFIGS"]["load"]
    assert load["STEP_CONFIG"] == {"source": {"kind": "s3", "rows": 9}, "days": 3, "mine": True}
    assert (load["x"], found["PIPELINE_ADDITIONAL_PARAMS"], found["ELSE"]) == (1, {"priority": "high"}, [1])
    assert filled(found, options) == found


def test_a_subtype_is_kept_if_none_is_expected() -> None:
    entry = {"STEP_TYPE": ["PROCESSING_STEP", "MimsModelRegistrationProcessingStep"], "STEP_CONFIG": {}}
    assert filled(document(load=entry)) == document(load=entry)


def test_options_can_set_the_type() -> None:
    options = {"execution": {"load": {"step_type": ["WORKFLOW_INPUT", "CradleDataLoadingStep"]}}}
    right = {"STEP_TYPE": ["WORKFLOW_INPUT", "CradleDataLoadingStep"], "STEP_CONFIG": {}}
    assert filled(document(load=right), options) == document(load=right)
    with pytest.raises(
        InvalidInputError, match=r'the pipeline has \["WORKFLOW_INPUT", "CradleDataLoadingStep"\]'
    ):
        filled(EMPTY, options)


def test_fields_of_step_types_go_into_the_document() -> None:
    steps = {
        "register": {"type": "Registration", "domain": "churn"},
        "load": {"type": "Loading", "request_id": "7"},
    }
    compiler = MODSPipelineDAGCompiler(config(steps=steps, edges=[]), plugins=[Steps()])
    kinds = {
        "register": ["PROCESSING_STEP", "MimsModelRegistrationProcessingStep"],
        "load": ["WORKFLOW_INPUT", "CradleDataLoadingStep"],
    }
    doc = {
        "PIPELINE_STEP_CONFIGS": {
            name: {"STEP_TYPE": kind, "STEP_CONFIG": {}} for name, kind in kinds.items()
        }
    }
    _, found = compiler.compile_and_fill_execution_doc(None, doc)
    assert found["PIPELINE_STEP_CONFIGS"]["register"]["STEP_CONFIG"] == {
        "registration": {"domain": "churn"},
        "note": "none",
    }
    assert found["PIPELINE_STEP_CONFIGS"]["load"]["STEP_CONFIG"] == {"id": "7"}
    assert found["PIPELINE_ADDITIONAL_PARAMS"] == {}


def test_a_required_step_config_must_not_be_empty() -> None:
    compiler = MODSPipelineDAGCompiler(
        config(steps={"load": {"type": "Loading"}}, edges=[]), plugins=[Steps()]
    )
    entry = {"STEP_TYPE": ["WORKFLOW_INPUT", "CradleDataLoadingStep"], "STEP_CONFIG": {}}
    with pytest.raises(
        InvalidInputError,
        match=r"empty STEP_CONFIG of step 'load', which requires one .*execution.load.step_config",
    ):
        compiler.compile_and_fill_execution_doc(None, {"PIPELINE_STEP_CONFIGS": {"load": entry}})


def test_a_reference_in_the_document_is_an_error() -> None:
    steps = {"register": {"type": "Registration", "domain": "churn", "note": "${exec.PipelineName}"}}
    compiler = MODSPipelineDAGCompiler(config(steps=steps, edges=[]), plugins=[Steps()])
    entry = {"STEP_TYPE": ["PROCESSING_STEP", "MimsModelRegistrationProcessingStep"], "STEP_CONFIG": {}}
    with pytest.raises(InvalidInputError, match=r"steps.register.note contains \$\{exec.PipelineName\}"):
        compiler.compile_and_fill_execution_doc(None, {"PIPELINE_STEP_CONFIGS": {"register": entry}})


@pytest.mark.parametrize(
    ("doc", "expected"),
    [
        ({}, "missing mapping 'PIPELINE_STEP_CONFIGS'"),
        ({"PIPELINE_STEP_CONFIG": {}}, "(write PIPELINE_STEP_CONFIGS instead of 'PIPELINE_STEP_CONFIG')"),
        (
            document(trian={"STEP_TYPE": "TRAINING_STEP", "STEP_CONFIG": {}}),
            "unknown step 'trian' (did you mean 'train'?)",
        ),
        (document(train=None), "missing entry of step 'train' (add \"train\": {"),
        (document(train=7), "the entry of step 'train' is invalid, expected a mapping"),
        (
            document(train={"STEP_TYPE": "PROCESSING_STEP", "STEP_CONFIG": {}}),
            'is "PROCESSING_STEP", the pipeline has "TRAINING_STEP"',
        ),
        (document(train={"STEP_TYPE": ["TRAINING_STEP"], "STEP_CONFIG": {}}), '(write "TRAINING_STEP")'),
        (document(train={"STEP_CONFIG": {}}), "missing STEP_TYPE of step 'train'"),
        (document(train={"STEP_TYPE": "TRAINING_STEP"}), "missing STEP_CONFIG of step 'train'"),
        (
            document(train={"STEP_TYPE": "TRAINING_STEP", "STEP_CONFG": {}}),
            "(write STEP_CONFIG instead of 'STEP_CONFG')",
        ),
        (
            document(train={"STEP_TYPE": "TRAINING_STEP", "STEP_CONFIG": []}),
            "STEP_CONFIG of step 'train' is invalid, expected a mapping",
        ),
        (
            {**EMPTY, "PIPELINE_ADDITIONAL_PARAMS": 1},
            "'PIPELINE_ADDITIONAL_PARAMS' is invalid, expected a mapping",
        ),
    ],
)
def test_mistakes_in_a_document_are_reported(doc: Any, expected: str) -> None:
    found = errors_of(doc)
    assert any(expected in error for error in found), found
    assert all(error.startswith("<execution document>") for error in found)


def test_all_mistakes_in_a_file_are_reported_with_lines(tmp_path: Path) -> None:
    file = tmp_path / "execution.json"
    doc = document(train={"STEP_TYPE": "PROCESSING_STEP", "STEP_CONFIG": {}}, trian={}, load=None)
    file.write_text(json.dumps(doc, indent=1))
    lines = file.read_text().splitlines()
    found = errors_of(file)
    assert len(found) == 3
    for error, sign in (("unknown step 'trian'", '"trian"'), ('has "TRAINING_STEP"', '"PROCESSING_STEP"')):
        line = next(number for number, text in enumerate(lines, 1) if sign in text)
        assert any(item.startswith(f"{file}:{line}: ") and error in item for item in found), found


def test_options_of_an_unknown_step_are_an_error() -> None:
    with pytest.raises(
        InvalidInputError, match=r"execution.lod: unknown step 'lod' \(did you mean 'load'\?\)"
    ):
        MODSPipelineDAGCompiler(config({"execution": {"lod": {}}})).compile_definition()
