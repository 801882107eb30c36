"""Whole runs: what they leave, how they fail, what is cached, what a resume does."""

from __future__ import annotations

import getpass
import json
import shutil
import sys
import threading
from pathlib import Path

import pytest

from dagcast.errors import InvalidInputError
from dagcast.runner.aws_names import AwsPlace
from dagcast.runner.options import RunOptions
from dagcast.runner.records.events import Event
from dagcast.runner.records.find_runs import find_run, runs_in
from dagcast.runner.records.remove_runs import RemovedRuns, remove_runs
from dagcast.runner.records.run_folder import RunFolder, RunFolderError
from dagcast.runner.runner import Runner
from tests.runner.engine.pipelines import (
    RecordedEvents,
    callback,
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

CACHED = {"CacheConfig": {"Enabled": True, "ExpireAfter": "P1D"}}


def test_a_run_leaves_a_folder_that_says_what_is_in_it(tmp_path: Path) -> None:
    text = definition([job("a", "echo said; echo told >&2; echo made > $OUT/x")], Rate=0.5)
    events_seen = RecordedEvents()
    outcome = run(text, tmp_path, listener=events_seen, parameters={"Rate": "0.25"})
    folder = outcome.folder
    assert outcome.id == folder.name
    assert outcome.status == "Succeeded"
    assert {path.name for path in folder.iterdir() if not path.name.startswith(".")} == {
        "README.txt", "definition.json", "events.jsonl", "parameters.json", "run.json", "s3", "steps",
    }  # fmt: skip
    assert (folder / "definition.json").read_text() == text
    assert json.loads((folder / "parameters.json").read_text()) == {"Rate": 0.25}
    assert (folder / "steps/a/attempt-1/stdout.log").read_text() == "said\n"
    assert (folder / "steps/a/attempt-1/stderr.log").read_text() == "told\n"
    assert not (folder / "steps/a/attempt-1/ml").exists(), "data that are in the store are not kept twice"
    assert contents(outcome) == {"bucket/ID/a/x": b"made\n"}
    written = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    assert written == [event.as_dict() for event in events_seen]
    assert [line["event"] for line in written] == [
        "run-started",
        "step-started",
        "step-succeeded",
        "run-ended",
    ]
    assert find_run(tmp_path / "runs", outcome.id).outcome() == outcome
    assert (tmp_path / "runs/.gitignore").read_text() == "*\n"


def test_a_failed_step_stops_what_waits_for_it_and_not_its_peers(tmp_path: Path) -> None:
    steps = [
        job("bad", "echo went wrong >&2; exit 3"),
        job("after", "true", output_of("bad")),
        job("later", "true", DependsOn=["after"]),
        job("peer", "echo 1 > $OUT/x"),
        job("friend", "true", output_of("peer")),
    ]
    outcome = run(definition(steps), tmp_path)
    assert outcome.status == "Failed"
    assert statuses(outcome) == {
        "bad": "failed", "after": "not-started", "later": "not-started", "peer": "succeeded", "friend": "succeeded",
    }  # fmt: skip
    assert outcome.reason is not None
    assert "step 'bad' failed" in outcome.reason
    assert "went wrong" in outcome.reason
    assert "exit code: 3" in outcome.reason
    assert {step.name: step.reason for step in outcome.steps}[
        "later"
    ] == "it waits for step 'after', which did not start"
    assert (outcome.folder / "steps/bad/attempt-1/ml").is_dir(), "what a failed job had is kept, to look at"


def test_a_fail_step_fails_the_run_with_its_message(tmp_path: Path) -> None:
    message = {"Std:Join": {"On": " ", "Values": ["below", get("Parameters.Least")]}}
    steps = [job("a", "true"), condition("if", 1, 1, [fail("too-bad", message)], [job("else", "true")])]
    outcome = run(definition(steps, Least=0.9), tmp_path)
    assert outcome.status == "Failed"
    assert outcome.reason == "step 'too-bad' failed: below 0.9"
    assert statuses(outcome) == {"a": "succeeded", "if": "succeeded", "too-bad": "failed", "else": "skipped"}


def test_a_step_may_wait_for_the_failure_of_another(tmp_path: Path) -> None:
    def after(step: str, trigger: str) -> dict[str, list[dict[str, str]]]:
        return {"DependsOn": [{"Step": step, "Trigger": trigger}]}

    steps = [
        job("bad", "echo why >&2; exit 2"),
        job("good", "true"),
        job(
            "tell",
            "echo $WHY > $OUT/x",
            **after("bad", "Failed"),
            arguments={
                "Environment": {"OUT": "/opt/ml/processing/out", "WHY": get("Steps.bad.FailureReason")}
            },
        ),
        job("clean", "true", **after("bad", "Any")),
        job("never", "true", **after("good", "Failed")),
        job("always", "true", **after("good", "Any")),
        job("next", "true", DependsOn=["bad"]),
    ]
    outcome = run(definition(steps), tmp_path)
    assert statuses(outcome) == {
        "bad": "failed", "good": "succeeded", "tell": "succeeded", "clean": "succeeded", "never": "skipped",
        "always": "succeeded", "next": "not-started",
    }  # fmt: skip
    assert outcome.status == "CompletedWithFailures"
    assert contents(outcome)["bucket/ID/tell/x"].startswith(b"AlgorithmError: why")
    unanswered = run(definition([*steps, job("worse", "exit 1")]), tmp_path)
    assert unanswered.status == "Failed"


@pytest.mark.parametrize("entry", [1, None, {}, {"Step": "a", "Trigger": "Maybe"}, {"Step": 1}, ["a"]])
def test_what_a_step_waits_for_is_a_name_or_a_name_with_a_trigger(tmp_path: Path, entry: object) -> None:
    with pytest.raises(InvalidInputError, match="DependsOn: expected a list of names"):
        run(definition([fail("a"), fail("b", DependsOn=[entry])]), tmp_path)


def test_conditions_within_conditions_skip_whole_branches(tmp_path: Path) -> None:
    inner = condition("inner", 1, 1, [job("yes", "true")], [fail("no")])
    steps = [
        condition("outer", 1, 2, [inner], [job("other", "true")]),
        job("last", "true", DependsOn=["yes"]),
    ]
    outcome = run(definition(steps), tmp_path)
    assert statuses(outcome) == {
        "outer": "succeeded", "inner": "skipped", "yes": "skipped", "no": "skipped", "other": "succeeded",
        "last": "skipped",
    }  # fmt: skip
    assert outcome.status == "Succeeded"


def test_a_reference_that_leads_nowhere_fails_its_step_and_says_what_there_is(tmp_path: Path) -> None:
    stub = tmp_path / "stub.json"
    stub.write_text(json.dumps({"properties": {"JobName": "j"}}))
    steps = [
        {"Name": "a", "Type": "Teleport", "Arguments": {}},
        job("b", "true", arguments={"Environment": {"X": get("Steps.a.JobNam")}}),
    ]
    outcome = run(definition(steps), tmp_path, stubs={"a": stub})
    assert outcome.reason is not None
    assert "did you mean 'JobName'" in outcome.reason


def test_a_resume_goes_on_after_the_failed_step_with_the_same_ids(tmp_path: Path) -> None:
    flag = tmp_path / "data"
    flag.mkdir()
    (flag / "x").write_text("bad")
    steps = [
        job("a", "echo $(date +%N) > $OUT/x"),
        job("b", "grep -q good $IN1/x && cat $IN0/x > $OUT/y", output_of("a"), "s3://given/flag"),
        job("c", "cat $IN0/y > $OUT/z", output_of("b")),
    ]
    first = run(definition(steps, P=1), tmp_path, inputs={"s3://given/flag": flag}, parameters={"P": 2})
    assert statuses(first) == {"a": "succeeded", "b": "failed", "c": "not-started"}
    before = contents(first)
    (flag / "x").write_text("good")
    events_seen = RecordedEvents()
    second = Runner.resume(first.id, RunOptions(runs=tmp_path / "runs"), listener=events_seen).run()
    assert statuses(second) == {"a": "kept", "b": "succeeded", "c": "succeeded"}
    assert second.status == "Succeeded"
    assert second.id == first.id
    assert contents(second)["bucket/ID/c/z"] == before["bucket/ID/a/x"]
    assert [path.name for path in RunFolder(second.folder).attempts("b")] == ["attempt-1", "attempt-2"]
    assert events_seen[0].kind == "run-resumed"
    third = Runner.resume(first.id, RunOptions(runs=tmp_path / "runs")).run()
    assert set(statuses(third).values()) == {"kept"}


def test_a_resumed_run_keeps_its_parameters(tmp_path: Path) -> None:
    first = run(definition([fail("f")], P=1), tmp_path)
    options = RunOptions(runs=tmp_path / "runs", parameters={"P": "2"})
    with pytest.raises(InvalidInputError, match="cannot change a parameter of a resumed run"):
        Runner.resume(first.id, options)
    assert (
        Runner.resume(first.id, RunOptions(runs=tmp_path / "runs", parameters={"P": "1"})).run().status
        == "Failed"
    )


def test_a_run_that_is_not_there_is_reported_with_the_nearest(tmp_path: Path) -> None:
    first = run(definition([fail("f")]), tmp_path)
    for name in (first.id[:-2] + "-", "../runs", f"{first.id}/steps", "", "LAST"):
        with pytest.raises(RunFolderError, match="unknown run"):
            find_run(tmp_path / "runs", name)
    with pytest.raises(RunFolderError, match=first.id):
        find_run(tmp_path / "runs", first.id[:-1] + "_")


def test_runs_of_one_second_are_listed_in_the_order_of_their_start(tmp_path: Path) -> None:
    started = [run(definition([fail("f")]), tmp_path).id for _ in range(8)]
    assert [folder.id for folder in runs_in(tmp_path / "runs")] == started


def test_only_one_process_at_a_time_runs_a_run(tmp_path: Path) -> None:
    first = run(definition([fail("f")]), tmp_path)
    with RunFolder(first.folder).lock(), pytest.raises(RunFolderError, match="is running in another process"):
        Runner.resume(first.id, RunOptions(runs=tmp_path / "runs")).run()


def test_a_run_that_another_run_reads_is_neither_removed_nor_resumed(tmp_path: Path) -> None:
    text = definition([job("a", "echo 1 > $OUT/x"), job("b", "cat $IN0/x > $OUT/x", output_of("a"))])
    first = run(text, tmp_path)
    tried: list[RemovedRuns] = []

    class Tries(RecordedEvents):
        def __call__(self, event: Event) -> None:
            if event.kind == "step-started":
                tried.append(remove_runs(tmp_path / "runs", [RunFolder(first.folder)]))
                with pytest.raises(RunFolderError, match=f"run {first.id} is in use by another run"):
                    Runner.resume(first.id, RunOptions(runs=tmp_path / "runs")).run()

    second = run(text, tmp_path, only=("b",), earlier=(first.folder,), listener=Tries())

    assert second.status == "Succeeded", second.reason
    assert [dict(cleaned.kept) for cleaned in tried] == [
        {first.id: f"run {first.id} is in use by another run"}
    ]
    assert remove_runs(tmp_path / "runs", [RunFolder(first.folder)]).removed == (first.id,)


def test_an_input_excludes_the_folder_of_runs_inside_it(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x").write_text("1")
    text = definition([job("a", "cd $IN0 && find . -type f | sort > $OUT/found", "s3://user/all")])
    for _ in range(2):
        outcome = run(text, tmp_path, inputs={"s3://user/all": tmp_path})
        assert contents(outcome)["bucket/ID/a/found"] == b"./data/x\n"


def test_an_output_that_is_nothing_but_a_link_out_fails_the_step(tmp_path: Path) -> None:
    outcome = run(definition([job("a", "ln -s /etc $OUT/etc")]), tmp_path)
    assert statuses(outcome) == {"a": "failed"}
    assert outcome.reason is not None
    assert "is a link out of its folder" in outcome.reason


def test_a_run_that_is_removed_meanwhile_is_reported(tmp_path: Path) -> None:
    first = run(definition([fail("f")]), tmp_path)
    runner = Runner.resume(first.id, RunOptions(runs=tmp_path / "runs"))
    (first.folder / "run.json").unlink()
    with pytest.raises(RunFolderError, match="has been removed"), RunFolder(first.folder).lock():
        pass
    shutil.rmtree(first.folder)
    with pytest.raises(RunFolderError, match=first.id):
        runner.run()


def test_a_stopped_run_ends_its_jobs_and_can_be_resumed(tmp_path: Path) -> None:
    text = definition(
        [
            job("slow", "test -e $IN0/go || sleep 600; echo 1 > $OUT/x", "s3://given/flag"),
            job("next", "true", output_of("slow")),
            job("free", "true"),
        ]
    )
    flag = tmp_path / "flag"
    flag.mkdir()
    (flag / "here").touch()
    started = threading.Event()
    events_seen = RecordedEvents()

    def listen(event: object) -> None:
        events_seen.append(event)  # type: ignore[arg-type]
        if events_seen.of("step-started"):
            started.set()

    runner = Runner(
        text,
        "tiny",
        options=RunOptions(runs=tmp_path / "runs", inputs={"s3://given/flag": flag}, jobs=1),
        listener=listen,
    )

    def stop() -> None:
        started.wait()
        runner.stop()

    threading.Thread(target=stop, daemon=True).start()
    first = runner.run()
    assert first.status == "Stopped"
    assert statuses(first) == {"slow": "stopped", "next": "not-started", "free": "not-started"}
    assert first.reason == "interrupted"
    (flag / "go").touch()
    second = Runner.resume(first.id, RunOptions(runs=tmp_path / "runs")).run()
    assert set(statuses(second).values()) == {"succeeded"}


def test_a_cached_step_takes_the_result_of_an_earlier_run(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "x").write_text("1")
    steps = [
        job("a", "date +%N > $OUT/x; cat $IN0/x >> $OUT/x", "s3://given/raw", **CACHED),
        job("b", "cat $IN0/x > $OUT/y; date +%N >> $OUT/y", output_of("a"), **CACHED),
        job("c", "cat $IN0/y > $OUT/z", output_of("b")),
    ]
    inputs = {"s3://given/raw": raw}
    first = run(definition(steps), tmp_path, inputs=inputs)
    second = run(definition(steps), tmp_path, inputs=inputs)
    assert statuses(second) == {"a": "cached", "b": "cached", "c": "succeeded"}
    assert contents(second)["bucket/ID/c/z"] == contents(first)["bucket/ID/c/z"]
    shutil.rmtree(first.folder)
    third = run(definition(steps), tmp_path, inputs=inputs)
    assert "succeeded" in statuses(third)["a"], "what is cached went with its run"
    fourth = run(definition(steps), tmp_path, inputs=inputs)
    assert statuses(fourth) == {"a": "cached", "b": "cached", "c": "succeeded"}
    assert contents(fourth)["bucket/ID/c/z"] == contents(third)["bucket/ID/c/z"]
    (raw / "x").write_text("2")
    assert set(statuses(run(definition(steps), tmp_path, inputs=inputs)).values()) == {"succeeded"}
    (raw / "x").write_text("1")
    assert statuses(run(definition(steps), tmp_path, inputs=inputs))["a"] == "cached"
    assert statuses(run(definition(steps), tmp_path, inputs=inputs, cache=False))["a"] == "succeeded"


def test_a_cached_result_outlives_the_run_that_took_it_from_another(tmp_path: Path) -> None:
    text = definition([job("a", "date +%N > $OUT/x", **CACHED)])
    first, second = run(text, tmp_path), run(text, tmp_path)
    result = json.loads((second.folder / "steps/a/result.json").read_text())
    assert result["cached_from"] == first.id
    shutil.rmtree(first.folder)
    copies = [path.read_text() for path in (second.folder / "s3").rglob("x")]
    assert len(copies) == 1, "a run's own store holds what its steps took from the cache"


def test_results_are_cached_in_a_notebook_too_where_the_current_folder_is_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    text = definition([job("a", "echo 1 > $OUT/x", **CACHED)])
    assert [statuses(run(text, tmp_path))["a"] for _ in range(2)] == ["succeeded", "cached"]


def test_other_code_other_arguments_or_an_old_result_are_cache_misses(tmp_path: Path) -> None:
    run(definition([job("a", "echo 1 > $OUT/x", **CACHED)]), tmp_path)
    assert statuses(run(definition([job("a", "echo 2 > $OUT/x", **CACHED)]), tmp_path)) == {"a": "succeeded"}
    assert statuses(run(definition([job("a", "echo 1 > $OUT/x", **CACHED)]), tmp_path)) == {"a": "cached"}
    with_another = {**CACHED, "arguments": {"Environment": {"OUT": "/opt/ml/processing/out", "X": "1"}}}
    assert statuses(run(definition([job("a", "echo 1 > $OUT/x", **with_another)]), tmp_path)) == {
        "a": "succeeded"
    }
    elsewhere = {**CACHED, "arguments": {"RoleArn": "arn:aws:iam::123456789012:role/another"}}
    assert statuses(run(definition([job("a", "echo 1 > $OUT/x", **elsewhere)]), tmp_path)) == {"a": "cached"}
    for path in (tmp_path / "runs").glob("*/steps/a/result.json"):
        path.write_text(path.read_text().replace('"ended": "20', '"ended": "19'))
    assert statuses(run(definition([job("a", "echo 1 > $OUT/x", **CACHED)]), tmp_path)) == {"a": "succeeded"}


def test_a_policy_retries_a_job_that_was_killed_and_not_a_script_that_fails(tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.mkdir()
    (given / "x").touch()
    policy = {"ExceptionType": ["SageMaker.JOB_INTERNAL_ERROR"], "IntervalSeconds": 0, "MaxAttempts": 2}
    steps = [
        job("killed", "kill -9 $$", RetryPolicies=[policy]),
        job("fails", "exit 1", RetryPolicies=[policy]),
    ]
    events_seen = RecordedEvents()
    outcome = run(definition(steps), tmp_path, listener=events_seen)
    assert {step.name: step.attempts for step in outcome.steps} == {"killed": 3, "fails": 1}
    retried = ("step-retried", "killed")
    assert events_seen.of("step-retried") == [retried, retried]
    assert len(RunFolder(outcome.folder).attempts("killed")) == 3


def test_execution_variables_are_as_in_the_service(tmp_path: Path) -> None:
    pipeline = ("PipelineName", "PipelineArn", "PipelineExecutionId", "PipelineExecutionArn")
    names = (*pipeline, "StartDateTime", "CurrentDateTime")
    environment = {name: get(f"Execution.{name}") for name in names}
    environment |= {"OUT": "/opt/ml/processing/out", "Job": get("Execution.ProcessingJobName")}  # type: ignore[dict-item]
    outcome = run(definition([job("a", "env > $OUT/env", arguments={"Environment": environment})]), tmp_path)
    values = dict(line.split("=", 1) for line in contents(outcome)["bucket/ID/a/env"].decode().splitlines())
    record = json.loads((outcome.folder / "run.json").read_text())
    assert values["PipelineName"] == "tiny"
    assert values["PipelineExecutionId"] == record["execution"]
    assert values["PipelineExecutionArn"] == f"{values['PipelineArn']}/execution/{record['execution']}"
    assert values["Job"] == values["PROCESSING_JOB_NAME"]
    assert values["StartDateTime"] == values["CurrentDateTime"] == f"{record['started'][:-9]}Z"
    assert values["Job"].startswith(f"pipelines-{record['execution']}-a-")


def test_the_plugin_lock_and_staged_objects_are_kept_in_the_run(tmp_path: Path) -> None:
    (tmp_path / "code.sh").write_text("echo from code > $OUT/x")
    text = definition([job("a", ". $IN0/code.sh", "s3://staged/code.sh")])
    runner = Runner(
        text,
        "tiny",
        options=RunOptions(runs=tmp_path / "runs"),
        objects={"s3://staged/code.sh": tmp_path / "code.sh"},
        plugin_lock="{}\n",
    )
    outcome = runner.run()
    assert outcome.status == "Succeeded", outcome.reason
    assert (outcome.folder / "definition.plugins.json").read_text() == "{}\n"
    assert (tmp_path / "code.sh").is_file()
    assert contents(outcome)["bucket/ID/a/x"] == b"from code\n"


def test_a_waiting_callback_does_not_delay_other_steps(tmp_path: Path) -> None:
    done = f"{tmp_path}/runs/*/steps/a/result.json"
    (tmp_path / "answers.sh").write_text(
        f'for _ in $(seq 600); do test -e {done} && echo \'{{"answer": "yes"}}\' && exit; sleep 0.1; done\n'
    )
    outcome = run(
        definition([callback("ask"), job("a", "true")]),
        tmp_path,
        callbacks={"ask": f"sh {tmp_path}/answers.sh"},
        isolation="paths",
        jobs=2,
    )
    assert outcome.status == "Succeeded", outcome.reason


def test_a_caller_may_give_the_execution_and_the_place_of_arns(tmp_path: Path) -> None:
    text = definition([job("a", "echo $PROCESSING_JOB_ARN > $OUT/x")])
    place = AwsPlace("cn-north-1", "111122223333")
    options = RunOptions(runs=tmp_path / "runs")
    outcome = Runner(text, "tiny", options=options, place=place, execution="abcdefghijk1").run()
    assert outcome.id.endswith("-tiny-ijk1")
    (content,) = contents(outcome).values()
    assert content.decode().startswith(
        "arn:aws-cn:sagemaker:cn-north-1:111122223333:processing-job/pipelines-abcdef"
    )
    record = RunFolder(outcome.folder).record()
    assert (record.execution, record.region, record.account) == ("abcdefghijk1", "cn-north-1", "111122223333")
    assert record.started_by == getpass.getuser()
    with pytest.raises(
        ValueError, match="an execution ID has 12 lowercase letters and digits, and not 'Short'"
    ):
        Runner(text, "tiny", options=options, execution="Short").run()


def test_two_executions_that_end_alike_have_names_of_their_own(tmp_path: Path) -> None:
    text = definition([fail("f")])
    options = RunOptions(runs=tmp_path / "runs")
    ids = [Runner(text, "tiny", options=options, execution=f"{digit}bcdefghijk1").run().id for digit in "123"]
    assert len(set(ids)) == 3
    assert all(name.endswith("ijk1") for name in ids)
