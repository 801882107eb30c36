"""The events, as the OpenLineage client's own classes make them. Import this only where events are made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone

from openlineage.client.event_v2 import InputDataset, Job, JobEvent, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import (
    JobFacet,
    RunFacet,
    documentation_job,
    error_message_run,
    job_type_job,
    ownership_job,
    parent_run,
)
from openlineage.client.uuid import generate_new_uuid

from dagsmith.plugin import OutputPort, PipelineSpec
from dagsmith_openlineage.datasets import datasets

INTEGRATION = "SAGEMAKER"


@dataclass(frozen=True)
class ParentRun:
    """The run that this one is a part of: a task of an orchestrator that compiles pipelines, say.

    Attributes:
        namespace: The namespace of its job.
        name: The name of its job.
        run_id: Its run ID, a UUID.
    """

    namespace: str
    name: str
    run_id: str


class Events:
    """Makes the events of one compile.

    Args:
        namespace: The namespace of the jobs.
        producer: A URI that names the maker of the events.
        pipeline: The pipeline's name.
        description: What the pipeline is for, if that is known.
        author: Who answers for it, if that is known.
        parent: The run that this one is a part of, if it is.
    """

    def __init__(
        self,
        namespace: str,
        producer: str,
        pipeline: str,
        description: str | None,
        author: str | None,
        parent: ParentRun | None,
    ) -> None:
        self.namespace = namespace
        self.producer = producer
        self.pipeline = pipeline
        self.description = description
        self.parent = parent
        self.run_id = str(generate_new_uuid())
        self._owner: JobFacet | None = None
        if author is not None:
            owners = [ownership_job.Owner(name=author, type="AUTHOR")]
            self._owner = ownership_job.OwnershipJobFacet(owners=owners, producer=producer)
        self._job_types: dict[str, JobFacet] = {}

    def start(self) -> RunEvent:
        """The compile begins."""
        return self._run_event(RunState.START)

    def complete(self) -> RunEvent:
        """The compile is done."""
        return self._run_event(RunState.COMPLETE)

    def fail(self, error: Exception) -> RunEvent:
        """The compile ended with an error."""
        facet = error_message_run.ErrorMessageRunFacet(
            message=f"{type(error).__name__}: {error}", programmingLanguage="PYTHON", producer=self.producer
        )
        return self._run_event(RunState.FAIL, {"errorMessage": facet})

    def steps(self, spec: PipelineSpec, ports: Mapping[str, tuple[OutputPort, ...]]) -> Iterator[JobEvent]:
        """One event for each step, with what it reads and writes.

        Args:
            spec: The pipeline.
            ports: By step: its output ports.
        """
        data = datasets(spec, ports, self.namespace)
        for step in spec.steps:
            inputs = [InputDataset(name.namespace, name.name) for name in data[step.name].inputs]
            outputs = [OutputDataset(name.namespace, name.name) for name in data[step.name].outputs]
            job = self._job(f"{self.pipeline}.{step.name}", step.definition_type, step.description)
            yield JobEvent(eventTime=_now(), producer=self.producer, job=job, inputs=inputs, outputs=outputs)

    def _run_event(self, state: RunState, facets: Mapping[str, RunFacet] | None = None) -> RunEvent:
        own = dict(facets or {})
        if self.parent is not None:
            own["parent"] = parent_run.ParentRunFacet(
                run=parent_run.Run(runId=self.parent.run_id),
                job=parent_run.Job(namespace=self.parent.namespace, name=self.parent.name),
                producer=self.producer,
            )
        return RunEvent(
            eventType=state,
            eventTime=_now(),
            producer=self.producer,
            run=Run(runId=self.run_id, facets=own),
            job=self._job(self.pipeline, "Pipeline", self.description),
        )

    def _job(self, name: str, kind: str, description: str | None) -> Job:
        facets = {"jobType": self._job_type(kind)}
        if description is not None:
            facets["documentation"] = documentation_job.DocumentationJobFacet(
                description=description, producer=self.producer
            )
        if self._owner is not None:
            facets["ownership"] = self._owner
        return Job(self.namespace, name, facets)

    def _job_type(self, kind: str) -> JobFacet:
        """The facet that says what kind of job it is, made once for each kind."""
        facet = self._job_types.get(kind)
        if facet is None:
            facet = self._job_types[kind] = job_type_job.JobTypeJobFacet(
                processingType="BATCH", integration=INTEGRATION, jobType=kind.upper(), producer=self.producer
            )
        return facet


def _now() -> str:
    return datetime.now(timezone.utc).isoformat()
