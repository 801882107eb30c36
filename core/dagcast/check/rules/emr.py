"""Rules of EMR clusters and of the steps that run on them."""

from __future__ import annotations

from collections.abc import Iterator

from dagcast.check.rules.combinators import at_most_one_of, inside
from dagcast.check.rules.request_body import Finding, RequestBody
from dagcast.check.rules.rule import PipelineFacts, Rule

_CLUSTER = ("RunJobFlowInput",)
_STEP = ("StepConfig",)
MOST_ARGUMENTS = 10_240
"""Characters of the arguments of a step. Source: botocore emr, AddJobFlowSteps."""


def _arguments(step: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    arguments = step.get("HadoopJarStep", "Args")
    size = (
        sum(len(text) for text in arguments or () if isinstance(text, str))
        if isinstance(arguments, list)
        else 0
    )
    if size > MOST_ARGUMENTS:
        message = f"the arguments have {size:,} characters in all, at most {MOST_ARGUMENTS:,} are allowed"
        yield step.finding(message, "HadoopJarStep", "Args")


def _master_fleet(cluster: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    for fleet in cluster.items("Instances", "InstanceFleets"):
        if fleet.get("InstanceFleetType") != "MASTER":
            continue
        given = [fleet.get(name) for name in ("TargetOnDemandCapacity", "TargetSpotCapacity")]
        known = [value for value in given if isinstance(value, int)]
        if len(known) == sum(value is not None for value in given) and sum(known) != 1:
            yield fleet.finding(
                f"the master fleet has a capacity of {sum(known)}, expected 1", "TargetOnDemandCapacity"
            )


def _security_groups(cluster: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    instances = cluster.part("Instances")
    pair = ("EmrManagedMasterSecurityGroup", "EmrManagedSlaveSecurityGroup")
    given = list(map(instances.given, pair))
    if any(given) and not all(given):
        missing = pair[given.index(False)]
        yield instances.finding(f"{pair[0]} and {pair[1]} go together: {missing} is missing", missing)


_GROUPS = [{"InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1}]


def _fleet(capacity: int) -> dict[str, object]:
    fleet = {"InstanceFleetType": "MASTER", "TargetOnDemandCapacity": capacity}
    return {"Instances": {"InstanceGroups": None, "InstanceFleets": [fleet]}}


RULES = (
    Rule(
        id="emr.instances",
        summary="InstanceGroups and InstanceFleets exclude each other",
        source="botocore emr, JobFlowInstancesConfig; SageMaker Python SDK, EMRStep",
        shapes=_CLUSTER,
        check=inside("Instances", at_most_one_of("InstanceGroups", "InstanceFleets")),
        obeys={},
        breaks={
            "Instances": {"InstanceFleets": [{"InstanceFleetType": "MASTER", "TargetOnDemandCapacity": 1}]}
        },
    ),
    Rule(
        id="emr.master-fleet",
        summary="The master fleet has a capacity of 1",
        source="botocore emr, InstanceFleetConfig.TargetOnDemandCapacity",
        shapes=_CLUSTER,
        check=_master_fleet,
        obeys=_fleet(1),
        breaks=_fleet(2),
    ),
    Rule(
        id="emr.security-groups",
        summary="The managed security groups of master and slaves are given together",
        source="botocore emr, JobFlowInstancesConfig.EmrManagedMasterSecurityGroup",
        shapes=_CLUSTER,
        check=_security_groups,
        obeys={
            "Instances": {"EmrManagedMasterSecurityGroup": "sg-1", "EmrManagedSlaveSecurityGroup": "sg-2"}
        },
        breaks={"Instances": {"EmrManagedMasterSecurityGroup": "sg-1"}},
    ),
    Rule(
        id="emr.arguments",
        summary=f"The arguments of a step have at most {MOST_ARGUMENTS:,} characters in all",
        source="botocore emr, AddJobFlowSteps",
        shapes=_STEP,
        check=_arguments,
        obeys={"HadoopJarStep": {"Args": ["x" * MOST_ARGUMENTS]}},
        breaks={"HadoopJarStep": {"Args": ["x" * MOST_ARGUMENTS, "y"]}},
    ),
)
