"""Scripts that do what no script should: the run goes on, and hands over what there is or says why not."""

from __future__ import annotations

import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tests.runner.engine.pipelines import contents, job, output_of, run, statuses
from tests.runner.engine.pipelines import definition as defined

START = """
import os, pathlib, shutil, signal, socket, sys, time
out = pathlib.Path(os.environ["OUT"])
(out / "kept").write_text("kept")
"""

INLINE = {
    "request.length": "the scripts are arguments of the container, so that each is beside its name",
    "request.pattern": "and have several lines",
}

HARMLESS = {
    "daemon": """
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                for descriptor in range(3):
                    os.close(descriptor)
                time.sleep(600)
            os._exit(0)
    """,
    "holds-its-output-open": """
        if os.fork() == 0:
            time.sleep(600)
    """,
    "prints-anything": "os.write(1, bytes(range(256)) * 500); os.write(2, b'\\xff\\x1b[2J\\x1b]0;evil\\x07')",
    "closes-its-output": "os.close(1); os.close(2)",
    "ignores-signals": "[signal.signal(one, signal.SIG_IGN) for one in (signal.SIGTERM, signal.SIGHUP)]",
    "hides-everything": "[path.chmod(0) for path in (out / 'kept', out, out.parent, out.parent.parent)]",
    "removes-what-is-not-its-own": "[shutil.rmtree(out.parent.parent / name) for name in ('output', 'config')]",
    "odd-names": "[(out / n).touch() for n in ('a\\nb', '-rf', ' ', '...', 'a\\\\b', '日本 é', 'x' * 255)]",
    "one-great-hole": "(out / 'big').open('wb').truncate(1 << 40)",
    "deep": "os.chdir(out)\nfor _ in range(300): os.mkdir('d' * 9); os.chdir('d' * 9)",
}

REFUSED = {
    "fifo": ("os.mkfifo(out / 'pipe')", "pipe is neither a file nor a folder"),
    "socket": (
        "os.chdir(out); socket.socket(socket.AF_UNIX).bind('socket')",
        "socket is neither a file nor a folder",
    ),
    "link": ("shutil.rmtree(out); out.symlink_to('/etc')", "/opt/ml/processing/out is a link"),
    "link-inside": ("(out / 'in').symlink_to('/etc/passwd')", "link"),
    "file": ("shutil.rmtree(out); out.write_text('x')", "/opt/ml/processing/out is a file"),
    "dies": ("os.kill(os.getpid(), signal.SIGKILL)", "exit code: 137"),
    "stops-dagcast": ("os.kill(os.getppid(), signal.SIGKILL); sys.exit('it goes on')", ""),
}


def hostile(name: str, script: str) -> dict[str, Any]:
    step = job(name, "")
    command = [sys.executable, "-c", START + dedent(script)]
    step["Arguments"]["AppSpecification"]["ContainerEntrypoint"] = command
    step["Arguments"]["StoppingCondition"] = {"MaxRuntimeInSeconds": 60}
    return step


@pytest.mark.parametrize("name", HARMLESS)
def test_what_a_script_leaves_is_handed_over(tmp_path: Path, name: str) -> None:
    next_step = job("next", "cat $IN0/kept", output_of(name))
    outcome = run(defined([hostile(name, HARMLESS[name]), next_step]), tmp_path, ignore_rules=INLINE)
    assert statuses(outcome) == {name: "succeeded", "next": "succeeded"}, outcome.reason


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_passed_on_fails_only_its_step(tmp_path: Path, name: str) -> None:
    script, reason = REFUSED[name]
    other = hostile("other", "")
    outcome = run(defined([hostile(name, script), other]), tmp_path, ignore_rules=INLINE)
    assert statuses(outcome) == {name: "failed", "other": "succeeded"}
    assert reason in str(outcome.reason)
    assert contents(outcome) == {"bucket/ID/other/kept": b"kept"}


def test_two_hundred_steps_read_what_one_has_left(tmp_path: Path) -> None:
    first = job("first", "echo 1 > $OUT/n")
    wide = [job(f"s{n}", "cp $IN0/n $OUT/n", output_of("first")) for n in range(200)]
    last = job(
        "last", 'cat "$(dirname $IN0)"/in*/n | wc -l | grep 200', *(output_of(step["Name"]) for step in wide)
    )
    many = {"request.length": "a job takes ten inputs, and this one reads two hundred"}
    outcome = run(defined([first, *wide, last]), tmp_path, jobs=8, ignore_rules=many)
    assert set(statuses(outcome).values()) == {"succeeded"}
