"""One call of the compiler's ``create_template``, and what the methods share that it calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import field, replace
from typing import Any

from dagcast.compile.config.config import PipelineConfig
from dagcast.compile.config.pipeline_dag import DAGLike, PipelineDAG
from dagcast.compile.spec.metadata import Metadata
from dagcast.frozen_dataclass import dataclass
from dagcast.plugins.call_hooks import build_template_params
from dagcast.plugins.plugin_set import PluginSet


@dataclass(frozen=True)
class PreparedDAG:
    """A DAG with its config, plugins and metadata."""

    dag: PipelineDAG
    config: PipelineConfig
    plugins: PluginSet
    metadata: Metadata


@dataclass
class TemplateCall:
    """What the methods share that ``create_template`` calls. A subclass of the compiler may override each.

    Attributes:
        compiler: The compiler.
        dag: The argument of the call.
        metadata: The metadata of the call.
        prepared: The DAG with its metadata. An override of ``create_decorated_class`` may state other metadata.
        owners: By argument of the template's constructor: the plugin that set it.
    """

    compiler: object
    dag: DAGLike | None
    metadata: Mapping[str, Any]
    prepared: PreparedDAG
    owners: Mapping[str, str] = field(default_factory=dict)


_CALL: ContextVar[TemplateCall | None] = ContextVar("dagcast_template_call", default=None)


def current_call(compiler: object, dag: DAGLike | None) -> TemplateCall | None:
    """Return the call of a compiler's ``create_template`` with this DAG that the current method runs in, if any."""
    call = _CALL.get()
    return call if call is not None and call.compiler is compiler and call.dag is dag else None


@contextmanager
def sharing(call: TemplateCall) -> Iterator[None]:
    """Make a call the current one for the block."""
    token = _CALL.set(call)
    try:
        yield
    finally:
        _CALL.reset(token)


def split_metadata(template_kwargs: Mapping[str, Any]) -> tuple[Mapping[str, Any], dict[str, Any]]:
    """Return the metadata in the arguments of ``create_template``, and the other arguments."""
    rest = dict(template_kwargs)
    metadata = rest.pop("metadata", None)
    if not isinstance(metadata, (Mapping, type(None))):
        raise TypeError(f"metadata: expected a mapping of keys to JSON data, got {metadata!r}")
    return metadata or {}, rest


def build_params(
    prepared: PreparedDAG, explicit: Mapping[str, Any], *, session: Any, role: str | None
) -> tuple[dict[str, Any], Mapping[str, str]]:
    """Return the arguments of the template's constructor, and by name the plugins that some of them are from.

    Args:
        prepared: The DAG with its config, plugins and metadata.
        explicit: Arguments of the caller. They override the arguments of plugins.
        session: The session of the pipeline.
        role: ARN of the role that steps run with; overrides the config's.

    Raises:
        PluginError: If a plugin fails, or two contradict each other.
    """
    metadata = prepared.metadata
    own = {
        "dag": prepared.dag,
        "config": prepared.config,
        "sagemaker_session": session,
        "execution_role": role,
        "plugins": prepared.plugins,
        "metadata": metadata,
    }
    params, owners, changes = build_template_params(prepared.plugins, prepared.dag, own, metadata)
    changes = tuple(change for change in changes if change.path[1] not in explicit)
    params["metadata"] = replace(metadata, changes=metadata.changes + changes)
    given = {name: plugin for name, plugin in owners.items() if name not in explicit}
    return {**params, **explicit}, given
