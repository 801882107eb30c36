"""The benchmark of local runs works; what it measures is not tested."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_benchmark_measures_small_runs_and_prints_a_table_and_json() -> None:
    command = [sys.executable, "-m", "benchmarks.local_run", "--quick"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    *table, last = done.stdout.splitlines()
    found = json.loads(last)
    assert {row["isolation"] for row in found["overhead"]} >= {"paths"}
    assert all(row["steps"] > 0 for row in found["overhead"])
    assert [row["steps"] for row in found["plan"]] == [10, 100]
    assert "Beside `kfp.local`: not measured." in table
    assert sum(line.startswith("| disk | paths |") for line in table) == 3
