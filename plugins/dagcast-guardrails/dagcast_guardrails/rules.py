"""The rules for single values: the fields, the allowed values and the default."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from dagcast.plugin import RequestField, RequestFields
from dagcast_guardrails.options import GuardrailOptions


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        name: The last part of the code of its diagnostics.
        fields: Returns the fields of a kind of request that the rule applies to.
        allows: Returns whether a value, or one item of a list, is allowed.
        expected: The allowed values, in words.
        fill: The value of a missing field; ``None`` if the user must set it.
    """

    name: str
    fields: Callable[[RequestFields], tuple[RequestField, ...]]
    allows: Callable[[Any], bool]
    expected: str
    fill: Any = None

    def fill_for(self, field: RequestField) -> Any:
        """Return the value of a missing field; ``None`` if it stays missing."""
        if not field.can_be_added:
            return None
        return self.fill if field.maximum is None else min(self.fill, field.maximum)


def build_rules(options: GuardrailOptions) -> tuple[Rule, ...]:
    """Return the rules of the options."""
    return tuple(_rules(options))


def _rules(options: GuardrailOptions) -> Iterator[Rule]:
    keys = options.kms_key
    if keys.volume is not None:
        yield _key("volume-key", lambda kind: kind.volume_keys, keys.volume)
    if keys.output is not None:
        yield _key("output-key", lambda kind: kind.output_keys + kind.other_keys, keys.output)
    if options.subnets:
        yield _members("subnet", lambda kind: kind.subnets, options.subnets)
        yield _members("security-group", lambda kind: kind.security_groups, options.security_group_ids)
    if options.encrypt_inter_container_traffic:
        yield _required("traffic-encryption", lambda kind: kind.traffic_encryption)
    if options.enable_network_isolation:
        yield _required("network-isolation", lambda kind: kind.network_isolation)
    limit = options.max_runtime_in_seconds
    if limit is not None:
        yield Rule(
            "runtime", lambda kind: kind.run_times, lambda value: value <= limit, f"at most {limit}", limit
        )
    if options.allowed_instance_types:
        patterns = options.allowed_instance_types
        expected = f"one of {', '.join(patterns)}"
        yield Rule(
            "instance-type",
            lambda kind: kind.instance_types,
            lambda value: matches(value, patterns),
            expected,
        )
    if options.allowed_image_registries:
        registries = options.allowed_image_registries
        expected = f"an image from {' or '.join(registries)}"
        yield Rule(
            "image",
            lambda kind: kind.images,
            lambda value: matches(image_registry(value), registries),
            expected,
        )


def matches(value: Any, patterns: tuple[str, ...]) -> bool:
    """Return whether a name matches one of the patterns, in which ``*`` and ``?`` are wildcards."""
    return any(fnmatchcase(str(value), pattern) for pattern in patterns)


def image_registry(image: Any) -> str:
    """Return the registry of a container image; the default is ``docker.io``."""
    host, slash, _ = str(image).partition("/")
    return host if slash and ("." in host or ":" in host or host == "localhost") else "docker.io"


def is_same_key(one: str, other: str) -> bool:
    """Return whether two names are the same KMS key. A key ID equals an ARN that ends in it."""
    if one.startswith("arn:") == other.startswith("arn:"):
        return one == other
    return _key_name(one) == _key_name(other)


def _key_name(key: str) -> str:
    return key.rpartition(":")[2].removeprefix("key/")


def _key(name: str, fields: Callable[[RequestFields], tuple[RequestField, ...]], key: str) -> Rule:
    return Rule(name, fields, lambda value: is_same_key(str(value), key), repr(key), key)


def _members(
    name: str, fields: Callable[[RequestFields], tuple[RequestField, ...]], members: tuple[str, ...]
) -> Rule:
    return Rule(name, fields, lambda value: value in members, f"one of {', '.join(members)}", list(members))


def _required(name: str, fields: Callable[[RequestFields], tuple[RequestField, ...]]) -> Rule:
    return Rule(name, fields, lambda value: value is True, "true", True)
