"""Debugging a step: with the terminal, with a debugger, and by a shell in the place of a job."""

from __future__ import annotations

import json
import socket
import subprocess
import termios
import time
from typing import Any

import pytest

from tests.runner.cli.support import Project, fail, job
from tests.runner.cli.test_terminal import on_terminal, plain

ISOLATIONS = ["namespace", "paths"]


@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_a_breakpoint_stops_at_the_terminal_and_the_log_has_it_too(project: Project, isolation: str) -> None:
    project.define(
        job("load", "x = 40\nbreakpoint()\nprint('went on with', x)"), job("next", "", after=("load",))
    )
    terminal = on_terminal(project, "run", "definition.json", "--debug", "load", "--runner", isolation)
    terminal.until("(Pdb)")
    terminal.type("p x + 2\r")
    terminal.until("42")
    terminal.type("x = 7\r")
    terminal.type("c\r")
    assert terminal.end() == 0
    shown = plain(terminal.shown)
    assert "went on with 7" in shown
    assert "done next" in shown
    assert "went on with 7" in _log(project, "load")


def test_ctrl_c_interrupts_the_step_and_not_the_run(project: Project) -> None:
    wait = "print('waits')\n    time.sleep(600)"
    script = f"import time\ntry:\n    {wait}\nexcept KeyboardInterrupt:\n    print('was interrupted')"
    project.define(job("load", script), job("next", "", after=("load",)))
    terminal = on_terminal(project, "run", "definition.json", "--debug", "load", "--runner", "namespace")
    terminal.until("waits")
    terminal.type("\x03")
    assert terminal.end() == 0
    assert "was interrupted" in plain(terminal.shown)
    assert "done next" in plain(terminal.shown)


def test_the_users_terminal_is_as_it_was_before(project: Project) -> None:
    project.define(job("load", "import sys; input(); sys.exit('no')"))
    terminal = on_terminal(project, "run", "definition.json", "--debug", "load")
    before = termios.tcgetattr(terminal.master)
    terminal.until("running load")
    while termios.tcgetattr(terminal.master) == before:
        time.sleep(0.05)
    terminal.type("go\r")
    terminal.until("to resume")
    assert termios.tcgetattr(terminal.master)[:4] == before[:4]
    assert terminal.end() == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--debug", "laod"], "--debug: unknown step 'laod' (did you mean 'load'?)"),
        (["--debug", "end"], "--debug: step 'end' is a Fail step, which runs no script of its own"),
        (["--debug", "load", "--only", "end"], "--debug: step 'load' is not selected (add --only load)"),
        (["--debug", "load", "--runner", "docker"], "a job in a container has no terminal of this machine"),
        (["--debug", "load"], "--debug: this process has no terminal"),
    ],
)
def test_a_step_that_cannot_be_debugged_is_reported_before_the_run(
    project: Project, arguments: list[str], message: str
) -> None:
    project.define(job("load", ""), fail("end", "over", after=("load",)))
    process = project.start(
        "run", "definition.json", *arguments, stderr=subprocess.PIPE, start_new_session=True
    )
    _, shown = process.communicate(timeout=120)
    assert process.returncode == 1
    assert message in shown
    assert project.runs == []


def test_a_port_alone_is_wrong_usage(project: Project) -> None:
    done = project.run("run", "definition.json", "--debugpy", "5678")
    assert done.code == 2
    assert "--debugpy needs --debug STEP" in done.err


@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_a_step_waits_for_a_debugger(project: Project, isolation: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    project.define(job("load", "print('ran under', 'debugpy' in __import__('sys').modules)"))
    process = project.start(
        "run", "definition.json", "-q", "--debug", "load", "--debugpy", str(port), "--runner", isolation
    )
    with _connected(port, process) as client:
        events = _attach(client)
        assert process.poll() is None
    assert process.wait(timeout=120) == 0
    assert "initialized" in events
    assert "ran under True" in _log(project, "load")


def test_a_shell_has_the_folders_and_variables_of_the_job_that_failed(project: Project) -> None:
    script = (
        "from pathlib import Path; Path('/opt/ml/processing/seen').mkdir(parents=True); "
        "Path('/opt/ml/processing/seen/made').write_text('by the job'); raise SystemExit('bad')"
    )
    step = job("load", script)
    step["Arguments"]["Environment"] = {"OF_THE_STEP": "its value"}
    project.define(step)
    assert project.run("run", "definition.json", "-q").code == 1
    terminal = on_terminal(project, "runs", "shell")
    terminal.until("shell of step 'load'; its command: python3 -c")
    terminal.type("cat /opt/ml/processing/seen/made; echo = $OF_THE_STEP =; exit 3\r")
    assert terminal.end() == 3
    shown = plain(terminal.shown)
    assert "by the job" in shown
    assert "= its value =" in shown


def test_a_shell_needs_the_folders_of_a_job(project: Project) -> None:
    project.define(job("load", ""), fail("end", "over", after=("load",)))
    assert project.run("run", "definition.json", "-q").code == 1
    kept = project.run("runs", "shell", "last", "load")
    assert kept.code == 1
    assert "the folders of step 'load' are not kept, since it succeeded" in kept.err
    none = project.run("runs", "shell", "last", "end")
    assert "ran no job of its own" in none.err
    assert "no step of run" in project.run("runs", "shell").err


def _log(project: Project, step: str) -> str:
    (log,) = project.path.glob(f".dagcast/runs/2*/steps/{step}/attempt-1/stdout.log")
    return log.read_text()


def _connected(port: int, process: subprocess.Popen[str]) -> socket.socket:
    while True:
        assert process.poll() is None
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=120)
        except ConnectionRefusedError:
            time.sleep(0.1)


def _attach(client: socket.socket) -> list[str]:
    """Attach as an editor does, let the program run, and return the events. Source: the Debug Adapter Protocol."""
    reader = client.makefile("rb")
    events: list[str] = []

    def send(number: int, command: str, **arguments: Any) -> None:
        message = {"seq": number, "type": "request", "command": command, "arguments": arguments}
        body = json.dumps(message).encode()
        client.sendall(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))

    def until(kind: str, name: str) -> None:
        while True:
            length = 0
            while line := reader.readline().strip():
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            message = json.loads(reader.read(length))
            if message["type"] == "event":
                events.append(message["event"])
            if message["type"] == kind and message.get("event", message.get("command")) == name:
                return

    send(1, "initialize", adapterID="test")
    until("response", "initialize")
    send(2, "attach", justMyCode=True)
    until("event", "initialized")
    send(3, "configurationDone")
    until("response", "configurationDone")
    until("event", "terminated")
    return events
