"""``dagcast runs``: what it lists and shows of runs, and what it removes."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.runner.cli.support import Project, ask, fail, job, when

RUNS = ".dagcast/runs"
OK = {"Get": "Steps.ask.OutputParameters['ok']"}
WAITS = "import time; print('started', flush=True); time.sleep(600)"


@pytest.fixture
def ran(project: Project) -> Project:
    """A project with two runs: one that failed, then one that succeeded."""
    project.define(
        ask("ask"),
        when("agreed", OK, True, [], [fail("differ", "they differ")]),
        job(
            "speak", "import sys; print('said'); print('\x1b[31mcomplained', file=sys.stderr)", after=("ask",)
        ),
        parameters=[{"Name": "Size", "Type": "Integer", "DefaultValue": 3}],
    )
    assert project.run("run", "definition.json", "-q", "--callback", "ask=no.json").code == 1
    assert project.run("run", "definition.json", "-q", "--callback", "ask=yes.json").code == 0
    return project


@contextmanager
def waiting(project: Project, number: int) -> Iterator[Callable[[], int]]:
    """A run whose one step waits, and what ends it by a signal and gives the exit code."""
    project.define(job("wait", WAITS))
    process = project.start("run", "definition.json", "-q")

    def end() -> int:
        process.send_signal(number)
        return process.wait(timeout=300)

    try:
        while not any(log.read_text() for log in project.path.glob(f"{RUNS}/*/steps/wait/*/stdout.log")):
            assert process.poll() is None
            time.sleep(0.05)
        yield end
    finally:
        process.kill()
        process.wait(60)


def test_a_run_that_goes_has_nothing_in_the_machines_temporary_folder(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    with waiting(project, signal.SIGKILL) as end:
        assert list((tmp_path / "temporary").iterdir()) == []
        end()


def test_runs_are_listed_in_the_order_of_their_start(ran: Project) -> None:
    done = ran.run("runs", "--json")
    rows = json.loads(done.out)
    assert [row["id"] for row in rows] == [run.name for run in ran.runs]
    assert {row["status"] for row in rows} == {"Failed", "Succeeded"}
    # A step that is skipped is not counted.
    assert {(row["status"], row["ran"], row["steps"]) for row in rows} == {
        ("Failed", 4, 4),
        ("Succeeded", 3, 3),
    }
    table = ran.run("runs").out.splitlines()
    assert table[0].split() == ["run", "pipeline", "status", "started", "time", "steps"]
    assert [line.split()[0] for line in table[1:]] == [run.name.rpartition("-")[2] for run in ran.runs]
    assert all(len(line) <= 80 for line in table)
    assert "4/4" in table[1]


def test_without_runs_the_list_is_empty(project: Project) -> None:
    assert project.run("runs").out == "no runs in .dagcast/runs\n"
    assert project.run("runs", "--json", "--runs", "elsewhere").out == "[]\n"


def test_a_run_is_shown_as_it_ended(ran: Project) -> None:
    failed = next(run for run in ran.runs if json.loads((run / "run.json").read_text())["status"] == "Failed")
    done = ran.run("runs", "show", failed.name)
    assert done.code == 0
    assert "Size = 3" in done.out
    assert "step 'differ' failed: they differ" in done.out
    shown = json.loads(ran.run("runs", "show", failed.name, "--json").out)
    assert shown["parameters"] == {"Size": 3}
    assert {step["name"]: step["status"] for step in shown["steps"]} == {
        "ask": "succeeded",
        "agreed": "succeeded",
        "differ": "failed",
        "speak": "succeeded",
    }


def test_logs_are_printed_byte_for_byte_with_the_headings_apart(ran: Project) -> None:
    done = ran.run("runs", "logs", ran.runs[0].name, "speak")
    assert done.code == 0
    assert done.out == "said\n\x1b[31mcomplained\n"
    assert done.err == "==> stdout.log <==\n\n==> stderr.log <==\n"
    files = json.loads(ran.run("runs", "logs", ran.runs[0].name, "speak", "--json").out)
    assert [Path(entry["file"]).read_text() for entry in files] == ["said\n", "\x1b[31mcomplained\n"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{run}", "speek"], "run {run} has no step 'speek' (did you mean 'speak'?)"),
        (["{run}", "speak", "--attempt", "7"], "has no attempt 7 (attempts: 1)"),
        (["none", "speak"], "unknown run 'none' in .dagcast/runs"),
        (["2", "speak"], "run '2' is ambiguous in .dagcast/runs: {run}, "),
        (["{run}"], "no step of run {run} failed (name one of speak: dagcast runs logs {run} speak)"),
        (["../runs", "speak"], "unknown run '../runs'"),
    ],
)
def test_logs_that_are_not_there_are_reported(ran: Project, arguments: list[str], message: str) -> None:
    run = ran.runs[0].name
    done = ran.run("runs", "logs", *(argument.format(run=run) for argument in arguments))
    assert (done.code, done.out) == (1, "")
    assert message.format(run=run) in done.err


def test_logs_are_followed_until_the_run_ends(project: Project) -> None:
    with waiting(project, signal.SIGTERM) as end:
        follower = project.start("runs", "logs", project.runs[0].name, "wait", "-f", stdout=-1, stderr=-1)
        assert follower.stdout is not None
        assert follower.stdout.readline() == "started\n"
        assert follower.poll() is None
        assert end() == 130
        out, err = follower.communicate(timeout=300)
    assert (follower.returncode, out, err) == (0, "", "")


def test_a_run_that_runs_is_listed_as_such_and_not_removed(project: Project) -> None:
    with waiting(project, signal.SIGTERM):
        (run,) = project.runs
        assert [row["status"] for row in json.loads(project.run("runs", "--json").out)] == ["Running"]
        done = project.run("runs", "clean", run.name)
        assert done.code == 1
        assert "is running in another process" in done.err
        assert project.run("runs", "clean", "--all").out.startswith("removed 0 runs")
        assert project.runs == [run]


def test_a_run_that_was_killed_is_listed_as_such_and_can_be_removed(project: Project) -> None:
    with waiting(project, signal.SIGKILL) as end:
        assert end() == -signal.SIGKILL
    (run,) = project.runs
    assert [row["status"] for row in json.loads(project.run("runs", "--json").out)] == ["Killed"]
    assert "the process was killed" in project.run("runs", "show", run.name).out
    assert project.run("runs", "clean", run.name).code == 0
    assert project.runs == []


def test_clean_removes_the_runs_that_are_named_and_nothing_else(ran: Project) -> None:
    first, second = ran.runs
    done = ran.run("runs", "clean", first.name, "--json")
    assert done.code == 0
    cleaned = json.loads(done.out)
    assert cleaned["removed"] == [first.name]
    assert cleaned["bytes"] > 1000
    assert ran.runs == [second]
    assert not first.exists()


def test_clean_removes_nothing_if_one_of_the_runs_is_not_there(ran: Project) -> None:
    done = ran.run("runs", "clean", ran.runs[0].name, "none")
    assert done.code == 1
    assert "unknown run 'none'" in done.err
    assert len(ran.runs) == 2


def test_clean_by_age_takes_the_time_of_the_start(ran: Project) -> None:
    old = ran.runs[0]
    record = json.loads((old / "run.json").read_text())
    (old / "run.json").write_text(json.dumps({**record, "started": "2020-01-01T00:00:00+00:00"}))
    assert ran.run("runs", "clean", "--older-than", "7d").out.startswith("removed 1 run from .dagcast/runs")
    assert len(ran.runs) == 1
    assert not old.exists()


@pytest.mark.parametrize(
    "arguments", [[], ["--all", "x"], ["--older-than", "week"], ["--all", "--older-than", "1d"]]
)
def test_clean_wants_to_know_what(ran: Project, arguments: list[str]) -> None:
    assert ran.run("runs", "clean", *arguments).code == 2
    assert len(ran.runs) == 2


def test_clean_follows_no_link_and_deletes_only_runs(ran: Project, tmp_path: Path) -> None:
    runs = ran.runs[0].parent
    outside = ran.path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("here")
    (ran.runs[0] / "steps" / "link").symlink_to(outside)
    (runs / "linked").symlink_to(ran.runs[1])
    (runs / "other").mkdir()
    (runs / "other" / "run.json").write_text('{"not": "ours"}')
    (runs / "models" / "group").mkdir(parents=True)
    (ran.runs[0] / "steps").chmod(0o500)
    done = ran.run("runs", "clean", "--all")
    assert done.code == 0
    assert "removed 2 runs" in done.out
    assert "kept linked: it is a symbolic link" in done.err
    assert "kept other: " in done.err
    assert (outside / "precious").read_text() == "here"
    assert sorted(path.name for path in runs.iterdir() if path.name != "cache") == [
        ".gitignore",
        "linked",
        "models",
        "other",
    ]


def test_clean_forgets_what_the_cache_knows_of_a_removed_run(project: Project) -> None:
    project.define({**job("work", "print(1)"), "CacheConfig": {"Enabled": True, "ExpireAfter": "P1D"}})
    for _ in range(2):
        assert project.run("run", "definition.json", "-q").code == 0
    first, second = project.runs
    statuses = {row["id"]: row for row in json.loads(project.run("runs", "--json").out)}
    assert set(statuses) == {first.name, second.name}
    assert len(list(first.parent.glob("cache/*/*.json"))) == 1
    assert project.run("runs", "clean", "--all").code == 0
    assert list(first.parent.glob("cache/*/*.json")) == []


def test_a_run_may_be_named_shortly(ran: Project) -> None:
    first, second = (run.name for run in ran.runs)
    for name, expected in (
        ("last", second),
        (first[:-1], first),
        (second.rpartition("-")[2], second),
        (second, second),
    ):
        assert json.loads(ran.run("runs", "show", name, "--json").out)["id"] == expected
    assert json.loads(ran.run("runs", "show", "--json").out)["id"] == second
    assert ran.run("runs", "logs", "last", "speak").out == "said\n\x1b[31mcomplained\n"
    assert ran.run("runs", "clean", second.rpartition("-")[2]).code == 0
    assert [run.name for run in ran.runs] == [first]
    assert ran.run("runs", "clean", "last", first).code == 0
    assert ran.runs == []
    done = ran.run("runs", "show")
    assert (done.code, done.err) == (1, "error: no runs in .dagcast/runs\n")


def test_the_logs_of_a_run_are_by_default_those_of_the_steps_that_failed(project: Project) -> None:
    project.define(
        job("fine", "print('fine')"),
        job("first", "import sys; print('one'); sys.exit(1)"),
        job("second", "import sys; print('two'); sys.exit(1)"),
    )
    assert project.run("run", "definition.json", "-q").code == 1
    done = project.run("runs", "logs")
    assert (done.code, done.out, done.err) == (0, "one\ntwo\n", "== first ==\n== second ==\n")
    files = json.loads(project.run("runs", "logs", "last", "--json").out)
    assert {Path(entry["file"]).parts[-3] for entry in files} == {"first", "second"}


def test_runs_list_is_runs(ran: Project) -> None:
    assert ran.run("runs", "list").out == ran.run("runs").out
    assert ran.run("runs", "--runs", ".dagcast/runs", "list", "--json").out == ran.run("runs", "--json").out
