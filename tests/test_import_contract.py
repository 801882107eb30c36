"""The contract about which room imports which: it holds, and a wrong arrow breaks it.

The rules are in ``pyproject.toml``, and ``make lint`` checks them; here a copy of the code gets imports that must fail.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LINT_IMPORTS = Path(sys.executable).parent / "lint-imports"
CODE = (
    "core/dagcast",
    "mods_plugin/mods_plugin",
    "plugins/dagcast-guardrails/dagcast_guardrails",
    "plugins/dagcast-openlineage/dagcast_openlineage",
    "plugins/dagcast-xgboost/dagcast_xgboost",
)

WRONG_IMPORTS = {
    # a layer turned round, at the bottom and in the middle
    "core/dagcast/errors.py": "import dagcast.dag",
    "core/dagcast/sagemaker/images.py": "from dagcast.definition import references",
    "core/dagcast/compile/report.py": "from dagcast.plugins import provenance",
    # inside of a function
    "core/dagcast/definition/values.py": "def late():\n    from dagcast.check import scalars",
    # for type checkers alone
    "core/dagcast/staging/upload.py": (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from dagcast.compile.spec import pipeline"
    ),
    # rooms side by side
    "core/dagcast/runner/records/logs.py": "import dagcast.compile.document.document",
    "core/dagcast/compile/emit/conditions.py": "import dagcast.compile.lower.pipeline",
    # a stage of the compiler imports a later one
    "core/dagcast/compile/bind/branches.py": "def late():\n    import dagcast.compile.steps.catalog",
    # the entrance, from below
    "core/dagcast/runner/retries.py": "import dagcast",
    # what is private, from outside
    "plugins/dagcast-guardrails/dagcast_guardrails/tags.py": "import dagcast.compile.lower.pipeline",
    "plugins/dagcast-xgboost/dagcast_xgboost/tags.py": "import dagcast.runner.local_images",
    "mods_plugin/mods_plugin/labels.py": "from dagcast.template import Compilation",
    # a room that no layer names
    "core/dagcast/attic.py": '"""Nobody\'s room."""',
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code and the contract, without anything that is installed."""
    root = tmp_path_factory.mktemp("checkout")
    for folder in CODE:
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", root)
    return root


def lint_imports(root: Path) -> tuple[int, str]:
    """Run the contract over the code below ``root``; its exit status and what it prints."""
    path = os.pathsep.join(str((root / folder).parent) for folder in CODE)
    done = subprocess.run(
        [LINT_IMPORTS, "--no-cache", "--no-logo"],
        cwd=root,
        env={**os.environ, "PYTHONPATH": path, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_code_keeps_the_contract(copy: Path) -> None:
    status, output = lint_imports(copy)
    assert status == 0, output
    assert "0 broken" in output


def test_wrong_imports_break_the_contract(copy: Path) -> None:
    for name, lines in WRONG_IMPORTS.items():
        with (copy / name).open("a", encoding="utf-8") as file:
            file.write(f"\n{lines}\n")
    status, output = lint_imports(copy)
    assert status == 1, output
    for name in WRONG_IMPORTS:
        module = module_name(Path(name))
        assert re.search(rf"(?m)^- +{re.escape(module)}( ->|$)", output), f"{module} in\n{output}"


def module_name(path: Path) -> str:
    """The dotted name of a module in one of the folders of :data:`CODE`."""
    folder = next(Path(folder) for folder in CODE if path.is_relative_to(folder))
    return ".".join(path.relative_to(folder.parent).with_suffix("").parts)
