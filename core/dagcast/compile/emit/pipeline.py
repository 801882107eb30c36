"""Emit a pipeline as an SDK object with SDK parameters, SDK steps and the definition text of the spec."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dagcast.compile.emit.sdk import SDK, load_sdk
from dagcast.compile.emit.sdk_steps import (
    RequestConditionStep,
    RequestStep,
    emit_steps,
    is_emitted_step,
    sdk_subclass,
)
from dagcast.compile.emit.variables import Variables, definition_value, sdk_parameter
from dagcast.compile.spec.pipeline import PipelineSpec
from dagcast.definition.model import ParameterSpec
from dagcast.definition.parameters import parameter_values
from dagcast.definition.write import SCHEMA_VERSION
from dagcast.gc_pause import pause_gc
from dagcast.sagemaker.limits import DEFINITION_INLINE_BYTES

if TYPE_CHECKING:
    from dagcast.sagemaker.pipeline_protocol import Pipeline


def emit_pipeline(spec: PipelineSpec, sagemaker_session: Any = None, role: str | None = None) -> Pipeline:
    """Return the SDK's ``Pipeline`` object for a spec.

    Requires no credentials, region or network. The session is created on first use.

    Args:
        spec: The pipeline.
        sagemaker_session: The session to deploy with. By default, the SDK creates a session on first use, in the
            region of the spec if the spec has one.
        role: ARN of the execution role for ``create``, ``update`` and ``upsert``. Defaults to the role of the spec.

    Raises:
        SDKError: If the SDK is missing or unusable, or does not support the type of a step.
    """
    sdk = load_sdk()
    parameters = {parameter.name: sdk_parameter(parameter, sdk) for parameter in spec.parameters}
    variables = Variables(sdk, parameters)
    pipeline: Pipeline = _pipeline_class(sdk)(
        spec,
        variables=variables,
        parameters=parameters,
        steps=emit_steps(spec, variables),
        sagemaker_session=sagemaker_session,
        role=role,
    )
    return pipeline


def expected_state(
    spec: PipelineSpec, definition: str, *, role: str | None, sagemaker_session: Any
) -> Mapping[str, Any]:
    """Return what :func:`emitted_state` returns for a pipeline that nobody changed since it was emitted."""
    return {
        "type": None,
        "spec": spec,
        "name": spec.name,
        "role": role or spec.role,
        "session": sagemaker_session,
        "methods": [],
        "types of steps": [],
        "definition": definition,
    }


def emitted_state(pipeline: Any) -> Mapping[str, Any]:
    """Return what an emitted pipeline sends to the service. Neither the SDK's ``definition`` nor AWS is called.

    Args:
        pipeline: The pipeline.

    Returns:
        ``type``: ``None``, or the name of the type if it is not that of :func:`emit_pipeline`; and ``spec``, ``name``,
        ``role``, ``session``, the replaced ``methods``, the steps with other ``types of steps``, and ``definition``:
        ``None`` if only the SDK can write it.
    """
    # The type may lie in __class__, or be a subclass that overrides methods.
    is_emitted = issubclass(type(pipeline), CompiledPipeline) and type(pipeline) is _pipeline_class(
        pipeline._sdk
    )
    if not is_emitted:
        return {"type": type(pipeline).__qualname__}
    own = vars(pipeline)
    replaced: list[str] = []
    try:
        steps = _with_branches(pipeline.steps)
        replaced = [step.name for step in steps if not is_emitted_step(step, pipeline._sdk)]
        request = pipeline._definition_request()
        definition = None if request is None else json.dumps(request)
    # Whatever was put into the lists of steps and parameters may raise any exception.
    except Exception:
        definition = None
    return {
        "type": None,
        "spec": pipeline.spec,
        "name": pipeline.name,
        "role": own.get("_role"),
        "session": own.get("_session"),
        "methods": sorted(name for name in own if callable(getattr(type(pipeline), name, None))),
        "types of steps": replaced,
        "definition": definition,
    }


def definition_differences(before: str, after: str) -> list[str]:
    """Return the names of the steps, parameters and other members in which two definitions differ.

    Example:
        >>> definition_differences('{"Steps": [{"Name": "fit"}]}', '{"Steps": []}')
        ['Steps.fit']
    """
    one, other = json.loads(before), json.loads(after)
    found = []
    for member in {**one, **other}:
        old, new = one.get(member), other.get(member)
        if old == new:
            continue
        if not (isinstance(old, list) and isinstance(new, list)):
            found.append(member)
            continue
        named, changed = ({item.get("Name"): item for item in items} for items in (old, new))
        names = [name for name in {**named, **changed} if named.get(name) != changed.get(name)]
        found += [f"{member}.{name}" for name in names] or [f"order of {member}"]
    return found or ["definition"]


class CompiledPipeline:
    """A compiled pipeline. The emitted object is an instance of this class and of the SDK's ``Pipeline``.

    The attributes that can be changed on the SDK's pipeline (``steps``, ``parameters``,
    ``pipeline_experiment_config`` and so on) can be changed here. The definition reflects the changes. ``create``,
    ``update`` and ``upsert`` use the role, description, tags and parallelism of the spec as defaults. They first
    upload the staged code that is missing in S3.

    Attributes:
        spec: The spec that the pipeline was emitted from. It does not reflect later changes.
    """

    name: str
    parameters: list[Any]
    steps: list[Any]
    pipeline_experiment_config: Any

    def __init__(
        self,
        spec: PipelineSpec,
        *,
        variables: Variables,
        parameters: Mapping[str, Any],
        steps: list[RequestStep],
        sagemaker_session: Any,
        role: str | None,
    ) -> None:
        # Do not call the SDK's constructor: it creates a session and a client, which require a region.
        sdk = variables.sdk
        self.spec = spec
        self.name = spec.name
        self.parameters = list(parameters.values())
        self.steps = list(steps)
        self.pipeline_experiment_config = _experiment(spec, variables)
        self.pipeline_definition_config = sdk.PipelineDefinitionConfig(use_custom_job_prefix=False)
        if sdk.version.major >= 3:
            self.mlflow_config: Any = None
        self._version = SCHEMA_VERSION
        self._metadata: dict[str, Any] = {}
        self._sdk = sdk
        self._role = role or spec.role
        self._session = sagemaker_session
        self._created_session: Any = None
        self._scheduler: Any = None
        self._code_is_uploaded = False

    @property
    def sagemaker_session(self) -> Any:
        """Return the session to deploy with. Create it on first use if the caller passed no session."""
        if self._session is not None:
            return self._session
        if self._created_session is None:
            if self.spec.region is None:
                self._created_session = self._sdk.Session()
            else:
                import boto3

                boto_session = boto3.session.Session(region_name=self.spec.region)
                self._created_session = self._sdk.Session(boto_session=boto_session)
        return self._created_session

    @sagemaker_session.setter
    def sagemaker_session(self, session: Any) -> None:
        self._session = session
        self._scheduler = None

    @property
    def _event_bridge_scheduler_helper(self) -> Any:
        if self._scheduler is None:
            client = self.sagemaker_session.boto_session.client("scheduler")
            self._scheduler = self._sdk.EventBridgeSchedulerHelper(client)
        return self._scheduler

    @pause_gc()
    def definition(self) -> str:
        """Return the definition JSON. For an unchanged pipeline, it equals the text of ``dagcast.definition.write``."""
        request = self._definition_request()
        if request is None:
            sdk_pipeline: Any = super()
            request = json.loads(sdk_pipeline.definition())
            if request.get("MlflowConfig") is None:
                request.pop("MlflowConfig", None)
        return json.dumps(request)

    def create(
        self,
        role_arn: str | None = None,
        description: str | None = None,
        tags: Any = None,
        parallelism_config: Any = None,
        **options: Any,
    ) -> dict[str, Any]:
        """Create the pipeline in SageMaker, like the SDK's ``create``, with the values of the spec as defaults.

        Raises:
            StagingError: If staged code is missing in S3 and cannot be uploaded.
        """
        self._upload_code()
        sdk_pipeline: Any = super()
        response: dict[str, Any] = sdk_pipeline.create(
            self._role_arn(role_arn),
            self._description(description),
            self._tags(tags),
            self._parallelism(parallelism_config),
            **options,
        )
        return response

    def update(
        self,
        role_arn: str | None = None,
        description: str | None = None,
        parallelism_config: Any = None,
        **options: Any,
    ) -> dict[str, Any]:
        """Update the pipeline in SageMaker, like the SDK's ``update``, with the values of the spec as defaults.

        Raises:
            StagingError: If staged code is missing in S3 and cannot be uploaded.
        """
        self._upload_code()
        sdk_pipeline: Any = super()
        response: dict[str, Any] = sdk_pipeline.update(
            self._role_arn(role_arn),
            self._description(description),
            parallelism_config=self._parallelism(parallelism_config),
            **options,
        )
        return response

    def upsert(
        self,
        role_arn: str | None = None,
        description: str | None = None,
        tags: Any = None,
        parallelism_config: Any = None,
        **options: Any,
    ) -> dict[str, Any]:
        """Create the pipeline, or update it if it exists, with the values of the spec as defaults.

        Raises:
            StagingError: If staged code is missing in S3 and cannot be uploaded.
        """
        self._upload_code()
        # The SDK's upsert calls create and may then call update. Check S3 for staged code only once.
        self._code_is_uploaded = True
        sdk_pipeline: Any = super()
        try:
            response: dict[str, Any] = sdk_pipeline.upsert(
                self._role_arn(role_arn),
                self._description(description),
                self._tags(tags),
                self._parallelism(parallelism_config),
                **options,
            )
        finally:
            self._code_is_uploaded = False
        return response

    def start(
        self,
        parameters: Any = None,
        execution_display_name: str | None = None,
        execution_description: str | None = None,
        parallelism_config: Any = None,
        selective_execution_config: Any = None,
        *,
        pipeline_version_id: int | None = None,
        **options: Any,
    ) -> Any:
        """Start an execution, like the SDK's ``start``, after a check of the parameters.

        Raises:
            TypeError: If ``parameters`` is not a mapping.
            InvalidInputError: With all unknown names, values of a wrong type, and parameters without a value.
        """
        if parameters is not None and not isinstance(parameters, Mapping):
            raise TypeError(f"parameters is a mapping of names and values, and not {parameters!r}")
        # An older version of the pipeline may have other parameters.
        if pipeline_version_id is None:
            declared = map(_declared, self.parameters)
            parameter_values(declared, parameters or {}, remedy="start(parameters={{'{name}': VALUE}})")
        sdk_pipeline: Any = super()
        if pipeline_version_id is not None:
            options["pipeline_version_id"] = pipeline_version_id
        return sdk_pipeline.start(
            parameters,
            execution_display_name,
            execution_description,
            parallelism_config,
            selective_execution_config,
            **options,
        )

    def __repr__(self) -> str:
        return f"<Pipeline {self.name}: {len(self.spec.steps)} steps>"

    def _create_args(self, role_arn: str, description: str | None, parallelism_config: Any) -> dict[str, Any]:
        # Without a bucket, the SDK puts large definitions into its default bucket, which it creates.
        bucket = self.spec.definition_bucket
        definition = self.definition() if bucket is not None else ""
        if len(definition.encode()) < DEFINITION_INLINE_BYTES:
            sdk_pipeline: Any = super()
            arguments: dict[str, Any] = sdk_pipeline._create_args(role_arn, description, parallelism_config)
            return arguments
        prefix = (self.spec.definition_prefix or "").strip("/")
        key = "/".join(part for part in (prefix, self.name) if part)
        self.sagemaker_session.upload_string_as_file_body(body=definition, bucket=bucket, key=key)
        arguments = {
            "PipelineName": self.name,
            "RoleArn": role_arn,
            "PipelineDefinitionS3Location": {"Bucket": bucket, "ObjectKey": key},
        }
        if description is not None:
            arguments["PipelineDescription"] = description
        if parallelism_config is not None:
            arguments["ParallelismConfiguration"] = parallelism_config
        return arguments

    def _definition_request(self) -> dict[str, Any] | None:
        """Return the definition as plain data, or ``None`` if only the SDK can write the changed pipeline."""
        expected = {step.name for step in self.spec.steps}
        if not _is_ours(self.steps, expected) or getattr(self, "mlflow_config", None) is not None:
            return None
        experiment = self.pipeline_experiment_config
        return {
            "Version": self._version,
            "Metadata": self._metadata,
            "Parameters": [parameter.to_request() for parameter in self.parameters],
            "PipelineExperimentConfig": None
            if experiment is None
            else definition_value(experiment.to_request()),
            "Steps": [step.definition_request() for step in self.steps],
        }

    def _upload_code(self) -> None:
        from dagcast.staging.upload import upload

        if self.spec.staged and not self._code_is_uploaded:
            upload(self.spec.staged, self.sagemaker_session.boto_session)

    def _role_arn(self, given: str | None) -> str | None:
        return given or self._role

    def _description(self, given: str | None) -> str | None:
        return given if given is not None else self.spec.description

    def _tags(self, given: Any) -> Any:
        if given is not None or not self.spec.tags:
            return given
        return [{"Key": key, "Value": value} for key, value in self.spec.tags]

    def _parallelism(self, given: Any) -> Any:
        if given is None and self.spec.parallelism is not None:
            return {"MaxParallelExecutionSteps": self.spec.parallelism}
        # Early 2.257 releases pass the object itself to boto3, which accepts only a dict.
        return given.to_request() if isinstance(given, self._sdk.ParallelismConfiguration) else given


def _declared(parameter: Any) -> ParameterSpec:
    """Return a parameter object of the SDK as data, with the changes of the user."""
    request = parameter.to_request()
    enum = tuple(request.get("EnumValues") or ())
    return ParameterSpec(request["Name"], request["Type"], request.get("DefaultValue"), enum)


@functools.cache
def _pipeline_class(sdk: SDK) -> Any:
    return sdk_subclass(CompiledPipeline, sdk.Pipeline)


def _experiment(spec: PipelineSpec, variables: Variables) -> Any:
    if spec.experiment is None:
        return None
    experiment = variables.convert(spec.experiment)
    return variables.sdk.PipelineExperimentConfig(experiment["ExperimentName"], experiment["TrialName"])


def _is_ours(steps: Sequence[Any], expected: set[str]) -> bool:
    """Return whether the steps are exactly the expected ones and depend only on each other."""
    everything = list(_with_branches(steps))
    if not all(isinstance(step, RequestStep) for step in everything):
        return False
    if len(everything) != len(expected) or {step.name for step in everything} != expected:
        return False
    dependencies = [step.dependencies() for step in everything]
    return all(found is not None and expected.issuperset(found) for found in dependencies)


def _with_branches(steps: Sequence[Any]) -> Iterator[Any]:
    for step in steps:
        yield step
        if isinstance(step, RequestConditionStep):
            yield from _with_branches(step.if_steps)
            yield from _with_branches(step.else_steps)
