"""Instance types with local storage.

The service encrypts the local storage of an instance itself, and rejects a KMS key for the volume of a job on such an
instance. Source: ``VolumeKmsKeyId`` of ``ResourceConfig``, ``ProcessingClusterConfig`` and ``TransformResources``,
SageMaker API reference: "You can't request a VolumeKmsKeyId when using an instance type with local storage."
"""

from __future__ import annotations

from typing import Final

from dagcast.lazy_pattern import lazy_pattern

FAMILIES_WITH_LOCAL_STORAGE: Final = frozenset(
    (
        *("c5ad", "c5d", "c6gd", "c6id", "c7gd", "c8gd", "d2", "d3", "d3en", "dl1", "f1", "f2"),
        *("g4ad", "g4dn", "g5", "g6", "g6e", "g6f", "g7", "g7e", "gr6", "gr6f", "h1"),
        *("i2", "i3", "i3en", "i4g", "i4i", "i7i", "i7ie", "i8g", "i8ge", "im4gn", "is4gen"),
        *("m5ad", "m5d", "m5dn", "m6gd", "m6id", "m6idn", "m7gd", "m8gd"),
        *("p3dn", "p4d", "p4de", "p5", "p5e", "p5en", "p6-b200", "p6-b300", "p6e-gb200"),
        *("r5ad", "r5d", "r5dn", "r6gd", "r6id", "r6idn", "r7gd", "r8gd", "trn1", "trn1n", "trn2"),
        *("x1", "x1e", "x2gd", "x2idn", "x2iedn", "z1d"),
    )
)
"""Families of which each size has instance store volumes (NVMe, SSD or HDD).

Source: "Instance store volumes" in the Amazon EC2 User Guide, and ``InstanceStorageSupported`` of EC2's
DescribeInstanceTypes as karpenter-provider-aws prints it (``karpenter.k8s.aws/instance-local-nvme``, August 2026).
That list lacks ``dl1`` and ``p6e-gb200``, for which EC2 lists NVMe storage.
"""

FAMILIES_WITHOUT_LOCAL_STORAGE: Final = frozenset(
    (
        *("c4", "c5", "c5n", "c6a", "c6g", "c6gn", "c6i", "c6in", "c7g", "c7i", "c7i-flex", "c8a"),
        *("c8g", "c8i", "c8i-flex", "inf1", "inf2"),
        *("m4", "m5", "m6a", "m6g", "m6i", "m7g", "m7i", "m7i-flex", "m8a", "m8g", "m8i", "m8i-flex"),
        *("p2", "p3", "r5", "r6g", "r6i", "r7i", "r8g", "r8i", "r8i-flex", "t2", "t3"),
    )
)
"""Families of SageMaker's enums that only have EBS volumes. Source: as for the families with local storage."""

_INSTANCE_TYPE: Final = lazy_pattern(r"ml\.(?P<family>[a-z0-9-]+)\.[a-z0-9-]+")

_NAMED_BY_STORAGE: Final = lazy_pattern(r"(?:[a-z]+\d+[a-z]*d[a-z]*|(?:i|im|is|d)\d+[a-z]*)(?:-.*)?")
"""Names that imply local storage: those with ``d`` after the generation, and those of storage-optimized families.
Source: "Amazon EC2 instance type naming conventions" in the Amazon EC2 Instance Types guide.
"""


def has_local_storage(instance_type: str) -> bool | None:
    """Return whether an instance type has local storage; jobs on such an instance accept no key for their volume.

    The answer for a family that is not in the lists depends on its name, by EC2's naming conventions.

    Args:
        instance_type: Its name in requests, such as ``ml.m5.xlarge``.

    Returns:
        ``None`` if it is unknown.

    Example:
        >>> has_local_storage("ml.g5.xlarge"), has_local_storage("ml.m5.xlarge"), has_local_storage("ml.new9.large")
        (True, False, None)
    """
    match = _INSTANCE_TYPE.fullmatch(instance_type)
    if match is None:
        return None
    family = match["family"]
    if family in FAMILIES_WITH_LOCAL_STORAGE or _NAMED_BY_STORAGE.fullmatch(family):
        return True
    return False if family in FAMILIES_WITHOUT_LOCAL_STORAGE else None


FAMILIES_WITH_GPU: Final = frozenset(
    (
        *("g4ad", "g4dn", "g5", "g5g", "g6", "g6e", "g6f", "g7", "g7e", "gr6", "gr6f"),
        *("p2", "p3", "p3dn", "p4d", "p4de", "p5", "p5e", "p5en", "p6-b200", "p6-b300", "p6e-gb200"),
    )
)
"""Families whose machines have GPUs. Source: "Accelerated computing" in the Amazon EC2 Instance Types guide."""


def has_gpu(instance_type: str) -> bool | None:
    """Return whether an instance type has a GPU.

    Args:
        instance_type: As requests name it, such as ``ml.g5.xlarge``.

    Returns:
        ``None`` if it is not known.

    Example:
        >>> has_gpu("ml.g5.xlarge"), has_gpu("ml.m5.xlarge"), has_gpu("ml.new9.large")
        (True, False, None)
    """
    match = _INSTANCE_TYPE.fullmatch(instance_type)
    if match is None:
        return None
    family = match["family"]
    if family in FAMILIES_WITH_GPU:
        return True
    known = family in FAMILIES_WITH_LOCAL_STORAGE or family in FAMILIES_WITHOUT_LOCAL_STORAGE
    return False if known else None
