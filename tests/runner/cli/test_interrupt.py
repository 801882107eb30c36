"""What signals and closed pipes do to ``dagcast run``: it ends, all that it started ends, and it can go on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.runner.cli.support import Project, fail, job

PATIENT = """\
import os, signal, sys, time
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, {handler})
print('started', flush=True)
time.sleep(600)
"""
ENDS = PATIENT.format(handler="lambda *_: sys.exit(3)")
STAYS = PATIENT.format(handler="signal.SIG_IGN")


def started(project: Project, script: str, *arguments: str, **options: int) -> subprocess.Popen[str]:
    """A run whose step has started, and has a child."""
    marked = f"# {project.path}\n"
    child = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {marked + STAYS!r}])\n"
    project.define(job("wait", marked + child + script), fail("last", "the last step", after=("wait",)))
    process = project.start("run", "definition.json", *arguments, **options)
    while not any(
        log.read_text().count("started") == 2
        for log in project.path.glob(".dagcast/runs/*/steps/wait/*/stdout.log")
    ):
        assert process.poll() is None
        time.sleep(0.05)
    return process


def left_behind(project: Project) -> list[str]:
    """The processes whose command line names the project: all that its runs start do."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if f"# {project.path}\n" in command:
            found.append(command)
    return found


def ended(project: Project) -> bool:
    """Whether all is gone; what is killed takes a moment to be."""
    for _ in range(100):
        if not left_behind(project):
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_run_in_order_and_it_goes_on_where_it_was(project: Project, number: int) -> None:
    process = started(project, ENDS, stderr=subprocess.PIPE)
    process.send_signal(number)
    _, err = process.communicate(timeout=300)
    run = project.runs[0].name
    assert process.returncode == 130, err
    assert ended(project)
    assert "interrupted: stopping running steps" in err
    assert "stopped wait" in err
    assert "definition stopped in" in err
    assert ": interrupted\n" in err
    assert f"to resume: dagcast run --resume {run}\n" in err
    assert err.count("--resume") == 1
    assert project.run("runs", "show", run).out.count("--resume") == 1
    (row,) = json.loads(project.run("runs", "--json").out)
    assert row["status"] == "Stopped"

    definition = project.runs[0] / "definition.json"
    definition.write_text(definition.read_text().replace("time.sleep(600)", "sys.exit(0)"))
    done = project.run("run", "--resume", run)
    assert done.code == 1
    assert "step 'last' failed: the last step" in done.err
    assert ended(project)


def test_a_second_signal_ends_at_once_what_does_not_want_to_end(project: Project) -> None:
    process = started(project, STAYS, "--json", stdout=subprocess.PIPE)
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    while "interrupted" not in process.stdout.readline():
        pass
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=300)
    assert process.returncode == 130
    assert ended(project)
    (row,) = json.loads(project.run("runs", "--json").out)
    assert row["status"] == "Stopped"


def test_a_reader_that_goes_away_ends_the_run(project: Project) -> None:
    process = started(project, ENDS, "--json", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    # The next event finds nobody: here it is the one that a signal gives.
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=300)
    assert (process.returncode, err) == (130, "")
    assert ended(project)


def test_a_reader_that_goes_away_ends_the_run_at_the_next_event(project: Project) -> None:
    project.define(
        job("quick", "import time; time.sleep(1)"), job("slow", f"# {project.path}\n{ENDS}", after=("quick",))
    )
    reader, writer = os.pipe()
    process = project.start("run", "definition.json", stderr=writer)
    os.close(writer)
    with os.fdopen(reader) as lines:
        lines.readline()
    assert process.wait(timeout=300) == 130
    assert ended(project)


def test_output_that_cannot_be_written_is_reported(project: Project) -> None:
    project.define(fail("last", "the last step"))
    with Path("/dev/full").open("w") as full:
        process = project.start("run", "definition.json", "--json", stdout=full, stderr=subprocess.PIPE)
        _, err = process.communicate(timeout=300)
    assert process.returncode == 1
    assert "cannot write the output: No space left on device" in err


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT])
def test_a_signal_that_the_parent_had_ignored_stays_ignored(project: Project, number: int) -> None:
    """``nohup`` ignores SIGHUP, and a shell ignores SIGINT of its background jobs."""
    process = started(project, ENDS, "-q", preexec_fn=lambda: signal.signal(number, signal.SIG_IGN))  # type: ignore[arg-type]
    process.send_signal(number)
    time.sleep(0.5)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=300) == 130
    assert ended(project)
