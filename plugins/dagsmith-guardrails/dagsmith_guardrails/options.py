"""The options: a company's rules. A rule that is left out does not hold."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from dagsmith.plugin import ConfigModel

Names = Annotated[tuple[str, ...], Field(strict=False)]


def _regex(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        message = "{pattern} is not a regular expression: {reason}"
        raise PydanticCustomError("regex", message, {"pattern": repr(pattern), "reason": str(error)}) from error
    return pattern


class KmsKeys(ConfigModel):
    """KMS keys by use: key IDs, aliases or ARNs.

    Attributes:
        volume: Encrypts the storage volumes of the machines.
        output: Encrypts what is written to S3, captured data, and model packages.
    """

    volume: str | None = None
    output: str | None = None


class TagPattern(ConfigModel):
    """A tag whose value is the user's to choose.

    Attributes:
        pattern: Regular expression (Python's) that the whole value matches.
    """

    pattern: Annotated[str, AfterValidator(_regex)]


class GuardrailOptions(ConfigModel):
    """The rules.

    Attributes:
        kms_key: One key for everything, or keys by use.
        subnets: The subnets that jobs may run in, and those they get; goes along with ``security_group_ids``.
        security_group_ids: The security groups that jobs may have, and those they get.
        encrypt_inter_container_traffic: Whether jobs have to encrypt the traffic between their machines.
        enable_network_isolation: Whether containers have to run without network.
        required_tags: Tags of the pipeline and of everything it makes: a fixed value, or ``{pattern: ...}``.
        allowed_regions: AWS regions; ``*`` and ``?`` are wildcards.
        allowed_instance_types: Such as ``ml.m5.*``.
        allowed_image_registries: Such as ``123456789012.dkr.ecr.*.amazonaws.com``.
        max_runtime_in_seconds: Most seconds that a job may run; 1 or more.
        enforce: Whether a contradiction ends the compile (``error``) or is reported (``warn``).
    """

    kms_key: str | KmsKeys | None = None
    subnets: Names = ()
    security_group_ids: Names = ()
    encrypt_inter_container_traffic: bool = False
    enable_network_isolation: bool = False
    required_tags: dict[str, str | TagPattern] = {}
    allowed_regions: Names = ()
    allowed_instance_types: Names = ()
    allowed_image_registries: Names = ()
    max_runtime_in_seconds: Annotated[int | None, Field(ge=1)] = None
    enforce: Literal["warn", "error"] = "error"

    @model_validator(mode="after")
    def _whole_network(self) -> GuardrailOptions:
        if bool(self.subnets) != bool(self.security_group_ids):
            raise PydanticCustomError("vpc", "subnets and security_group_ids go together: the service takes both or none")
        return self

    @property
    def keys(self) -> KmsKeys:
        """The keys by use."""
        if isinstance(self.kms_key, KmsKeys):
            return self.kms_key
        return KmsKeys(volume=self.kms_key, output=self.kms_key)

    @property
    def severity(self) -> Literal["warning", "error"]:
        """The severity of a contradiction."""
        return "warning" if self.enforce == "warn" else "error"
