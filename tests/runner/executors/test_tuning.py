"""Tuning steps: real training jobs, each with the hyperparameters that were chosen for it."""

from __future__ import annotations

import json
import tarfile
import threading
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from dagcast.runner.executors import tuning
from dagcast.runner.executors.executor import StepAttempt, StepFailedError, StepStoppedError
from dagcast.runner.launch.command import Command, Exit
from dagcast.runner.launch.launcher import Launcher
from dagcast.runner.tuning.tuning_request import read_tuning_job
from tests.runner.container.support import BUCKET, packed, training_arguments
from tests.runner.executors.support import ended_by_the_run, step_run

SCRIPT = """
    import argparse, os
    parser = argparse.ArgumentParser()
    parser.add_argument("-x", type=float)
    parser.add_argument("--kernel", default="none")
    args = parser.parse_args()
    open(os.environ["SM_MODEL_DIR"] + "/x", "w").write(str(args.x))
    print(f"loss={(args.x - 0.25) ** 2};")
"""
X = {"ContinuousParameterRanges": [{"Name": "x", "MinValue": "0", "MaxValue": "1", "ScalingType": "Auto"}]}
KERNELS = {"CategoricalParameterRanges": [{"Name": "kernel", "Values": ['"rbf"', '"poly"', '"linear"']}]}


def _request(
    ranges: Mapping[str, Any] = X,
    strategy: str = "Random",
    jobs: int | None = 3,
    parallel: int = 1,
    kind: str = "Minimize",
    job: Mapping[str, Any] | None = None,
    limits: Mapping[str, Any] | None = None,
    **config: Any,
) -> dict[str, Any]:
    most = {} if jobs is None else {"MaxNumberOfTrainingJobs": jobs}
    return {
        "HyperParameterTuningJobConfig": {
            "Strategy": strategy,
            "ResourceLimits": {**most, "MaxParallelTrainingJobs": parallel, **(limits or {})},
            "HyperParameterTuningJobObjective": {"Type": kind, "MetricName": "loss"},
            "ParameterRanges": ranges,
            **config,
        },
        "TrainingJobDefinition": job or _definition(),
    }


def _objective(**objective: str) -> dict[str, Any]:
    """A request with another objective."""
    return _request(HyperParameterTuningJobObjective=objective)


def _definition(hyperparameters: Mapping[str, str] | None = None, **more: Any) -> dict[str, Any]:
    request = training_arguments(hyperparameters, metrics={"loss": "loss=([^;]*);"}, **more)
    static = request.pop("HyperParameters")
    return {"StaticHyperParameters": static, **request}


def _step(
    folder: Path, launcher: Any, request: Mapping[str, Any], script: str = SCRIPT, **options: Any
) -> StepAttempt:
    run = step_run(folder, "tune", "Tuning", request, launcher=launcher, **options)
    archive = folder / "code.tar.gz"
    archive.write_bytes(packed({"train.py": dedent(script)}))
    run.store.put(archive, f"{BUCKET}/code/sourcedir.tar.gz")
    return run


def _tuned(properties: Mapping[str, Any]) -> list[dict[str, str]]:
    """The hyperparameters of all training jobs, in the order in which they ran."""
    summaries = sorted(properties["TrainingJobSummaries"], key=lambda summary: summary["TrainingJobName"])
    return [summary["TunedHyperParameters"] for summary in summaries]


def test_properties_are_those_of_the_tuning_job_and_its_training_jobs(
    tmp_path: Path, launcher: Launcher
) -> None:
    result = tuning.run(_step(tmp_path, launcher, _request()))
    properties = result.properties
    assert properties["HyperParameterTuningJobName"] == "job"
    assert properties["HyperParameterTuningJobStatus"] == "Completed"
    assert properties["TrainingJobStatusCounters"]["Completed"] == 3
    assert properties["ObjectiveStatusCounters"] == {"Succeeded": 3, "Pending": 0, "Failed": 0}
    summaries = properties["TrainingJobSummaries"]
    assert properties["BestTrainingJob"] == summaries[0]
    objectives = [summary["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] for summary in summaries]
    assert objectives == sorted(objectives)
    best = summaries[0]
    assert best["FinalHyperParameterTuningJobObjectiveMetric"] == {
        "Type": "Minimize",
        "MetricName": "loss",
        "Value": pytest.approx((float(best["TunedHyperParameters"]["x"]) - 0.25) ** 2),
    }
    assert result.metrics == {"loss": objectives[0]}


def test_every_model_is_where_sagemaker_would_put_it(tmp_path: Path, launcher: Launcher) -> None:
    run = _step(tmp_path, launcher, _request())
    result = tuning.run(run)
    for summary in result.properties["TrainingJobSummaries"]:
        uri = f"{BUCKET}/models/{summary['TrainingJobName']}/output/model.tar.gz"
        with tarfile.open(run.store.path(uri)) as archive:
            member = archive.extractfile("x")
            assert member is not None
            assert member.read().decode() == summary["TunedHyperParameters"]["x"]
    best = result.properties["BestTrainingJob"]["TrainingJobName"]
    assert result.outputs == {"model": f"{BUCKET}/models/{best}/output/model.tar.gz"}


def test_a_search_runs_where_there_are_no_namespaces(tmp_path: Path, paths_launcher: Launcher) -> None:
    result = tuning.run(_step(tmp_path, paths_launcher, _request(jobs=2)))
    assert result.properties["TrainingJobStatusCounters"]["Completed"] == 2


def test_names_of_training_jobs_fit_the_service(tmp_path: Path, launcher: Launcher) -> None:
    name = "pipelines-" + "x" * 53
    run = _step(tmp_path, launcher, _request(jobs=2), job=name)
    names = [summary["TrainingJobName"] for summary in tuning.run(run).properties["TrainingJobSummaries"]]
    assert len(set(names)) == 2
    assert all(len(name) <= 63 and name.startswith("pipelines-x") for name in names)


def test_the_same_seed_gives_the_same_trials_however_many_run_at_once(
    tmp_path: Path, launcher: Launcher
) -> None:
    found = []
    for number, (seed, jobs) in enumerate(((7, 2), (7, 2), (8, 2))):
        request = _request(strategy="Bayesian", jobs=6, parallel=2, RandomSeed=seed)
        slow = SCRIPT.replace("import argparse", "import random, time, argparse")
        slow += "    time.sleep(random.random() / 5)\n"
        run = _step(tmp_path / str(number), launcher, request, slow, jobs=jobs)
        found.append(_tuned(tuning.run(run).properties))
    assert found[0] == found[1] != found[2]


def test_without_a_seed_the_name_of_the_job_is_one(tmp_path: Path, launcher: Launcher) -> None:
    found = [
        _tuned(tuning.run(_step(tmp_path / str(n), launcher, _request(jobs=2), job=name)).properties)
        for n, name in enumerate(("one", "one", "two"))
    ]
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize(("parallel", "jobs", "most"), [(3, 2, 2), (2, 8, 2), (1, 8, 1)])
def test_no_more_trials_run_at_once_than_the_job_and_the_user_allow(
    tmp_path: Path, launcher: Launcher, parallel: int, jobs: int, most: int
) -> None:
    counting = _Counting(launcher)
    script = SCRIPT + "    import time; time.sleep(0.3)\n"
    run = _step(tmp_path, counting, _request(jobs=4, parallel=parallel), script, jobs=jobs)
    tuning.run(run)
    assert counting.most == most


class _Counting:
    """Starts jobs through another launcher, and counts how many run at once."""

    def __init__(self, launcher: Launcher) -> None:
        self.isolation = launcher.isolation
        self.most = 0
        self._launcher = launcher
        self._now = 0
        self._lock = threading.Lock()

    def run(self, command: Command, stop: threading.Event) -> Exit:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        try:
            return self._launcher.run(command, stop)
        finally:
            with self._lock:
                self._now -= 1


def test_the_best_50_training_jobs_are_listed(tmp_path: Path, launcher: Launcher) -> None:
    """Source: ``TuningStep.get_top_model_s3_uri`` of the SageMaker Python SDK: ``top_k`` is 0 to 49."""
    job = _definition()
    job["AlgorithmSpecification"]["ContainerEntrypoint"] = ["sh", "-c", "echo 'loss=1;'"]
    result = tuning.run(_step(tmp_path, launcher, _request(jobs=51, parallel=2, job=job)))
    assert result.properties["TrainingJobStatusCounters"]["Completed"] == 51
    assert len(result.properties["TrainingJobSummaries"]) == 50


def test_a_search_with_a_time_limit_only_has_750_trials() -> None:
    """Source: SageMaker Developer Guide, "Resource Limits for Automatic Model Tuning"."""
    request = _request(jobs=None, limits={"MaxRuntimeInSeconds": 3600})
    assert read_tuning_job(request).trials == 750


def test_a_grid_tries_every_combination(tmp_path: Path, launcher: Launcher) -> None:
    script = "import sys; print(f'loss={len(sys.argv[2])};')"
    properties = tuning.run(
        _step(tmp_path, launcher, _request(KERNELS, "Grid", jobs=None), script)
    ).properties
    assert _tuned(properties) == [{"kernel": value} for value in ('"rbf"', '"poly"', '"linear"')]
    assert properties["BestTrainingJob"]["TunedHyperParameters"] == {"kernel": '"rbf"'}


@pytest.mark.parametrize(("jobs", "tried"), [(2, 2), (3, 3), (9, 3)])
def test_a_grid_runs_no_more_training_jobs_than_it_may(
    tmp_path: Path, launcher: Launcher, jobs: int, tried: int
) -> None:
    script = "import sys; print(f'loss={len(sys.argv[2])};')"
    told: list[str] = []
    run = _step(tmp_path, launcher, _request(KERNELS, "Grid", jobs=jobs), script, warnings=told)
    kernels = [{"kernel": value} for value in ('"rbf"', '"poly"', '"linear"')]
    assert _tuned(tuning.run(run).properties) == kernels[:tried]
    few = "strategy Grid: MaxNumberOfTrainingJobs is 2, fewer than the 3 combinations"
    told = [message.partition(";")[0] for message in told if "Grid" in message]
    assert told == ([few] if tried < 3 else [])


def test_an_objective_whose_type_is_misspelt_is_reported_with_both_types(tmp_path: Path) -> None:
    run = _step(tmp_path, None, _request(kind="Maximise"))
    (problem,) = tuning.check(run.step, run.options)
    assert str(problem) == (
        "step 'tune': the objective's Type is 'Maximise', expected Maximize or Minimize (did you mean 'Maximize'?)"
    )


def test_several_definitions_take_turns_and_one_is_best(tmp_path: Path, launcher: Launcher) -> None:
    request = _request(jobs=4)
    objective = request["HyperParameterTuningJobConfig"].pop("HyperParameterTuningJobObjective")
    ranges = request["HyperParameterTuningJobConfig"].pop("ParameterRanges")
    single = request.pop("TrainingJobDefinition")
    request["TrainingJobDefinitions"] = [
        {
            **single,
            "DefinitionName": name,
            "TuningObjective": objective,
            "HyperParameterRanges": ranges,
            "OutputDataConfig": {"S3OutputPath": f"{BUCKET}/{name}"},
        }
        for name in ("first", "second")
    ]
    run = _step(tmp_path, launcher, request)
    assert list(tuning.check(run.step, run.options)) == []
    summaries = tuning.run(run).properties["TrainingJobSummaries"]
    names = sorted(summary["TrainingJobDefinitionName"] for summary in summaries)
    assert names == ["first", "first", "second", "second"]
    best = summaries[0]
    place = f"{BUCKET}/{best['TrainingJobDefinitionName']}/{best['TrainingJobName']}"
    assert run.store.exists(f"{place}/output/model.tar.gz")


def test_a_trial_knows_its_objective_and_not_the_checkpoints_of_others(
    tmp_path: Path, launcher: Launcher
) -> None:
    script = """
        import json, os
        config = json.load(open(os.environ["SM_INPUT_DIR"] + "/config/hyperparameters.json"))
        folder = os.environ["SM_OUTPUT_DIR"] + "/../checkpoints"
        print(f"loss={len(os.listdir(folder))};")
        open(folder + "/state", "w").write(config["_tuning_objective_metric"])
    """
    definition = _definition(CheckpointConfig={"S3Uri": f"{BUCKET}/checkpoints/"})
    run = _step(tmp_path, launcher, _request(jobs=2, job=definition), script)
    for summary in tuning.run(run).properties["TrainingJobSummaries"]:
        assert summary["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] == 0
        state = run.store.path(f"{BUCKET}/checkpoints/{summary['TrainingJobName']}/state")
        assert json.loads(state.read_text()) == "loss"


def test_a_trial_that_fails_is_counted_and_is_not_the_best(tmp_path: Path, launcher: Launcher) -> None:
    script = SCRIPT + "    assert args.x < 0.5, 'too large'\n"
    run = _step(tmp_path, launcher, _request(jobs=6), script)
    properties = tuning.run(run).properties
    counters = properties["TrainingJobStatusCounters"]
    assert counters["Completed"] + counters["NonRetryableError"] == 6
    assert counters["NonRetryableError"] > 0
    assert properties["TrainingJobSummaries"][-1]["TrainingJobStatus"] == "Failed"
    assert "too large" in properties["TrainingJobSummaries"][-1]["FailureReason"]
    assert float(properties["BestTrainingJob"]["TunedHyperParameters"]["x"]) < 0.5
    assert (run.folder / "stdout.log").read_text().count("trial ") == 6


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("raise SystemExit('no data')", "all 5 training jobs failed; the last: AlgorithmError: no data"),
        ("print('los=1;')", "no training job has the objective 'loss': 0 of 5 failed"),
        ("print('loss=nan;')", "no training job has the objective 'loss'"),
    ],
)
def test_a_job_without_any_objective_gives_up(
    tmp_path: Path, launcher: Launcher, script: str, reason: str
) -> None:
    with pytest.raises(StepFailedError, match=reason):
        tuning.run(_step(tmp_path, launcher, _request(jobs=20), script))


@pytest.mark.parametrize(
    ("criteria", "trials"),
    [
        ({"TargetObjectiveMetricValue": 2.0}, 2),
        ({"BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 3}}, 6),
    ],
)
def test_a_search_ends_when_it_is_good_enough_or_does_not_improve(
    tmp_path: Path, launcher: Launcher, criteria: Any, trials: int
) -> None:
    # A grid is tried in the order in which it is written.
    values = {"Name": "n", "Values": ["3", "2", "1", "1.0", "1.00", "1.000", "0", "0.0"]}
    script = "import sys; print(f'loss={float(sys.argv[2])};')"
    ranges = {"CategoricalParameterRanges": [values]}
    request = _request(ranges, "Grid", jobs=None, TuningJobCompletionCriteria=criteria)
    properties = tuning.run(_step(tmp_path, launcher, request, script)).properties
    assert len(properties["TrainingJobSummaries"]) == trials


def test_no_trial_starts_after_the_time_of_the_job(tmp_path: Path, launcher: Launcher) -> None:
    request = _request(jobs=None, limits={"MaxRuntimeInSeconds": 1})
    run = _step(tmp_path, launcher, request, SCRIPT + "    import time; time.sleep(1)\n")
    assert len(tuning.run(run).properties["TrainingJobSummaries"]) == 1


def test_what_is_other_than_in_sagemaker_is_reported_once(tmp_path: Path, launcher: Launcher) -> None:
    told: list[str] = []
    resources = {"InstanceType": "ml.m5.xlarge", "InstanceCount": 2, "VolumeSizeInGB": 1}
    request = _request(jobs=2, strategy="Hyperband", job=_definition(ResourceConfig=resources))
    tuning.run(_step(tmp_path, launcher, request, warnings=told))
    assert [message.partition(":")[0] for message in told] == ["strategy Hyperband", "InstanceCount is 2"]


def test_trials_end_with_the_run(tmp_path: Path, launcher: Launcher) -> None:
    script = "import time; print('on', flush=True); time.sleep(600)"
    run = _step(tmp_path, launcher, _request(jobs=4, parallel=2), script)
    assert ended_by_the_run(tuning, run, "trial-1/stdout.log") == [StepStoppedError]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"WarmStartConfig": {"WarmStartType": "TransferLearning"}}, "run.unsupported-field"),
        ({"Autotune": {"Mode": "Enabled"}}, "run.unsupported-field"),
        ({"TrainingJobDefinition": None}, "request.missing-field"),
        (
            {"TrainingJobDefinition": _definition(algorithm={"MetricDefinitions": []})},
            "tuning.missing-metric",
        ),
        (
            {"TrainingJobDefinition": _definition(InputDataConfig=[{"ChannelName": "a"}])},
            "request.missing-field",
        ),
        ({"HyperParameterTuningJobConfig": _request(strategy="Bayes")}, "request.unknown-value"),
        ({"HyperParameterTuningJobConfig": _request(kind="maximize")}, "request.unknown-value"),
        ({"HyperParameterTuningJobConfig": _objective(MetricName="loss")}, "request.missing-field"),
        ({"HyperParameterTuningJobConfig": _request(strategy="Grid")}, "tuning.invalid-range"),
        ({"HyperParameterTuningJobConfig": _request(ranges={})}, "tuning.invalid-range"),
        ({"HyperParameterTuningJobConfig": _request(jobs=None)}, "request.missing-field"),
    ],
)
def test_what_cannot_run_is_reported_before_anything_starts(
    tmp_path: Path, change: dict[str, Any], code: str
) -> None:
    if "HyperParameterTuningJobConfig" in change:
        change = {name: change[name][name] for name in change}
    run = _step(tmp_path, None, {**_request(), **change})
    assert [found.code for found in tuning.check(run.step, run.options)] == [code]
    with pytest.raises(StepFailedError, match="ValidationException"):
        # The same is found where a reference stood for it.
        tuning.run(_step(tmp_path / "run", _NoJobs(), {**_request(), **change}))


class _NoJobs:
    isolation = "paths"


def test_limits_that_are_references_are_known_when_the_step_runs(tmp_path: Path) -> None:
    ranges = {
        "IntegerParameterRanges": [{"Name": "n", "MinValue": {"Get": "Parameters.Low"}, "MaxValue": "9"}]
    }
    run = _step(tmp_path, None, _request(ranges))
    assert list(tuning.check(run.step, run.options)) == []
