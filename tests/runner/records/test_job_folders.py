"""The folders of steps that have ended."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dagcast.runner.options import RunOptions
from dagcast.runner.runner import Runner
from tests.runner.engine.pipelines import RecordedEvents, definition, job, output_of, run
from tests.runner.launch.bench import until


def test_a_successful_step_leaves_its_logs_and_a_failed_one_also_its_data(tmp_path: Path) -> None:
    text = definition([job("good", "echo 1 > $OUT/n"), job("bad", "exit 1", output_of("good"))])

    outcome = run(text, tmp_path)

    attempts = {name: outcome.folder / "steps" / name / "attempt-1" for name in ("good", "bad")}
    assert sorted(path.name for path in attempts["good"].iterdir()) == [
        "command.json",
        "stderr.log",
        "stdout.log",
    ]
    assert (attempts["bad"] / "ml" / "processing" / "in0" / "n").read_text() == "1\n"


def test_a_resumed_run_removes_remaining_job_folders(tmp_path: Path) -> None:
    text = definition([job("good", "echo 1 > $OUT/n"), job("bad", "exit 1", output_of("good"))])
    outcome = run(text, tmp_path)
    attempt = outcome.folder / "steps" / "good" / "attempt-1"
    for name in ("ml/processing", "tmp-x/tmp", "trial-1/ml", "trial-1/tmp-y"):
        (attempt / name).mkdir(parents=True)

    Runner.resume(outcome.id, RunOptions(runs=tmp_path / "runs")).run()

    there = {str(path.relative_to(attempt)) for path in attempt.rglob("*")}
    assert there == {"command.json", "stdout.log", "stderr.log", "trial-1"}


def test_a_folder_that_cannot_be_removed_is_a_warning_and_the_step_succeeds(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "file").touch()
    events_seen = RecordedEvents()
    script = 'touch "$OUT/there"; until [ -e "$OUT/go" ]; do sleep 0.01; done'

    with ThreadPoolExecutor(1) as pool:
        text = definition([job("one", script)])
        running = pool.submit(run, text, tmp_path, listener=events_seen, isolation="paths")
        until(lambda: any(tmp_path.glob("runs/*/steps/one/attempt-1/ml/processing/out/there")))
        (ml,) = tmp_path.glob("runs/*/steps/one/attempt-1/ml")
        ml.rename(tmp_path / "moved")
        ml.symlink_to(elsewhere)
        (elsewhere / "processing" / "out").mkdir(parents=True)
        (elsewhere / "processing" / "out" / "go").touch()
        outcome = running.result()

    assert outcome.status == "Succeeded"
    told = [event.message for event in events_seen if event.kind == "warning"]
    assert any(text and "attempt-1/ml cannot be removed" in text for text in told), told
    assert (elsewhere / "file").exists()
    assert events_seen[-1].kind == "run-ended"


def test_the_steps_of_a_run_find_nothing_of_each_other(tmp_path: Path) -> None:
    look = 'found=$(find /opt/ml | sort) && echo "$found" > $OUT/found'
    tell = "cd /opt/ml && echo told > config/told && echo told > told"
    steps = [job(f"s{n}", f"{look} && {tell}", DependsOn=[f"s{n - 1}"] if n else []) for n in range(12)]

    outcome = run(definition(steps), tmp_path)

    assert outcome.status == "Succeeded", outcome.reason
    found = {path.read_text() for path in (outcome.folder / "s3").rglob("found")}
    assert len(found) == 1
    assert "told" not in found.pop()
