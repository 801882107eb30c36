"""What goes wrong in a run: each fault is reported, harms nobody else, and leaves a run that can go on."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from dagcast.errors import InvalidInputError
from dagcast.runner.launch.linux import landlock_rights
from dagcast.runner.records.outcome import RunOutcome
from dagcast.runner.records.remove_runs import remove_runs
from dagcast.runner.records.run_folder import RunFolder
from tests.runner.engine.pipelines import (
    RecordedEvents,
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

NEEDS_LANDLOCK = pytest.mark.skipif(
    sys.platform != "linux" or not landlock_rights(), reason="this kernel has no Landlock"
)
FILL = """
import json, subprocess, sys
from pathlib import Path
from typing import Any
from dagcast.runner.options import RunOptions
from dagcast.runner.records.find_runs import runs_in
from dagcast.runner.records.run_folder import RunFolderError
from dagcast.runner.runner import Runner
folder = Path(sys.argv[1])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", folder], check=True)
options = RunOptions(runs=folder / "runs", isolation="paths")
text = Path(sys.argv[2]).read_text()
told = []
try:
    full = Runner(text, "tiny", options=options).run()
    told.append([full.status, full.reason, {step.name: step.status for step in full.steps}])
except RunFolderError as error:
    told.append(["Full", str(error), {}])
subprocess.run(["mount", "-o", "remount,size=64m", folder], check=True)
(run,) = runs_in(folder / "runs")
then = Runner.resume(run.id, options).run()
told.append([then.status, then.reason, {step.name: step.status for step in then.steps}])
print(json.dumps(told))
"""


def _reason(outcome: RunOutcome, step: str) -> str:
    return next(found.reason or "" for found in outcome.steps if found.name == step)


def test_a_job_over_its_time_fails_and_its_peers_do_not(tmp_path: Path) -> None:
    limit = {"StoppingCondition": {"MaxRuntimeInSeconds": 1}}
    outcome = run(definition([job("hangs", "sleep 600", arguments=limit), job("peer", "true")]), tmp_path)
    assert statuses(outcome) == {"hangs": "failed", "peer": "succeeded"}
    assert "MaxRuntimeInSeconds (1)" in _reason(outcome, "hangs")


def test_a_step_without_output_causes_a_warning_and_its_reader_names_it(tmp_path: Path) -> None:
    events_seen = RecordedEvents()
    outcome = run(
        definition([job("a", "true"), job("b", "true", output_of("a"))]), tmp_path, listener=events_seen
    )
    assert statuses(outcome) == {"a": "succeeded", "b": "failed"}
    assert events_seen.of("warning") == [("warning", "a")]
    assert "'a'" in _reason(outcome, "b")


CONFINED = ["namespace", pytest.param("paths", marks=NEEDS_LANDLOCK)]


@pytest.mark.parametrize("isolation", CONFINED)
def test_a_job_reads_and_changes_nothing_of_other_steps_and_of_the_machine(
    tmp_path: Path, isolation: str
) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "data").write_text("kept")
    names = "find / -xdev -name secret-of-a 2>/dev/null > $OUT/found"
    spy = "; ".join(
        [
            names if isolation == "namespace" else "touch $OUT/found",  # without one, names are to be seen
            f"grep -rs 'the-sec[r]et' {tmp_path}/runs >> $OUT/found",
            f"echo changed > {mine}/data",
            f"echo planted > {tmp_path}/runs/planted",
            "echo planted > /etc/planted",
            f"rm -rf {mine}",
            "true",
        ]
    )
    steps = [
        job("a", "echo the-secret > $OUT/secret-of-a; echo 2 > $OUT/x"),
        job("spy", spy, DependsOn=["a"]),
        job("b", "cat $IN0/x > $OUT/x", output_of("a")),
    ]
    long = {"request.length": "the script is longer than the service takes"}
    outcome = run(definition(steps), tmp_path, isolation=isolation, ignore_rules=long)
    assert set(statuses(outcome).values()) == {"succeeded"}
    left = contents(outcome)
    assert left["bucket/ID/spy/found"] == b""
    assert left["bucket/ID/b/x"] == b"2\n"
    assert (mine / "data").read_text() == "kept"
    assert not (tmp_path / "runs/planted").exists()
    assert not Path("/etc/planted").exists()


@pytest.mark.parametrize("isolation", ["namespace", "paths"])
def test_children_that_a_job_leaves_end_with_it(tmp_path: Path, isolation: str) -> None:
    mark = f"{tmp_path.name}-left-behind"
    sleeper = f'bash -c "exec -a {mark} sleep 600"'
    script = f"{sleeper} & (setsid {sleeper} >/dev/null 2>&1 &); echo 1 > $OUT/x"
    outcome = run(definition([job("leaves", script)]), tmp_path, isolation=isolation)
    assert outcome.status == "Succeeded"
    assert _processes(mark) == []


def _processes(mark: str) -> list[str]:
    deadline = time.monotonic() + 10
    while True:
        listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
        found = [line for line in listed.splitlines() if line.startswith(mark)]
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.05)


@NEEDS_LANDLOCK
def test_a_job_that_writes_elsewhere_fails_without_a_namespace_and_the_error_says_where_it_may(
    tmp_path: Path,
) -> None:
    outcome = run(definition([job("a", "echo x > /usr/dagcast-was-here")]), tmp_path, isolation="paths")
    assert statuses(outcome) == {"a": "failed"}
    reason = _reason(outcome, "a")
    assert "a job can only write to /opt/ml and $TMPDIR, because the runs are in /tmp" in reason
    assert "requirements.txt" in reason
    assert not Path("/usr/dagcast-was-here").exists()


_FILLS = "head -c 9000000 /dev/zero > $OUT/big"

_FILLS_ALMOST = f"{_FILLS} || {{ truncate -s -16K $OUT/big; exit 1; }}"


@pytest.mark.parametrize(
    ("steps", "status"),
    [
        pytest.param(
            [condition("a", 1, 1), job("b", _FILLS, DependsOn=["a"])],
            "Full",
            id="not even that can be written down",
        ),
        pytest.param(
            [job("a", "true"), job("b", _FILLS_ALMOST, DependsOn=["a"])],
            "Failed",
            id="only the job cannot tell it",
        ),
        pytest.param(
            [job("a", "true"), job("b", "head -c 3500000 /dev/zero > $OUT/big")],
            "Failed",
            id="the copy for the next job does not fit",
        ),
    ],
)
def test_a_full_disk_is_reported_and_the_run_goes_on_when_there_is_room(
    tmp_path: Path, steps: list[dict[str, Any]], status: str
) -> None:
    steps = [*steps, job("c", "cat $IN0/big | wc -c > $OUT/size", output_of("b"))]
    (tmp_path / "definition.json").write_text(definition(steps))
    (tmp_path / "small").mkdir()
    command = [
        "unshare",
        "-Urm",
        sys.executable,
        "-c",
        FILL,
        str(tmp_path / "small"),
        str(tmp_path / "definition.json"),
    ]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 0, ran.stderr
    full, then = json.loads(ran.stdout)
    assert full[0] == status, full
    assert "No space left on device" in full[1] or "the disk is full" in full[1].lower(), full
    assert then[0] == "Succeeded", then
    assert then[2]["a"] == "kept"


def test_a_job_whose_monitor_is_killed_is_lost_and_can_be_retried(tmp_path: Path) -> None:
    retry = {"ExceptionType": ["SageMaker.JOB_INTERNAL_ERROR"], "MaxAttempts": 1, "IntervalSeconds": 1}
    script = "kill -9 $PPID; sleep 60"
    outcome = run(definition([job("a", script, RetryPolicies=[retry])]), tmp_path, isolation="paths")
    assert _reason(outcome, "a").startswith(
        "InternalServerError: the process that monitored the job was killed"
    )
    assert outcome.steps[0].attempts == 2


def test_an_object_outside_of_the_store_is_refused(tmp_path: Path) -> None:
    target = {"LocalPath": "/opt/ml/processing/out", "S3UploadMode": "EndOfJob"}
    out: dict[str, object] = {
        "OutputName": "out",
        "S3Output": {**target, "S3Uri": "s3://bucket/../../escaped"},
    }
    step = job("a", "echo 1 > $OUT/x", arguments={"ProcessingOutputConfig": {"Outputs": [out]}})
    with pytest.raises(InvalidInputError, match=r"a part of its key is '\.\.'"):
        run(definition([step]), tmp_path)
    later = {
        "Std:Join": {
            "On": "/",
            "Values": ["s3://bucket", get("Steps.a.ProcessingJobStatus"), "../../escaped"],
        }
    }
    out["S3Output"] = {**target, "S3Uri": later}
    evil = job("evil", "echo 1 > $OUT/x", arguments={"ProcessingOutputConfig": {"Outputs": [out]}})
    outcome = run(definition([job("a", "true"), evil]), tmp_path)
    assert statuses(outcome)["evil"] == "failed"
    assert "a part of its key is '..'" in _reason(outcome, "evil")
    assert not list(tmp_path.rglob("escaped"))


def test_folders_nested_too_deep_fail_only_their_step(tmp_path: Path) -> None:
    nest = "import os; os.chdir(os.environ['OUT'])\nfor _ in range(1500): os.mkdir('d'); os.chdir('d')\nopen('x', 'w')"
    steps = [job("deep", f'python3 -c "{nest}"'), job("peer", "echo 1 > $OUT/x")]
    lines = {"request.pattern": "the service takes no script of several lines"}
    outcome = run(definition(steps), tmp_path, ignore_rules=lines)
    assert statuses(outcome) == {"deep": "failed", "peer": "succeeded"}
    assert "folders are nested too deeply" in _reason(outcome, "deep")
    cleaned = remove_runs(tmp_path / "runs", [RunFolder(outcome.folder)])
    assert cleaned.removed == (outcome.id,), cleaned.kept


@pytest.mark.parametrize(("constant", "by_uri"), [("NaN", False), ("Infinity", True), ("-Infinity", False)])
def test_constants_that_json_lacks_are_invalid_in_a_property_file(
    tmp_path: Path, constant: str, by_uri: bool
) -> None:
    report = {"PropertyFileName": "Report", "OutputName": "out", "FilePath": "report.json"}
    source: dict[str, object] = (
        {"S3Uri": {"Std:Join": {"On": "/", "Values": [output_of("measure"), "report.json"]}}}
        if by_uri
        else {"PropertyFile": get("Steps.measure.PropertyFiles.Report")}
    )
    steps = [
        job(
            "measure",
            f'echo \'{{"score": 1, "loss": {constant}}}\' >"$OUT/report.json"',
            PropertyFiles=[report],
        ),
        condition("good", {"Std:JsonGet": {**source, "Path": "score"}}, 1, then=[fail("never")]),
    ]
    outcome = run(definition(steps), tmp_path)
    assert statuses(outcome) == {"measure": "succeeded", "good": "failed", "never": "not-started"}
    assert f"{constant} is not a JSON value" in str(outcome.reason)
    assert "invalid JSON in s3://" in str(outcome.reason)


def test_values_nested_too_deep_are_not_taken_for_folders(tmp_path: Path) -> None:
    nest = "import os; open(os.environ['OUT'] + '/r.json', 'w').write('[' * 100_000 + ']' * 100_000)"
    report = {"PropertyFileName": "Report", "OutputName": "out", "FilePath": "r.json"}
    path = {"PropertyFile": get("Steps.deep.PropertyFiles.Report"), "Path": "x"}
    steps = [
        job("deep", f'python3 -c "{nest}"', PropertyFiles=[report]),
        condition("good", {"Std:JsonGet": path}, 1),
    ]
    outcome = run(definition(steps), tmp_path)
    assert statuses(outcome) == {"deep": "succeeded", "good": "failed"}
    assert "folders" not in str(outcome.reason)
    assert "invalid JSON in s3://" in str(outcome.reason)
