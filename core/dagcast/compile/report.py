"""The compile report: the result of a compile, and the decisions that led to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from dagcast.compile.bind.wiring import Binding
from dagcast.compile.check_spec import Quota
from dagcast.compile.spec.changes import Change, to_json_data
from dagcast.compile.spec.pipeline import PipelineSpec
from dagcast.errors import Diagnostic, IgnoredRule
from dagcast.frozen_dataclass import dataclass
from dagcast.staging.staged_code import StagedCode

CODE_REMEDY = "reinstall its distribution, and start the program again"
"""The remedy for a plugin whose code is not what was installed or imported."""


@dataclass(frozen=True)
class StepSummary:
    """A step in the report.

    Attributes:
        name: The step's name.
        step_type: dagcast's name of its type.
        depends_on: The steps that it waits for: those that it reads from, and those of order-only edges.
        inside: The condition step of the branch that it is in, if any.
    """

    name: str
    step_type: str
    depends_on: tuple[str, ...]
    inside: str | None = None


@dataclass(frozen=True, kw_only=True)
class CompileReport:
    """The report of a compile.

    Attributes:
        pipeline: The pipeline's name.
        version: The user's version of it.
        steps: All steps, in topological order.
        bindings: Every binding of an output to an input, with its reason.
        warnings: The warnings.
        ignored: The rules that the config ignores, and what they would report.
        quotas: How much of the service's limits the pipeline uses.
        staged: The code to upload when the pipeline is deployed.
        digest: SHA-256 of the definition, in hexadecimal.
        timings: Seconds spent in each stage.
        spec: The pipeline itself, as data.
        plugins: The plugin lock: name, distribution, version, API version and options digest of each, in order.
        metadata: The pipeline's metadata.
        metadata_sources: By key of the metadata: the plugin that the value is from, or ``argument``.
        changes: Every field that a plugin changed, in order.
        policies: The files of the site policy that held: where each lies and what it says, without values of options.
        stand_ins: What stands in for a role, a bucket or an image, in a compile for this machine alone.
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
    policies: tuple[Mapping[str, Any], ...] = ()
    ignored: tuple[IgnoredRule, ...] = ()
    stand_ins: tuple[str, ...] = ()

    def __repr__(self) -> str:
        warnings = f", {len(self.warnings)} warnings" if self.warnings else ""
        return f"<CompileReport {self.pipeline}: {len(self.steps)} steps{warnings}>"

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON data."""
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
            "ignored": [rule.as_dict() for rule in self.ignored],
            **({"stand_ins": list(self.stand_ins)} if self.stand_ins else {}),
            "quotas": [{"name": q.name, "used": q.used, "limit": q.limit} for q in self.quotas],
            "staged": [
                {"uri": code.uri, "sha256": code.digest, "bytes": code.size, "source": code.source}
                for code in self.staged
            ],
            "definition_sha256": self.digest,
            "plugins": [dict(plugin) for plugin in self.plugins],
            "policies": [dict(policy) for policy in self.policies],
            "metadata": to_json_data(self.metadata),
            "metadata_sources": dict(self.metadata_sources),
            "changes": [change.as_dict() for change in self.changes],
            "timings_seconds": dict(self.timings),
        }


def summarize_steps(spec: PipelineSpec) -> tuple[StepSummary, ...]:
    """Return the steps of a pipeline for the report."""
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
