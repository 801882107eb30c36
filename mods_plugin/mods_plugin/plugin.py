"""The hooks of the plugin."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dagcast.plugin import (
    Diagnostic,
    DiagnosticSink,
    FieldPath,
    Location,
    ParameterSpec,
    PipelineConfig,
    PipelineDAG,
    PipelineSpec,
    did_you_mean,
    hookimpl,
)
from mods_plugin.labels import label
from mods_plugin.metadata import AUTHOR, COMMIT_ID, DESCRIPTION, FIELDS, MODULE, NAME, PACKAGE_NAME, VERSION
from mods_plugin.options import ModsOptions
from mods_plugin.resolve import NamedDecoratorError, resolve_decorator
from mods_plugin.security import secure, standard_parameters
from mods_plugin.sources import DEFAULT, TEMPLATE_CLASS, collect, missing_field, recorded

if TYPE_CHECKING:
    import click

OURS = "mods"
"""The key of the metadata under which the report says which decorator ran, and where each field is from."""


@hookimpl
def options_model() -> type[ModsOptions]:
    """Metadata, providers, and what MODS adds to a pipeline."""
    return ModsOptions


@hookimpl
def extract_metadata(
    config: PipelineConfig, dag: PipelineDAG, explicit: Mapping[str, Any], options: ModsOptions
) -> dict[str, Any]:
    """Give author, version, description, module, name, package and commit, and where each is from."""
    sink = DiagnosticSink()
    base = ("plugins", "options", "mods")
    for step in options.execution:
        if step not in dag.nodes:
            place = config.source.locate((*base, "execution", step))
            sink.error(
                f"there is no step {step!r}",
                place,
                code="mods.unknown-step",
                hint=did_you_mean(step, dag.nodes),
            )
    decorator = None
    try:
        decorator = resolve_decorator(options)
    except NamedDecoratorError as error:
        sink.error(str(error), config.source.locate((*base, "decorator")), code="mods.decorator")
    found = (
        recorded(explicit, explicit[OURS], sink)
        if OURS in explicit
        else collect(config, explicit, options, sink)
    )
    sink.raise_errors()
    about = {"decorator": decorator.place if decorator else None, "sources": dict(found.sources)}
    return {**found.values, OURS: about}


@hookimpl
def decorate_template_class(template_class: type, metadata: Mapping[str, Any], options: ModsOptions) -> Any:
    """Decorate the class with the decorator of MODS."""
    decorator = resolve_decorator(options)
    arguments: dict[str, Any] = {field: metadata[field] for field in (AUTHOR, VERSION, DESCRIPTION)}
    if decorator.own:
        arguments |= {field: metadata[field] for field in (PACKAGE_NAME, COMMIT_ID)}
        arguments["search"] = False
    with _named(template_class, metadata):
        decorated = decorator.factory(**arguments)(template_class)
    for field in FIELDS:
        if isinstance(decorated, type) and not hasattr(decorated, field):
            type.__setattr__(decorated, field, metadata[field])
    return decorated


@hookimpl
def pipeline_parameters(options: ModsOptions) -> list[ParameterSpec]:
    """Give the parameters that MODS sets at each start."""
    return [] if options.standard_parameters == "off" else standard_parameters()


@hookimpl
def transform_spec(spec: PipelineSpec, metadata: Mapping[str, Any], options: ModsOptions) -> PipelineSpec:
    """Let steps take network and encryption from the parameters, and label the pipeline with its metadata."""
    secured = secure(spec) if options.standard_parameters == "apply" else spec
    return label(
        secured, {field: metadata[field] for field in FIELDS}, metadata[OURS]["sources"], options.tags
    )


@hookimpl
def check_spec(
    spec: PipelineSpec, locate: Callable[[str, FieldPath], Location | None], metadata: Mapping[str, Any]
) -> Iterator[Diagnostic]:
    """Warn of metadata that nothing gives."""
    for field, source in metadata[OURS]["sources"].items():
        if source == DEFAULT:
            # No step has that name: this is the place of the pipeline itself.
            yield missing_field(field, locate("", ("Name",)), "warning", metadata[field])


@hookimpl
def register_commands(cli: click.Group) -> None:
    """Add ``dagcast mods``."""
    from mods_plugin.cli import mods_command

    cli.add_command(mods_command)


@contextmanager
def _named(template_class: type, metadata: Mapping[str, Any]) -> Iterator[None]:
    """Let the class have the module and name of the metadata while the decorator notes them."""
    sources = metadata[OURS]["sources"]
    stated = all(sources[field] == TEMPLATE_CLASS for field in (MODULE, NAME))
    # What only stands in for the class, to ask the decorator for its bases, keeps its name.
    if stated or not issubclass(type(template_class), type):
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
