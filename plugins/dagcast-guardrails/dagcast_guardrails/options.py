"""The options: a company's rules. A rule that is left out does not hold."""

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
        message = "{pattern} is not a regular expression: {reason}"
        raise PydanticCustomError(
            "regex", message, {"pattern": repr(pattern), "reason": str(error)}
        ) from error
    return pattern


def _or_string(schema: dict[str, Any]) -> None:
    """Tell editors that a string may stand for the whole."""
    whole = dict(schema)
    schema.clear()
    schema["anyOf"] = [{"type": "string"}, whole]


class KmsKeys(ConfigModel):
    """KMS keys by use: key IDs, aliases or ARNs. A plain string is the key for every use.

    Attributes:
        volume: Encrypts the storage volumes of the machines.
        output: Encrypts what is written to S3, captured data, and model packages.
    """

    model_config = ConfigDict(json_schema_extra=_or_string)

    volume: str | None = None
    output: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _one_for_all(cls, value: Any) -> Any:
        return {"volume": value, "output": value} if isinstance(value, str) else value


class TagRule(ConfigModel):
    """What a tag has to be. A plain string is its one value.

    Attributes:
        value: The value that it has.
        pattern: Regular expression (Python's) that the whole value matches; the value is the user's to choose.
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
            raise PydanticCustomError("tag", "a tag rule takes one of value and pattern")
        return self

    def __str__(self) -> str:
        return f"a value that matches {self.pattern}" if self.value is None else repr(self.value)

    def allows(self, value: str) -> bool:
        """Whether a tag may have this value."""
        return value == self.value if self.pattern is None else re.fullmatch(self.pattern, value) is not None


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
                "vpc", "subnets and security_group_ids go together: the service takes both or none"
            )
        return self

    @property
    def severity(self) -> Literal["warning", "error"]:
        """The severity of a contradiction."""
        return "warning" if self.enforce == "warn" else "error"
