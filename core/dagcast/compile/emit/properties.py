"""Build the ``properties`` of a step, which later steps may read."""

from __future__ import annotations

import re
from typing import Any

from dagcast.compile.emit.sdk import SDK
from dagcast.compile.spec.pipeline import StepSpec

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
_PART = re.compile(r"([A-Za-z_]\w*)((?:\[[^\]]+\])?)(?:\.|$)")


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
    for part in _PART.finditer(path):
        name, key = part.group(1), part.group(2)
        here = sdk.Properties(step_name=step_name, step=step, path=path[: part.end(2)])
        if key:
            keyed = vars(at).setdefault(name, {})
            index = key[1:-1]
            at = keyed.setdefault(index[1:-1] if index[0] == "'" else int(index), here)
        else:
            at = vars(at).setdefault(name, here)
