"""Runs Tuning steps: many training jobs, whose hyperparameters optuna chooses."""

from __future__ import annotations

import hashlib
import json
import math
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import field, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from dagcast.errors import DagcastError, Diagnostic
from dagcast.frozen_dataclass import dataclass
from dagcast.runner.container import job
from dagcast.runner.container.check_request import as_mapping, raise_problems, remove_nulls
from dagcast.runner.describe_response import describe_resource, model_uri
from dagcast.runner.executors.executor import (
    Executor,
    StepAttempt,
    StepFailedError,
    StepResult,
    StepStoppedError,
    StubContract,
)
from dagcast.runner.executors.training import run_training
from dagcast.runner.tuning import tuning_request
from dagcast.runner.tuning.hyperparameter_search import Search, make_search
from dagcast.runner.tuning.tuning_request import TrainingDefinition, TuningJob

if TYPE_CHECKING:
    from dagcast.definition.model import Step
    from dagcast.runner.options import RunOptions

MAX_TRAINING_JOB_SUMMARIES = 50
"""How many of the best training jobs a step's properties list.

Source: ``TuningStep.get_top_model_s3_uri`` of the SageMaker Python SDK.
"""

MAX_TRIALS_WITHOUT_OBJECTIVE = 5
"""The step fails after so many trials without any objective. SageMaker gives up too, and does not document when."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One training job that has ended.

    Attributes:
        number: Its position among the trials, from 1.
        name: The name of the job.
        definition: The definition it was made from.
        tuned: The chosen hyperparameters.
        started: The time of its start.
        ended: The time of its end.
        result: Its result; ``None`` if it failed.
        reason: Why it failed.
    """

    number: int
    name: str
    definition: TrainingDefinition
    tuned: Mapping[str, str]
    started: str
    ended: str
    result: StepResult | None = None
    reason: str | None = None

    @property
    def objective(self) -> float | None:
        """The last value of the metric; ``None`` if it is missing or not finite."""
        value = None if self.result is None else self.result.metrics.get(self.definition.metric)
        return value if value is not None and math.isfinite(value) else None


def check(step: Step, options: RunOptions) -> Iterator[Diagnostic]:
    """Find what cannot run here, and a missing optuna."""
    yield from tuning_request.check_request(
        step.name,
        step.arguments,
        image=options.isolation == "docker",
        local_images=options.local_images,
    )
    strategy = as_mapping(step.arguments.get("HyperParameterTuningJobConfig")).get("Strategy")
    if strategy != "Grid" and find_spec("optuna") is None:
        yield Diagnostic(
            f"step {step.name!r} searches hyperparameters, which needs optuna",
            code="run.missing-extra",
            hint="pip install 'dagcast[tuning]'",
        )


def run(attempt: StepAttempt) -> StepResult:
    """Run the trials. The properties are those of ``DescribeHyperParameterTuningJob`` and the list of training jobs.

    :func:`~dagcast.runner.tuning.hyperparameter_search.make_search` has the strategies. Results are used in the order
    of the trials: a trial knows all results except those of the preceding trials that can run at the same time. So the
    same seed gives the same trials, however long each takes. The default seed is derived from the job name, which is
    the same in a resumed run. A training job that fails is only missing from the results; the step fails if no trial
    has an objective.

    Raises:
        StepFailedError: If the ranges are invalid, or no trial has an objective.
        StepStoppedError: If the run is stopping.
    """
    attempt = replace(attempt, arguments=remove_nulls(attempt.arguments))
    raise_problems(
        tuning_request.check_request(
            attempt.step.name,
            attempt.arguments,
            image=attempt.launcher.isolation == "docker",
            local_images=attempt.options.local_images,
        )
    )
    tuning_job = tuning_request.read_tuning_job(attempt.arguments)
    _warn_about_differences(attempt, tuning_job)
    started = job.utc_now()
    trials = _Trials(attempt, tuning_job).run()
    best = _best_first(trials)
    if best[0].objective is None:
        raise StepFailedError(_describe_failure(trials))
    result = best[0].result
    assert result is not None, "what has an objective has a result"
    properties = {
        **_properties(attempt, trials, best),
        "CreationTime": started,
        "HyperParameterTuningEndTime": job.utc_now(),
    }
    more = [uri for trial in best[1:] if trial.result is not None for uri in trial.result.outputs.values()]
    return StepResult(
        properties,
        result.outputs,
        {best[0].definition.metric: best[0].objective},
        more=more,
        stand_in=result.stand_in,
    )


def _warn_about_differences(attempt: StepAttempt, tuning_job: TuningJob) -> None:
    config = attempt.arguments["HyperParameterTuningJobConfig"]
    if tuning_job.strategy == "Hyperband":
        attempt.warn("strategy Hyperband: a local run chooses trials as for Bayesian, and stops none early")
    elif config.get("TrainingJobEarlyStoppingType") == "Auto":
        attempt.warn("TrainingJobEarlyStoppingType is Auto: a local run stops no trial early")
    if tuning_job.strategy == "Grid" and tuning_job.trials < (
        whole := tuning_request.grid_size(tuning_job.definitions)
    ):
        # Source: SageMaker Developer Guide, "How Hyperparameter Tuning Works", on grid search.
        attempt.warn(
            f"strategy Grid: MaxNumberOfTrainingJobs is {tuning_job.trials}, fewer than the {whole} "
            "combinations; SageMaker expects all of them, or no limit"
        )
    criteria = as_mapping(config.get("TuningJobCompletionCriteria"))
    if as_mapping(criteria.get("ConvergenceDetected")).get("CompleteOnConvergence") == "Enabled":
        attempt.warn("CompleteOnConvergence: a local run starts all trials")


@dataclass
class _Trials:
    """Runs the trials of one step, with a maximum number at once."""

    attempt: StepAttempt
    tuning_job: TuningJob
    done: list[Trial] = field(default_factory=list)

    def run(self) -> list[Trial]:
        """Run all trials, and return them in order."""
        tuning_job, given = self.tuning_job, self.attempt
        self._attempt_warning_once = replace(given, warn=_warn_once(given))
        seed = _seed(given.job_name) if tuning_job.seed is None else tuning_job.seed
        self._searches: list[Search] = [
            make_search(
                tuning_job.strategy,
                definition.ranges,
                seed=seed + number,
                maximize=definition.maximize,
                trials=tuning_job.trials,
            )
            for number, definition in enumerate(tuning_job.definitions)
        ]
        parallel = max(1, min(tuning_job.parallel, given.options.jobs))
        end = None if tuning_job.seconds is None else time.monotonic() + tuning_job.seconds
        running: deque[tuple[int, Future[Trial]]] = deque()
        with ThreadPoolExecutor(parallel, f"{given.step.name}-trial") as pool:
            for number in range(1, tuning_job.trials + 1):
                if len(running) == parallel:
                    self._learn(*running.popleft())
                if self._is_enough() or (end is not None and time.monotonic() >= end):
                    break
                index, tuned = self._ask(number)
                if tuned is None:
                    break
                running.append(
                    (index, pool.submit(self._trial, number, tuning_job.definitions[index], tuned))
                )
            for index, trial in running:
                self._learn(index, trial)
        return self.done

    def _ask(self, number: int) -> tuple[int, dict[str, str] | None]:
        """Return the next hyperparameters and the index of their definition.

        Definitions take turns until all are exhausted.
        """
        count = len(self._searches)
        for turn in range(count):
            index = (number - 1 + turn) % count
            tuned = self._searches[index].ask()
            if tuned is not None:
                return index, tuned
        return 0, None

    def _trial(self, number: int, definition: TrainingDefinition, tuned: Mapping[str, str]) -> Trial:
        attempt = self._attempt_warning_once
        if attempt.stop.is_set():
            raise StepStoppedError(f"step {attempt.step.name} was stopped")
        name = trial_name(attempt.job_name, number)
        folder = attempt.folder / f"trial-{number}"
        folder.mkdir()
        started = job.utc_now()
        result, reason = None, None
        try:
            result = run_training(attempt, definition.make_training_request(tuned, name), name, folder)
        except StepStoppedError:
            raise
        except DagcastError as error:
            reason = str(error)
        return Trial(
            number=number,
            name=name,
            definition=definition,
            tuned=tuned,
            started=started,
            ended=job.utc_now(),
            result=result,
            reason=reason,
        )

    def _learn(self, index: int, future: Future[Trial]) -> None:
        trial = future.result()
        self.done.append(trial)
        self._searches[index].tell(trial.objective)
        objective = f", {trial.definition.metric}: {trial.objective}" if trial.objective is not None else ""
        ended = f"failed: {trial.reason}" if trial.reason else f"completed{objective}"
        with (self.attempt.folder / "stdout.log").open("a", encoding="utf-8") as log:
            log.write(f"trial {trial.number} {json.dumps(trial.tuned)} {ended}\n")

    def _is_enough(self) -> bool:
        """Whether no further trial starts: the objective is reached, does not improve, or never appears."""
        objectives = [trial.objective for trial in self.done]
        if not any(objective is not None for objective in objectives):
            return len(objectives) >= MAX_TRIALS_WITHOUT_OBJECTIVE
        maximize = self.tuning_job.definitions[0].maximize
        best, since = -math.inf, 0
        for objective in objectives:
            value = -math.inf if objective is None else objective if maximize else -objective
            # Source of the 1 %: SageMaker API reference, BestObjectiveNotImproving.
            improved = value > best + 0.01 * abs(best) if math.isfinite(best) else value > best
            best, since = (value, 0) if improved else (best, since + 1)
        good = self.tuning_job.target
        reached = good is not None and any(
            o is not None and (o >= good if maximize else o <= good) for o in objectives
        )
        return reached or (self.tuning_job.patience is not None and since >= self.tuning_job.patience)


def trial_name(job_name: str, number: int) -> str:
    """Return the name of a trial's training job, of at most 63 characters.

    SageMaker's are similar: ``TUNING-JOB-001-0e830ada``.
    """
    digest = hashlib.sha256(f"{job_name}/{number}".encode()).hexdigest()[:8]
    return f"{job_name[:50].rstrip('-')}-{number:03d}-{digest}"


def _seed(job_name: str) -> int:
    return int.from_bytes(hashlib.sha256(job_name.encode()).digest()[:4], "big")


def _warn_once(attempt: StepAttempt) -> Any:
    seen: set[str] = set()
    lock = threading.Lock()

    def warn(message: str) -> None:
        with lock:
            if message in seen:
                return
            seen.add(message)
        attempt.warn(message)

    return warn


def _best_first(trials: list[Trial]) -> list[Trial]:
    """Return the trials sorted by objective; those without one come last."""

    def place(trial: Trial) -> tuple[bool, float, int]:
        value = trial.objective
        signed = 0.0 if value is None else -value if trial.definition.maximize else value
        return value is None, signed, trial.number

    return sorted(trials, key=place)


def _describe_failure(trials: list[Trial]) -> str:
    failed = [trial for trial in trials if trial.reason is not None]
    if len(failed) == len(trials):
        return f"all {len(trials)} training jobs failed; the last: {failed[-1].reason}"
    metric = trials[0].definition.metric
    return (
        f"no training job has the objective {metric!r}: {len(failed)} of {len(trials)} failed, and in the logs of the "
        "others the regular expression of its MetricDefinitions found no number"
    )


def _properties(attempt: StepAttempt, trials: list[Trial], best: list[Trial]) -> dict[str, Any]:
    completed = sum(trial.result is not None for trial in trials)
    with_objective = sum(trial.objective is not None for trial in trials)
    summaries = [_summary(attempt, trial) for trial in best[:MAX_TRAINING_JOB_SUMMARIES]]
    return {
        **job.request_without(attempt.arguments, "Tags"),
        "HyperParameterTuningJobName": attempt.job_name,
        "HyperParameterTuningJobArn": attempt.place.arn("hyper-parameter-tuning-job", attempt.job_name),
        "HyperParameterTuningJobStatus": "Completed",
        "TrainingJobStatusCounters": {
            "Completed": completed,
            "InProgress": 0,
            "RetryableError": 0,
            "NonRetryableError": len(trials) - completed,
            "Stopped": 0,
        },
        "ObjectiveStatusCounters": {
            "Succeeded": with_objective,
            "Pending": 0,
            "Failed": len(trials) - with_objective,
        },
        "BestTrainingJob": summaries[0],
        "TrainingJobSummaries": summaries,
    }


def _summary(attempt: StepAttempt, trial: Trial) -> dict[str, Any]:
    """Return a training job as ``HyperParameterTrainingJobSummary``."""
    name, objective = trial.definition.name, trial.objective
    final = {
        "Type": "Maximize" if trial.definition.maximize else "Minimize",
        "MetricName": trial.definition.metric,
        "Value": objective,
    }
    return {
        **({} if name is None else {"TrainingJobDefinitionName": name}),
        "TrainingJobName": trial.name,
        "TrainingJobArn": attempt.place.arn("training-job", trial.name),
        "TuningJobName": attempt.job_name,
        "CreationTime": trial.started,
        "TrainingStartTime": trial.started,
        "TrainingEndTime": trial.ended,
        "TrainingJobStatus": "Failed" if trial.result is None else "Completed",
        "TunedHyperParameters": dict(trial.tuned),
        **({} if trial.reason is None else {"FailureReason": trial.reason[: job.MAX_MESSAGE_CHARACTERS]}),
        **({} if objective is None else {"FinalHyperParameterTuningJobObjectiveMetric": final}),
        "ObjectiveStatus": "Failed" if objective is None else "Succeeded",
    }


_describe_job = describe_resource("HyperParameterTuningJob", "hyper-parameter-tuning-job", "Completed")


def _describe(attempt: StepAttempt, request: Mapping[str, Any]) -> dict[str, Any]:
    """The properties of a step that a stub stands for."""
    name = trial_name(attempt.job_name, 1)
    best = {"TrainingJobName": name, "TrainingJobArn": attempt.place.arn("training-job", name)}
    return {**_describe_job(attempt, request), "BestTrainingJob": best, "TrainingJobSummaries": [best]}


def _output_uris(attempt: StepAttempt, properties: Mapping[str, Any]) -> dict[str, Any]:
    best = as_mapping(properties.get("BestTrainingJob")).get("TrainingJobName")
    return {"model": model_uri(as_mapping(properties.get("TrainingJobDefinition")), str(best))}


EXECUTOR = Executor(
    check=check,
    run=run,
    stub=StubContract(describe=_describe, output_names=lambda step: ("model",), output_uris=_output_uris),
    reads_named_uris=True,
)
