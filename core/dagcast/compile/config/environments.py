"""Merges an environment over a config, and locates each value of the result."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import field
from functools import cached_property
from typing import Any

from dagcast.compile.config.merge import deep_merge
from dagcast.compile.config.models import TYPE_OF_VALUE
from dagcast.compile.document.document import Document
from dagcast.definition.values import FrozenDict, freeze
from dagcast.errors import DiagnosticSink, Location, did_you_mean, nearest
from dagcast.frozen_dataclass import dataclass
from dagcast.paths import FieldPath
from dagcast.suggestions import is_likely

OVERLAID = ("pipeline", "parameters", "defaults", "steps", "edges", "plugins")
"""The sections of a config that an environment may override."""

SECTIONS = (*OVERLAID, "environments", "ignore_rules")
"""The sections of a config."""


@dataclass(frozen=True)
class ConfigSource:
    """A config document with one of its environments merged over it.

    Attributes:
        document: The file, or the data that was passed from Python.
        env: The environment that was chosen, if any.
        merged: The whole, merged; it shares parts with the document and is to be read, not changed.
        written: By section: the misspelt key that it is written under.
        written_in_env: The same of the chosen environment.
        respelt: By path in ``merged``: the misspelt key that a field is written under.
    """

    document: Document
    env: str | None
    merged: dict[str, Any]
    written: Mapping[str, str] = field(default_factory=dict)
    written_in_env: Mapping[str, str] = field(default_factory=dict)
    respelt: Mapping[FieldPath, str] = field(default_factory=dict, kw_only=True)

    @cached_property
    def data(self) -> FrozenDict:
        """The merged config, frozen for plugins."""
        frozen: FrozenDict = freeze(self.merged)
        return frozen

    @property
    def environments(self) -> tuple[str, ...]:
        """The names of the environments that the config declares."""
        declared = self.document.data.get(self.written.get("environments", "environments"))
        return tuple(declared) if isinstance(declared, dict) else ()

    def is_added(self, step: str) -> bool:
        """Return whether a step exists only in the environment."""
        return bool(self.env) and not self.document.has((self.written.get("steps", "steps"), step))

    def locate(self, path: FieldPath, *, key: bool = False) -> Location:
        """Return where the value at ``path`` of the merged config was written.

        That is in the environment if the value is there, else in the file's own section, else, for a field of a step,
        in the ``defaults`` that it was inherited from. For a value that was not written: the closest one around it.

        Args:
            path: A path of the merged config.
            key: Whether to return the location of the key, for a message about the key.
        """
        written = self._written(path)[0]
        at_key = key and len(written) > 0 and written[-1] == self._as_written(path)[-1]
        return self.document.locate(written, key=at_key)

    def inherited(self, path: FieldPath) -> bool:
        """Return whether a field of a step is inherited from ``defaults``."""
        return self._written(path)[1]

    def _written(self, path: FieldPath) -> tuple[FieldPath, bool]:
        """Return the document's path of the value or of its closest parent, and whether that is in ``defaults``."""
        # Most values are where they seem to be; without an environment nothing else comes first.
        if self.env is None and self.document.has(path):
            return path, False
        for length in range(len(path), 0, -1):
            for candidate, inherited in self._candidates(path[:length]):
                if self.document.has(candidate):
                    return candidate, inherited
        return (), False

    def _candidates(self, path: FieldPath) -> Iterator[tuple[FieldPath, bool]]:
        yield from self._layers(path, False)
        if len(path) > 2 and path[0] == "steps":
            step = self.merged["steps"].get(path[1])
            type_name = step.get("type") if isinstance(step, dict) else None
            if isinstance(type_name, str):
                yield from self._layers(("defaults", type_name, *path[2:]), True)
            yield from self._layers(("defaults", *path[2:]), True)

    def _as_written(self, path: FieldPath) -> FieldPath:
        """Return a path of the merged config with the misspelt keys that its fields are written under."""
        if not self.respelt:
            return path
        return tuple(self.respelt.get(path[: index + 1], part) for index, part in enumerate(path))

    def _layers(self, path: FieldPath, inherited: bool) -> Iterator[tuple[FieldPath, bool]]:
        section, *rest = self._as_written(path)
        if self.env is not None:
            own = self.written_in_env.get(str(section), section)
            layer = (self.written.get("environments", "environments"), self.env, own)
            yield (*layer, *rest), inherited
            # A plain value in an environment is the default of a parameter.
            if (
                path[0] == "parameters"
                and path[2:] == ("default",)
                and not self.document.has((*layer, *rest))
            ):
                yield (*layer, rest[0]), inherited
        yield (self.written.get(str(section), section), *rest), inherited


def choose_environment(document: Document, env: str | None, sink: DiagnosticSink) -> ConfigSource:
    """Merge an environment over a document; ``None`` merges nothing.

    A section that is misspelt is reported, and read as the one that it seems to be.
    """
    sections, written = _sections(document, sink)
    environments, written_in = _environments(document, sections, written, sink)
    data = {key: value for key, value in sections.items() if key != "environments"}
    if env is None:
        return ConfigSource(document, None, data, written)
    if env not in environments:
        message = f"unknown environment {env!r}"
        hint = did_you_mean(env, environments) or "the config has no environments"
        sink.error(message, document.locate(("environments",)), code="config.unknown-environment", hint=hint)
        return ConfigSource(document, None, data, written)
    overlay = environments[env]
    if isinstance(overlay.get("parameters"), dict) and isinstance(data.get("parameters"), dict):
        overlay = {**overlay, "parameters": _as_defaults(overlay["parameters"], data["parameters"])}
    source = ConfigSource(document, env, deep_merge(data, overlay), written, written_in[env])
    _check_added_parameters(source, data, sink)
    return source


def _as_defaults(overlay: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of an environment, where a plain value gives a declared parameter another default.

    The type and the enum of the declaration stay. A plain number may replace another of either type.
    """
    merged = dict(overlay)
    for name, value in overlay.items():
        declared = base.get(name)
        if type(value) not in TYPE_OF_VALUE or declared is None:
            continue
        if isinstance(declared, dict):
            merged[name] = {"default": value}
        elif {type(value), type(declared)} not in ({int, float}, {type(value)}):
            merged[name] = {"type": TYPE_OF_VALUE.get(type(declared)), "default": value}
    return merged


def _check_added_parameters(source: ConfigSource, base: Mapping[str, Any], sink: DiagnosticSink) -> None:
    """Report a parameter that only the environment has, that nothing refers to, and that is a misspelling."""
    declared, merged = base.get("parameters"), source.merged.get("parameters")
    if not isinstance(declared, dict) or not isinstance(merged, dict):
        return
    text = repr({key: value for key, value in source.merged.items() if key != "parameters"})
    for name in [name for name in merged if isinstance(name, str) and name not in declared]:
        meant = nearest(name, declared)
        if meant is not None and is_likely(name, meant) and f"param.{name}" not in text:
            sink.error(
                f"unknown parameter {name!r}",
                source.locate(("parameters", name), key=True),
                code="parameter.unknown",
                hint=f"did you mean {meant!r}?",
            )


def _sections(document: Document, sink: DiagnosticSink) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the sections of a document by their correct names, and by section its misspelt key."""
    sections: dict[str, Any] = {}
    written: dict[str, str] = {}
    for key, value in document.data.items():
        if key in SECTIONS:
            sections[key] = value
            continue
        message = f"the config has no section {key!r}"
        meant = _meant_section(key, value, SECTIONS, (*document.data, *written))
        hint = did_you_mean(key if meant is None else meant, SECTIONS)
        sink.error(message, document.locate((key,), key=True), code="config.unknown-field", hint=hint)
        if meant is not None:
            sections[meant] = value
            written[meant] = key
    return sections, written


def _environments(
    document: Document, sections: Mapping[str, Any], written: Mapping[str, str], sink: DiagnosticSink
) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, str]]]:
    """Return the valid parts of all environments, with their misspelt sections, and report the errors in them.

    A section that is misspelt is read as the one that it seems to be.
    """
    section = written.get("environments", "environments")
    environments = sections.get("environments")
    if environments is None:
        return {}, {}
    if not isinstance(environments, dict):
        sink.error(
            "'environments' is not a mapping", document.locate(("environments",)), code="config.wrong-type"
        )
        return {}, {}
    found: dict[str, dict[str, Any]] = {}
    misspelt: dict[str, dict[str, str]] = {}
    for name, overlay in environments.items():
        path = (section, name)
        if overlay is not None and not isinstance(overlay, dict):
            sink.error(
                f"environment {name!r} is not a mapping", document.locate(path), code="config.wrong-type"
            )
            overlay = None
        found[name] = {key: value for key, value in (overlay or {}).items() if value is not None}
        misspelt[name] = {}
        for key in [key for key in found[name] if key not in OVERLAID]:
            value = found[name].pop(key)
            meant = _meant_section(key, value, OVERLAID, (*(overlay or {}), *misspelt[name]))
            if meant is not None:
                found[name][meant] = value
                misspelt[name][meant] = key
            hint = did_you_mean(key if meant is None else meant, OVERLAID)
            message = f"environment {name!r} has no section {key!r}"
            sink.error(
                message, document.locate((*path, key), key=True), code="config.unknown-field", hint=hint
            )
    return found, misspelt


def _meant_section(key: str, value: Any, known: tuple[str, ...], taken: Collection[str]) -> str | None:
    """Return the section that a key can be read as, by its name or its content, if it is not written next to it."""
    meant = nearest(key, known)
    if meant is None or not is_likely(key, meant):
        meant = "steps" if _holds_steps(value) else "edges" if _holds_edges(value) else None
    return meant if meant not in taken else None


def _holds_steps(value: Any) -> bool:
    steps = list(value.values()) if isinstance(value, dict) else []
    return bool(steps) and all(isinstance(step, dict) and isinstance(step.get("type"), str) for step in steps)


def _holds_edges(value: Any) -> bool:
    edges = value if isinstance(value, list) else []
    return bool(edges) and all(isinstance(edge, str) and ("->" in edge or "=>" in edge) for edge in edges)
