"""ClarifyCheck: compare bias or feature attribution with a baseline."""

import json
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from dagcast.compile.bind.ports import InputPort, OutputPort, StagedText
from dagcast.compile.config.fields import FreeMapping, StrOrReference
from dagcast.compile.steps.baseline_check import (
    CheckConfig,
    constraints_ports,
    dataset_port,
    put_baseline,
    put_check_job,
    refuse_references,
)
from dagcast.compile.steps.step_type import StepType
from dagcast.sagemaker.step_kinds import STEP_KINDS

if TYPE_CHECKING:
    from dagcast.compile.steps.lowering import Lowering


class ClarifyCheckConfig(CheckConfig):
    """The fields of a ClarifyCheck step.

    Attributes:
        check_type: What is checked.
        analysis_config: The content of Clarify's ``analysis_config.json``, as Clarify documents it. It is staged
            as a file, so nothing in it can be a reference.
        model_name: For the two checks that ask a model: its name; also an input port.
    """

    type: Literal["ClarifyCheck"] = "ClarifyCheck"
    check_type: Annotated[
        Literal["DATA_BIAS", "MODEL_BIAS", "MODEL_EXPLAINABILITY"], Field(description="What is checked")
    ]
    analysis_config: Annotated[
        FreeMapping,
        Field(
            description="Content of Clarify's analysis_config.json. It is staged as a file, so it takes no references"
        ),
    ]
    model_name: Annotated[
        StrOrReference | None,
        Field(
            description="Name of the model that predicts, for MODEL_BIAS and MODEL_EXPLAINABILITY; also an input port"
        ),
    ] = None

    @model_validator(mode="after")
    def _fits_its_kind(self) -> "ClarifyCheckConfig":
        refuse_references(self.analysis_config, "analysis_config")
        if self.model_name is not None and self.given("model_name") is not None:
            raise PydanticCustomError(
                "check", "model_name and inputs.model_name are the same: keep one of them"
            )
        if self.model_name is not None and self.check_type == "DATA_BIAS":
            raise PydanticCustomError("check", "a check of DATA_BIAS uses no model: leave out model_name")
        return self


def _inputs(config: ClarifyCheckConfig) -> tuple[InputPort, ...]:
    if config.check_type == "DATA_BIAS":
        return (dataset_port(config),)
    given = config.model_name if config.model_name is not None else config.given("model_name")
    return (
        dataset_port(config),
        InputPort("model_name", "model-name", given, about="the model that makes the predictions"),
    )


def _outputs(config: ClarifyCheckConfig, name: str) -> tuple[OutputPort, ...]:
    return (
        *constraints_ports(name),
        OutputPort(
            "analysis_config",
            "analysis-config",
            _analysis_file(config),
            "S3 URI of the staged analysis_config.json; it binds only by name",
            named_only=True,
        ),
    )


def _analysis_file(config: ClarifyCheckConfig) -> StagedText:
    """Return the file that the Clarify container reads."""
    content = json.dumps(config.analysis_config, indent=2, sort_keys=True).encode()
    return StagedText("analysis_config.json", content)


def lower(step: "Lowering", config: ClarifyCheckConfig) -> None:
    """Fill the CreateProcessingJob request of the check.

    The Clarify container expects these paths and names. Source: ``SageMakerClarifyProcessor`` of the SDK.
    """
    analysis = _analysis_file(config)
    uri = step.staged_text(analysis.name, analysis.content)
    base = "/opt/ml/processing/input"
    inputs = [
        ("analysis_config", uri, f"{base}/config", "analysis_config"),
        ("dataset", step.source("dataset"), f"{base}/data", step.source_origin("dataset")),
    ]
    put_check_job(step, config, "clarify", inputs, "analysis_result")
    step.put("Environment", step.as_strings(config.environment), "environment")
    step.put_sibling("CheckType", config.check_type, "check_type")
    put_baseline(step, config)
    constraints = "supplied_baseline_constraints"
    step.put_sibling("SuppliedBaselineConstraints", config.supplied_baseline_constraints, constraints)
    if config.check_type != "DATA_BIAS":
        step.put_sibling("ModelName", step.source("model_name"), step.source_origin("model_name"))


STEP_TYPE = StepType(
    name="ClarifyCheck",
    definition_type="ClarifyCheck",
    about="Compares bias or feature attribution with a baseline.",
    config=ClarifyCheckConfig,
    lower=lower,
    inputs=_inputs,
    outputs=_outputs,
    shapes=STEP_KINDS["ClarifyCheck"].shapes,
    properties=STEP_KINDS["ClarifyCheck"].properties,
    sample={"check_type": "MODEL_BIAS", "analysis_config": {}},
)
