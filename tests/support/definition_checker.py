"""An independent look at a definition: what the service would say, as far as botocore's models know.

Nothing of dagcast's is used. Every reference must lead to a parameter, a variable or a step that exists, and
have a type that fits its place; with references replaced by values of their type, every request must pass
botocore's own validation; and the steps must be able to run in some order.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from typing import Any

import botocore.loaders
import botocore.model
from botocore.validate import ParamValidator

STEP_NAME = re.compile(r"[A-Za-z0-9](-*[A-Za-z0-9_])*")
VARIABLES = {
    "CurrentDateTime",
    "PipelineArn",
    "PipelineExecutionArn",
    "PipelineExecutionId",
    "PipelineName",
    "ProcessingJobName",
    "StartDateTime",
    "TrainingJobName",
}
PARAMETER_KINDS = {"String": "string", "Integer": "integer", "Float": "float", "Boolean": "boolean"}
PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "String": (str,),
    "Integer": (int,),
    "Float": (float, int),
    "Boolean": (bool,),
}

# Type of step: the shape of its request, what the service fills in, and the shapes of its properties.
REQUESTS: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    "Processing": (
        "CreateProcessingJobRequest",
        {"ProcessingJobName": "x"},
        ("DescribeProcessingJobResponse",),
    ),
    "Training": ("CreateTrainingJobRequest", {"TrainingJobName": "x"}, ("DescribeTrainingJobResponse",)),
    "Tuning": (
        "CreateHyperParameterTuningJobRequest",
        {"HyperParameterTuningJobName": "x"},
        ("DescribeHyperParameterTuningJobResponse", "ListTrainingJobsForHyperParameterTuningJobResponse"),
    ),
    "Transform": ("CreateTransformJobRequest", {"TransformJobName": "x"}, ("DescribeTransformJobResponse",)),
    "Model": ("CreateModelInput", {"ModelName": "x"}, ("DescribeModelOutput",)),
    "RegisterModel": ("CreateModelPackageInput", {}, ("DescribeModelPackageOutput",)),
    "AutoML": ("CreateAutoMLJobRequest", {"AutoMLJobName": "x"}, ("DescribeAutoMLJobResponse",)),
    "QualityCheck": ("CreateProcessingJobRequest", {"ProcessingJobName": "x"}, ()),
    "ClarifyCheck": ("CreateProcessingJobRequest", {"ProcessingJobName": "x"}, ()),
    "EndpointConfig": ("CreateEndpointConfigInput", {}, ("DescribeEndpointConfigOutput",)),
    "Endpoint": ("CreateEndpointInput", {}, ("DescribeEndpointOutput",)),
}
BASELINES = {
    "CalculatedBaselineConstraints",
    "CalculatedBaselineStatistics",
    "BaselineUsedForDriftCheckConstraints",
    "BaselineUsedForDriftCheckStatistics",
}
BRANCHES = ("IfSteps", "ElseSteps")


@cache
def _service(name: str) -> botocore.model.ServiceModel:
    return botocore.model.ServiceModel(botocore.loaders.Loader().load_service_model(name, "service-2"), name)


def problems_of(definition: dict[str, Any]) -> list[str]:
    """Everything that the service would not take."""
    checker = _Checker(definition)
    checker.check()
    return checker.problems


class _Checker:
    def __init__(self, definition: dict[str, Any]) -> None:
        self.definition = definition
        self.problems: list[str] = []
        self.parameters: dict[str, str] = {}
        self.steps: dict[str, dict[str, Any]] = {}
        # By step: the condition and branch around it.
        self.around: dict[str, tuple[str, str]] = {}

    def check(self) -> None:
        if set(self.definition) != {"Version", "Metadata", "Parameters", "PipelineExperimentConfig", "Steps"}:
            self.problems.append(f"keys of the definition: {sorted(self.definition)}")
        for parameter in self.definition["Parameters"]:
            self._parameter(parameter)
        self._collect(self.definition["Steps"], None)
        for step in self.steps.values():
            self._step(step)
        self._references("experiment", self.definition["PipelineExperimentConfig"], None)
        self._order()

    def _parameter(self, parameter: dict[str, Any]) -> None:
        name, kind = parameter["Name"], parameter["Type"]
        if name in self.parameters:
            self.problems.append(f"parameter {name} is declared twice")
        self.parameters[name] = kind
        default = parameter.get("DefaultValue")
        if default is not None:
            right = isinstance(default, PYTHON_TYPES[kind])
            if not right or (isinstance(default, bool) and kind != "Boolean"):
                self.problems.append(f"parameter {name}: {default!r} is no {kind}")
            if "EnumValues" in parameter and default not in parameter["EnumValues"]:
                self.problems.append(f"parameter {name}: {default!r} is not in its enum")

    def _collect(self, steps: list[dict[str, Any]], around: tuple[str, str] | None) -> None:
        for step in steps:
            name = step["Name"]
            if name in self.steps:
                self.problems.append(f"step {name} is there twice")
            if not STEP_NAME.fullmatch(name) or len(name) > 64:
                self.problems.append(f"{name!r} is not a name for a step")
            self.steps[name] = step
            if around is not None:
                self.around[name] = around
            for branch in BRANCHES if step["Type"] == "Condition" else ():
                self._collect(step["Arguments"][branch], (name, branch))

    def _step(self, step: dict[str, Any]) -> None:
        name = step["Name"]
        own = {key: value for key, value in step.items() if key not in ("Name", "Type", "DependsOn")}
        if step["Type"] == "Condition":
            own["Arguments"] = {k: v for k, v in step["Arguments"].items() if k not in BRANCHES}
            for condition in step["Arguments"]["Conditions"]:
                self._condition(name, condition)
        self._references(name, own, name)
        if step["Type"] in REQUESTS:
            self._request(name, step["Type"], step["Arguments"])

    def _condition(self, name: str, condition: dict[str, Any]) -> None:
        kind = condition["Type"]
        expected = {
            "Not": {"Condition"},
            "Or": {"Conditions"},
            "In": {"QueryValue", "Values"},
        }.get(kind, {"LeftValue", "RightValue"})
        if set(condition) != {"Type", *expected}:
            self.problems.append(f"{name}: a condition {kind} with {sorted(condition)}")
        for inner in [condition["Condition"]] if kind == "Not" else condition.get("Conditions", []):
            self._condition(name, inner)

    def _request(self, name: str, kind: str, arguments: dict[str, Any]) -> None:
        shape_name, filled_in, _ = REQUESTS[kind]
        shape = _service("sagemaker").shape_for(shape_name)
        body = self._substitute(name, {**filled_in, **arguments}, shape)
        report = ParamValidator().validate(body, shape)
        if report.has_errors():
            self.problems.append(f"{name}: {report.generate_report()}")
        else:
            self._limits(name, body, shape)

    def _substitute(self, name: str, value: Any, shape: botocore.model.Shape) -> Any:
        """``value`` with every reference replaced by a value that its place takes, if the type fits."""
        if _is_reference(value):
            given = self._kind(name, value)
            wanted = shape.type_name
            numbers = (
                {"integer", "long"}
                if wanted in ("integer", "long")
                else {"integer", "long", "float", "double"}
            )
            fitting = numbers if wanted in ("integer", "long", "float", "double") else {wanted}
            if given is not None and given not in fitting:
                self.problems.append(f"{name}: {value} is a {given} in the place of a {wanted}")
            return _dummy(shape)
        if shape.type_name == "structure" and isinstance(value, dict):
            members = shape.members
            return {k: self._substitute(name, v, members[k]) if k in members else v for k, v in value.items()}
        if shape.type_name == "map" and isinstance(value, dict):
            return {key: self._substitute(name, item, shape.value) for key, item in value.items()}
        if shape.type_name == "list" and isinstance(value, list):
            return [self._substitute(name, item, shape.member) for item in value]
        return value

    def _limits(self, name: str, value: Any, shape: botocore.model.Shape) -> None:
        """What botocore's validation leaves out: upper limits and enums."""
        most = shape.metadata.get("max")
        size = value if isinstance(value, (int, float)) else len(value)
        if most is not None and size > most:
            self.problems.append(f"{name}: {shape.name} is over {most}: {str(value)[:80]}")
        if shape.type_name == "string" and getattr(shape, "enum", None) and value not in shape.enum:
            self.problems.append(f"{name}: {value!r} is no {shape.name}")
        if shape.type_name == "structure":
            for key, item in value.items():
                self._limits(name, item, shape.members[key])
        elif shape.type_name == "map":
            for item in value.values():
                self._limits(name, item, shape.value)
        elif shape.type_name == "list":
            for item in value:
                self._limits(name, item, shape.member)

    def _references(self, place: str, value: Any, own: str | None) -> None:
        for expression in _expressions(value):
            problem = self._reference_problem(expression, own)
            if problem:
                self.problems.append(f"{place}: {expression}: {problem}")

    def _reference_problem(self, expression: dict[str, Any], own: str | None) -> str | None:
        if "Std:Join" in expression:
            join = expression["Std:Join"]
            parts_are_right = all(isinstance(v, str) or _is_reference(v) for v in join["Values"])
            right = set(join) == {"On", "Values"} and isinstance(join["On"], str) and parts_are_right
            return None if right else "not a join"
        if "Std:JsonGet" in expression:
            step, _, name = (
                expression["Std:JsonGet"]["PropertyFile"]["Get"].removeprefix("Steps.").partition(".")
            )
            files = self.steps.get(step, {}).get("PropertyFiles", [])
            known = [f"PropertyFiles.{item['PropertyFileName']}" for item in files]
            return None if name in known and step != own else "no such property file"
        root, _, rest = expression["Get"].partition(".")
        if root == "Parameters":
            return None if rest in self.parameters else "no such parameter"
        if root == "Execution":
            return None if rest in VARIABLES else "no such variable"
        step, _, path = rest.partition(".")
        if root != "Steps" or step not in self.steps or step == own or own is None:
            return "no such step"
        if path.startswith("PropertyFiles."):
            return None
        return None if self._property_kind(step, path) is not None else "no such property"

    def _kind(self, name: str, expression: dict[str, Any]) -> str | None:
        """The kind of value that a reference is; ``None`` where nothing is known of it."""
        if "Std:Join" in expression:
            return "string"
        if "Std:JsonGet" in expression:
            return None
        root, _, rest = expression["Get"].partition(".")
        if root == "Parameters":
            return PARAMETER_KINDS[self.parameters[rest]] if rest in self.parameters else None
        if root == "Execution":
            return "string"
        step, _, path = rest.partition(".")
        kind = self._property_kind(step, path) if step in self.steps else None
        return None if kind == "any" else kind

    def _property_kind(self, step: str, path: str) -> str | None:
        """The kind of a property, ``any`` where no model describes it, ``None`` where there is no such property."""
        kind = self.steps[step]["Type"]
        if kind in ("QualityCheck", "ClarifyCheck"):
            return "any" if path in BASELINES else None
        if kind in ("Lambda", "Callback"):
            names = [item["OutputName"] for item in self.steps[step]["OutputParameters"]]
            return "any" if path in [f"OutputParameters['{name}']" for name in names] else None
        if kind not in REQUESTS:
            return "any"
        if kind == "AutoML" and path.startswith("BestCandidateProperties."):
            return "any"
        for shape_name in REQUESTS[kind][2]:
            shape = _walk(_service("sagemaker").shape_for(shape_name), path)
            if shape is not None:
                return str(shape.type_name)
        return None

    def _order(self) -> None:
        graph: dict[str, set[str]] = {name: set() for name in self.steps}
        for name, step in self.steps.items():
            for other in step.get("DependsOn", []):
                if other not in self.steps or other == name:
                    self.problems.append(f"{name} depends on {other}, which is not another step")
                elif other in self._conditions_around(name):
                    self.problems.append(f"{name} depends on {other}, in whose branch it is")
            own = {key: value for key, value in step.items() if key not in ("Name", "Type")}
            if step["Type"] == "Condition":
                own["Arguments"] = {k: v for k, v in step["Arguments"].items() if k not in BRANCHES}
            graph[name] |= {found for found in _steps_read(own) if found in self.steps}
            graph[name] |= {other for other in step.get("DependsOn", []) if other in self.steps}
            if name in self.around:
                graph[name].add(self.around[name][0])
        try:
            tuple(TopologicalSorter(graph).static_order())
        except CycleError as error:
            self.problems.append(f"a cycle: {error.args[1]}")
        for name, others in graph.items():
            for other in others:
                if self._never_both(name, other):
                    self.problems.append(f"{name} waits for {other} of the other branch")

    def _conditions_around(self, name: str) -> list[str]:
        found = []
        while name in self.around:
            name = self.around[name][0]
            found.append(name)
        return found

    def _never_both(self, name: str, other: str) -> bool:
        return any(
            condition == of and branch != branch_of
            for condition, branch in self._branches(name)
            for of, branch_of in self._branches(other)
        )

    def _branches(self, name: str) -> Iterator[tuple[str, str]]:
        while name in self.around:
            yield self.around[name]
            name = self.around[name][0]


def _is_reference(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and len(value) == 1
        and next(iter(value)) in ("Get", "Std:Join", "Std:JsonGet")
    )


def _expressions(value: Any) -> Iterator[dict[str, Any]]:
    if _is_reference(value):
        yield value
        if "Std:Join" in value:
            yield from _expressions(value["Std:Join"]["Values"])
    elif isinstance(value, dict):
        for item in value.values():
            yield from _expressions(item)
    elif isinstance(value, list):
        for item in value:
            yield from _expressions(item)


def _steps_read(value: Any) -> Iterator[str]:
    for expression in _expressions(value):
        if "Std:JsonGet" in expression:
            expression = expression["Std:JsonGet"]["PropertyFile"]
        if expression.get("Get", "").startswith("Steps."):
            yield expression["Get"].split(".")[1]


def _walk(shape: botocore.model.Shape, path: str) -> botocore.model.Shape | None:
    here: Any = shape
    for part in re.findall(r"[^.\[\]]+|\['[^']*'\]|\[\d+\]", path):
        if part.startswith("["):
            here = (
                here.member if here.type_name == "list" else here.value if here.type_name == "map" else None
            )
        else:
            here = here.members.get(part) if here.type_name == "structure" else None
        if here is None:
            return None
    return None if here.type_name in ("structure", "list", "map") else here


def _dummy(shape: botocore.model.Shape) -> Any:
    if shape.type_name == "string":
        return shape.enum[0] if shape.enum else "x" * shape.metadata.get("min", 1)
    if shape.type_name == "boolean":
        return True
    return shape.metadata.get("min", 1) if shape.type_name in ("integer", "long", "float", "double") else None
