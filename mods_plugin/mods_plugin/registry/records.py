"""The records of the registry, as frozen values."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

State = Literal["running", "succeeded", "failed", "stopped"]


_HOW_INSTALLED = ("code", "code_problems")
"""Fields of the plugin lock that differ between a wheel and an editable installation of the same code."""


@dataclass(frozen=True)
class StagedObject:
    """One object in the manifest of staged code.

    Attributes:
        uri: The S3 URI of its upload.
        sha256: The SHA-256 digest of its bytes, in hexadecimal.
        size: Its size in bytes.
        source: Its file or folder, relative to the config; a bare name if dagcast generated it.
        form: ``file``, ``script``, ``archive`` or ``text``, as in ``dagcast.compile.spec.pipeline.StagedCode``.
    """

    uri: str
    sha256: str
    size: int
    source: str
    form: str

    def as_dict(self) -> dict[str, Any]:
        """Return the object as JSON-compatible data."""
        return {
            "uri": self.uri,
            "sha256": self.sha256,
            "bytes": self.size,
            "source": self.source,
            "form": self.form,
        }


@dataclass(frozen=True, kw_only=True)
class TemplateVersion:
    """One registered version of a template. It is immutable.

    Attributes:
        name: The template's name: that of its class if metadata name one, otherwise the pipeline's.
        version: Its version.
        pipeline: The pipeline's name.
        metadata: The metadata from plugins and arguments, by key.
        dag: The DAG, as returned by ``PipelineDAG.to_dict``.
        config: The config with its environment applied.
        role: ARN of the role argument; ``None`` without one.
        definition: The exact text of the definition JSON.
        definition_sha256: The SHA-256 digest of that text, in hexadecimal.
        plugins: The plugin lock.
        staged: The manifest of staged code.
        made_with: The versions of dagcast, mods-plugin, the SDK, botocore and Python that compiled it.
        registered_by: The operating-system user who registered it.
        registered_at: The time of registration in UTC; ``None`` before it is registered.
    """

    name: str
    version: str
    pipeline: str
    metadata: Mapping[str, Any]
    dag: Mapping[str, Any]
    config: Mapping[str, Any]
    role: str | None
    definition: str
    definition_sha256: str
    plugins: tuple[Mapping[str, Any], ...]
    staged: tuple[StagedObject, ...]
    made_with: Mapping[str, Any] = field(compare=False)
    registered_by: str = field(default="", compare=False)
    registered_at: datetime | None = field(default=None, compare=False)

    def content(self) -> dict[str, Any]:
        """Return the immutable content as JSON-compatible data: all but user, time and tools of the registration."""
        # The decorator and the sources of metadata may differ between machines; the template is the same.
        metadata = {key: value for key, value in self.metadata.items() if key != "mods"}
        return {
            "pipeline": self.pipeline,
            "metadata": metadata,
            "dag": dict(self.dag),
            "config": dict(self.config),
            "role": self.role,
            "definition_sha256": self.definition_sha256,
            "plugins": [
                {key: value for key, value in plugin.items() if key not in _HOW_INSTALLED}
                for plugin in self.plugins
            ],
            "staged": sorted((item.as_dict() for item in self.staged), key=json.dumps),
        }

    @property
    def content_sha256(self) -> str:
        """The SHA-256 digest of the content, in hexadecimal; the order of keys is irrelevant."""
        return hashlib.sha256(canonical_json(self.content()).encode()).hexdigest()

    def as_dict(self) -> dict[str, Any]:
        """Return the version as JSON-compatible data."""
        return {
            "name": self.name,
            "version": self.version,
            "pipeline": self.pipeline,
            "metadata": dict(self.metadata),
            "dag": dict(self.dag),
            "config": dict(self.config),
            "role": self.role,
            "definition": json.loads(self.definition),
            "definition_sha256": self.definition_sha256,
            "content_sha256": self.content_sha256,
            "plugins": [dict(plugin) for plugin in self.plugins],
            "staged": [item.as_dict() for item in self.staged],
            "made_with": dict(self.made_with),
            "registered_by": self.registered_by,
            "registered_at": format_time(self.registered_at),
        }


@dataclass(frozen=True)
class Registration:
    """The result of registering a template.

    Attributes:
        template: The registered version.
        created: Whether it is new; ``False`` if the same content was registered before.
        warnings: The warnings of the compile.
        policies: The files of the site policy that held, as in a compile report.
    """

    template: TemplateVersion
    created: bool
    warnings: tuple[Any, ...] = ()
    policies: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, kw_only=True)
class TemplateSummary:
    """One template in a list.

    Attributes:
        name: Its name.
        latest: The version registered last.
        versions: All versions, in the order of registration.
        author: The author of the latest version.
        description: The description of the latest version.
        registered_at: The time of registration of the latest version, in UTC.
        damaged: What is wrong with the stored row of the latest version; ``None`` if it is valid. The fields of a
            damaged row that cannot be shown are empty.
        damaged_versions: By damaged version, the latest or an older one: what is wrong with its row.
    """

    name: str
    latest: str
    versions: tuple[str, ...]
    author: str
    description: str
    registered_at: datetime | None
    damaged: str | None = None
    damaged_versions: Mapping[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the template as JSON-compatible data."""
        return {
            "name": self.name,
            "latest": self.latest,
            "versions": list(self.versions),
            "author": self.author,
            "description": self.description,
            "registered_at": format_time(self.registered_at),
            **({"damaged": self.damaged} if self.damaged is not None else {}),
            **({"damaged_versions": dict(self.damaged_versions)} if self.damaged_versions else {}),
        }


@dataclass(frozen=True, kw_only=True)
class Execution:
    """One execution of a registered version.

    Attributes:
        id: Its number in the registry.
        name: The template.
        version: Its version.
        metadata: The metadata of the version.
        started_by: The user who started it.
        started_at: The start time in UTC.
        parameters: The given values of the pipeline's parameters.
        place: Where it runs, such as ``local`` or ``sagemaker``.
        reference: Its identifier there, such as the ARN of the execution.
        state: ``running`` until an end is recorded; ``damaged`` if the stored row is invalid, whose other fields are
            empty then.
        reason: The reason of that end, if given, or of the damage.
        ended_at: The end time in UTC.
    """

    id: int
    name: str
    version: str
    metadata: Mapping[str, Any]
    started_by: str
    started_at: datetime | None
    parameters: Mapping[str, Any]
    place: str
    reference: str | None
    state: State | Literal["damaged"]
    reason: str | None
    ended_at: datetime | None

    def as_dict(self) -> dict[str, Any]:
        """Return the execution as JSON-compatible data, without the metadata of the version."""
        return {
            "id": self.id,
            "name": self.name,
            "version": self.version,
            "started_by": self.started_by,
            "started_at": format_time(self.started_at),
            "parameters": dict(self.parameters),
            "place": self.place,
            "reference": self.reference,
            "state": self.state,
            "reason": self.reason,
            "ended_at": format_time(self.ended_at),
        }


def canonical_json(data: Any) -> str:
    """Serialize data so that equal data have equal text."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)


def format_time(moment: datetime | None) -> str | None:
    """Format a time in UTC as ISO 8601, to the second."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment is not None else None
