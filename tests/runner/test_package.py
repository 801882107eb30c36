"""The runner imports neither the compiler nor an SDK."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagcast.runner
from tests.runner.engine.pipelines import definition, job

RUN = """
import json, sys
from pathlib import Path
from dagcast.runner import RunOptions, Runner
outcome = Runner(Path(sys.argv[1]).read_text(), "tiny", options=RunOptions(runs=Path(sys.argv[2]))).run()
print(json.dumps([outcome.status, sorted({name.partition(".")[0] for name in sys.modules})]))
"""


def _imports() -> Iterator[tuple[str, str]]:
    """Each module of the runner, and what it imports."""
    (home,) = dagcast.runner.__path__
    for path in sorted(Path(home).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.ImportFrom):
                yield path.name, str(node.module)
            elif isinstance(node, ast.Import):
                yield from ((path.name, alias.name) for alias in node.names)


def test_the_runner_imports_only_rooms_below_it_and_no_sdk() -> None:
    found = {module for _, module in _imports() if module.partition(".")[0] in ("dagcast", "sagemaker")}
    rooms = {".".join(module.split(".")[:2]) for module in found}
    below = {"dagcast.check", "dagcast.definition", "dagcast.sagemaker", "dagcast.staging"}
    modules = {"dagcast.errors", "dagcast.frozen_dataclass", "dagcast.lazy_pattern", "dagcast.paths"}
    assert rooms == {"dagcast.runner", *below, *modules}


def test_a_run_loads_no_sdk(tmp_path: Path) -> None:
    (tmp_path / "definition.json").write_text(definition([job("a", "echo 1 > $OUT/x")]))
    command = [sys.executable, "-c", RUN, str(tmp_path / "definition.json"), str(tmp_path / "runs")]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    status, loaded = json.loads(ran.stdout)
    assert status == "Succeeded"
    assert not {"sagemaker", "boto3", "botocore", "optuna", "numpy", "pydantic", "click"} & set(loaded)
