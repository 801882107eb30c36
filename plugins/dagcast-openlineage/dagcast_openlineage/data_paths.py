"""The paths of input and output URIs in the request of each kind of step.

Source of the paths: the SageMaker API reference. ``[*]`` matches each item of a list.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from dagcast.plugin import StepSpec


@dataclass(frozen=True)
class DataPaths:
    """The paths of data in the definition of one kind of step.

    Attributes:
        reads: The paths of URIs that it reads.
        writes: The paths of URIs that it writes.
        property_root: The prefix of a property path and its replacement in the request, if they differ.
    """

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    property_root: tuple[str, str] | None = None

    def nested(self, prefix: str) -> DataPaths:
        """Return the same paths in a request that is nested in another one."""
        return DataPaths(_nest(self.reads, prefix), _nest(self.writes, prefix))


def _nest(paths: tuple[str, ...], prefix: str) -> tuple[str, ...]:
    return tuple(path.replace("Arguments.", f"Arguments.{prefix}.", 1) for path in paths)


PROCESSING = DataPaths(
    reads=("Arguments.ProcessingInputs[*].S3Input.S3Uri",),
    writes=("Arguments.ProcessingOutputConfig.Outputs[*].S3Output.S3Uri",),
)
CHECK = DataPaths(
    reads=(*PROCESSING.reads, "SuppliedBaselineStatistics", "SuppliedBaselineConstraints"),
    writes=PROCESSING.writes,
)
TRAINING = DataPaths(
    reads=("Arguments.InputDataConfig[*].DataSource.S3DataSource.S3Uri",),
    writes=("Arguments.OutputDataConfig.S3OutputPath",),
)
TUNED, TUNED_EACH = TRAINING.nested("TrainingJobDefinition"), TRAINING.nested("TrainingJobDefinitions[*]")

_MODEL = ("ModelDataUrl", "ModelDataSource.S3DataSource.S3Uri")
_REPORTS = (
    *(
        f"{kind}.{file}"
        for kind in ("ModelQuality", "ModelDataQuality")
        for file in ("Statistics", "Constraints")
    ),
    *(f"Bias.{file}" for file in ("Report", "PreTrainingReport", "PostTrainingReport")),
    "Explainability.Report",
)

DATA_PATHS = MappingProxyType(
    {
        "Processing": PROCESSING,
        "QualityCheck": CHECK,
        "ClarifyCheck": CHECK,
        "Training": TRAINING,
        "Tuning": DataPaths(TUNED.reads + TUNED_EACH.reads, TUNED.writes + TUNED_EACH.writes),
        "Transform": DataPaths(
            reads=("Arguments.TransformInput.DataSource.S3DataSource.S3Uri",),
            writes=("Arguments.TransformOutput.S3OutputPath",),
        ),
        "Model": DataPaths(
            reads=tuple(
                f"Arguments.{container}.{member}"
                for container in ("PrimaryContainer", "Containers[*]")
                for member in _MODEL
            )
        ),
        "RegisterModel": DataPaths(
            reads=(
                *(f"Arguments.InferenceSpecification.Containers[*].{member}" for member in _MODEL),
                *(f"Arguments.ModelMetrics.{report}.S3Uri" for report in _REPORTS),
            )
        ),
        "AutoML": DataPaths(reads=TRAINING.reads, writes=TRAINING.writes),
        "EndpointConfig": DataPaths(
            writes=(
                "Arguments.DataCaptureConfig.DestinationS3Uri",
                "Arguments.AsyncInferenceConfig.OutputConfig.S3OutputPath",
            )
        ),
        "EMR": DataPaths(property_root=("Config.", "StepConfig.HadoopJarStep.")),
    }
)
"""The paths of each ``Type`` of a step in the definition."""


def values_at(step: StepSpec, paths: tuple[str, ...]) -> Iterator[Any]:
    """Yield every value at one of the paths."""
    definition: dict[str, Any] = {"Arguments": step.arguments, **step.fields}
    for path in paths:
        found: list[Any] = [definition]
        for name, each in _parts(path):
            found = [item[name] for item in found if isinstance(item, dict) and name in item]
            if each:
                found = [item for items in found if isinstance(items, (list, tuple)) for item in items]
        yield from (value for value in found if value)


@cache
def _parts(path: str) -> tuple[tuple[str, bool], ...]:
    """Return the members of a path, each with whether it selects all items of a list."""
    parts = (part.partition("[") for part in path.split("."))
    return tuple((name, bool(each)) for name, each, _ in parts)
