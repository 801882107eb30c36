"""The options: a company's rules. A rule that is not set does not apply."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from dagcast.plugin import ConfigModel

Names = Annotated[tuple[str, ...], Field(strict=False)]


def _regex(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        message = "invalid regular expression {pattern}: {reason}"
        raise PydanticCustomError(
            "regex", message, {"pattern": repr(pattern), "reason": str(error)}
        ) from error
    return pattern


def _or_string(schema: dict[str, Any]) -> None:
    """Allow a string instead of the object in the JSON Schema."""
    object_schema = dict(schema)
    schema.clear()
    schema["anyOf"] = [{"type": "string"}, object_schema]


class KmsKeys(ConfigModel):
    """KMS keys by use: key IDs, aliases or ARNs. A string is the key for every use.

    Attributes:
        volume: The key of storage volumes.
        output: The key of outputs in S3, captured data and model packages.
    """

    model_config = ConfigDict(json_schema_extra=_or_string)

    volume: str | None = None
    output: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _one_for_all(cls, value: Any) -> Any:
        return {"volume": value, "output": value} if isinstance(value, str) else value


class TagRule(ConfigModel):
    """The allowed values of a tag. A string is the only allowed value.

    Attributes:
        value: The only allowed value.
        pattern: A Python regular expression that must match the whole value.
    """

    model_config = ConfigDict(json_schema_extra=_or_string)

    value: str | None = None
    pattern: Annotated[str, AfterValidator(_regex)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _value_alone(cls, value: Any) -> Any:
        return {"value": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_of_two(self) -> TagRule:
        if (self.value is None) == (self.pattern is None):
            raise PydanticCustomError("tag", "a tag rule requires exactly one of value and pattern")
        return self

    def __str__(self) -> str:
        return f"a value that matches {self.pattern}" if self.value is None else repr(self.value)

    def allows(self, value: str) -> bool:
        """Return whether a tag can have this value."""
        return value == self.value if self.pattern is None else re.fullmatch(self.pattern, value) is not None


class GuardrailOptions(ConfigModel):
    """The rules.

    Attributes:
        kms_key: One key for every use, or keys by use.
        subnets: The allowed subnets, which are also the default of jobs; requires ``security_group_ids``.
        security_group_ids: The allowed security groups, which are also the default of jobs; requires ``subnets``.
        encrypt_inter_container_traffic: Whether jobs must encrypt the traffic between their instances.
        enable_network_isolation: Whether containers must run without network access.
        required_tags: Tags of the pipeline and of its resources: a fixed value, or ``{pattern: ...}``.
        allowed_regions: AWS regions; ``*`` and ``?`` are wildcards.
        allowed_instance_types: Instance types, such as ``ml.m5.*``; ``*`` and ``?`` are wildcards.
        allowed_image_registries: Registries, such as ``123456789012.dkr.ecr.*.amazonaws.com``, with wildcards.
        max_runtime_in_seconds: The maximum run time of a job in seconds, at least 1.
        enforce: Whether a violation is an error (``error``) or a warning (``warn``).
    """

    kms_key: KmsKeys = KmsKeys()
    subnets: Names = ()
    security_group_ids: Names = ()
    encrypt_inter_container_traffic: bool = False
    enable_network_isolation: bool = False
    required_tags: dict[str, TagRule] = {}
    allowed_regions: Names = ()
    allowed_instance_types: Names = ()
    allowed_image_registries: Names = ()
    max_runtime_in_seconds: Annotated[int | None, Field(ge=1)] = None
    enforce: Literal["warn", "error"] = "error"

    @model_validator(mode="after")
    def _whole_network(self) -> GuardrailOptions:
        if bool(self.subnets) != bool(self.security_group_ids):
            raise PydanticCustomError(
                "vpc",
                "subnets and security_group_ids require each other: the service accepts both or neither",
            )
        return self

    @property
    def severity(self) -> Literal["warning", "error"]:
        """The severity of a violation."""
        return "warning" if self.enforce == "warn" else "error"
