"""QualityCheck: compare the quality of data or of a model with a baseline."""

import json
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from dagcast.compile.bind.ports import InputPort, OutputPort
from dagcast.compile.config.fields import CoercedStrOrReference, Fixed, FreeMapping, StrOrReference
from dagcast.compile.steps.baseline_check import (
    CheckConfig,
    constraints_ports,
    dataset_port,
    put_baseline,
    put_check_job,
    refuse_references,
)
from dagcast.compile.steps.step_type import StepType
from dagcast.definition.references import StepProperty
from dagcast.sagemaker.step_kinds import STEP_KINDS

if TYPE_CHECKING:
    from dagcast.compile.steps.lowering import Lowering

INPUT = "/opt/ml/processing/input"
DATASET = "baseline_dataset_input"
PREPROCESSOR = "record_preprocessor_script_input"
POSTPROCESSOR = "post_analytics_processor_script_input"


class QualityCheckConfig(CheckConfig):
    """The fields of a QualityCheck step.

    Attributes:
        check_type: Whether data is checked, or the predictions of a model.
        dataset_format: As Model Monitor takes it, such as ``{csv: {header: true}}``.
        problem_type: For a model: what kind of predictions it makes.
        inference_attribute: For a model: column or JSON path of the prediction.
    """

    type: Literal["QualityCheck"] = "QualityCheck"
    check_type: Annotated[
        Literal["DATA_QUALITY", "MODEL_QUALITY"],
        Field(description="Whether data or the predictions of a model are checked"),
    ] = "DATA_QUALITY"
    dataset_format: Annotated[
        FreeMapping, Field(description="Format as Model Monitor takes it, such as {csv: {header: true}}")
    ]
    record_preprocessor_script: Annotated[
        Fixed | None, Field(description="Script that changes records before the check")
    ] = None
    post_analytics_processor_script: Annotated[
        Fixed | None, Field(description="Script that runs after the check")
    ] = None
    problem_type: Annotated[
        Literal["Regression", "BinaryClassification", "MulticlassClassification"] | None,
        Field(description="Kind of the model's predictions, for MODEL_QUALITY"),
    ] = None
    inference_attribute: Annotated[
        CoercedStrOrReference | None, Field(description="Column or JSONPath of the prediction")
    ] = None
    probability_attribute: Annotated[
        CoercedStrOrReference | None, Field(description="Column or JSONPath of the probability")
    ] = None
    ground_truth_attribute: Annotated[
        CoercedStrOrReference | None, Field(description="Column or JSONPath of the true value")
    ] = None
    probability_threshold_attribute: Annotated[
        CoercedStrOrReference | None, Field(description="Probability from which a record counts as positive")
    ] = None
    supplied_baseline_statistics: Annotated[
        StrOrReference | None,
        Field(description="S3 URI of statistics to compare with, in place of the registered ones"),
    ] = None

    @model_validator(mode="after")
    def _fits_its_kind(self) -> "QualityCheckConfig":
        refuse_references(self.dataset_format, "dataset_format")
        if self.check_type == "MODEL_QUALITY" and self.problem_type is None:
            raise PydanticCustomError("check", "check_type MODEL_QUALITY needs problem_type")
        if self.check_type != "MODEL_QUALITY" and self.problem_type is not None:
            raise PydanticCustomError("check", "problem_type is only for check_type MODEL_QUALITY")
        return self


def _inputs(config: QualityCheckConfig) -> tuple[InputPort, ...]:
    return (dataset_port(config),)


def _outputs(config: QualityCheckConfig, name: str) -> tuple[OutputPort, ...]:
    calculated = StepProperty(name, "CalculatedBaselineStatistics")
    used = StepProperty(name, "BaselineUsedForDriftCheckStatistics")
    return (
        OutputPort("calculated_statistics", "statistics", calculated, "S3 URI of the computed statistics"),
        OutputPort("drift_check_statistics", "statistics", used, "S3 URI of those compared with"),
        *constraints_ports(name),
    )


def lower(step: "Lowering", config: QualityCheckConfig) -> None:
    """Fill the CreateProcessingJob request of the check.

    The Model Monitor container reads these environment variables. Source: ``ModelMonitor`` of the SageMaker SDK.
    """
    environment: dict[str, Any] = {
        "output_path": "/opt/ml/processing/output",
        "publish_cloudwatch_metrics": "Disabled",
        "dataset_format": json.dumps(config.dataset_format),
        "dataset_source": f"{INPUT}/{DATASET}",
    }
    inputs: list[tuple[Any, ...]] = [
        (DATASET, step.source("dataset"), f"{INPUT}/{DATASET}", step.source_origin("dataset"))
    ]
    scripts = (
        (POSTPROCESSOR, "post_analytics_processor_script", "post_analytics_processor_script"),
        (PREPROCESSOR, "record_preprocessor_script", "record_preprocessor_script"),
    )
    for name, field, variable in scripts:
        script = getattr(config, field)
        uri = step.staged_file(script, field) if script is not None else None
        if uri is not None:
            inputs.append((name, uri, f"{INPUT}/{name}", field))
            environment[variable] = f"{INPUT}/{name}/{uri.rsplit('/', 1)[-1]}"
    if config.check_type == "MODEL_QUALITY":
        environment["analysis_type"] = config.check_type
        for field in (
            "problem_type",
            "inference_attribute",
            "probability_attribute",
            "ground_truth_attribute",
            "probability_threshold_attribute",
        ):
            value = getattr(config, field)
            if value is not None:
                environment[field] = step.as_string(value)
    put_check_job(step, config, "model-monitor", inputs, "quality_check_output")
    step.put("Environment", {**(step.as_strings(config.environment) or {}), **environment}, "environment")
    step.put_sibling("CheckType", config.check_type, "check_type")
    put_baseline(step, config)
    for name in ("statistics", "constraints"):
        field = f"supplied_baseline_{name}"
        step.put_sibling(f"SuppliedBaseline{name.title()}", getattr(config, field), field)


STEP_TYPE = StepType(
    name="QualityCheck",
    definition_type="QualityCheck",
    about="Compares the quality of data or of a model with a baseline.",
    config=QualityCheckConfig,
    lower=lower,
    inputs=_inputs,
    outputs=_outputs,
    shapes=STEP_KINDS["QualityCheck"].shapes,
    properties=STEP_KINDS["QualityCheck"].properties,
)
