"""The layers that a config is made of, and where each value of the whole was written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dagsmith.errors import DiagnosticSink, Location, did_you_mean
from dagsmith.load.document import Document
from dagsmith.load.merge import deep_merge

FieldPath = tuple[str | int, ...]


@dataclass(frozen=True)
class ConfigSource:
    """A config document with one of its environments laid over it.

    Attributes:
        document: The file, or the data that was passed from Python.
        env: The environment that was chosen, if any.
        data: The whole, merged.
    """

    document: Document
    env: str | None
    data: dict[str, Any]

    def locate(self, path: FieldPath) -> Location:
        """Where the value at ``path`` of the merged config was written.

        That is the environment where it says something, else the file's own section, else, for a field of a
        step, the ``defaults`` it was inherited from. For a value that nobody wrote: the closest thing around it.
        """
        for candidate in self._candidates(path):
            if self.document.has(candidate):
                return self.document.locate(candidate)
        return self.document.locate(path)

    def inherited(self, path: FieldPath) -> bool:
        """Whether the value at ``path`` of a step comes from ``defaults``."""
        candidates = self._candidates(path)
        own = 2 if self.env is not None else 1
        return not any(self.document.has(candidate) for candidate in candidates[:own])

    def _candidates(self, path: FieldPath) -> list[FieldPath]:
        paths = [path]
        if len(path) > 2 and path[0] == "steps":
            step = self.data["steps"].get(path[1])
            type_name = step.get("type") if isinstance(step, dict) else None
            paths += [("defaults", type_name, *path[2:])] if isinstance(type_name, str) else []
            paths.append(("defaults", *path[2:]))
        layers: list[FieldPath] = []
        for item in paths:
            if self.env is not None:
                layers.append(("environments", self.env, *item))
            layers.append(item)
        return layers


def choose_environment(document: Document, env: str | None, sink: DiagnosticSink) -> ConfigSource:
    """Lay the environment ``env`` over the document; none leaves it as it is."""
    data = {key: value for key, value in document.data.items() if key != "environments"}
    environments = document.data.get("environments") or {}
    if not isinstance(environments, dict):
        sink.error("'environments' is not a mapping", document.locate(("environments",)), code="type")
        environments = {}
    if env is None:
        return ConfigSource(document, None, data)
    if env not in environments:
        message = f"there is no environment {env!r}"
        hint = did_you_mean(env, environments) or "the config has none"
        sink.error(message, document.locate(("environments",)), code="unknown-environment", hint=hint)
        return ConfigSource(document, None, data)
    overlay = environments[env] or {}
    if not isinstance(overlay, dict):
        location = document.locate(("environments", env))
        sink.error(f"environment {env!r} is not a mapping", location, code="type")
        return ConfigSource(document, None, data)
    return ConfigSource(document, env, deep_merge(data, overlay))
