"""Where the requests of each kind of step name data: what they read, and what they write.

Paths are those of the SageMaker API reference; ``[*]`` stands for each item of a list.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from dagcast.plugin import StepSpec


@dataclass(frozen=True)
class DataPlaces:
    """The places in one kind of step, as paths in its definition.

    Attributes:
        reads: URIs of what it reads.
        writes: URIs of what it writes.
        property_root: Where a property path begins in the request, where the two differ: old beginning and new.
    """

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    property_root: tuple[str, str] | None = None

    def below(self, prefix: str) -> DataPlaces:
        """The same places in a request that stands inside of another one."""
        return DataPlaces(_moved(self.reads, prefix), _moved(self.writes, prefix))


def _moved(paths: tuple[str, ...], prefix: str) -> tuple[str, ...]:
    return tuple(path.replace("Arguments.", f"Arguments.{prefix}.", 1) for path in paths)


PROCESSING = DataPlaces(
    reads=("Arguments.ProcessingInputs[*].S3Input.S3Uri",),
    writes=("Arguments.ProcessingOutputConfig.Outputs[*].S3Output.S3Uri",),
)
CHECK = DataPlaces(
    reads=(*PROCESSING.reads, "SuppliedBaselineStatistics", "SuppliedBaselineConstraints"),
    writes=PROCESSING.writes,
)
TRAINING = DataPlaces(
    reads=("Arguments.InputDataConfig[*].DataSource.S3DataSource.S3Uri",),
    writes=("Arguments.OutputDataConfig.S3OutputPath",),
)
TUNED, TUNED_EACH = TRAINING.below("TrainingJobDefinition"), TRAINING.below("TrainingJobDefinitions[*]")

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

PLACES = MappingProxyType(
    {
        "Processing": PROCESSING,
        "QualityCheck": CHECK,
        "ClarifyCheck": CHECK,
        "Training": TRAINING,
        "Tuning": DataPlaces(TUNED.reads + TUNED_EACH.reads, TUNED.writes + TUNED_EACH.writes),
        "Transform": DataPlaces(
            reads=("Arguments.TransformInput.DataSource.S3DataSource.S3Uri",),
            writes=("Arguments.TransformOutput.S3OutputPath",),
        ),
        "Model": DataPlaces(
            reads=tuple(
                f"Arguments.{container}.{member}"
                for container in ("PrimaryContainer", "Containers[*]")
                for member in _MODEL
            )
        ),
        "RegisterModel": DataPlaces(
            reads=(
                *(f"Arguments.InferenceSpecification.Containers[*].{member}" for member in _MODEL),
                *(f"Arguments.ModelMetrics.{report}.S3Uri" for report in _REPORTS),
            )
        ),
        "AutoML": DataPlaces(reads=TRAINING.reads, writes=TRAINING.writes),
        "EndpointConfig": DataPlaces(
            writes=(
                "Arguments.DataCaptureConfig.DestinationS3Uri",
                "Arguments.AsyncInferenceConfig.OutputConfig.S3OutputPath",
            )
        ),
        "EMR": DataPlaces(property_root=("Config.", "StepConfig.HadoopJarStep.")),
    }
)
"""By the ``Type`` of a step in the definition: where it names data."""


def values_at(step: StepSpec, paths: tuple[str, ...]) -> Iterator[Any]:
    """Every value that stands at one of the paths."""
    whole: dict[str, Any] = {"Arguments": step.arguments, **step.fields}
    for path in paths:
        found: list[Any] = [whole]
        for name, each in _parts(path):
            found = [item[name] for item in found if isinstance(item, dict) and name in item]
            if each:
                found = [item for items in found if isinstance(items, (list, tuple)) for item in items]
        yield from (value for value in found if value)


@cache
def _parts(path: str) -> tuple[tuple[str, bool], ...]:
    """The members on a path, each with whether all items of its list are meant."""
    parts = (part.partition("[") for part in path.split("."))
    return tuple((name, bool(each)) for name, each, _ in parts)
