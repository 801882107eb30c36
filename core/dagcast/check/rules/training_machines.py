"""Rules of the machines of training jobs: instance types, groups and preferences, warm pools."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dagcast.check.rules.combinators import (
    all_of,
    excluded_by,
    excludes,
    inside,
    unique,
)
from dagcast.check.rules.machines import local_storage_key, preference_counts, read_only_members
from dagcast.check.rules.request_body import UNKNOWN, Finding, RequestBody
from dagcast.check.rules.rule import DEVELOPER_GUIDE, TRAINING_JOB, TRAINING_JOBS, PipelineFacts, Rule
from dagcast.sagemaker.instances import has_local_storage

_CLUSTERS = ("ResourceConfig", "HyperParameterTuningResourceConfig")
_CHOICES = ("InstanceGroups", "InstancePreferences", "InstanceConfigs")
"""Members of a cluster that list instance types."""


def _machines(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    if job.given("ServerlessJobConfig"):
        return
    resources = job.part("ResourceConfig")
    tuning = job.given("HyperParameterTuningResourceConfig")
    named = any(map(resources.given, ("InstanceType", "InstanceGroups", "InstancePreferences")))
    if not named and not tuning and job.get("ResourceConfig") is not UNKNOWN:
        yield resources.finding("no instance type is given", "InstanceType")
    elif resources.get("InstanceCount") == 0 and not isinstance(resources.get("InstanceCount"), bool):
        yield resources.finding("InstanceCount is 0, at least 1 is needed", "InstanceCount")


def _mixed_storage_key(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    for name in _CLUSTERS:
        cluster = job.part(name)
        if not cluster.given("VolumeKmsKeyId"):
            continue
        for choices in _CHOICES:
            types = [kind for item in cluster.items(choices) if (kind := item.text("InstanceType"))]
            local = [kind for kind in types if has_local_storage(kind)]
            if local and len(local) < len(types):
                message = f"VolumeKmsKeyId does not apply to {local[0]}, which has local storage"
                yield cluster.finding(message, "VolumeKmsKeyId")


def _repeated_preference(cluster: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    yield from unique("InstancePreferences", "InstanceType")(cluster, facts)


def _groups(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    yield from excludes("InstanceGroups", "InstanceType", "InstanceCount")(job.part("ResourceConfig"), facts)


def _resources(**members: Any) -> dict[str, Any]:
    return {"ResourceConfig": members}


def _preferences(*preferences: dict[str, Any], **members: Any) -> dict[str, Any]:
    unset = {"InstanceType": None, "InstanceCount": None}
    return _resources(**{**unset, **members}, InstancePreferences=list(preferences))


_ONE = {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1}
_TWO = {"InstanceType": "ml.m5.2xlarge", "InstanceCount": 1}
_BARE = {"InstanceType": "ml.m5.4xlarge"}
_GROUP = {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "InstanceGroupName": "main"}


RULES = (
    Rule(
        id="training.no-machine",
        summary="A training job names its machines, at least one of them",
        source="botocore, ResourceConfig.InstancePreferences and InstanceCount; sagemaker-python-sdk pull request 5564",
        shapes=TRAINING_JOBS,
        check=_machines,
        obeys=_resources(InstanceType="ml.m5.large"),
        breaks=_resources(InstanceType=None),
    ),
    Rule(
        id="training.local-storage-key",
        summary="VolumeKmsKeyId is not for machines with local storage",
        source="botocore, ResourceConfig.VolumeKmsKeyId",
        shapes=TRAINING_JOBS,
        check=all_of(*(local_storage_key((name,), *_CHOICES) for name in _CLUSTERS)),
        obeys=_resources(VolumeKmsKeyId="alias/ml"),
        breaks=_resources(InstanceType="ml.g5.xlarge", VolumeKmsKeyId="alias/ml"),
    ),
    Rule(
        id="training.mixed-storage-key",
        summary="VolumeKmsKeyId does not apply to those machines of a cluster that have local storage",
        source="botocore, ResourceConfig.VolumeKmsKeyId",
        shapes=TRAINING_JOB,
        check=_mixed_storage_key,
        severity="warning",
        obeys=_preferences(_ONE, _TWO, VolumeKmsKeyId="alias/ml"),
        breaks=_preferences(
            _ONE, {"InstanceType": "ml.g5.xlarge", "InstanceCount": 1}, VolumeKmsKeyId="alias/ml"
        ),
    ),
    Rule(
        id="training.groups-and-type",
        summary="InstanceGroups exclude InstanceType and InstanceCount",
        source="Answer of the service, quoted in sagemaker-python-sdk pull request 5564",
        shapes=TRAINING_JOB,
        check=_groups,
        obeys=_resources(InstanceType=None, InstanceCount=None, InstanceGroups=[_GROUP]),
        breaks=_resources(InstanceGroups=[_GROUP]),
    ),
    Rule(
        id="training.preference-count",
        summary="InstanceCount is on every preference or on the cluster, not on both",
        source="botocore, InstancePreference.InstanceCount",
        shapes=TRAINING_JOB,
        check=inside("ResourceConfig", preference_counts),
        obeys=_preferences(_ONE, _TWO),
        breaks=_preferences(_ONE, _BARE),
    ),
    Rule(
        id="training.repeated-preference",
        summary="Each instance type is once among the InstancePreferences",
        source="botocore, InstancePreference.InstanceType",
        shapes=TRAINING_JOB,
        check=inside("ResourceConfig", _repeated_preference),
        obeys=_preferences(_ONE, _TWO),
        breaks=_preferences(_ONE, _ONE),
    ),
    Rule(
        id="training.preferences-exclude",
        summary="InstancePreferences exclude an instance type, groups, placement and spot training",
        source="botocore, ResourceConfig.InstancePreferences",
        shapes=TRAINING_JOB,
        check=all_of(
            inside(
                "ResourceConfig",
                excludes("InstancePreferences", "InstanceType", "InstanceGroups", "InstancePlacementConfig"),
            ),
            excluded_by(("ResourceConfig", "InstancePreferences"), "EnableManagedSpotTraining", True),
        ),
        obeys=_preferences(_ONE),
        breaks=_preferences(_ONE, InstanceType="ml.m5.xlarge"),
    ),
    Rule(
        id="training.read-only-member",
        summary="SelectedInstanceType and SelectedInstanceCount are answers of the service",
        source="botocore, ResourceConfig.SelectedInstanceType",
        shapes=TRAINING_JOB,
        check=inside("ResourceConfig", read_only_members),
        obeys={},
        breaks=_resources(SelectedInstanceCount=1),
    ),
    Rule(
        id="training.warm-pool",
        summary="KeepAlivePeriodInSeconds is neither for spot training nor for instance groups",
        source=f"{DEVELOPER_GUIDE}, train-warm-pools, Considerations",
        shapes=TRAINING_JOB,
        check=all_of(
            inside("ResourceConfig", excludes("KeepAlivePeriodInSeconds", "InstanceGroups")),
            excluded_by(("ResourceConfig", "KeepAlivePeriodInSeconds"), "EnableManagedSpotTraining", True),
        ),
        obeys=_resources(KeepAlivePeriodInSeconds=600),
        breaks={
            **_resources(KeepAlivePeriodInSeconds=600),
            "EnableManagedSpotTraining": True,
            "StoppingCondition": {"MaxWaitTimeInSeconds": 7200},
        },
    ),
)
