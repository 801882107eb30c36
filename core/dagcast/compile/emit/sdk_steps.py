"""Emit steps as SDK objects. Each step wraps one service request.

The classes in this module are mixins, because the SDK is imported lazily. :func:`sdk_subclass` combines them with the
SDK's step classes. An emitted step is an instance of both.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from dagcast.compile.emit.conditions import sdk_condition
from dagcast.compile.emit.properties import step_properties
from dagcast.compile.emit.sdk import SDK
from dagcast.compile.emit.sdk_support import check_types
from dagcast.compile.emit.variables import Variables, definition_value
from dagcast.compile.spec.pipeline import PipelineSpec, StepSpec
from dagcast.definition.references import render
from dagcast.definition.write import step_data
from dagcast.sagemaker.step_kinds import STEP_KINDS


class RequestStep:
    """A step that wraps its service request. The emitted step is also an instance of the SDK's ``Step``.

    ``name``, ``display_name``, ``description``, ``depends_on``, ``retry_policies``, ``cache_config`` and
    ``property_files`` can be changed afterwards, as on the SDK's steps. The definition reflects the changes.
    """

    name: str
    display_name: str | None
    description: str | None
    depends_on: list[Any] | None
    step_type: Any

    def __init__(self, spec: StepSpec, variables: Variables) -> None:
        self._spec = spec
        self._variables = variables
        sdk_step: Any = super()
        sdk_step.__init__(**self._options())
        # Fields that the user has read as SDK objects. The user may have changed these objects.
        self._opened: dict[str, Any] = {}

    def _options(self) -> dict[str, Any]:
        spec = self._spec
        return {
            "name": spec.name,
            "display_name": spec.display_name,
            "description": spec.description,
            "step_type": self._variables.sdk.StepTypeEnum(spec.definition_type),
            "depends_on": list(spec.depends_on) or None,
        }

    @property
    def arguments(self) -> Any:
        """Return a new copy of the request body, with the SDK's pipeline variables in place of references."""
        return self._variables.convert(self._spec.arguments)

    @functools.cached_property
    def properties(self) -> Any:
        """Return the properties that other steps may read."""
        return step_properties(self._spec, self, self._variables.sdk)

    @property
    def retry_policies(self) -> list[Any]:
        """Return the retry policies as SDK objects."""
        policies: list[Any] = self._open(
            "RetryPolicies", lambda raw: [_retry_policy(policy, self._variables) for policy in raw or []]
        )
        return policies

    @retry_policies.setter
    def retry_policies(self, policies: list[Any]) -> None:
        self._set("RetryPolicies", policies)

    @property
    def cache_config(self) -> Any:
        """Return the cache configuration as an SDK object, or ``None``."""
        make = self._variables.sdk.CacheConfig
        return self._open(
            "CacheConfig",
            lambda raw: make(raw.get("Enabled", False), raw.get("ExpireAfter")) if raw else None,
        )

    @cache_config.setter
    def cache_config(self, config: Any) -> None:
        self._set("CacheConfig", config)

    @property
    def property_files(self) -> list[Any]:
        """Return the property files as SDK objects."""
        make = self._variables.sdk.PropertyFile
        files: list[Any] = self._open(
            "PropertyFiles",
            lambda raw: [make(f["PropertyFileName"], f["OutputName"], f["FilePath"]) for f in raw or []],
        )
        return files

    @property_files.setter
    def property_files(self, files: list[Any]) -> None:
        self._set("PropertyFiles", files)

    def to_request(self) -> dict[str, Any]:
        """Return the step's entry in the definition, with the SDK's pipeline variables unresolved.

        The SDK derives the dependencies between steps from these variables.
        """
        spec = self._spec
        request = {"Name": self.name, "Type": spec.definition_type, "Arguments": self.arguments}
        if self.depends_on:
            request["DependsOn"] = list(self.depends_on)
        if self.display_name:
            request["DisplayName"] = self.display_name
        if self.description:
            request["Description"] = self.description
        for key, value in self._fields().items():
            request[key] = self._variables.convert(value)
        return request

    def definition_request(self) -> dict[str, Any]:
        """Return the step's entry in the definition as plain JSON data."""
        return step_data(self._current(), {})

    def dependencies(self) -> list[str] | None:
        """Return the unique names in ``depends_on``, or ``None`` if an item is neither a name nor a dagcast step."""
        names: dict[str, None] = {}
        for item in self.depends_on or ():
            if isinstance(item, RequestStep):
                item = item.name
            if not isinstance(item, str):
                return None
            names[item] = None
        return list(names)

    def _current(self) -> StepSpec:
        spec = self._spec
        now = (self.name, self.display_name, self.description, tuple(self.dependencies() or ()))
        if not self._opened and now == (spec.name, spec.display_name, spec.description, spec.depends_on):
            return spec
        return replace(
            spec,
            name=self.name,
            display_name=self.display_name,
            description=self.description,
            depends_on=tuple(self.dependencies() or ()),
            fields=self._fields(),
        )

    def _fields(self) -> Any:
        if not self._opened:
            return self._spec.fields
        fields = dict(self._spec.fields)
        for key, value in self._opened.items():
            changed = _field_request(key, value)
            if not changed:
                fields.pop(key, None)
            # Keep unchanged data as it was written, including its order.
            elif changed != render(fields.get(key)):
                fields[key] = changed
        return fields

    def _open(self, key: str, make: Callable[[Any], Any]) -> Any:
        if key not in self._opened:
            self._opened[key] = make(self._variables.convert(self._spec.fields.get(key)))
        return self._opened[key]

    def _set(self, key: str, value: Any) -> None:
        # The SDK's constructor also sets these attributes, before ``_opened`` exists. Ignore these calls.
        if "_opened" in vars(self):
            self._opened[key] = value


class RequestConditionStep(RequestStep):
    """A step with branches. The emitted step is also an instance of the SDK's ``ConditionStep``.

    Attributes:
        if_steps: The steps that run if the conditions are true. Can be changed.
        else_steps: The steps that run otherwise. Can be changed.
    """

    if_steps: list[Any]
    else_steps: list[Any]

    def __init__(
        self, spec: StepSpec, variables: Variables, if_steps: list[Any], else_steps: list[Any]
    ) -> None:
        super().__init__(spec, variables)
        self.if_steps = if_steps
        self.else_steps = else_steps

    def _options(self) -> dict[str, Any]:
        options = super()._options()
        del options["step_type"]
        return options

    @functools.cached_property
    def properties(self) -> Any:
        """Return the properties that other steps may read: ``Outcome``."""
        sdk_step: Any = super(RequestStep, self)
        return sdk_step.properties

    @property
    def conditions(self) -> list[Any]:
        """Return the conditions as SDK objects. The list can be changed."""
        if "Conditions" not in self._opened:
            raw = self._spec.arguments.get("Conditions", ())
            self._opened["Conditions"] = [sdk_condition(condition, self._variables) for condition in raw]
        opened: list[Any] = self._opened["Conditions"]
        return opened

    @conditions.setter
    def conditions(self, conditions: list[Any]) -> None:
        self._set("Conditions", conditions)

    @property
    def arguments(self) -> Any:
        """Return the conditions and the requests of both branches, with the SDK's pipeline variables unresolved."""
        return {
            **self.step_only_arguments,
            "IfSteps": [step.to_request() for step in self.if_steps],
            "ElseSteps": [step.to_request() for step in self.else_steps],
        }

    @property
    def step_only_arguments(self) -> dict[str, Any]:
        """Return only the conditions, with the SDK's pipeline variables unresolved."""
        return {"Conditions": [condition.to_request() for condition in self.conditions]}

    def definition_request(self) -> dict[str, Any]:
        """Return the entries of the step and its branches in the definition as plain JSON data.

        Every step in the branches must be a :class:`RequestStep`.
        """
        request = step_data(replace(self._current(), if_steps=(), else_steps=()), {})
        if "Conditions" in self._opened:
            conditions = definition_value(self.step_only_arguments["Conditions"])
            if conditions != request["Arguments"].get("Conditions", []):
                request["Arguments"]["Conditions"] = conditions
        request["Arguments"]["IfSteps"] = [step.definition_request() for step in self.if_steps]
        request["Arguments"]["ElseSteps"] = [step.definition_request() for step in self.else_steps]
        return request

    def _fields(self) -> Any:
        return self._spec.fields


class RequestRetryPolicy:
    """A retry policy. The emitted policy is also an instance of the SDK's ``RetryPolicy``."""

    def __init__(self, request: dict[str, Any]) -> None:
        self._request = request
        sdk_policy: Any = super()
        sdk_policy.__init__(
            backoff_rate=request.get("BackoffRate"),
            interval_seconds=request.get("IntervalSeconds"),
            max_attempts=request.get("MaxAttempts"),
            expire_after_mins=request.get("ExpireAfterMin"),
        )

    def to_request(self) -> dict[str, Any]:
        """Return the policy in the definition's format."""
        policy: Any = self
        limits = {
            "BackoffRate": policy.backoff_rate,
            "IntervalSeconds": policy.interval_seconds,
            "MaxAttempts": policy.max_attempts,
            "ExpireAfterMin": policy.expire_after_mins,
        }
        request = {key: value for key, value in self._request.items() if key not in limits}
        return {**{key: value for key, value in limits.items() if value is not None}, **request}


class _Classes(NamedTuple):
    plain: Any
    retryable: Any
    condition: Any
    retry_policy: Any


@functools.cache
def _classes(sdk: SDK) -> _Classes:
    return _Classes(
        plain=sdk_subclass(RequestStep, sdk.Step),
        retryable=sdk_subclass(RequestStep, sdk.ConfigurableRetryStep),
        condition=sdk_subclass(RequestConditionStep, sdk.ConditionStep),
        retry_policy=sdk_subclass(RequestRetryPolicy, sdk.RetryPolicy),
    )


def is_emitted_step(step: Any, sdk: SDK) -> bool:
    """Return whether a step has a type of :func:`emit_steps`, and no methods of its own."""
    kinds = _classes(sdk)
    return type(step) in (kinds.plain, kinds.retryable, kinds.condition) and not any(
        callable(getattr(type(step), name, None)) for name in vars(step)
    )


def sdk_subclass(mixin: type[Any], base: Any) -> Any:
    """Return a subclass of ``mixin`` and ``base`` with the name and the docstring of the mixin."""

    def describe(namespace: dict[str, Any]) -> None:
        namespace.update(__module__=mixin.__module__, __qualname__=mixin.__qualname__, __doc__=mixin.__doc__)

    return types.new_class(mixin.__name__, (mixin, base), exec_body=describe)


def emit_steps(spec: PipelineSpec, variables: Variables) -> list[RequestStep]:
    """Return the top-level steps of a pipeline as SDK objects. A condition step holds the steps of its branches.

    Raises:
        SDKError: If the installed SDK does not support the type of a step. The message lists all such steps.
    """
    check_types(spec.steps, variables.sdk)
    by_name = {step.name: step for step in spec.steps}
    return [_emit_step(by_name[step.name], by_name, variables) for step in spec.top_level_steps]


def _emit_step(spec: StepSpec, by_name: Mapping[str, StepSpec], variables: Variables) -> RequestStep:
    classes = _classes(variables.sdk)
    step: RequestStep
    if spec.is_condition:
        step = classes.condition(
            spec,
            variables,
            [_emit_step(by_name[name], by_name, variables) for name in spec.if_steps],
            [_emit_step(by_name[name], by_name, variables) for name in spec.else_steps],
        )
    elif spec.definition_type in STEP_KINDS and STEP_KINDS[spec.definition_type].retryable:
        step = classes.retryable(spec, variables)
    else:
        step = classes.plain(spec, variables)
    return step


def _retry_policy(request: dict[str, Any], variables: Variables) -> Any:
    return _classes(variables.sdk).retry_policy(request)


def _field_request(key: str, value: Any) -> Any:
    if not value:
        return None
    if key == "CacheConfig":
        return value.config["CacheConfig"]
    if key == "PropertyFiles":
        return definition_value(value)
    return definition_value([policy.to_request() for policy in value])
