"""The PostgreSQL server of tests ends with them, even if they are killed."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.child_processes import ProcessStarter, is_gone
from tests.support.postgres import binaries

ROOT = Path(__file__).parents[3]
HOLD = """
import sys, time
from tests.support.postgres import binaries, serving
with serving(binaries()) as server:
    print(server.home, flush=True)
    time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent has ended")
@pytest.mark.skipif(binaries() is None, reason="PostgreSQL is not installed")
def test_the_server_ends_if_the_tests_are_killed(start_process: ProcessStarter) -> None:
    tests = start_process([sys.executable, "-c", HOLD], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    home = Path(tests.stdout.readline().strip())
    try:
        server = int((home / "data" / "postmaster.pid").read_text().splitlines()[0])
        assert not is_gone(server, seconds=0)
        tests.send_signal(signal.SIGKILL)
        assert is_gone(server)
    finally:
        shutil.rmtree(home)
