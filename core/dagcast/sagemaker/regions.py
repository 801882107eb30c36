"""Regions and partitions of AWS, as the installed botocore knows them."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType


@cache
def known_regions() -> Mapping[str, str]:
    """Return the partition of each region that the installed botocore knows; empty without botocore's list.

    The list is a data file of botocore. No session is created.

    Example:
        >>> known_regions()["eu-west-1"], known_regions()["cn-north-1"]
        ('aws', 'aws-cn')
    """
    found = importlib.util.find_spec("botocore")
    origin = found.origin if found is not None else None
    file = Path(origin).parent / "data" / "partitions.json" if origin is not None else None
    if file is None or not file.is_file():
        return MappingProxyType({})
    partitions = json.loads(file.read_bytes())["partitions"]
    return MappingProxyType(
        {region: str(partition["id"]) for partition in partitions for region in partition["regions"]}
    )


def partition_of(region: str) -> str:
    """Return the partition of a region. The names of the regions of other partitions than ``aws`` have a prefix.

    Example:
        >>> partition_of("cn-north-1"), partition_of("us-gov-west-9"), partition_of("eu-west-1")
        ('aws-cn', 'aws-us-gov', 'aws')
    """
    known = known_regions().get(region)
    if known is not None:
        return known
    for prefix, partition in (("cn-", "aws-cn"), ("us-gov-", "aws-us-gov"), ("us-iso", "aws-iso")):
        if region.startswith(prefix):
            return partition
    return "aws"
