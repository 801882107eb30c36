"""The sources of metadata in their order of precedence, and the source of each value."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

from pydantic import BaseModel

from dagcast.plugin import Diagnostic, DiagnosticSink, InvalidInputError, Location, PipelineConfig
from mods_plugin.decorator import GITFARM_MODULE, gitfarm_metadata
from mods_plugin.git_checkout import read_checkout
from mods_plugin.metadata import (
    AUTHOR,
    COMMIT_ID,
    DESCRIPTION,
    FIELDS,
    MODULE,
    NAME,
    PACKAGE_NAME,
    VERSION,
    find_problem,
)
from mods_plugin.options import ModsOptions
from mods_plugin.providers import ProviderContext, UnknownProviderError, call_provider

ARGUMENT = "argument"
OPTIONS = "plugins.options.mods"
GIT = "git checkout"
TEMPLATE_CLASS = "template class"
DEFAULT = "default"

TEMPLATE = {MODULE: "dagcast.template", NAME: "DynamicPipelineTemplate"}
"""The class that is decorated by default."""

SPELLINGS: Mapping[str, tuple[str, ...]] = {
    AUTHOR: (AUTHOR, "pipeline_author"),
    VERSION: (VERSION, "pipeline_version"),
    DESCRIPTION: (DESCRIPTION, "pipeline_description"),
    PACKAGE_NAME: (PACKAGE_NAME, "gitfarm_package"),
    COMMIT_ID: (COMMIT_ID,),
}
"""The spellings of a field in a base config. A base config's ``name`` is the pipeline's, not the template's."""

NESTED = ("pipeline", "mods", "metadata")
"""Sections of a base config that may contain the fields, ``module`` and ``name`` included."""


@dataclass(frozen=True)
class Metadata:
    """The metadata of a template and their sources.

    Attributes:
        values: The value of each field; ``None`` if no source has one.
        sources: The source of each field.
        places: Where each field was written, if that is known.
    """

    values: Mapping[str, str | None]
    sources: Mapping[str, str]
    places: Mapping[str, Location | None] = field(default_factory=dict)


@dataclass(frozen=True)
class _Layer:
    """One source: its values, its name for each field, and the locations of its values."""

    values: Mapping[str, Any]
    source: Callable[[str], str]
    locate: Callable[[str], Location | None]


@dataclass
class _Collector:
    config: PipelineConfig
    options: ModsOptions
    sink: DiagnosticSink
    _: KW_ONLY
    values: dict[str, str | None] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    places: dict[str, Location | None] = field(default_factory=dict, kw_only=True)

    def add(self, layer: _Layer) -> None:
        for name in FIELDS:
            value = layer.values.get(name)
            if value is None or name in self.sources:
                continue
            self.sources[name] = layer.source(name)
            self.values[name] = value
            self.places[name] = layer.locate(name)
            problem = find_problem(name, value)
            if problem is not None:
                message = f"the {name} of the template, from {self.sources[name]}, {problem}"
                self.sink.error(message, layer.locate(name), code="mods.metadata")


def collect_metadata(
    config: PipelineConfig, explicit: Mapping[str, Any], options: ModsOptions, sink: DiagnosticSink
) -> Metadata:
    """Take each field from the first source that has it.

    Args:
        config: The typed config.
        explicit: The arguments of the caller.
        options: The plugin's options.
        sink: Collects invalid values, and in strict mode missing fields.

    Returns:
        Every field with its source; missing fields have a default or ``None``.

    Raises:
        PluginError: If a metadata provider is broken.
    """
    found = _Collector(config, options, sink)
    for layer in _layers(config, explicit, options, sink):
        found.add(layer)
    module = found.values.get(MODULE)
    if isinstance(module, str):
        found.add(_constant(gitfarm_metadata(module), GITFARM_MODULE, None))
    if any(name not in found.sources for name in (AUTHOR, PACKAGE_NAME, COMMIT_ID)):
        checkout = read_checkout(config.root)
        known = {
            AUTHOR: checkout.author,
            PACKAGE_NAME: checkout.package_name,
            COMMIT_ID: checkout.commit_id,
        }
        found.add(_constant(known, GIT, Location(f"<git checkout of {config.root}>")))
    found.add(_constant(TEMPLATE, TEMPLATE_CLASS, None))
    missing = [name for name in FIELDS if name not in found.sources]
    if options.strict:
        place = config.source.locate(("plugins", "options", "mods", "strict"))
        for name in missing:
            sink.extend([missing_field(name, place, "error")])
    defaults = {AUTHOR: "unknown", VERSION: "0.0.0", DESCRIPTION: f"Pipeline {config.pipeline.name}"}
    for name in missing:
        found.sources[name] = DEFAULT
        found.values[name] = defaults.get(name)
    ordered = {name: found.values[name] for name in FIELDS}
    return Metadata(ordered, {name: found.sources[name] for name in FIELDS}, found.places)


def read_recorded_metadata(values: Mapping[str, Any], record: Any, sink: DiagnosticSink) -> Metadata:
    """Return the metadata of an earlier compile, without looking for any on this machine.

    Args:
        values: The value of each field that had one.
        record: The entry ``mods`` in the metadata of that compile's report.
        sink: Collects invalid values.

    Raises:
        InvalidInputError: If the record is invalid.
    """
    sources = record.get("sources") if isinstance(record, Mapping) else None
    if not isinstance(sources, Mapping) or set(sources) != set(FIELDS):
        hint = "remove it, or pass the value of a compile report"
        message = "invalid metadata 'mods': expected the record of an earlier compile"
        raise InvalidInputError([Diagnostic(message, Location("<mods>"), code="mods.metadata", hint=hint)])
    found = {name: values.get(name) for name in FIELDS}
    for name, value in found.items():
        problem = find_problem(name, value) if value is not None else None
        if problem is not None:
            message = f"the recorded {name} of the template {problem}"
            sink.error(message, Location(f"<{name}>"), code="mods.metadata")
    places = {name: Location(f"<{name}>") for name in found}
    return Metadata(found, {name: str(sources[name]) for name in FIELDS}, places)


def missing_field(name: str, place: Location | None, severity: Any, default: str | None = None) -> Diagnostic:
    """Return the diagnostic for a field that no source has."""
    where = (
        f"pipeline.{name} or plugins.options.mods.{name}"
        if name in (AUTHOR, VERSION, DESCRIPTION)
        else OPTIONS
    )
    default_used = f", using default {default!r}" if default is not None else ""
    message = f"missing {name} of the template{default_used}"
    return Diagnostic(message, place, severity, code="mods.metadata", hint=f"set {where}")


def base_config_metadata(base: Any) -> dict[str, tuple[Any, tuple[str, ...]]]:
    """Return the fields of a base config: the value of each and its path.

    Args:
        base: A model or a mapping. A field may have either spelling (``version``, ``pipeline_version``), and may be
            at the top or in a section ``pipeline``, ``mods`` or ``metadata``; the top has precedence.
    """
    found: dict[str, tuple[Any, tuple[str, ...]]] = {}
    sections = [((), base), *(((key,), _get(base, key)) for key in NESTED)]
    for path, section in sections:
        for name in FIELDS:
            # Among the pipeline's own fields, name and module are those of the pipeline.
            is_template_field = name in SPELLINGS or path in (("mods",), ("metadata",))
            for spelling in SPELLINGS.get(name, (name,)) if is_template_field else ():
                value = _get(section, spelling)
                if value is not None and name not in found:
                    found[name] = (value, (*path, spelling))
    return found


def _layers(
    config: PipelineConfig, explicit: Mapping[str, Any], options: ModsOptions, sink: DiagnosticSink
) -> Iterator[_Layer]:
    yield _Layer(explicit, lambda _: ARGUMENT, lambda name: Location(f"<{name}>"))
    base = ("plugins", "options", "mods")
    yield _Layer(options.metadata(), lambda _: OPTIONS, lambda name: config.source.locate((*base, name)))
    context = ProviderContext(config.root, dict(os.environ), config)
    for index, provider in enumerate(options.providers):
        place = config.source.locate((*base, "providers", index))
        try:
            with sink.collecting():
                given = call_provider(provider, context)
                yield _constant(given, f"provider {provider}", place)
        except UnknownProviderError as error:
            sink.error(str(error), place, code="mods.provider", hint=error.hint)
    found = base_config_metadata(config.pipeline)
    yield _Layer(
        {name: value for name, (value, _) in found.items()},
        lambda name: ".".join(("pipeline", *found[name][1])),
        lambda name: _locate(config, name, found[name][1]),
    )


def _constant(values: Mapping[str, Any], source: str, place: Location | None) -> _Layer:
    return _Layer(values, lambda _: source, lambda _: place)


def _locate(config: PipelineConfig, name: str, path: tuple[str, ...]) -> Location:
    """Return the location of a field of the base config, under the spelling that the config uses."""
    section: Any = config.source.data.get("pipeline")
    for key in path[:-1]:
        section = section.get(key) if isinstance(section, Mapping) else None
    written = section if isinstance(section, Mapping) else {}
    spelling = next((item for item in SPELLINGS.get(name, ()) if item in written), path[-1])
    return config.source.locate(("pipeline", *path[:-1], spelling))


def _get(section: Any, key: str) -> Any:
    if isinstance(section, Mapping):
        return section.get(key)
    if not isinstance(section, BaseModel):
        return None
    known = key in type(section).model_fields or key in (section.model_extra or {})
    return getattr(section, key) if known else None
