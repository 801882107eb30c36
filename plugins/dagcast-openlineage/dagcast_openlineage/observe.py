"""Send the events of a local run: one run of the pipeline's job, and one of each step that starts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dagcast.plugin import CompileReport, PipelineConfig
from dagcast_openlineage.datasets import find_datasets
from dagcast_openlineage.options import LineageOptions
from dagcast_openlineage.pipeline import create_event_factory, output_ports
from dagcast_openlineage.sending import Sender

if TYPE_CHECKING:
    from openlineage.client.event_v2 import RunEvent


class RunLineage:
    """Receives the events of a local run and sends them as OpenLineage events.

    Steps that are skipped, or whose results come from an earlier run, have no run and no events.

    Args:
        config: The typed config.
        report: The compile report.
        options: The receiver and the names in events.
    """

    def __init__(self, config: PipelineConfig, report: CompileReport, options: LineageOptions) -> None:
        self._sender = Sender(options, config.root)
        self._events = create_event_factory(config, report.metadata, options)
        self._data = find_datasets(report.spec, output_ports(config), options.namespace)
        self._steps = {step.name: step for step in report.spec.steps}
        self._run_ids: dict[str, str] = {}

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Receive one event of the run."""
        converted = self._convert(event)
        if converted is not None:
            self._sender.send(converted)
        if event["event"] == "run-ended":
            self._sender.close()

    def _convert(self, event: Mapping[str, Any]) -> RunEvent | None:
        kind, step, message = event["event"], event.get("step"), event.get("message")
        if step is not None:
            return self._convert_step_event(str(step), kind, message)
        if kind == "run-started":
            return self._events.start()
        if kind != "run-ended":
            return None
        if event["status"] == "Succeeded":
            return self._events.complete()
        end = self._events.abort if event["status"] == "Stopped" else self._events.fail
        return end(str(message))

    def _convert_step_event(self, name: str, kind: str, message: str | None) -> RunEvent | None:
        from openlineage.client.event_v2 import RunState
        from openlineage.client.uuid import generate_new_uuid

        step, data = self._steps[name], self._data[name]
        if kind == "step-started" and name not in self._run_ids:
            run_id = self._run_ids[name] = str(generate_new_uuid())
            return self._events.step_run(step, data, run_id, RunState.START)
        ends = {
            "step-succeeded": RunState.COMPLETE,
            "step-failed": RunState.FAIL,
            "step-stopped": RunState.ABORT,
        }
        if kind not in ends or name not in self._run_ids:
            return None
        # A step that succeeds may have a message, which is not an error.
        reason = None if kind == "step-succeeded" else message
        return self._events.step_run(step, data, self._run_ids.pop(name), ends[kind], reason)
