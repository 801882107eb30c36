"""The ids of the diagnostics of ``dagcast-guardrails``; see :mod:`dagcast.diagnostic_codes` for their form."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

CODES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "guardrails.image": "A container image is not from an allowed registry.",
        "guardrails.instance-type": "An instance type is not an allowed one.",
        "guardrails.network-isolation": "Network isolation is required and is off.",
        "guardrails.output-key": "Outputs are not encrypted with the required KMS key.",
        "guardrails.region": "The pipeline's region is unknown or not an allowed one.",
        "guardrails.runtime": "A job may run longer than the limit.",
        "guardrails.security-group": "A security group is not an allowed one.",
        "guardrails.subnet": "A subnet is not an allowed one.",
        "guardrails.tag": "A required tag is missing or has another value.",
        "guardrails.traffic-encryption": "Encryption of traffic between containers is required and is off.",
        "guardrails.volume-key": "Storage volumes are not encrypted with the required KMS key.",
    }
)
"""The meaning of each id, in one sentence."""
