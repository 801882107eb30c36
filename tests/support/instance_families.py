"""Families of instances with and without local storage, written down by hand.

Source: EC2's DescribeInstanceTypes as karpenter-provider-aws prints it
(``website/content/en/preview/reference/instance-types.md``, label ``karpenter.k8s.aws/instance-local-nvme``, August
2026), cut to the instance types that botocore's model of SageMaker has. The storage-optimized families (``d*``, ``i*``)
and AMD's are from "Instance store volumes" in the Amazon EC2 User Guide.
"""

from __future__ import annotations

from typing import Final

WITH_LOCAL_STORAGE: Final = (
    *("g4dn", "g5", "g6", "g6e", "g7", "g7e", "gr6"),
    *("p3dn", "p4d", "p4de", "p5", "p5e", "p5en", "p6-b200", "p6-b300"),
    *("trn1", "trn1n", "trn2"),
    *("c5d", "c6gd", "c6id", "m5d", "m6gd", "m6id", "r5d", "r6gd", "r6id", "r7gd"),
    *("i3", "i3en", "i4i", "i7ie", "i8g", "im4gn", "is4gen", "d3", "d3en"),
)

WITHOUT_LOCAL_STORAGE: Final = (
    *("c4", "c5", "c5n", "c6g", "c6gn", "c6i", "c6in", "c7g", "c7i", "c7i-flex", "c8g", "c8i", "c8i-flex"),
    *("inf1", "inf2", "m4", "m5", "m6g", "m6i", "m7i", "m7i-flex", "m8g", "m8i", "m8i-flex"),
    *("p2", "p3", "r5", "r6g", "r6i", "r7i", "r8g", "r8i", "r8i-flex", "t2", "t3"),
)
