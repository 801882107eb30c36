"""A full or missing folder of temporary files is reported as such."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.compiling import JOB, config

UNSHARE = shutil.which("unshare")
FULL = 'mount -t tmpfs -o size=64k tmpfs "$TMPDIR" && exec "$@"'


def _may_mount() -> bool:
    if UNSHARE is None:
        return False
    command = [UNSHARE, "-rm", "sh", "-c", FULL, "sh", "true"]
    done = subprocess.run(command, env={"TMPDIR": "/tmp"}, capture_output=True, check=False, timeout=60)
    return done.returncode == 0


@pytest.mark.skipif(not _may_mount(), reason="needs namespaces, to mount a folder that is full")
def test_a_run_reports_a_full_temporary_folder(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "a.py").write_text("#" * 300_000)
    source = config({"a": {"type": "Processing", **JOB, "entry_point": "a.py"}})
    (tmp_path / "c.json").write_text(json.dumps(source))
    command = [sys.executable, "-m", "dagcast.cli", "run", "c.json", "--no-plugins"]
    done = subprocess.run(
        [str(UNSHARE), "-rm", "sh", "-c", FULL, "sh", *command],
        cwd=tmp_path,
        env={"TMPDIR": str(tmp_path / "full"), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1
    problem = f"error: cannot write to the temporary folder {tmp_path / 'full'}: No space left on device"
    assert problem in done.stderr
    assert "set TMPDIR" in done.stderr
    assert "Traceback" not in done.stderr
