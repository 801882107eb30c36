"""The hook implementations of the ``mods`` plugin."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dagcast.plugin import (
    Diagnostic,
    DiagnosticSink,
    FieldPath,
    InvalidInputError,
    Location,
    ParameterSpec,
    PipelineConfig,
    PipelineDAG,
    PipelineSpec,
    did_you_mean,
    hookimpl,
)
from mods_plugin.labels import add_labels
from mods_plugin.metadata import AUTHOR, COMMIT_ID, DESCRIPTION, FIELDS, MODULE, NAME, PACKAGE_NAME, VERSION
from mods_plugin.metadata_sources import (
    DEFAULT,
    TEMPLATE_CLASS,
    collect_metadata,
    missing_field,
    read_recorded_metadata,
)
from mods_plugin.options import ModsOptions
from mods_plugin.resolve_decorator import InvalidDecoratorError, resolve_decorator
from mods_plugin.security import apply_security_parameters, local_values, standard_parameters

if TYPE_CHECKING:
    import click

METADATA_KEY = "mods"
"""The key of the metadata that records which decorator ran and the source of each field."""


@hookimpl
def options_model() -> type[ModsOptions]:
    """Return the model of the options."""
    return ModsOptions


@hookimpl
def extract_metadata(
    config: PipelineConfig, dag: PipelineDAG, explicit: Mapping[str, Any], options: ModsOptions
) -> dict[str, Any]:
    """Return author, version, description, module, name, package and commit, with the source of each."""
    sink = DiagnosticSink()
    base = ("plugins", "options", "mods")
    for step in options.execution:
        if step not in dag.nodes:
            place = config.source.locate((*base, "execution", step))
            sink.error(
                f"unknown step {step!r}",
                place,
                code="mods.unknown-step",
                hint=did_you_mean(step, dag.nodes),
            )
    decorator = None
    try:
        decorator = resolve_decorator(options)
    except InvalidDecoratorError as error:
        sink.error(str(error), config.source.locate((*base, "decorator")), code="mods.decorator")
    found = (
        read_recorded_metadata(explicit, explicit[METADATA_KEY], sink)
        if METADATA_KEY in explicit
        else collect_metadata(config, explicit, options, sink)
    )
    sink.raise_errors()
    options.remember_places(found.places)
    record = {"decorator": decorator.place if decorator else None, "sources": dict(found.sources)}
    return {**found.values, METADATA_KEY: record}


@hookimpl
def decorate_template_class(template_class: type, metadata: Mapping[str, Any], options: ModsOptions) -> Any:
    """Apply the MODS decorator to the template class."""
    decorator = resolve_decorator(options)
    arguments: dict[str, Any] = {field: metadata[field] for field in (AUTHOR, VERSION, DESCRIPTION)}
    if decorator.is_own:
        arguments |= {field: metadata[field] for field in (PACKAGE_NAME, COMMIT_ID)}
        arguments["search"] = False
    before = dict(vars(template_class))
    try:
        with _metadata_name(template_class, metadata):
            decorated = decorator.factory(**arguments)(template_class)
    # The decorator of a company has rules of its own for what its users write.
    except ValueError as error:
        raise InvalidInputError(_refusals(error, decorator.place, metadata, options)) from error
    if isinstance(decorated, type):
        # The class may have been decorated before, with other metadata: only what this decorator defined is kept.
        new = [cls for cls in decorated.__mro__ if cls not in template_class.__mro__]
        stated = {name for cls in new for name in vars(cls)}
        stated |= {name for name, value in vars(template_class).items() if before.get(name) is not value}
        _set(decorated, {field: metadata[field] for field in FIELDS if field not in stated})
    return decorated


def _refusals(
    error: ValueError, decorator: str, metadata: Mapping[str, Any], options: ModsOptions
) -> list[Diagnostic]:
    """Return the mistake in the metadata that a decorator refuses, at each field that it mentions."""
    text = " ".join(str(error).split())
    given = (AUTHOR, VERSION, DESCRIPTION)
    named = [name for name in given if re.search(rf"\b{name}\b", text, re.IGNORECASE)]
    mentioned = named or [name for name in given if metadata[name] and str(metadata[name]) in text]
    return [
        Diagnostic(
            f"the decorator {decorator} refuses the {name} {metadata[name]!r} of the template: {text}",
            options.place_of(name),
            code="mods.metadata",
            hint=f"set pipeline.{name} or plugins.options.mods.{name}",
        )
        for name in mentioned[:1]
    ] or [
        Diagnostic(
            f"the decorator {decorator} refuses the metadata of the template: {text}",
            options.place_of(VERSION),
            code="mods.metadata",
            hint="set author, version and description under pipeline or plugins.options.mods",
        )
    ]


@hookimpl
def pipeline_parameters(options: ModsOptions) -> list[ParameterSpec]:
    """Return the parameters that MODS sets at each start."""
    return [] if options.standard_parameters == "off" else standard_parameters()


@hookimpl
def local_parameters(config: PipelineConfig, options: ModsOptions) -> dict[str, str]:
    """Return values of the standard parameters for a run on this machine, where MODS sets none."""
    if options.standard_parameters == "off":
        return {}
    declared = config.parameters
    added = {parameter.name for parameter in standard_parameters()}
    return {
        name: value
        for name, value in local_values(config.pipeline.name).items()
        if name in added and (name not in declared or declared[name].type == "String")
    }


@hookimpl
def transform_spec(spec: PipelineSpec, metadata: Mapping[str, Any], options: ModsOptions) -> PipelineSpec:
    """Set network and encryption of steps from the parameters, and add the metadata to the pipeline."""
    secured = apply_security_parameters(spec) if options.standard_parameters == "apply" else spec
    return add_labels(
        secured, {field: metadata[field] for field in FIELDS}, metadata[METADATA_KEY]["sources"], options.tags
    )


@hookimpl
def check_spec(
    spec: PipelineSpec, locate: Callable[[str, FieldPath], Location | None], metadata: Mapping[str, Any]
) -> Iterator[Diagnostic]:
    """Yield a warning for each metadata field that has only a default."""
    for field, source in metadata[METADATA_KEY]["sources"].items():
        if source == DEFAULT:
            # No step has an empty name: this locates the pipeline itself.
            yield missing_field(field, locate("", ("Name",)), "warning", metadata[field])


@hookimpl
def register_commands(cli: click.Group) -> None:
    """Add the command group ``dagcast mods``."""
    from mods_plugin.cli import mods_command

    cli.add_command(mods_command)


@contextmanager
def _metadata_name(template_class: type, metadata: Mapping[str, Any]) -> Iterator[None]:
    """Give the class the module and name of the metadata while the decorator reads them."""
    sources = metadata[METADATA_KEY]["sources"]
    is_own_name = all(sources[field] == TEMPLATE_CLASS for field in (MODULE, NAME))
    if is_own_name:
        yield
        return
    wanted = {"__module__": metadata[MODULE], "__name__": metadata[NAME], "__qualname__": metadata[NAME]}
    before = {attribute: getattr(template_class, attribute) for attribute in wanted}
    _set(template_class, wanted)
    try:
        yield
    finally:
        _set(template_class, before)


def _set(template_class: type, attributes: Mapping[str, str]) -> None:
    for attribute, value in attributes.items():
        type.__setattr__(template_class, attribute, value)
