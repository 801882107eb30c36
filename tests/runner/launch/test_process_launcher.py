"""Jobs as processes: what they get, and how they end."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from dagcast.runner.launch.command import Exit
from tests.runner.launch.bench import Bench, alive, marker, until_gone


def _evaluate(bench: Bench, expression: str, **options: object) -> object:
    """What an expression is in a job."""
    ended = bench.python(f"import json, os, signal, sys; print(json.dumps({expression}))", **options)
    assert ended.code == 0, bench.errors
    return json.loads(bench.output)


@pytest.mark.parametrize("code", [0, 1, 3, 127, 255])
def test_the_exit_code_is_reported(bench: Bench, code: int) -> None:
    ended = bench.run("sh", "-c", f"exit {code}")
    assert replace(ended, seconds=0) == Exit(code=code)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGABRT])
def test_the_signal_that_ended_a_job_is_reported(bench: Bench, number: int) -> None:
    ended = bench.python(f"import os; os.kill(os.getpid(), {int(number)})")
    assert replace(ended, seconds=0) == Exit(code=None, signal=number)


def test_only_the_job_that_is_out_of_memory_fails(bench: Bench) -> None:
    ended = bench.python(
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (1 << 28, 1 << 28)); bytearray(1 << 29)"
    )
    assert ended.code == 1
    assert "MemoryError" in bench.errors


def test_a_job_begins_in_its_folder_and_finds_its_ml(bench: Bench) -> None:
    (bench.ml / "code").mkdir()
    (bench.ml / "code" / "run.py").write_text(
        "import os, sys; print(open(sys.argv[1]).read(), open(os.environ['THERE']).read(), open('../in').read())\n"
        "open(sys.argv[2], 'w').write('made')\n"
    )
    (bench.ml / "in").write_text("given")
    ended = bench.run(
        "python",
        "run.py",
        "/opt/ml/in",
        "/opt/ml/out",
        folder="/opt/ml/code",
        environment={"THERE": "/opt/ml/in"},
    )
    assert ended.code == 0, bench.errors
    assert bench.output == "given given given\n"
    assert (bench.ml / "out").read_text() == "made"


def test_python_is_the_interpreter_that_runs_dagcast_unless_another_is_named(
    bench: Bench, tmp_path: Path
) -> None:
    assert _evaluate(bench, "[sys.executable, sys.prefix]") == [sys.executable, sys.prefix]
    own = tmp_path / "env" / "bin" / "python"
    own.parent.mkdir(parents=True)
    own.write_text("#!/bin/sh\necho mine $0 $@\n")
    own.chmod(0o755)
    for program in (["python3", "x"], ["python", "x"], ["python3.10", "x"], ["sh", "-c", "python x"]):
        stdout = bench.attempt("step") / "stdout.log"
        stdout.unlink()
        ended = bench.launcher.run(replace(bench.command(*program), python=own), bench.stop)
        assert ended.code == 0, bench.errors
        assert bench.output == f"mine {own} x\n"


def test_a_job_does_not_inherit_the_runners_environment(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNNERS_SECRET", "x")
    seen = _evaluate(bench, "dict(os.environ)", environment={"HOME": "/opt/ml", "A": "1 2\n3", "B": ""})
    assert isinstance(seen, dict)
    assert {name: seen[name] for name in ("A", "B")} == {"A": "1 2\n3", "B": ""}
    # The folder of runs is in /tmp here, so a job without namespaces has another temporary folder.
    # In a namespace pip may install packages in addition to the system's, as in an image.
    # Bytecode is kept in a folder of its own there; without a namespace none is written, and pip changes nothing.
    bytecode = {"PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE"}
    refused = {"PYTHONPATH", "DAGCAST_PREFIX"} if bench.launcher.isolation == "paths" else set()
    known = {"A", "B", "HOME", "PATH", "LC_CTYPE", "TMPDIR", "PIP_BREAK_SYSTEM_PACKAGES"}
    assert set(seen) <= known | bytecode | refused


def test_a_job_has_three_descriptors_and_empty_standard_input(bench: Bench) -> None:
    with (bench.folder / "open").open("w") as kept_open:
        os.set_inheritable(kept_open.fileno(), True)
        seen = _evaluate(bench, "[sys.stdin.read(), sorted(map(int, os.listdir('/proc/self/fd')))]")
    assert seen == ["", [0, 1, 2, 3]]  # the fourth is the listing itself


def test_a_job_has_its_own_session_and_default_signal_actions(bench: Bench) -> None:
    numbers = "(signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGUSR1)"
    seen = _evaluate(
        bench,
        "[os.getsid(0) == os.getpid(), os.getpgid(0) == os.getpid(), "
        f"[signal.getsignal(n) == signal.SIG_DFL for n in {numbers}], list(signal.pthread_sigmask(0, []))]",
    )
    assert seen == [True, True, [True] * 4, []]
    assert (
        bench.run("sh", "-c", "yes | head -n 1").code == 0
    )  # yes is ended by SIGPIPE, and does not complain
    assert bench.errors == ""


def test_logs_are_appended_to(bench: Bench) -> None:
    for word in ("one", "two"):
        bench.run("sh", "-c", f"echo {word}; echo {word}! >&2")
    assert (bench.output, bench.errors) == ("one\ntwo\n", "one!\ntwo!\n")


def test_a_job_at_its_timeout_gets_sigterm(bench: Bench) -> None:
    ended = bench.python(
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('saved'), sys.exit(7)))\n"
        "time.sleep(1000)",
        timeout=5,
    )
    assert (ended.code, ended.timed_out, ended.stopped) == (7, True, False)
    assert ended.seconds >= 5
    assert bench.output == "saved\n"


def test_a_job_that_ignores_sigterm_is_killed(bench: Bench) -> None:
    mark = marker()
    ended = bench.run("sh", "-c", f"trap '' TERM; sleep {mark}; sleep {mark}", timeout=0.3)
    assert replace(ended, seconds=0) == Exit(code=None, signal=signal.SIGKILL, timed_out=True)
    assert not alive(mark)


def test_children_of_the_job_get_sigterm_too(bench: Bench) -> None:
    ended = bench.run("sh", "-c", "python -c 'import time; time.sleep(1000)'; echo after $?", timeout=0.3)
    assert ended.timed_out
    assert ended.signal == signal.SIGTERM


@pytest.mark.parametrize("listens", [True, False])
def test_a_job_is_ended_when_the_run_is_stopped(bench: Bench, listens: bool) -> None:
    mark = marker()
    trap = "" if listens else "trap '' TERM; "
    with bench.running("sh", "-c", f"{trap}touch there; sleep {mark}; sleep {mark}") as running:
        bench.stop.set()
        ended = running.result()
    number = signal.SIGTERM if listens else signal.SIGKILL
    assert replace(ended, seconds=0) == Exit(code=None, signal=number, stopped=True)
    assert not alive(mark)


def test_nothing_starts_in_a_stopping_run(bench: Bench) -> None:
    bench.stop.set()
    assert bench.run("touch", "there") == Exit(code=None, stopped=True)
    assert not (bench.ml / "there").exists()


def test_a_closed_launcher_has_ended_its_jobs_and_starts_none(bench: Bench) -> None:
    mark = marker()
    with bench.running("sh", "-c", f"trap '' TERM; touch there; sleep {mark}; sleep {mark}") as running:
        bench.launcher.close()
        assert not alive(mark)
        ended = running.result()
    assert (ended.code, ended.stopped) == (None, True)
    assert bench.run("true") == Exit(code=None, stopped=True)


@pytest.mark.parametrize(
    "leave",
    [
        "sleep {mark} &",
        "nohup sleep {mark} >/dev/null 2>&1 &",
        "setsid sleep {mark} &",
        "(setsid sh -c 'sleep {mark} & sleep {mark}' &)",
        "(trap '' TERM HUP INT; setsid nohup sleep {mark} >/dev/null 2>&1 &)",
    ],
)
def test_processes_that_a_job_leaves_behind_are_killed(bench: Bench, leave: str) -> None:
    mark = marker()
    ended = bench.run("sh", "-c", leave.format(mark=mark) + "\nexit 4")
    assert ended.code == 4
    assert not alive(mark)


_DAEMON = """
import os, sys, time
def daemon():
    if os.fork():
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    os.chdir("/")
    open(sys.argv[2] + str(os.getpid()), "w").close()
    os.execvp("sleep", ["sleep", sys.argv[1]])
for _ in range(5):
    daemon()
while len(os.listdir(sys.argv[2])) < 5:
    time.sleep(0.01)
"""


@pytest.mark.parametrize("end", ["sys.exit(0)", "os.kill(os.getpid(), 9)", "time.sleep(1000)"])
def test_daemons_are_ended_however_the_job_ends(bench: Bench, end: str) -> None:
    mark = marker()
    (bench.ml / "daemons").mkdir()
    ended = bench.python(_DAEMON + end, mark, "/opt/ml/daemons/", timeout=5 if "sleep" in end else None)
    assert len(list((bench.ml / "daemons").iterdir())) == 5
    assert (ended.code == 0) == ("exit" in end)
    assert not alive(mark)


def test_many_jobs_run_at_once_and_leave_no_zombie(bench: Bench) -> None:
    def job(number: int) -> int | None:
        code = f"import sys; print({number}); sys.exit({number})"
        return bench.python(code, step=str(number)).code

    with ThreadPoolExecutor(16) as pool:
        codes = list(pool.map(job, range(64)))
    assert codes == list(range(64))
    for number in range(64):
        assert (bench.attempt(str(number)) / "stdout.log").read_text() == f"{number}\n"
    own = [path for path in Path("/proc").iterdir() if path.name.isdigit()]
    assert not [path.name for path in own if _is_zombie_of(path, os.getpid())]


def _is_zombie_of(process: Path, parent: int) -> bool:
    try:
        _, state, ppid, *_ = process.joinpath("stat").read_text().rpartition(")")[2].split(" ")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state == "Z" and int(ppid) == parent


def test_descriptors_of_the_runner_do_not_grow(bench: Bench) -> None:
    bench.run("true")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        bench.run("true")
        bench.run("there is no such program")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_job_may_end_while_another_thread_starts_one(bench: Bench) -> None:
    done = threading.Event()

    def quick() -> list[int | None]:
        codes = []
        while not done.is_set():
            codes.append(bench.run("true", step="quick").code)
        return codes

    mark = marker()
    with ThreadPoolExecutor(2) as pool:
        running = pool.submit(quick)
        slow = pool.submit(bench.run, "sleep", mark, timeout=1)
        assert slow.result().timed_out
        done.set()
        assert set(running.result()) == {0}
    until_gone(mark)
