"""The rules about single values: what is allowed, what is filled in, and where."""

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
        name: Ends the code of its diagnostics.
        fields: Selects the fields of a kind of request that the rule is for.
        allows: Whether a value, or one item of a list, is allowed.
        expected: What is allowed, in words.
        fill: What a missing value becomes; ``None`` if the user has to decide.
    """

    name: str
    fields: Callable[[RequestFields], tuple[RequestField, ...]]
    allows: Callable[[Any], bool]
    expected: str
    fill: Any = None

    def fill_for(self, field: RequestField) -> Any:
        """Return what a missing value of a field becomes; ``None`` where it stays missing."""
        if not field.can_be_added:
            return None
        return self.fill if field.maximum is None else min(self.fill, field.maximum)


def rules_of(options: GuardrailOptions) -> tuple[Rule, ...]:
    """The rules that the options ask for."""
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
            "image", lambda kind: kind.images, lambda value: matches(registry(value), registries), expected
        )


def matches(value: Any, patterns: tuple[str, ...]) -> bool:
    """Whether a name matches one of the patterns, in which ``*`` and ``?`` are wildcards."""
    return any(fnmatchcase(str(value), pattern) for pattern in patterns)


def registry(image: Any) -> str:
    """The registry of a container image; one that names none comes from ``docker.io``."""
    host, slash, _ = str(image).partition("/")
    return host if slash and ("." in host or ":" in host or host == "localhost") else "docker.io"


def same_key(one: str, other: str) -> bool:
    """Whether two spellings name the same KMS key, as far as that can be told: a key ID is the end of its ARN."""
    if one.startswith("arn:") == other.startswith("arn:"):
        return one == other
    return _key_name(one) == _key_name(other)


def _key_name(key: str) -> str:
    return key.rpartition(":")[2].removeprefix("key/")


def _key(name: str, fields: Callable[[RequestFields], tuple[RequestField, ...]], key: str) -> Rule:
    return Rule(name, fields, lambda value: same_key(str(value), key), repr(key), key)


def _members(
    name: str, fields: Callable[[RequestFields], tuple[RequestField, ...]], members: tuple[str, ...]
) -> Rule:
    return Rule(name, fields, lambda value: value in members, f"one of {', '.join(members)}", list(members))


def _required(name: str, fields: Callable[[RequestFields], tuple[RequestField, ...]]) -> Rule:
    return Rule(name, fields, lambda value: value is True, "true", True)
