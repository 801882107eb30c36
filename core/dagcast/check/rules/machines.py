"""Checks of the machines of a job, which training, processing and transform jobs share."""

from __future__ import annotations

from collections.abc import Iterator

from dagcast.check.rules.request_body import Finding, RequestBody
from dagcast.check.rules.rule import Check, PipelineFacts
from dagcast.sagemaker.instances import has_local_storage


def local_storage_key(cluster: tuple[str, ...], *choices: str) -> Check:
    """Machines with local storage take no key of a volume.

    Args:
        cluster: The path of the member that has ``InstanceType`` and ``VolumeKmsKeyId``.
        choices: Members of it that list further machines. The key is wrong if each of them has local storage.

    Example:
        >>> check = local_storage_key(("TransformResources",))
        >>> job = RequestBody({"TransformResources": {"InstanceType": "ml.g5.xlarge", "VolumeKmsKeyId": "alias/ml"}})
        >>> [found.message for found in check(job, PipelineFacts())]
        ['VolumeKmsKeyId cannot be given for ml.g5.xlarge, which has local storage']
    """

    def check(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
        machines = job.part(*cluster)
        if not machines.given("VolumeKmsKeyId"):
            return
        types = [machines.get("InstanceType")]
        types += [item.get("InstanceType") for name in choices for item in machines.items(name)]
        named = [kind for kind in types if kind is not None]
        if named and all(isinstance(kind, str) and has_local_storage(kind) for kind in named):
            yield machines.finding(
                f"VolumeKmsKeyId cannot be given for {named[0]}, which has local storage",
                "VolumeKmsKeyId",
                hint="leave the key out: local storage is encrypted by the machine itself",
            )

    return check


def preference_counts(cluster: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    """Yield what is wrong with the counts of a cluster that has InstancePreferences."""
    counts = [item.given("InstanceCount") for item in cluster.items("InstancePreferences")]
    if not counts:
        return
    if any(counts) and cluster.given("InstanceCount"):
        message = "InstanceCount is on the cluster and on its InstancePreferences: give it in one place"
        yield cluster.finding(message, "InstanceCount")
    elif any(counts) and not all(counts):
        at = counts.index(False)
        message = "some InstancePreferences have an InstanceCount and this one has none"
        yield cluster.finding(message, "InstancePreferences", at, "InstanceCount")
    elif not any(counts) and not cluster.given("InstanceCount"):
        message = "InstancePreferences need an InstanceCount, on the cluster or on each of them"
        yield cluster.finding(message, "InstanceCount")


def read_only_members(cluster: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    """Yield the members that only the service writes."""
    for member in ("SelectedInstanceType", "SelectedInstanceCount"):
        if cluster.given(member):
            yield cluster.finding(f"{member} is an answer of the service, not a choice", member)
