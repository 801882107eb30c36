"""A Tuning step: many training jobs, whose hyperparameters optuna chooses."""

from __future__ import annotations

import hashlib
import json
import math
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from dagcast.errors import DagcastError, Diagnostic
from dagcast.runner import tuning_request
from dagcast.runner.container import job
from dagcast.runner.container.checks import mapping, refuse, without_nulls
from dagcast.runner.executor import StepFailedError, StepResult, StepRun, StepStoppedError
from dagcast.runner.executors.training import run_training
from dagcast.runner.names import arn
from dagcast.runner.search import Search, make_search
from dagcast.runner.tuning_request import Definition, Plan

if TYPE_CHECKING:
    from dagcast.definition.model import Step
    from dagcast.runner.options import RunOptions

TOP = 50
"""How many of the best training jobs a step's properties hold. Source: ``TuningStep.get_top_model_s3_uri`` of the
SageMaker Python SDK."""

HOPELESS = 5
"""After so many trials of which none gave an objective, the step fails. SageMaker gives up on such jobs as well, and
does not say when."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One training job that has ended.

    Attributes:
        number: Its place in the order of the trials, from 1.
        name: The name of the job.
        definition: What it was made from.
        tuned: The hyperparameters that were chosen.
        started: When it began.
        ended: When it ended.
        result: What it left; ``None`` if it failed.
        reason: Why it failed.
    """

    number: int
    name: str
    definition: Definition
    tuned: Mapping[str, str]
    started: str
    ended: str
    result: StepResult | None = None
    reason: str | None = None

    @property
    def objective(self) -> float | None:
        """The last value of the metric; ``None`` if there is none that is a number."""
        value = None if self.result is None else self.result.metrics.get(self.definition.metric)
        return value if value is not None and math.isfinite(value) else None


def check(step: Step, options: RunOptions) -> Iterator[Diagnostic]:
    """Say what of the step cannot run here, and whether optuna is missing."""
    yield from tuning_request.problems(step.name, step.arguments, image=options.isolation == "docker")
    strategy = mapping(step.arguments.get("HyperParameterTuningJobConfig")).get("Strategy")
    if strategy != "Grid" and find_spec("optuna") is None:
        yield Diagnostic(
            f"step {step.name!r} searches hyperparameters, which needs optuna",
            code="run.missing-extra",
            hint="pip install 'dagcast[tuning]'",
        )


def run(run: StepRun) -> StepResult:
    """Run the trials; properties are those of ``DescribeHyperParameterTuningJob``, and the list of training jobs.

    The strategies are those of :func:`~dagcast.runner.search.make_search`. Results are learned from in the order of
    the trials: a trial knows of all but the ones just before it that may run at the same time. So the same seed gives
    the same trials, however long each takes. Without a seed, the name of the job gives one, which a resumed run has
    too. A training job that fails is one trial less; the step fails if no trial gives an objective.

    Raises:
        StepFailedError: If the ranges cannot be searched, or no trial gave an objective.
        StepStoppedError: If the run is being stopped.
    """
    run = replace(run, arguments=without_nulls(run.arguments))
    refuse(tuning_request.problems(run.step.name, run.arguments, image=run.launcher.isolation == "docker"))
    plan = tuning_request.read_plan(run.arguments)
    _tell_differences(run, plan)
    started = job.now()
    trials = _Trials(run, plan).run()
    best = _best_first(trials)
    if best[0].objective is None:
        raise StepFailedError(_hopeless(trials))
    result = best[0].result
    assert result is not None, "what has an objective has a result"
    properties = {
        **_properties(run, trials, best),
        "CreationTime": started,
        "HyperParameterTuningEndTime": job.now(),
    }
    more = [uri for trial in best[1:] if trial.result is not None for uri in trial.result.outputs.values()]
    return StepResult(properties, result.outputs, {best[0].definition.metric: best[0].objective}, more=more)


def _tell_differences(run: StepRun, plan: Plan) -> None:
    config = run.arguments["HyperParameterTuningJobConfig"]
    if plan.strategy == "Hyperband":
        run.warn("strategy Hyperband: here trials are chosen as for Bayesian, and none is stopped early")
    elif config.get("TrainingJobEarlyStoppingType") == "Auto":
        run.warn("TrainingJobEarlyStoppingType is Auto: here no trial is stopped early")
    if plan.strategy == "Grid" and plan.trials < (whole := tuning_request.grid_size(plan.definitions)):
        # Source: SageMaker Developer Guide, "How Hyperparameter Tuning Works", on grid search.
        run.warn(
            f"strategy Grid: MaxNumberOfTrainingJobs is {plan.trials}, so that many of the {whole} combinations are "
            "tried; in SageMaker it should be all of them, or left out"
        )
    criteria = mapping(config.get("TuningJobCompletionCriteria"))
    if mapping(criteria.get("ConvergenceDetected")).get("CompleteOnConvergence") == "Enabled":
        run.warn("CompleteOnConvergence: here all trials run")


@dataclass
class _Trials:
    """The trials of one step, one after the other or several at once."""

    run_of_step: StepRun
    plan: Plan
    done: list[Trial] = field(default_factory=list)

    def run(self) -> list[Trial]:
        """Run all trials that there will be, in order."""
        plan, given = self.plan, self.run_of_step
        self._once = replace(given, warn=_warn_once(given))
        seed = _seed(given.job_name) if plan.seed is None else plan.seed
        self._searches: list[Search] = [
            make_search(plan.strategy, d.ranges, seed=seed + number, maximize=d.maximize, trials=plan.trials)
            for number, d in enumerate(plan.definitions)
        ]
        parallel = max(1, min(plan.parallel, given.options.jobs))
        end = None if plan.seconds is None else time.monotonic() + plan.seconds
        running: deque[tuple[int, Future[Trial]]] = deque()
        with ThreadPoolExecutor(parallel, f"{given.step.name}-trial") as pool:
            for number in range(1, plan.trials + 1):
                if len(running) == parallel:
                    self._learn(*running.popleft())
                if self._is_enough() or (end is not None and time.monotonic() >= end):
                    break
                which, tuned = self._ask(number)
                if tuned is None:
                    break
                running.append((which, pool.submit(self._trial, number, plan.definitions[which], tuned)))
            for which, trial in running:
                self._learn(which, trial)
        return self.done

    def _ask(self, number: int) -> tuple[int, dict[str, str] | None]:
        """The next hyperparameters; definitions take turns, and a grid that is done lets the others go on."""
        count = len(self._searches)
        for turn in range(count):
            which = (number - 1 + turn) % count
            tuned = self._searches[which].ask()
            if tuned is not None:
                return which, tuned
        return 0, None

    def _trial(self, number: int, definition: Definition, tuned: Mapping[str, str]) -> Trial:
        run = self._once
        if run.stop.is_set():
            raise StepStoppedError(f"step {run.step.name} was stopped")
        name = trial_name(run.job_name, number)
        folder = run.folder / f"trial-{number}"
        folder.mkdir()
        started = job.now()
        try:
            result = run_training(run, definition.training(tuned, name), name, folder)
        except StepStoppedError:
            raise
        except DagcastError as error:
            return Trial(
                number=number,
                name=name,
                definition=definition,
                tuned=tuned,
                started=started,
                ended=job.now(),
                reason=str(error),
            )
        return Trial(
            number=number,
            name=name,
            definition=definition,
            tuned=tuned,
            started=started,
            ended=job.now(),
            result=result,
        )

    def _learn(self, which: int, future: Future[Trial]) -> None:
        trial = future.result()
        self.done.append(trial)
        self._searches[which].tell(trial.objective)
        objective = f", {trial.definition.metric}: {trial.objective}" if trial.objective is not None else ""
        ended = f"failed: {trial.reason}" if trial.reason else f"completed{objective}"
        with (self.run_of_step.folder / "stdout.log").open("a", encoding="utf-8") as log:
            log.write(f"trial {trial.number} {json.dumps(trial.tuned)} {ended}\n")

    def _is_enough(self) -> bool:
        """Whether no further trial starts: the objective is good enough, or does not improve, or never comes."""
        objectives = [trial.objective for trial in self.done]
        if not any(objective is not None for objective in objectives):
            return len(objectives) >= HOPELESS
        maximize = self.plan.definitions[0].maximize
        best, since = -math.inf, 0
        for objective in objectives:
            value = -math.inf if objective is None else objective if maximize else -objective
            # Source of the 1 %: SageMaker API reference, BestObjectiveNotImproving.
            improved = value > best + 0.01 * abs(best) if math.isfinite(best) else value > best
            best, since = (value, 0) if improved else (best, since + 1)
        good = self.plan.target
        reached = good is not None and any(
            o is not None and (o >= good if maximize else o <= good) for o in objectives
        )
        return reached or (self.plan.patience is not None and since >= self.plan.patience)


def trial_name(job_name: str, number: int) -> str:
    """The name of a training job, of at most 63 characters: SageMaker's are ``TUNING-JOB-001-0e830ada`` too."""
    digest = hashlib.sha256(f"{job_name}/{number}".encode()).hexdigest()[:8]
    return f"{job_name[:50].rstrip('-')}-{number:03d}-{digest}"


def _seed(job_name: str) -> int:
    return int.from_bytes(hashlib.sha256(job_name.encode()).digest()[:4], "big")


def _warn_once(run: StepRun) -> Any:
    told: set[str] = set()
    lock = threading.Lock()

    def warn(message: str) -> None:
        with lock:
            if message in told:
                return
            told.add(message)
        run.warn(message)

    return warn


def _best_first(trials: list[Trial]) -> list[Trial]:
    """In the order of their objectives; those without one come last."""

    def place(trial: Trial) -> tuple[bool, float, int]:
        value = trial.objective
        signed = 0.0 if value is None else -value if trial.definition.maximize else value
        return value is None, signed, trial.number

    return sorted(trials, key=place)


def _hopeless(trials: list[Trial]) -> str:
    failed = [trial for trial in trials if trial.reason is not None]
    if len(failed) == len(trials):
        return f"all {len(trials)} training jobs failed; the last: {failed[-1].reason}"
    metric = trials[0].definition.metric
    return (
        f"no training job gave the objective {metric!r}: {len(failed)} of {len(trials)} failed, and in the logs of the "
        "others the regular expression of its MetricDefinitions found no number"
    )


def _properties(run: StepRun, trials: list[Trial], best: list[Trial]) -> dict[str, Any]:
    completed = sum(trial.result is not None for trial in trials)
    with_objective = sum(trial.objective is not None for trial in trials)
    summaries = [_summary(run, trial) for trial in best[:TOP]]
    return {
        **job.request_without(run.arguments, "Tags"),
        "HyperParameterTuningJobName": run.job_name,
        "HyperParameterTuningJobArn": arn(run.region, "hyper-parameter-tuning-job", run.job_name),
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


def _summary(run: StepRun, trial: Trial) -> dict[str, Any]:
    """A training job as ``HyperParameterTrainingJobSummary`` has it."""
    name, objective = trial.definition.name, trial.objective
    final = {
        "Type": "Maximize" if trial.definition.maximize else "Minimize",
        "MetricName": trial.definition.metric,
        "Value": objective,
    }
    return {
        **({} if name is None else {"TrainingJobDefinitionName": name}),
        "TrainingJobName": trial.name,
        "TrainingJobArn": arn(run.region, "training-job", trial.name),
        "TuningJobName": run.job_name,
        "CreationTime": trial.started,
        "TrainingStartTime": trial.started,
        "TrainingEndTime": trial.ended,
        "TrainingJobStatus": "Failed" if trial.result is None else "Completed",
        "TunedHyperParameters": dict(trial.tuned),
        **({} if trial.reason is None else {"FailureReason": trial.reason[: job.TOLD_CHARACTERS]}),
        **({} if objective is None else {"FinalHyperParameterTuningJobObjectiveMetric": final}),
        "ObjectiveStatus": "Failed" if objective is None else "Succeeded",
    }
