"""What the registry holds, as plain values."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

State = Literal["running", "succeeded", "failed", "stopped"]


@dataclass(frozen=True)
class StagedObject:
    """One object of the staged-code manifest.

    Attributes:
        uri: The S3 URI that it is uploaded to.
        sha256: Digest of its bytes, in hexadecimal.
        size: Its bytes.
        source: The file or folder that it was made of, relative to the config; a bare name where dagcast made it.
        form: ``file``, ``script``, ``archive`` or ``text``, as in ``dagcast.compile.spec.pipeline.StagedCode``.
    """

    uri: str
    sha256: str
    size: int
    source: str
    form: str

    def as_dict(self) -> dict[str, Any]:
        """The object as JSON-ready data."""
        return {
            "uri": self.uri,
            "sha256": self.sha256,
            "bytes": self.size,
            "source": self.source,
            "form": self.form,
        }


@dataclass(frozen=True, kw_only=True)
class TemplateVersion:
    """One version of a template, as it was registered. It never changes.

    Attributes:
        name: The template's name: that of its class where metadata say one, else the pipeline's.
        version: Its version.
        pipeline: The pipeline's name.
        metadata: By key: everything that plugins and arguments said beside the config.
        dag: The DAG, as ``PipelineDAG.to_dict`` gives it.
        config: The config with its environment laid over it.
        role: ARN of the role that was given as an argument; ``None`` if none was.
        definition: The definition JSON, the very text.
        definition_sha256: Its digest, in hexadecimal.
        plugins: The plugin lock.
        staged: The staged-code manifest.
        made_with: The versions that made it: of dagcast, mods-plugin, the SDK, botocore and Python.
        registered_by: The user of the system who registered it.
        registered_at: When, in UTC; ``None`` before it is registered.
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
        """What must not change under this version, as JSON-ready data. Who registered it, when and with what is not."""
        # Which decorator ran, and where metadata are from, may differ by machine; the template is the same.
        metadata = {key: value for key, value in self.metadata.items() if key != "mods"}
        return {
            "pipeline": self.pipeline,
            "metadata": metadata,
            "dag": dict(self.dag),
            "config": dict(self.config),
            "role": self.role,
            "definition_sha256": self.definition_sha256,
            "plugins": [dict(plugin) for plugin in self.plugins],
            "staged": sorted((item.as_dict() for item in self.staged), key=json.dumps),
        }

    @property
    def content_sha256(self) -> str:
        """Digest of the content, in hexadecimal; the order of keys does not count."""
        return hashlib.sha256(canonical(self.content()).encode()).hexdigest()

    def as_dict(self) -> dict[str, Any]:
        """The version as JSON-ready data."""
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
            "registered_at": shown_time(self.registered_at),
        }


@dataclass(frozen=True)
class Registration:
    """What registering did.

    Attributes:
        template: The version as the registry holds it.
        created: Whether it is new; else the same content was registered before.
        warnings: What the compile warned of.
    """

    template: TemplateVersion
    created: bool
    warnings: tuple[Any, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TemplateSummary:
    """One template of a listing.

    Attributes:
        name: Its name.
        latest: The version that was registered last.
        versions: All versions, in the order of their registration.
        author: Of the latest version.
        description: Of the latest version.
        registered_at: When the latest version was registered, in UTC.
    """

    name: str
    latest: str
    versions: tuple[str, ...]
    author: str
    description: str
    registered_at: datetime

    def as_dict(self) -> dict[str, Any]:
        """The template as JSON-ready data."""
        return {
            "name": self.name,
            "latest": self.latest,
            "versions": list(self.versions),
            "author": self.author,
            "description": self.description,
            "registered_at": shown_time(self.registered_at),
        }


@dataclass(frozen=True, kw_only=True)
class Execution:
    """One run of a registered version.

    Attributes:
        id: Its number in the registry.
        name: The template.
        version: Its version.
        metadata: Those of the version.
        started_by: Who started it.
        started_at: When, in UTC.
        parameters: The values that were given for the pipeline's parameters.
        place: Where it runs: ``local``, ``sagemaker``, or what else the runner calls it.
        reference: How the place names it, such as the ARN of the execution.
        state: ``running`` until an end is recorded.
        reason: Why it ended so, if that was said.
        ended_at: When, in UTC.
    """

    id: int
    name: str
    version: str
    metadata: Mapping[str, Any]
    started_by: str
    started_at: datetime
    parameters: Mapping[str, Any]
    place: str
    reference: str | None
    state: State
    reason: str | None
    ended_at: datetime | None

    def as_dict(self) -> dict[str, Any]:
        """The execution as JSON-ready data; the metadata stand with the version."""
        return {
            "id": self.id,
            "name": self.name,
            "version": self.version,
            "started_by": self.started_by,
            "started_at": shown_time(self.started_at),
            "parameters": dict(self.parameters),
            "place": self.place,
            "reference": self.reference,
            "state": self.state,
            "reason": self.reason,
            "ended_at": shown_time(self.ended_at),
        }


def canonical(data: Any) -> str:
    """JSON of which equal data give equal text."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)


def shown_time(moment: datetime | None) -> str | None:
    """A moment as ISO 8601 in UTC, to the second."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment is not None else None
