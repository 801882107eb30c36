"""A loaded plugin with its validated options."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import FrozenInstanceError, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, NoReturn, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from dagcast.definition.values import FrozenDict, FrozenError
from dagcast.errors import Diagnostic, InvalidInputError, Location, PluginError, Severity
from dagcast.frozen_dataclass import dataclass
from dagcast.plugins.api_version import API_VERSION
from dagcast.plugins.foreign_output import foreign_output
from dagcast.plugins.load import Plugin
from dagcast.plugins.safe_inspect import format_exception, format_exception_text, is_instance, safe_repr
from dagcast.plugins.secret_options import holds_secret, mask_options, redact, secret_values

_DIAGNOSTIC_FIELDS: Mapping[str, tuple[type[Any], ...]] = MappingProxyType(
    {
        "message": (str,),
        "location": (Location, type(None)),
        "code": (str,),
        "hint": (str, type(None)),
        "steps": (tuple,),
        "cause": (str, type(None)),
        "also": (tuple,),
    }
)
"""The allowed types of each field of a diagnostic."""

_FINGERPRINT_KEY = secrets.token_bytes(32)

MUTATION_REMEDY = "return a new value and leave the input unchanged"


class NoOptions(BaseModel):
    """The options model of a plugin without options."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


@dataclass(frozen=True)
class ConfiguredPlugin:
    """A loaded plugin with its options.

    Attributes:
        loaded: The loaded plugin.
        options: The validated instance of its options model.
    """

    loaded: Plugin
    options: BaseModel

    @property
    def name(self) -> str:
        """The name of the plugin."""
        return self.loaded.name

    def implements(self, hook: str) -> bool:
        """Return whether the plugin implements the hook."""
        return hook in self.loaded.hooks

    @cached_property
    def options_digest(self) -> str:
        """The SHA-256 of the options as JSON, in hexadecimal. Values of secret options have no part in it."""
        options = json.dumps(mask_options(self.options).model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(options.encode()).hexdigest()

    @cached_property
    def options_fingerprint(self) -> str:
        """A digest of the options, secret ones included, that has no meaning outside of this process."""
        return self._fingerprint()

    @cached_property
    def secrets(self) -> frozenset[str]:
        """The values of secret options, as texts."""
        return secret_values(self.options)

    def redact(self, text: str) -> str:
        """Return a text with a mask in the place of the values of secret options."""
        return redact(text, self.secrets)

    def refuse_secrets(self, value: Any, what: str, hook: str) -> None:
        """Check that a result of the plugin does not hold the value of a secret option.

        Args:
            value: The result, or a part of it.
            what: What the value becomes, such as ``its metadata``.
            hook: The hook.

        Raises:
            PluginError: If it does: the value would be in definitions, reports and registries.
        """
        if self.secrets and holds_secret(value, self.secrets):
            problem = f"{what} would hold the value of a secret option, for all to read"
            raise self.error(problem, "pass the name of a secret, and read it where it is used", hook)

    def call(self, hook: str, **arguments: Any) -> Any:
        """Call a hook with those of the arguments that its implementation declares.

        Returns:
            The return value of the hook. The items of an iterator are returned as a list.

        Raises:
            PluginError: If the hook raises or mutates its options. The exception of the hook is the cause.
                ``KeyboardInterrupt`` propagates.
        """
        with self.guard(hook):
            result = self.call_unguarded(hook, **arguments)
            if is_instance(result, Iterator):
                result = list(result)
        return result

    def call_unguarded(self, hook: str, **arguments: Any) -> Any:
        """Call a hook and propagate its exceptions unchanged.

        Raises:
            PluginError: If the hook mutates its options.
        """
        available = {**arguments, "options": self.options}
        declared = {name: available[name] for name in self.loaded.hooks[hook]}
        before = self.options_fingerprint
        with foreign_output():
            result = self.loaded.functions[hook](**declared)
        if "options" in declared and self._fingerprint() != before:
            raise self.error("it changes its input: its options", MUTATION_REMEDY, hook)
        return result

    @contextmanager
    def guard(self, hook: str) -> Iterator[None]:
        """Convert each exception of the block to an error that names the plugin and the hook.

        ``KeyboardInterrupt`` and a valid ``InvalidInputError`` propagate.
        """
        try:
            with foreign_output():
                yield
        except KeyboardInterrupt:
            raise
        # A hook is third-party code: any exception, SystemExit included, is a failure of the plugin.
        except BaseException as error:
            self.reraise(error, hook)

    def reraise(self, error: BaseException, hook: str) -> NoReturn:
        """Raise the exception of a hook as an error that names the plugin.

        Raises:
            InvalidInputError: If the hook raised it to report mistakes in the input.
            PluginError: In all other cases. A PluginError of the same plugin is raised unchanged.
        """
        if is_instance(error, PluginError) and error.plugin == self.name:
            raise self._redact_error(error)
        if is_instance(error, InvalidInputError):
            self.validate_diagnostics(error.diagnostics, hook)
            if self.secrets:
                raise InvalidInputError(self.redact_diagnostics(error.diagnostics), error.ignored) from None
            raise error
        raise self._failure(error, hook) from error

    def validate_diagnostics(self, found: Iterable[Any], hook: str) -> None:
        """Validate the type, the fields and the severity of diagnostics that a hook returned.

        Raises:
            PluginError: If an item is invalid.
        """
        for item in found:
            if not is_instance(item, Diagnostic):
                raise self.error(f"it gives {safe_repr(item)} as a diagnostic", "give a Diagnostic", hook)
            for name, kinds in _DIAGNOSTIC_FIELDS.items():
                value = getattr(item, name)
                if not is_instance(value, *kinds):
                    problem = f"it gives a diagnostic with the {name} {safe_repr(value)}"
                    remedy = "give strings, and as location the result of locate(step, path), or a Location"
                    raise self.error(problem, remedy, hook)
            if item.severity not in get_args(Severity):
                problem = f"it gives a diagnostic of severity {safe_repr(item.severity)}"
                raise self.error(problem, f"use one of {', '.join(get_args(Severity))}", hook)

    def redact_diagnostics(self, found: Iterable[Diagnostic]) -> list[Diagnostic]:
        """Return diagnostics without the values of secret options."""
        return [
            replace(
                item,
                message=self.redact(item.message),
                hint=None if item.hint is None else self.redact(item.hint),
            )
            for item in found
        ]

    def error(self, problem: str, remedy: str, hook: str | None = None) -> PluginError:
        """Return an error that names this plugin. Values of secret options are masked."""
        return self.loaded.error(self.redact(problem), self.redact(remedy), hook)

    def _redact_error(self, error: PluginError) -> PluginError:
        if not self.secrets or self.redact(str(error)) == str(error):
            return error
        return PluginError(
            error.plugin,
            self.redact(error.problem),
            self.redact(error.remedy),
            distribution=error.distribution,
            hook=error.hook,
            can_deselect=error.can_deselect,
        )

    def lock_entry(self) -> Mapping[str, Any]:
        """Return the entry of the plugin lock: distribution, versions, and the digests of options and code.

        ``code_problems`` holds differences between the files, their RECORD and what this process imported, if any.
        """
        entry = self.loaded.entry
        code = self.loaded.code()
        return FrozenDict(
            {
                "name": self.name,
                "distribution": entry.distribution if entry else None,
                "version": entry.version if entry else None,
                "api_version": entry.api_version if entry else API_VERSION,
                "entry_point": entry.value if entry else None,
                "options_sha256": self.options_digest,
                "code": code.kind,
                "code_sha256": code.digest,
                **({"code_problems": code.problems} if code.problems else {}),
            }
        )

    def __str__(self) -> str:
        return f"{self.name!r} ({self.loaded.distribution})" if self.loaded.distribution else repr(self.name)

    def _failure(self, error: BaseException, hook: str) -> PluginError:
        is_mutation = is_instance(error, FrozenError, FrozenInstanceError)
        if is_instance(error, TypeError, AttributeError):
            is_mutation = is_mutation or "'mappingproxy' object" in format_exception_text(error)
        if is_instance(error, ValidationError):
            is_mutation = any(item["type"] == "frozen_instance" for item in error.errors())
        if is_mutation:
            problem = f"it changes its input: {format_exception_text(error, self.redact)}"
            return self.error(problem, MUTATION_REMEDY, hook)
        owner = self.loaded.entry.distribution if self.loaded.entry else self.name
        problem = f"it raised {format_exception(error, self.redact)}"
        return self.loaded.failure(problem, f"report it to the authors of {owner}", hook)

    def _fingerprint(self) -> str:
        content = [self.options.model_dump(mode="json"), sorted(secret_values(self.options))]
        text = json.dumps(content, sort_keys=True)
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=_FINGERPRINT_KEY).hexdigest()
