"""What the repository promises about itself."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import dagcast

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
CONSTRAINTS = sorted((ROOT / "constraints").iterdir())

PIN = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*==[0-9][a-z0-9.!+]*")
LOCK_FILE = re.compile(
    r"(?:uv|poetry|pdm|pixi|yarn|Pipfile)\.lock|conda-lock\.ya?ml|pylock.*\.toml"
    r"|package-lock\.json|npm-shrinkwrap\.json|pnpm-lock\.yaml"
)
# Put together from parts, since this file is searched too.
REGISTRY = re.compile(
    "|".join(
        re.escape(".".join(parts))
        for parts in (
            ("pythonhosted", "org"),
            ("pypi", "org"),
            ("anaconda", "org"),
            ("registry", "npmjs"),
            ("deb", "debian"),
            ("archive", "ubuntu"),
        )
    )
)
# A checkout right below the root has a name that says nothing, such as /src.
HERE = rf"|{re.escape(str(ROOT))}\b" if len(ROOT.parts) > 2 else ""
MACHINE_PATH = re.compile(rf"(?<![\w.}}])(?:/(?:home|Users|root)/\w{HERE})")


@cache
def project_files() -> tuple[Path, ...]:
    """Every file that is tracked, or would be if everything were added now."""
    if not (ROOT / ".git").exists():
        pytest.skip("only a git checkout knows its files")
    # Where the checkout belongs to another user than the one who runs the tests, git alone would refuse.
    command = [
        "git",
        "-c",
        "safe.directory=*",
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    return tuple(ROOT / name for name in sorted(set(names)) if (ROOT / name).is_file())


def lines_with(pattern: re.Pattern[str]) -> list[str]:
    """Every line of the project's text files that the pattern is found in, with file and number."""
    found = []
    for path in project_files():
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue
        name = path.relative_to(ROOT)
        found += [f"{name}:{n}: {line.strip()}" for n, line in enumerate(lines, 1) if pattern.search(line)]
    return found


def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_no_lock_file_is_kept() -> None:
    assert [path for path in project_files() if LOCK_FILE.fullmatch(path.name)] == []


def test_no_file_names_a_package_registry() -> None:
    assert lines_with(REGISTRY) == []


def test_no_file_holds_a_path_of_the_machine_it_was_written_on() -> None:
    assert lines_with(MACHINE_PATH) == []


def test_the_searches_above_find_what_they_look_for() -> None:
    assert REGISTRY.search("https://files.python" + "hosted.org/packages/x")
    assert MACHINE_PATH.search("see /ho" + "me/someone/notes")
    assert not MACHINE_PATH.search("s3://bucket/ho" + "me/someone")
    assert LOCK_FILE.fullmatch("uv.lock")
    assert ROOT / "pyproject.toml" in project_files()


@pytest.mark.parametrize("path", CONSTRAINTS, ids=lambda path: path.name)
def test_constraints_are_pins_and_nothing_else(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines
    assert [line for line in lines if not PIN.fullmatch(line)] == []
    names = [line.split("==")[0] for line in lines]
    assert names == sorted(set(names))


@pytest.mark.parametrize("python", ["py310", "py311"])
@pytest.mark.parametrize("sdk", ["sdk2", "sdk3"])
def test_constraints_pin_every_requirement_within_its_bounds(python: str, sdk: str) -> None:
    lines = (ROOT / "constraints" / f"{python}-{sdk}.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines)
    project, groups = pyproject()["project"], pyproject()["dependency-groups"]
    listed = [*project["dependencies"], *project["optional-dependencies"][sdk]]
    for group in groups.values():
        listed += [entry for entry in group if isinstance(entry, str)]

    environment = {"python_version": f"3.{python.removeprefix('py3')}"}
    for requirement in map(Requirement, listed):
        if requirement.marker is None or requirement.marker.evaluate(environment):
            pinned = pins.get(canonicalize_name(requirement.name))
            assert pinned is not None, f"{requirement.name} is not pinned"
            assert requirement.specifier.contains(pinned), f"{requirement} does not allow {pinned}"


def test_the_version_is_the_same_wherever_it_is_written() -> None:
    version = pyproject()["project"]["version"]
    assert dagcast.__version__ == version
    assert f"\n## [{version}] - " in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("script", [".ci/run", ".ci/make-venv"])
def test_scripts_can_be_executed(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)


def test_the_wheel_holds_the_typed_package_and_nothing_else(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()

    modules = {path.relative_to(ROOT / "core").as_posix() for path in (ROOT / "core").rglob("*.py")}
    assert modules <= set(names)
    assert "dagcast/py.typed" in names
    assert {name.split("/")[0].partition("-")[0] for name in names} == {"dagcast"}
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


MOST_POSITIONAL = 5
"""Arguments that a call may give without their names."""


def positional_parameters(source: str) -> dict[str, int]:
    """By name of a function, dataclass or named tuple: the parameters that a call may give without their names."""
    found = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
            found[node.name] = len(names) - (names[:1] in (["self"], ["cls"]))
        elif isinstance(node, ast.ClassDef):
            decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
            generated = any("dataclass" in text and "kw_only=True" not in text for text in decorators)
            if generated or "NamedTuple" in map(ast.unparse, node.bases):
                fields = [ast.unparse(item) for item in node.body if isinstance(item, ast.AnnAssign)]
                fields = [text for text in fields if "ClassVar" not in text]
                keyword = next((at for at, text in enumerate(fields) if "KW_ONLY" in text), len(fields))
                found[node.name] = sum("kw_only=True" not in text for text in fields[:keyword])
    return found


def test_contributing_lists_each_room_and_module() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    tables = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)[:3]
    for table, folder in zip(tables, ("", "compile", "runner"), strict=True):
        rows = (row.split("|")[1] for row in table.splitlines()[2:])
        listed = [name for row in rows for name in re.findall(r"`([\w/.]+)`", row)]
        there = {
            path.name if path.suffix else f"{path.name}/"
            for path in (ROOT / "core" / "dagcast" / folder).iterdir()
            if path.suffix == ".py" or (path / "__init__.py").exists()
        }
        # The sequence of the stages is named in the sentence above its table.
        assert sorted([*listed, "__init__.py"]) == sorted(there - {"compile_pipeline.py"})


def test_contributing_names_the_files_of_a_step_type() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    files = re.findall(r"^    (\S+) +\| (?:new|1 line)$", text, re.MULTILINE)
    assert len(files) > 5
    assert [file for file in files if not (ROOT / file).is_file()] == []


def test_each_dependency_has_a_reason() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        data = tomllib.load(file)
    project, groups = data["project"], data["dependency-groups"]
    lists = [project["dependencies"], *project["optional-dependencies"].values(), *groups.values()]
    names = {Requirement(item).name.lower() for items in lists for item in items if isinstance(item, str)}
    reasons = (ROOT / "docs" / "decisions" / "dependencies.md").read_text("utf-8").lower()
    assert [name for name in sorted(names) if not re.search(rf"\b{re.escape(name)}\b", reasons)] == []


def test_more_than_five_arguments_have_names() -> None:
    assert positional_parameters("def f(self, a, b=1, *c, d): ...") == {"f": 2}
    assert positional_parameters("@dataclass\nclass A:\n    a: int\n    b: int = 1") == {"A": 2}
    assert positional_parameters("@dataclass\nclass A:\n    a: int\n    _: KW_ONLY\n    b: int") == {"A": 1}
    assert positional_parameters("@dataclass\nclass A:\n    a: int\n    b: int = field(kw_only=True)") == {
        "A": 1
    }
    assert positional_parameters("@dataclass(kw_only=True)\nclass A:\n    a: int") == {}
    code = [path for path in project_files() if path.suffix == ".py" and path.is_relative_to(ROOT)]
    rooms = [path for path in code if path.relative_to(ROOT).parts[0] in ("core", "plugins", "mods_plugin")]
    assert len(rooms) > 100
    crowded = {
        f"{path.relative_to(ROOT)}: {name}": count
        for path in rooms
        for name, count in positional_parameters(path.read_text(encoding="utf-8")).items()
        if count > MOST_POSITIONAL
    }
    assert crowded == {}
