"""What cannot be started, and what goes wrong around a job."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dagcast.errors import InvalidInputError
from dagcast.runner.launch.choose_launcher import choose_launcher
from tests.runner.launch.bench import (
    Bench,
    alive,
    marker,
    runner_program,
    until,
    until_alive,
    until_gone,
    until_there,
)
from tests.support.child_processes import child_process

_GIB = 1 << 30


def _script(folder: Path, text: str, *, mode: int = 0o755) -> None:
    path = folder / "script"
    path.write_text(text)
    path.chmod(mode)


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (
            ["no-such-program"],
            "no-such-program cannot be started: it is not in any folder of PATH",
        ),
        (["./no-such-program"], "./no-such-program cannot be started: no such file"),
        (["/no/such"], "/no/such cannot be started: no such file"),
        (["/etc"], "/etc cannot be started: it is not executable"),
        (["./script/x"], "./script/x cannot be started: Not a directory"),
        ([""], "the command is empty"),
        (["sh", "a\0b"], "argument 1 cannot be passed to a process: 'a\\x00b' contains a NUL character"),
        (["sh", "\ud800"], "argument 1 cannot be passed to a process: '\\ud800' cannot be encoded"),
        (["sh", "x" * (1 << 22)], "its arguments and environment exceed the limit of this system"),
        ([], "the command is empty"),
    ],
)
def test_a_program_that_cannot_start_is_reported(bench: Bench, argv: list[str], expected: str) -> None:
    _script(bench.ml, "#!/bin/sh\n")
    ended = bench.run(*argv)
    assert (ended.code, ended.signal) == (None, None)
    assert ended.problem is not None
    assert expected in ended.problem


@pytest.mark.parametrize(
    ("text", "mode", "expected"),
    [
        ("echo", 0o755, "neither a program for this machine nor a script that names its interpreter"),
        ("\x7fELF", 0o755, "neither a program for this machine"),
        ("", 0o755, "neither a program for this machine"),
        ("#!/no/such\n", 0o755, "the interpreter in its first line does not exist"),
        ("#!/bin/sh\n", 0o644, "it is not executable"),
    ],
)
def test_a_script_that_cannot_start_is_reported(bench: Bench, text: str, mode: int, expected: str) -> None:
    _script(bench.ml, text, mode=mode)
    ended = bench.run("./script")
    assert ended.code is None
    assert ended.problem is not None
    assert expected in ended.problem


@pytest.mark.parametrize("name", ["", "A=B", "=", "a\0b"])
def test_an_invalid_name_of_a_variable_is_reported(bench: Bench, name: str) -> None:
    ended = bench.run("true", environment={name: "x"})
    assert ended.problem is not None
    assert "environment variable" in ended.problem


@pytest.mark.parametrize("value", ["a\0b", "\ud800"])
def test_an_invalid_value_of_a_variable_is_reported(bench: Bench, value: str) -> None:
    ended = bench.run("true", environment={"NAME": value})
    assert ended.problem is not None
    assert ended.problem.startswith("environment variable NAME cannot be passed to a process")


def test_unusual_names_of_variables_are_passed_on(bench: Bench) -> None:
    assert bench.run("env", environment={"a b-ü": "ü\n"}).code == 0
    assert "a b-ü=ü\n" in bench.output


def test_undecodable_bytes_are_passed_on(bench: Bench) -> None:
    name = os.fsdecode(b"caf\xe9")
    (bench.ml / name).write_bytes(b"found")
    ended = bench.run(
        "sh", "-c", 'cat "$1" "$V"', "sh", f"/opt/ml/{name}", environment={"V": f"/opt/ml/{name}"}
    )
    assert ended.code == 0, bench.errors
    assert bench.output == "foundfound"


def test_a_process_launcher_cannot_run_the_images_entrypoint(bench: Bench) -> None:
    ended = bench.launcher.run(replace(bench.command("train"), has_program=False), bench.stop)
    assert ended.problem == (
        "the command names no program, and only a container engine can run the image's entrypoint"
    )


def test_programs_are_searched_for_as_in_shells(bench: Bench) -> None:
    for folder in ("first/own", "second", "third"):
        (bench.ml / folder).mkdir(parents=True)
    for folder, mode in (("second", 0o644), ("third", 0o755)):
        (bench.ml / folder / "own").write_text(f"#!/bin/sh\necho {folder}\n")
        (bench.ml / folder / "own").chmod(mode)
    path = "/no/such:/opt/ml/first:/opt/ml/second:/opt/ml/third"
    assert bench.run("own", environment={"PATH": path}).code == 0
    assert bench.output == "third\n"
    ended = bench.run("own", environment={"PATH": path.removesuffix(":/opt/ml/third")})
    assert (
        ended.problem == "own cannot be started: it is not executable, or its file system is mounted noexec"
    )


def test_long_arguments_are_passed_whole(bench: Bench) -> None:
    long = ["x" * 100_000] * 12
    ended = bench.python("import sys; print(sum(map(len, sys.argv[1:])))", *long)
    assert ended.code == 0, ended.problem
    assert bench.output == "1200000\n"


@pytest.mark.parametrize("folder", ["/opt/ml/none", "/no/such", "/etc/passwd"])
def test_an_invalid_working_directory_is_reported(bench: Bench, folder: str) -> None:
    ended = bench.run("true", folder=folder)
    assert ended.problem is not None
    assert "its working directory" in ended.problem
    assert "cannot be entered" in ended.problem


def test_a_missing_ml_folder_is_reported(bench: Bench) -> None:
    command = bench.command("true")
    ended = bench.launcher.run(replace(command, ml_folder=bench.folder / "none" / "ml"), bench.stop)
    assert ended.code is None
    assert ended.problem is not None
    assert "No such file or directory" in ended.problem


@pytest.mark.parametrize("name", ["a b", "a:b", "a,b", "a\\040b", "a\nb", os.fsdecode(b"a\xe9b"), "ü"])
def test_folders_may_have_any_name(tmp_path: Path, namespaces: bool, name: str) -> None:
    if not namespaces:
        pytest.skip("this machine lets nobody have namespaces")
    (tmp_path / name / "runs").mkdir(parents=True)
    started = choose_launcher("namespace", tmp_path / name / "runs")
    bench = Bench(started, tmp_path / name)
    ended = bench.run("sh", "-c", "echo made >/opt/ml/out")
    started.close()
    assert ended.code == 0, ended.problem
    assert (bench.ml / "out").read_text() == "made\n"


def test_an_unwritable_log_is_reported(bench: Bench) -> None:
    command = bench.command("true")
    ended = bench.launcher.run(replace(command, stdout=bench.folder / "none" / "log"), bench.stop)
    assert ended.problem is not None
    assert str(bench.folder / "none" / "log") in ended.problem


def _answer(isolation: str, folder: Path, *argv: str) -> dict[str, Any]:
    ran = subprocess.run(
        runner_program(isolation, folder, *argv), capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    answer = json.loads(ran.stdout)
    assert isinstance(answer, dict)
    return answer


def test_a_gigabyte_of_output_takes_no_memory_of_the_runner(bench: Bench) -> None:
    code = "import os\nfor _ in range(512):\n    os.write(1, b'o' * (1 << 20)), os.write(2, b'e' * (1 << 20))"
    answer = _answer(bench.launcher.isolation, bench.folder, "python", "-c", code)
    logs = [bench.attempt("step") / name for name in ("stdout.log", "stderr.log")]
    assert answer["exit"]["code"] == 0
    assert sum(log.stat().st_size for log in logs) == _GIB
    assert answer["grown_kib"] < 8 * 1024
    for log in logs:
        log.unlink()


@pytest.mark.parametrize("isolation", ["namespace", "paths"])
def test_jobs_end_with_a_killed_runner(isolation: str, tmp_path: Path, namespaces: bool) -> None:
    if isolation == "namespace" and not namespaces:
        pytest.skip("this machine lets nobody have namespaces")
    mark = marker()
    job = (
        f"trap '' TERM HUP; (setsid nohup sleep {mark} >/dev/null 2>&1 &) ; touch /opt/ml/there; sleep {mark}"
    )
    with child_process(
        runner_program(isolation, tmp_path, "sh", "-c", job), stdout=subprocess.PIPE
    ) as runner:
        until_there(tmp_path / "runs" / "one" / "steps" / "step" / "attempt-1" / "ml" / "there")
        until_alive(mark, 2)
        runner.kill()  # the runner alone, not what it has started
        runner.wait(60)
    until_gone(mark)
    until_gone(str(tmp_path))


def test_an_interrupt_at_the_terminal_reaches_only_the_runner(bench: Bench) -> None:
    mark = marker()
    job = f"trap 'touch /opt/ml/interrupted' INT; touch /opt/ml/there; sleep {mark}"
    command = runner_program(bench.launcher.isolation, bench.folder, "sh", "-c", job)
    with child_process(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as runner:
        until_there(bench.ml / "there")
        os.killpg(runner.pid, signal.SIGINT)
        _, errors = runner.communicate(timeout=60)
    assert b"KeyboardInterrupt" in errors
    until_gone(mark)
    assert not (bench.ml / "interrupted").exists()


def _children(task: Path) -> list[str]:
    return (task / "children").read_text().split()


def _monitors() -> dict[int, list[str]]:
    """By process: what each monitor of this process's supervisor has below it; the one that waits has nothing."""
    supervisor = _supervisor()
    pids = _children(Path(f"/proc/{supervisor}/task/{supervisor}"))
    return {int(pid): _children(Path(f"/proc/{pid}/task/{pid}")) for pid in pids}


def _supervisor() -> int:
    """The supervisor that this process has started."""
    children = [pid for path in Path("/proc/self/task").iterdir() for pid in _children(path)]
    found = [int(pid) for pid in children if b"supervisor" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    assert len(found) == 1
    return found[0]


def test_a_killed_supervisor_is_replaced_and_its_jobs_go_on(bench: Bench) -> None:
    job = "touch there; until [ -e go ]; do sleep 0.01; done; exit 5"
    with bench.running("sh", "-c", job) as running:
        first = _supervisor()
        os.kill(first, signal.SIGKILL)
        assert bench.run("sh", "-c", "exit 6", step="next").code == 6
        assert _supervisor() != first
        (bench.ml / "go").touch()
        assert running.result().code == 5


def test_a_killed_monitor_is_reported_and_its_job_is_ended(bench: Bench) -> None:
    mark = marker()
    job = f"(setsid sleep {mark} &); touch there; sleep {mark}"
    with bench.running("sh", "-c", job) as running:
        (monitor,) = (pid for pid, below in _monitors().items() if below)
        os.kill(monitor, signal.SIGKILL)
        ended = running.result()
        assert bench.run("true", step="next").code == 0
    assert ended.code is None
    assert ended.problem == "the process that monitored the job was killed, so the job was ended"
    assert ended.lost
    until_gone(mark)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=lambda number: number.name)
def test_a_killed_idle_monitor_is_replaced(bench: Bench, number: signal.Signals) -> None:
    with bench.running("sh", "-c", "touch there; until [ -e go ]; do sleep 0.01; done; exit 5") as running:
        until(lambda: len(_monitors()) == 2)
        (waiting,) = (pid for pid, below in _monitors().items() if not below)
        os.kill(waiting, number)
        assert bench.run("sh", "-c", "ls /proc/self/fd; exit 6", step="next").code == 6
        assert (bench.attempt("next") / "stdout.log").read_text().split() == ["0", "1", "2", "3"]
        until(lambda: waiting not in _monitors())
        (bench.ml / "go").touch()
        assert running.result().code == 5


@pytest.fixture
def slow_disk(rewritten: Bench) -> Iterator[None]:
    """A program that cannot be started for the next minute: the kernel waits for who has a lease on it."""
    program = rewritten.ml / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    handled = signal.signal(signal.SIGIO, signal.SIG_IGN)
    with program.open("r+b") as held:
        fcntl.fcntl(held, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        yield
        fcntl.fcntl(held, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    signal.signal(signal.SIGIO, handled)


@pytest.mark.skipif(sys.platform != "linux", reason="leases are Linux's")
@pytest.mark.usefixtures("slow_disk")
def test_a_job_whose_start_exceeds_the_timeout_is_ended(rewritten: Bench) -> None:
    ended = rewritten.run("./program", timeout=0.5)
    assert (ended.code, ended.timed_out, ended.stopped) == (None, True, False)
    assert rewritten.run("true", step="next").code == 0


@pytest.mark.skipif(sys.platform != "linux", reason="leases are Linux's")
@pytest.mark.usefixtures("slow_disk")
def test_a_job_that_hangs_at_its_start_is_stopped(rewritten: Bench) -> None:
    threading.Timer(0.5, rewritten.stop.set).start()
    ended = rewritten.run("./program")
    assert (ended.code, ended.timed_out, ended.stopped) == (None, False, True)


def test_a_supervisor_that_receives_sigterm_ends_its_jobs_and_is_replaced(bench: Bench) -> None:
    mark = marker()
    with bench.running(
        "sh", "-c", f"trap '' TERM; (setsid sleep {mark} &); touch there; sleep {mark}"
    ) as running:
        os.kill(_supervisor(), signal.SIGTERM)
        ended = running.result()
        assert bench.run("true", step="next").code == 0
    assert (ended.code, ended.stopped, ended.timed_out) == (None, False, False)
    assert ended.problem is not None
    assert "received SIGTERM" in ended.problem
    assert not alive(mark)


def test_a_job_that_kills_its_monitor_ends_with_it(rewritten: Bench) -> None:
    mark = marker()
    ended = rewritten.run("sh", "-c", f"(setsid sleep {mark} &); kill -9 $PPID; sleep {mark}")
    assert ended.problem is not None
    assert "was killed" in ended.problem
    until_gone(mark)


def test_a_timeout_of_many_days_is_accepted(bench: Bench) -> None:
    assert bench.run("true", timeout=28 * 86_400).code == 0


def _on_a_small_disk(options: str, isolation: str, folder: Path, *argv: str) -> dict[str, Any]:
    """How a job ended whose run lies on a disk with these limits, and is told as it ends."""
    mount = f'mount -t tmpfs -o {options} tmpfs "$0" && "$@"'
    ran = subprocess.run(
        ["unshare", "-Urm", "sh", "-c", mount, folder, *runner_program(isolation, folder, *argv)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stderr == ""
    answer = json.loads(ran.stdout)["exit"]
    assert isinstance(answer, dict)
    return answer


@pytest.mark.parametrize("isolation", ["namespace", "paths"])
def test_a_job_that_fills_the_disk_fails_itself(isolation: str, tmp_path: Path, namespaces: bool) -> None:
    if not namespaces:
        pytest.skip("this machine lets nobody have namespaces")
    ended = _on_a_small_disk("size=256k", isolation, tmp_path, "sh", "-c", "cat /dev/zero || exit 9")
    assert (ended["code"], ended["problem"]) == (9, None)


@pytest.mark.parametrize("files", range(1, 4))
@pytest.mark.parametrize("isolation", ["namespace", "paths"])
def test_a_disk_that_is_full_before_the_start_is_reported(
    isolation: str, files: int, tmp_path: Path, namespaces: bool
) -> None:
    if not namespaces:
        pytest.skip("this machine lets nobody have namespaces")
    folders = len(["", "runs", "one", "steps", "step", "attempt-1", "ml"])
    ended = _on_a_small_disk(f"nr_inodes={folders + files}", isolation, tmp_path, "true")
    if isolation == "paths" and files >= 2:
        assert ended["code"] == 0
    else:
        assert ended["code"] is None
        assert "No space left on device" in ended["problem"]


def test_disabled_namespaces_are_reported_with_a_remedy(tmp_path: Path, namespaces: bool) -> None:
    if not namespaces:
        pytest.skip("this machine lets nobody have namespaces")
    # In a user namespace that may have none of its own, and that has no capability, as a sandbox has it.
    off = "echo 0 >/proc/sys/user/max_user_namespaces; exec setpriv --bounding-set -all --inh-caps -all "
    for isolation in ("auto", "namespace"):
        command = runner_program(isolation, tmp_path, "true")
        ran = subprocess.run(
            ["unshare", "-Ur", "sh", "-c", f'{off} "$@"', "sh", *command],
            capture_output=True,
            text=True,
            check=False,
        )
        if isolation == "auto":
            assert json.loads(ran.stdout)["isolation"] == "paths", ran.stderr
            assert json.loads(ran.stdout)["exit"]["code"] == 0
        else:
            assert "this machine does not allow namespaces for jobs" in ran.stderr
            assert "/proc/sys/user/max_user_namespaces is 0" in ran.stderr


def test_windows_is_refused_with_a_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(InvalidInputError, match="jobs cannot run on Windows") as raised:
        choose_launcher("auto", tmp_path)
    assert "WSL" in str(raised.value)


def test_only_linux_has_namespaces(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(InvalidInputError, match="this system is not Linux"):
        choose_launcher("namespace", tmp_path)
    started = choose_launcher("auto", tmp_path)
    assert started.isolation == "paths"
    started.close()


def test_a_program_that_the_job_removed_is_reported(bench: Bench) -> None:
    shutil.copy(shutil.which("true") or "", bench.ml / "own")
    assert bench.run("./own").code == 0
    assert bench.run("rm", "own").code == 0
    assert bench.run("./own").problem == "./own cannot be started: no such file"
