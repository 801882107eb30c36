"""Children of tests end with them, and no test starts one without that."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.child_processes import ProcessStarter, child_process, end_process, is_gone

TESTS = Path(__file__).parent
# Both ignore what asks them to end; the second says who it is.
FAMILY = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; print('ready', flush=True); time.sleep(600)"])
print(child.pid, flush=True)
time.sleep(600)
"""


def family(process: subprocess.Popen[str]) -> int:
    """Wait for both processes, and return the id of the child's child."""
    assert process.stdout is not None
    first, second = process.stdout.readline(), process.stdout.readline()
    return int(first if second == "ready\n" else second)


def test_a_child_and_its_process_group_end_with_the_block_that_fails() -> None:
    found: list[tuple[subprocess.Popen[str], int]] = []

    def failing_test() -> None:
        with child_process([sys.executable, "-c", FAMILY], stdout=subprocess.PIPE, text=True) as process:
            found.append((process, family(process)))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing_test()
    ((process, grandchild),) = found
    assert process.returncode == -signal.SIGKILL
    assert is_gone(grandchild)
    assert process.stdout is not None
    assert process.stdout.closed


def test_all_children_of_a_starter_end() -> None:
    starter = ProcessStarter()
    processes = [starter([sys.executable, "-c", "import time; time.sleep(600)"]) for _ in range(3)]
    starter.close()
    assert [process.returncode for process in processes] == [-signal.SIGKILL] * 3


def test_only_the_child_ends_in_the_group_of_the_tests() -> None:
    with child_process(
        [sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=False
    ) as process:
        assert os.getpgid(process.pid) == os.getpgid(0)
    assert process.returncode == -signal.SIGKILL


def test_a_child_that_was_waited_for_is_not_killed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its id may be another's by then."""
    with child_process([sys.executable, "-c", ""]) as process:
        assert process.wait(60) == 0
    monkeypatch.setattr(os, "killpg", lambda *_: pytest.fail("killed"))
    monkeypatch.setattr(os, "kill", lambda *_: pytest.fail("killed"))
    end_process(process)


def test_no_test_starts_a_child_without_a_clean_up() -> None:
    found = [
        f"{path.relative_to(TESTS)}:{node.lineno}"
        for path in sorted(TESTS.rglob("*.py"))
        if path != TESTS / "support" / "child_processes.py"
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).split(".")[-1] in ("Popen", "spawnv", "posix_spawn")
    ]
    assert found == []
