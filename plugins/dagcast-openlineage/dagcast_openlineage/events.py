"""Create events with the OpenLineage client's classes. Import this module lazily: it imports the client."""

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

from dagcast.plugin import OutputPort, PipelineSpec, StepSpec
from dagcast_openlineage.datasets import StepData, find_datasets

INTEGRATION = "SAGEMAKER"


@dataclass(frozen=True)
class ParentRun:
    """The run that contains this one, such as a task of an orchestrator that compiles pipelines.

    Attributes:
        namespace: The namespace of its job.
        name: The name of its job.
        run_id: Its run ID, a UUID.
    """

    namespace: str
    name: str
    run_id: str


class EventFactory:
    """Creates the events of one run of the pipeline's job: a compile, or an execution.

    Args:
        namespace: The namespace of the jobs.
        producer: The URI of the program that produces the events.
        pipeline: The pipeline's name.
        description: The pipeline's description, if known.
        author: The pipeline's owner, if known.
        parent: The run that contains this one, if any.
    """

    def __init__(
        self,
        namespace: str,
        *,
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
        """Return the event of the start."""
        return self._pipeline_event(RunState.START)

    def complete(self) -> RunEvent:
        """Return the event of a successful end."""
        return self._pipeline_event(RunState.COMPLETE)

    def fail(self, message: str) -> RunEvent:
        """Return the event of a failure."""
        return self._pipeline_event(RunState.FAIL, message)

    def abort(self, message: str) -> RunEvent:
        """Return the event of an interruption."""
        return self._pipeline_event(RunState.ABORT, message)

    def steps(self, spec: PipelineSpec, ports: Mapping[str, tuple[OutputPort, ...]]) -> Iterator[JobEvent]:
        """Yield one event for each step, with the datasets that it reads and writes.

        Args:
            spec: The pipeline.
            ports: The output ports of each step.
        """
        data = find_datasets(spec, ports, self.namespace)
        for step in spec.steps:
            inputs, outputs = _datasets(data[step.name])
            job = self._step_job(step)
            yield JobEvent(eventTime=_now(), producer=self.producer, job=job, inputs=inputs, outputs=outputs)

    def step_run(
        self, step: StepSpec, data: StepData, run_id: str, state: RunState, message: str | None = None
    ) -> RunEvent:
        """Return an event of a step's run, which is part of this one.

        Args:
            step: The step.
            data: Its datasets.
            run_id: The run ID of the step's run, a UUID.
            state: The new state.
            message: The reason, if the run failed or was interrupted.
        """
        parent = ParentRun(self.namespace, self.pipeline, self.run_id)
        inputs, outputs = _datasets(data)
        return RunEvent(
            eventType=state,
            eventTime=_now(),
            producer=self.producer,
            run=Run(runId=run_id, facets=self._run_facets(parent, message)),
            job=self._step_job(step),
            inputs=inputs,
            outputs=outputs,
        )

    def _pipeline_event(self, state: RunState, message: str | None = None) -> RunEvent:
        return RunEvent(
            eventType=state,
            eventTime=_now(),
            producer=self.producer,
            run=Run(runId=self.run_id, facets=self._run_facets(self.parent, message)),
            job=self._job(self.pipeline, "Pipeline", self.description),
        )

    def _run_facets(self, parent: ParentRun | None, message: str | None) -> dict[str, RunFacet]:
        facets: dict[str, RunFacet] = {}
        if message is not None:
            facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(
                message=message, programmingLanguage="PYTHON", producer=self.producer
            )
        if parent is not None:
            facets["parent"] = parent_run.ParentRunFacet(
                run=parent_run.Run(runId=parent.run_id),
                job=parent_run.Job(namespace=parent.namespace, name=parent.name),
                producer=self.producer,
            )
        return facets

    def _step_job(self, step: StepSpec) -> Job:
        return self._job(f"{self.pipeline}.{step.name}", step.definition_type, step.description)

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
        """Return the facet with the kind of a job, created once for each kind."""
        facet = self._job_types.get(kind)
        if facet is None:
            facet = self._job_types[kind] = job_type_job.JobTypeJobFacet(
                processingType="BATCH", integration=INTEGRATION, jobType=kind.upper(), producer=self.producer
            )
        return facet


def _datasets(data: StepData) -> tuple[list[InputDataset], list[OutputDataset]]:
    inputs = [InputDataset(name.namespace, name.name) for name in data.inputs]
    return inputs, [OutputDataset(name.namespace, name.name) for name in data.outputs]


def _now() -> str:
    return datetime.now(timezone.utc).isoformat()
