"""Adapt the defaults of a request to its other members.

Some members of a request exclude each other. The config may set a member that excludes a default of dagcast. A plugin
may do so after the steps were lowered. The default is then removed or changed. Values that the user set are never
changed.

Source of the rules: botocore's documentation of the members.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from dagcast.compile.lower.code_channel import LocateField, add_code_channel
from dagcast.compile.lower.s3_addresses import join_with_single_slashes, separate_destinations
from dagcast.compile.spec.edit import has, is_default, put, remove, value_at, with_origin
from dagcast.compile.spec.pipeline import Origin, PipelineSpec, StepSpec
from dagcast.definition.references import Reference
from dagcast.errors import DiagnosticSink, Location
from dagcast.paths import FieldPath
from dagcast.sagemaker.limits import DEFAULT_RUN_TIME_SECONDS


def adapt_pipeline(
    spec: PipelineSpec, sink: DiagnosticSink, locate: Callable[[FieldPath], Location]
) -> PipelineSpec:
    """Return the pipeline with defaults that are compatible with the other members of its requests.

    The function is idempotent.

    Args:
        spec: The pipeline.
        sink: Collects diagnostics.
        locate: Returns the location of a value in the config.
    """

    def locate_field(step: str, path: FieldPath) -> Location | None:
        return locate(("steps", step, *path))

    adapted = tuple(_adapt(step, sink, locate_field) for step in spec.steps)
    spec = separate_destinations(replace(spec, steps=adapted))
    return join_with_single_slashes(spec, sink, lambda name: locate(("parameters", name)))


def _adapt(step: StepSpec, sink: DiagnosticSink, locate: LocateField) -> StepSpec:
    if step.step_type == "Training":
        return add_code_channel(_adapt_training_job(step, ()), (), "HyperParameters", sink, locate)
    if step.step_type == "Tuning":
        job = ("TrainingJobDefinition",)
        step = _adapt_training_job(step, job)
        if has(step, (*job, "HyperParameterTuningResourceConfig")):
            step = _without_defaults(step, (*job, "ResourceConfig"), ("InstanceCount", "VolumeSizeInGB"))
        return add_code_channel(step, job, "StaticHyperParameters", sink, locate)
    if step.step_type == "Processing":
        return _adapt_instances(step, ("ProcessingResources", "ClusterConfig"))
    # Only a version in a group has an approval status. Source: botocore, CreateModelPackageInput.
    if step.step_type == "RegisterModel" and has(step, "ModelPackageName"):
        return _without_defaults(step, (), ("ModelApprovalStatus",))
    return step


def _adapt_training_job(step: StepSpec, job: FieldPath) -> StepSpec:
    """Adapt the instances and the maximum run time of the training job at path ``job`` of the request."""
    resources = (*job, "ResourceConfig")
    if value_at(step, (*resources, "InstanceGroups")):
        step = _without_defaults(step, resources, ("InstanceCount",))
    step = _adapt_instances(step, resources)
    if has(step, (*job, "ServerlessJobConfig")):
        # The service chooses the instances of a serverless job. Source: TrainingJob of the SDK 3 trainers, which send
        # neither a ResourceConfig nor an AlgorithmSpecification.
        step = _without_defaults(step, resources, ("InstanceCount", "VolumeSizeInGB"))
        if set(value_at(step, (*job, "AlgorithmSpecification"), ())) == {"TrainingInputMode"}:
            step = _without_defaults(step, (*job, "AlgorithmSpecification"), ("TrainingInputMode",))
    return _limit_run_time(step, (*job, "StoppingCondition"))


def _adapt_instances(step: StepSpec, resources: FieldPath) -> StepSpec:
    """Remove the default instance count if an instance preference has its own count.

    Source: botocore, ``InstancePreference.InstanceCount``.
    """
    preferences = value_at(step, (*resources, "InstancePreferences"))
    if isinstance(preferences, tuple) and any(
        isinstance(item, dict) and "InstanceCount" in item for item in preferences
    ):
        return _without_defaults(step, resources, ("InstanceCount",))
    return step


def _limit_run_time(step: StepSpec, condition: FieldPath) -> StepSpec:
    """Limit the default run time to the maximum wait time of a spot job, in seconds.

    A reference as wait time also becomes the run time, because its value is unknown at compile time. Source:
    botocore, ``StoppingCondition.MaxWaitTimeInSeconds``.
    """
    place = (*condition, "MaxRuntimeInSeconds")
    wait = value_at(step, (*condition, "MaxWaitTimeInSeconds"))
    if wait is None or not is_default(step, place) or value_at(step, place) == wait:
        return step
    if isinstance(wait, Reference) or (isinstance(wait, int) and wait < DEFAULT_RUN_TIME_SECONDS):
        step = put(step, place, wait)
        return with_origin(step, place, Origin("default", detail="as long as the wait for spot instances"))
    return step


def _without_defaults(step: StepSpec, around: FieldPath, names: tuple[str, ...]) -> StepSpec:
    """Remove the members that have their default, and the enclosing mapping if it is then empty."""
    for name in names:
        place = (*around, name)
        if has(step, place) and is_default(step, place):
            step = remove(step, place)
    if around and value_at(step, around) == {}:
        step = remove(step, around)
    return step
