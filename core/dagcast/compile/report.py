"""The compile report: what was made of the input, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dagcast.compile.bind.wiring import Binding
from dagcast.compile.check_spec import Quota
from dagcast.compile.spec.changes import Change, plain
from dagcast.compile.spec.pipeline import PipelineSpec
from dagcast.errors import Diagnostic
from dagcast.staging.staged_code import StagedCode


@dataclass(frozen=True)
class StepSummary:
    """One step of the pipeline.

    Attributes:
        name: The step's name.
        step_type: dagcast's name of its type.
        depends_on: The steps it waits for, by data or by order.
        inside: The condition whose branch it is in, if it is in one.
    """

    name: str
    step_type: str
    depends_on: tuple[str, ...]
    inside: str | None = None


@dataclass(frozen=True, kw_only=True)
class CompileReport:
    """What a compile did.

    Attributes:
        pipeline: The pipeline's name.
        version: The user's version of it.
        steps: All steps, in the order they can run.
        bindings: Every decision of the wiring, with its reason.
        warnings: What compiles but may not be meant.
        quotas: What the pipeline uses of the service's limits.
        staged: The code that deploying has to upload.
        digest: SHA-256 of the definition, in hexadecimal.
        timings: Seconds spent in each stage.
        spec: The pipeline itself, as data.
        plugins: The plugin lock: name, distribution, version, API version and options digest of each, in order.
        metadata: What is known of the pipeline beside the config.
        metadata_sources: By key of the metadata: the plugin that it is from, or ``argument``.
        changes: What each plugin changed, field by field.
    """

    pipeline: str
    version: str | None
    steps: tuple[StepSummary, ...]
    bindings: tuple[Binding, ...]
    warnings: tuple[Diagnostic, ...]
    quotas: tuple[Quota, ...]
    staged: tuple[StagedCode, ...]
    digest: str
    timings: Mapping[str, float] = field(compare=False)
    spec: PipelineSpec = field(repr=False)
    plugins: tuple[Mapping[str, Any], ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()
    metadata_sources: Mapping[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON-ready data."""
        return {
            "pipeline": self.pipeline,
            "version": self.version,
            "steps": [
                {
                    "name": step.name,
                    "type": step.step_type,
                    "depends_on": list(step.depends_on),
                    "inside": step.inside,
                }
                for step in self.steps
            ],
            "bindings": [
                {
                    "source": binding.source,
                    "output": binding.output,
                    "target": binding.target,
                    "input": binding.input,
                    "reason": binding.reason,
                }
                for binding in self.bindings
            ],
            "warnings": [warning.as_dict() for warning in self.warnings],
            "quotas": [{"name": q.name, "used": q.used, "limit": q.limit} for q in self.quotas],
            "staged": [
                {"uri": code.uri, "sha256": code.digest, "bytes": code.size, "source": code.source}
                for code in self.staged
            ],
            "definition_sha256": self.digest,
            "plugins": [dict(plugin) for plugin in self.plugins],
            "metadata": plain(self.metadata),
            "metadata_sources": dict(self.metadata_sources),
            "changes": [change.as_dict() for change in self.changes],
            "timings_seconds": dict(self.timings),
        }


def summarize_steps(spec: PipelineSpec) -> tuple[StepSummary, ...]:
    """The steps of a pipeline as the report shows them."""
    dependencies = spec.dependencies
    return tuple(
        StepSummary(
            step.name,
            step.step_type,
            tuple(dict.fromkeys([*step.reads(), *step.depends_on])),
            dependencies[step.name].condition,
        )
        for step in spec.steps
    )
