"""Build the ``properties`` of a step, which later steps may read."""

from __future__ import annotations

from typing import Any

from dagcast.compile.emit.sdk import SDK
from dagcast.compile.spec.pipeline import StepSpec
from dagcast.definition.property_paths import format_segments, parse_property_path

# Property names of the SDK's step classes that differ from the path in the service
# (LambdaStep and CallbackStep, NotebookJobStep).
_OUTPUTS = "OutputParameters"
_ALIASES = {
    "NotebookJob": {
        "ComputingJobName": "TrainingJobName",
        "ComputingJobStatus": "TrainingJobStatus",
        "NotebookJobInputLocation": "InputDataConfig[0].DataSource.S3DataSource.S3Uri",
        "NotebookJobOutputLocationPrefix": "OutputDataConfig.S3OutputPath",
        "InputNotebookName": "Environment['SM_INPUT_NOTEBOOK_NAME']",
        "OutputNotebookName": "Environment['SM_OUTPUT_NOTEBOOK_NAME']",
    }
}


def step_properties(spec: StepSpec, step: Any, sdk: SDK) -> Any:
    """Return the SDK's ``Properties`` of a step: the members of its shapes and its additional names.

    Attributes resolve a name such as ``BestCandidateProperties.ModelInsightsJsonReportPath``. An attribute and a key
    resolve ``OutputParameters['x']``. ``Outputs`` is an alias of ``OutputParameters``, as in the SDK's Lambda and
    Callback steps.
    """
    shape = spec.properties
    root = sdk.Properties(
        step_name=spec.name, step=step, shape_names=list(shape.shapes), service_name=shape.service
    )
    for name in shape.names:
        _add(root, name, spec.name, step, sdk)
    for alias, path in _ALIASES.get(spec.step_type, {}).items():
        vars(root)[alias] = sdk.Properties(step_name=spec.name, step=step, path=path)
    members = vars(root)
    if _OUTPUTS in members:
        members.setdefault("Outputs", members[_OUTPUTS])
    return root


def _add(root: Any, path: str, step_name: str, step: Any, sdk: SDK) -> None:
    at = root
    segments = parse_property_path(path) or ()
    for position, segment in enumerate(segments):
        here = sdk.Properties(step_name=step_name, step=step, path=format_segments(segments[: position + 1]))
        following = segments[position + 1 : position + 2]
        if segment.is_key or isinstance(segment.value, int):
            at = at.setdefault(segment.value, here)
        elif following and (following[0].is_key or isinstance(following[0].value, int)):
            at = vars(at).setdefault(segment.value, {})
        else:
            at = vars(at).setdefault(segment.value, here)
