"""Fields of steps that hold the S3 URIs of data, by kind of step.

Source: the SageMaker API reference, the request of each kind of step.
"""

from __future__ import annotations

from dataclasses import fields
from types import MappingProxyType
from typing import Final

from dagcast.frozen_dataclass import dataclass
from dagcast.sagemaker.path_patterns import EACH, FieldPattern

Patterns = tuple[FieldPattern, ...]


@dataclass(frozen=True, kw_only=True)
class DataFields:
    """The fields of one kind of step, as patterns of paths in the step's entry of the definition.

    Attributes:
        reads: Data that the step reads.
        code: Code that the step runs. Values of hyperparameters may be in quotes.
        reports: Files that the step only refers to, such as the metrics of a registered model.
        writes: The addresses that the step writes its results to.
        job_outputs: Prefixes below which each job or endpoint writes its results, under its own name.
        checkpoints: Addresses of checkpoints, which later jobs continue from.
        debug_outputs: Prefixes below which each job writes for debugging, under its own name.

    Example:
        >>> data_fields("Transform").reads
        (('Arguments', 'TransformInput', 'DataSource', 'S3DataSource', 'S3Uri'),)
    """

    reads: Patterns = ()
    code: Patterns = ()
    reports: Patterns = ()
    writes: Patterns = ()
    job_outputs: Patterns = ()
    checkpoints: Patterns = ()
    debug_outputs: Patterns = ()

    def below(self, *prefix: str) -> DataFields:
        """Return the same fields of a request that is a part of another one: ``prefix`` follows ``Arguments``."""
        return DataFields(
            **{
                item.name: tuple((pattern[0], *prefix, *pattern[1:]) for pattern in getattr(self, item.name))
                for item in fields(self)
            }
        )

    def __add__(self, other: DataFields) -> DataFields:
        return DataFields(
            **{item.name: getattr(self, item.name) + getattr(other, item.name) for item in fields(self)}
        )


def _arguments(*patterns: FieldPattern) -> Patterns:
    return tuple(("Arguments", *pattern) for pattern in patterns)


_PROCESSING = DataFields(
    reads=_arguments(("ProcessingInputs", EACH, "S3Input", "S3Uri")),
    writes=_arguments(("ProcessingOutputConfig", "Outputs", EACH, "S3Output", "S3Uri")),
)
_CHECK = _PROCESSING + DataFields(reads=(("SuppliedBaselineStatistics",), ("SuppliedBaselineConstraints",)))

_TRAINING = DataFields(
    reads=_arguments(("InputDataConfig", EACH, "DataSource", "S3DataSource", "S3Uri")),
    code=_arguments(
        ("HyperParameters", "sagemaker_submit_directory"),
        ("StaticHyperParameters", "sagemaker_submit_directory"),
    ),
    job_outputs=_arguments(("OutputDataConfig", "S3OutputPath")),
    checkpoints=_arguments(("CheckpointConfig", "S3Uri")),
    debug_outputs=_arguments(
        ("DebugHookConfig", "S3OutputPath"),
        ("ProfilerConfig", "S3OutputPath"),
        ("TensorBoardOutputConfig", "S3OutputPath"),
    ),
)

_MODEL_DATA = (("ModelDataUrl",), ("ModelDataSource", "S3DataSource", "S3Uri"))

_REPORTS = (
    *(
        (kind, file)
        for kind in ("ModelQuality", "ModelDataQuality")
        for file in ("Statistics", "Constraints")
    ),
    *(("Bias", file) for file in ("Report", "PreTrainingReport", "PostTrainingReport")),
    ("Explainability", "Report"),
)

_BY_STEP_TYPE: Final = MappingProxyType(
    {
        "Processing": _PROCESSING,
        "QualityCheck": _CHECK,
        "ClarifyCheck": _CHECK,
        "Training": _TRAINING,
        "Tuning": _TRAINING.below("TrainingJobDefinition") + _TRAINING.below("TrainingJobDefinitions", EACH),
        "Transform": DataFields(
            reads=_arguments(("TransformInput", "DataSource", "S3DataSource", "S3Uri")),
            writes=_arguments(("TransformOutput", "S3OutputPath")),
        ),
        "Model": DataFields(
            reads=_arguments(
                *(
                    (*container, *member)
                    for container in (("PrimaryContainer",), ("Containers", EACH))
                    for member in _MODEL_DATA
                )
            )
        ),
        "RegisterModel": DataFields(
            reads=_arguments(
                *(
                    (*specification, "Containers", EACH, *member)
                    for specification in (
                        ("InferenceSpecification",),
                        ("AdditionalInferenceSpecifications", EACH),
                    )
                    for member in _MODEL_DATA
                ),
                ("SourceAlgorithmSpecification", "SourceAlgorithms", EACH, "ModelDataUrl"),
            ),
            reports=_arguments(*(("ModelMetrics", *report, "S3Uri") for report in _REPORTS)),
        ),
        "AutoML": DataFields(reads=_TRAINING.reads, job_outputs=_TRAINING.job_outputs),
        # An endpoint writes captured data under its own name, and each asynchronous answer under a unique key. Source:
        # SageMaker Developer Guide, "Capture data from real-time endpoint" and "Asynchronous inference".
        "EndpointConfig": DataFields(
            job_outputs=_arguments(
                ("DataCaptureConfig", "DestinationS3Uri"),
                ("AsyncInferenceConfig", "OutputConfig", "S3OutputPath"),
            )
        ),
    }
)

_NONE: Final = DataFields()


def data_fields(definition_type: str) -> DataFields:
    """Return the fields of a step that hold the S3 URIs of data.

    Args:
        definition_type: The step's ``Type`` in the definition, such as ``Processing``.

    Returns:
        No fields for a type that is unknown.

    Example:
        >>> data_fields("Transform").writes
        (('Arguments', 'TransformOutput', 'S3OutputPath'),)
    """
    return _BY_STEP_TYPE.get(definition_type, _NONE)
