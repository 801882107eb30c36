"""The runner's own process is killed, at any moment: a resume ends in the result of an undisturbed run."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from dagcast.runner.options import RunOptions
from dagcast.runner.records.find_runs import runs_in
from dagcast.runner.records.outcome import RunOutcome
from dagcast.runner.records.run_folder import RunFolder
from dagcast.runner.runner import Runner
from tests.runner.engine.pipelines import (
    condition,
    contents,
    definition,
    fail,
    get,
    job,
    output_of,
    run,
    statuses,
)
from tests.runner.launch.bench import until
from tests.support.child_processes import ProcessStarter, child_process

RUN = """
import sys
from pathlib import Path
from dagcast.runner.options import RunOptions
from dagcast.runner.runner import Runner
# Tuning jobs have no entrypoint, and the tests have no image.
options = RunOptions(runs=Path(sys.argv[2]), jobs=2, ignore_rules={"request.unknown-field": "no image"})
Runner(Path(sys.argv[1]).read_text(), "tiny", options=options).run()
"""
RESUME = """
import sys
from pathlib import Path
from dagcast.runner.options import RunOptions
from dagcast.runner.runner import Runner
Runner.resume(sys.argv[1], RunOptions(runs=Path(sys.argv[2]))).run()
"""
WRITE = "for n in 1 2 3 4 5 6 7 8; do echo $n > $OUT/$n; done; head -c 300000 /dev/zero > $OUT/big"
STEPS: list[dict[str, Any]] = [
    job("a", WRITE),
    job("b", f"{WRITE}; cat $IN0/* | wc -c > $OUT/size", output_of("a")),
    job("c", "cat $IN0/8 $IN1/size > $OUT/x", output_of("a"), output_of("b")),
    condition(
        "if",
        get("Steps.c.ProcessingJobStatus"),
        "Completed",
        [job("then", "cat $IN0/x > $OUT/x", output_of("c"))],
        [fail("no")],
    ),
    job("d", WRITE),
]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The outputs of a run that is not interrupted."""
    outcome = run(definition(STEPS), tmp_path_factory.mktemp("whole"))
    assert outcome.status == "Succeeded"
    return contents(outcome)


def _killed(
    folder: Path,
    *,
    after_lines: int,
    delay: float,
    steps: Sequence[dict[str, Any]] = STEPS,
    logs: str = "events.jsonl",
) -> RunFolder | None:
    """Return a run whose process was killed after its events, or these logs, had so many lines, and a delay."""
    (folder / "definition.json").write_text(definition(steps))
    command = [sys.executable, "-c", RUN, str(folder / "definition.json"), str(folder / "runs")]
    with child_process(command) as process:
        while process.poll() is None:
            events = next(iter((folder / "runs").glob(f"*/{logs}")), None)
            if after_lines == 0 or (events is not None and events.read_bytes().count(b"\n") >= after_lines):
                time.sleep(delay)
                break
            time.sleep(0.001)
        process.kill()  # the process alone, not what it has started
        process.wait(60)
    return next(iter(runs_in(folder / "runs")), None)


@pytest.mark.parametrize("after_lines", range(1, 14))
def test_a_killed_run_is_resumed_to_the_same_result(
    tmp_path: Path, undisturbed: dict[str, bytes], after_lines: int
) -> None:
    folder = _killed(tmp_path, after_lines=after_lines, delay=(after_lines % 4) * 0.004)
    assert folder is not None
    assert not folder.is_running()
    stands = folder.outcome()
    assert stands.status == "Stopped" or folder.record().status == "Succeeded"
    outcome = Runner.resume(folder.id, RunOptions(runs=tmp_path / "runs", jobs=2)).run()
    assert outcome.status == "Succeeded", outcome.reason
    assert contents(outcome) == undisturbed
    assert set(statuses(outcome).values()) <= {"kept", "succeeded", "skipped"}
    assert not list((folder.store / ".staging").glob("*")), (
        "incomplete uploads of a killed process are removed"
    )
    assert not list(folder.path.glob("steps/*/*/tmp-*")), "layers of killed jobs are removed"


def test_a_process_killed_before_its_run_exists_leaves_no_broken_run(tmp_path: Path) -> None:
    folder = _killed(tmp_path, after_lines=0, delay=0.05)
    assert folder is None or folder.outcome().status in ("Stopped", "Succeeded")


def test_an_incomplete_folder_of_a_killed_process_is_removed_by_the_next_run(
    tmp_path: Path, start_process: ProcessStarter
) -> None:
    runs = tmp_path / "runs"
    os.mkfifo(tmp_path / "code")  # to copy it takes for ever
    program = RUN.replace(
        "options=options", "options=options, objects={'s3://bucket/code': Path(sys.argv[3])}"
    )
    (tmp_path / "definition.json").write_text(definition([fail("f")]))
    arguments = [str(tmp_path / name) for name in ("definition.json", "runs", "code")]
    process = start_process([sys.executable, "-c", program, *arguments])
    until(lambda: any(runs.glob(".new-*/definition.json")))
    assert runs_in(runs) == []
    other = run(definition([fail("f")]), tmp_path)
    assert len(list(runs.glob(".new-*"))) == 1, "a folder that an active process is creating is kept"
    process.kill()
    process.wait(60)

    last = run(definition([fail("f")]), tmp_path)

    assert [folder.id for folder in runs_in(runs)] == [other.id, last.id]
    assert not list(runs.glob(".new-*"))


def test_a_run_that_is_killed_twice_is_resumed(
    tmp_path: Path, undisturbed: dict[str, bytes], start_process: ProcessStarter
) -> None:
    folder = _killed(tmp_path, after_lines=3, delay=0)
    assert folder is not None
    lines = (folder.path / "events.jsonl").read_bytes()
    (folder.path / "events.jsonl").write_bytes(lines + b'{"time": "2026')
    process = start_process([sys.executable, "-c", RESUME, folder.id, str(tmp_path / "runs")])
    while (folder.path / "events.jsonl").read_bytes().count(b"\n") < 6 and process.poll() is None:
        time.sleep(0.001)
    process.kill()
    process.wait(60)
    outcome = Runner.resume(folder.id, RunOptions(runs=tmp_path / "runs")).run()
    assert outcome.status == "Succeeded"
    assert contents(outcome) == undisturbed
    assert all(set(event) >= {"time", "event"} for event in folder.events())


def _search(strategy: str) -> dict[str, Any]:
    """A step that tries six values of x, and ends with the one next to 0.25."""
    script = (
        "import json, time; time.sleep(0.1); "
        "x = float(json.load(open('/opt/ml/input/config/hyperparameters.json'))['x']); "
        "open('/opt/ml/model/x', 'w').write(str(x)); print(f'loss={(x - 0.25) ** 2};')"
    )
    training = {
        "RoleArn": "arn:aws:iam::123456789012:role/R",
        "AlgorithmSpecification": {
            "TrainingImage": "image",
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["python", "-c", script],
            "MetricDefinitions": [{"Name": "loss", "Regex": "loss=([^;]*);"}],
        },
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/models"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
    }
    config = {
        "Strategy": strategy,
        "RandomSeed": 7,
        "ResourceLimits": {"MaxNumberOfTrainingJobs": 6, "MaxParallelTrainingJobs": 2},
        "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "loss"},
        "ParameterRanges": {"ContinuousParameterRanges": [{"Name": "x", "MinValue": "0", "MaxValue": "1"}]},
    }
    arguments = {"HyperParameterTuningJobConfig": config, "TrainingJobDefinition": training}
    return {"Name": "search", "Type": "Tuning", "Arguments": arguments}


def _found(outcome: RunOutcome) -> tuple[list[Any], dict[str, float]]:
    """The hyperparameters of all trials, the best first, and the metrics of the search."""
    kept = RunFolder(outcome.folder).result("search")
    assert kept is not None
    summaries = kept.result.properties["TrainingJobSummaries"]
    return [summary["TunedHyperParameters"] for summary in summaries], dict(kept.result.metrics)


@pytest.mark.parametrize("strategy", ["Random", "Bayesian"])
def test_a_search_killed_between_trials_resumes_with_the_same_trials(tmp_path: Path, strategy: str) -> None:
    steps = [_search(strategy)]
    folder = _killed(
        tmp_path, after_lines=2, delay=0.02, steps=steps, logs="steps/search/attempt-1/stdout.log"
    )
    assert folder is not None
    assert folder.result("search") is None, "it was killed too late"

    outcome = Runner.resume(folder.id, RunOptions(runs=tmp_path / "runs", jobs=2)).run()

    assert outcome.status == "Succeeded", outcome.reason
    (tmp_path / "whole").mkdir()
    no_image = {"request.unknown-field": "no image"}
    whole = run(definition(steps), tmp_path / "whole", jobs=2, ignore_rules=no_image)
    assert _found(outcome) == _found(whole)
    assert len(_found(whole)[0]) == 6
    models = [len(list(Path(each.folder, "s3").rglob("model.tar.gz"))) for each in (outcome, whole)]
    assert models == [6, 6]
