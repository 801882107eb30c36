"""What an import runs is what was digested: cached bytecode, portions of namespaces, archives, ``.pth`` files."""

from __future__ import annotations

import importlib
import importlib.util
import marshal
import os
import py_compile
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dagcast import PipelineDAGCompiler
from tests.support.distributions import Built, environment

CONFIG = """\
pipeline: {name: demo, version: 1.0.0, role: "arn:aws:iam::123456789012:role/R", bucket: my-bucket}
steps: {stop: {type: Fail, error_message: enough}}
"""
HOOKS = """
from dagcast.plugin import hookimpl


@hookimpl
def extract_metadata(config):
    from PACKAGE import helper

    return {"limit": helper.limit(), "state": helper.STATE}
"""
HELPER = '''\
"""Limits."""

STATE = ("a", 1, 1.0, frozenset({1, 2}))[0]


def limit(step: int = 1) -> int:
    """Return the limit."""
    return [item for item in (1, 2)][0]


class Limits:
    def most(self):
        return (lambda: 1)()
'''


def built(package: str, *, name: str = "acme-plugin", namespace: bool = False) -> Built:
    modules = {f"{package}.hooks": HOOKS.replace("PACKAGE", package), f"{package}.helper": HELPER}
    found = Built(name, modules=modules, entry_points={"dagcast": {"acme": f"{package}.hooks"}})
    return Namespaced(**vars(found)) if namespace else found


class Namespaced(Built):
    """A distribution whose outermost package has no ``__init__.py``."""

    def files(self) -> dict[str, str]:
        files = super().files()
        outermost = {f"{module.partition('.')[0]}/__init__.py" for module in self.modules}
        return {path: text for path, text in files.items() if path not in outermost}


COMPILE = ("compile", "pipeline.yaml", "--plugin", "acme", "-o", "out.json")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pipeline.yaml").write_text(CONFIG, encoding="utf-8")
    return tmp_path


def dagcast(
    folder: Path, *arguments: str, before: tuple[Path, ...] = (), site: str = "site", **variables: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dagcast.cli", *arguments],
        cwd=folder,
        # As an installer that compiles modules, a test decides what the cache holds.
        env={**environment([*before, folder / site]), "PYTHONDONTWRITEBYTECODE": "1", **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def refused(folder: Path, **more: object) -> str:
    """Return why ``--locked`` refuses, which doctor says as well, and of which a plain compile warns."""
    done = dagcast(folder, *COMPILE, "--locked", **more)  # type: ignore[arg-type]
    assert done.returncode == 1, done.stderr
    return done.stderr


def lock(folder: Path, **more: object) -> None:
    done = dagcast(folder, *COMPILE, **more)  # type: ignore[arg-type]
    assert (done.returncode, "warning" in done.stderr) == (0, False), done.stderr
    done = dagcast(folder, *COMPILE, "--locked", **more)  # type: ignore[arg-type]
    assert done.returncode == 0, done.stderr
    done = dagcast(folder, "plugins", "doctor", **more)  # type: ignore[arg-type]
    assert done.returncode == 0, done.stdout


def compile_all(package: Path) -> None:
    for source in package.rglob("*.py"):
        py_compile.compile(str(source), doraise=True)


def forge(source: Path, old: str, new: str, header: Callable[[bytes], bytes] = lambda found: found) -> None:
    """Put the bytecode of changed code behind a header that an import accepts for the unchanged source."""
    text = source.read_text("utf-8")
    assert old in text
    cached = Path(importlib.util.cache_from_source(str(source)))
    code = compile(text.replace(old, new), str(source), "exec")
    cached.write_bytes(header(cached.read_bytes()[:16]) + marshal.dumps(code))


def unchecked(found: bytes) -> bytes:
    return found[:4] + (1).to_bytes(4, "little") + bytes(8)


def checked(source: Path) -> Callable[[bytes], bytes]:
    digest = importlib.util.source_hash(source.read_bytes())
    return lambda found: found[:4] + (3).to_bytes(4, "little") + digest


def test_bytecode_of_other_code_is_refused(folder: Path) -> None:
    built("acme_hooks").install(folder / "site")
    package = folder / "site" / "acme_hooks"
    compile_all(package)
    lock(folder)
    forge(package / "helper.py", "(1, 2)][0]", "(1, 2)][1]")
    problem = f"the cached bytecode of {package / 'helper.py'} is that of other code"
    error = refused(folder)
    assert error.count(problem) == 1
    assert error.endswith("1 error\n")
    doctor = dagcast(folder, "plugins", "doctor")
    assert (doctor.returncode, doctor.stdout.count(problem)) == (1, 1)
    plain = dagcast(folder, *COMPILE)
    assert (plain.returncode, plain.stderr.count(f"warning: plugin 'acme': {problem}")) == (0, 1)
    # The remedy works.
    Path(error.partition("delete ")[2].partition(" ")[0]).unlink()
    assert dagcast(folder, *COMPILE, "--locked").returncode == 0


@pytest.mark.parametrize("kind", ["unchecked", "checked"])
def test_bytecode_that_names_a_hash_is_compared_too(folder: Path, kind: str) -> None:
    built("acme_hooks").install(folder / "site")
    source = folder / "site" / "acme_hooks" / "helper.py"
    compile_all(source.parent)
    lock(folder)
    forge(source, "(1, 2)][0]", "(1, 2)][1]", unchecked if kind == "unchecked" else checked(source))
    assert "is that of other code" in refused(folder)


def test_bytecode_that_an_import_does_not_run_is_ignored(folder: Path) -> None:
    built("acme_hooks").install(folder / "site")
    source = folder / "site" / "acme_hooks" / "helper.py"
    compile_all(source.parent)
    lock(folder)
    for header in (
        lambda found: b"\0\0\0\0" + found[4:],
        lambda found: found[:8] + bytes(8),
        lambda found: found[:4] + (3).to_bytes(4, "little") + bytes(8),
        lambda found: found[:4] + (4).to_bytes(4, "little") + found[8:],
    ):
        forge(source, "(1, 2)][0]", "(1, 2)][1]", header)
        assert dagcast(folder, *COMPILE, "--locked").returncode == 0
        assert dagcast(folder, "plugins", "doctor").returncode == 0
        compile_all(source.parent)


def test_bytecode_without_places_is_that_of_its_source(folder: Path) -> None:
    built("acme_hooks").install(folder / "site")
    package = folder / "site" / "acme_hooks"
    for source in package.rglob("*.py"):
        program = f"import py_compile; py_compile.compile({str(source)!r}, doraise=True)"
        subprocess.run(
            [sys.executable, "-c", program], env={**os.environ, "PYTHONNODEBUGRANGES": "1"}, check=True
        )
    lock(folder)


def test_broken_bytecode_is_named_by_doctor(folder: Path) -> None:
    built("acme_hooks").install(folder / "site")
    source = folder / "site" / "acme_hooks" / "helper.py"
    compile_all(source.parent)
    cached = Path(importlib.util.cache_from_source(str(source)))
    cached.write_bytes(cached.read_bytes()[:30])
    doctor = dagcast(folder, "plugins", "doctor")
    assert (doctor.returncode, doctor.stderr) == (1, "")
    assert f"the cached bytecode of {source} is that of other code" in doctor.stdout


@pytest.fixture
def own_process(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The plugin, installed and compiled, in this process."""
    built("acme_hooks").install(folder / "site")
    compile_all(folder / "site" / "acme_hooks")
    monkeypatch.syspath_prepend(str(folder / "site"))
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == "acme_hooks"]:
        del sys.modules[name]


def problems(folder: Path) -> tuple[str, ...]:
    compilation = PipelineDAGCompiler(folder / "pipeline.yaml", plugins=["acme"]).compile_definition()
    found: tuple[str, ...] = compilation.report.plugins[0].get("code_problems", ())
    return found


def test_bytecode_that_is_put_right_after_the_import_is_still_reported(own_process: Path) -> None:
    source = own_process / "site" / "acme_hooks" / "helper.py"
    forge(source, "(1, 2)][0]", "(1, 2)][1]")
    # Imported before dagcast looks, and then restored.
    sys.modules.pop("acme_hooks.helper", None)
    importlib.import_module("acme_hooks.helper")
    compile_all(source.parent)
    (problem,) = problems(own_process)
    assert "module 'acme_hooks.helper' has functions that its file does not define" in problem


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("step: int = 1", "step: int = 2"),
        ('"a", 1, 1.0', '"b", 1, 1.0'),
        ("1, 1.0", "1.0, 1"),
        ("1, 1.0", "True, 1.0"),
        ("frozenset({1, 2})", "frozenset({1, 3})"),
        ("(lambda: 1)", "(lambda: True)"),
        ("class Limits:", "print\nclass Limits:"),
        ("Return the limit.", "Return a limit.."),
    ],
)
def test_any_other_code_is_found(own_process: Path, old: str, new: str) -> None:
    source = own_process / "site" / "acme_hooks" / "helper.py"
    forge(source, old, new)
    (problem,) = problems(own_process)
    assert problem.startswith(f"the cached bytecode of {source} is that of other code: delete ")


def test_a_plain_import_has_no_problems(own_process: Path) -> None:
    assert problems(own_process) == ()
    assert problems(own_process) == ()


@pytest.mark.parametrize("package", ["acme_space.acme", "acme_space"])
def test_a_portion_of_a_namespace_in_front_is_refused(folder: Path, package: str) -> None:
    built(package, namespace=True).install(folder / "site")
    place = Path(*package.split("."))
    lock(folder)
    (folder / "shadow" / place).mkdir(parents=True)
    for file in (folder / "site" / place).glob("*.py"):
        shutil.copy(file, folder / "shadow" / place)
    error = refused(folder, before=(folder / "shadow",))
    doctor = dagcast(folder, "plugins", "doctor", before=(folder / "shadow",))
    assert doctor.returncode == 1
    for text in (error, doctor.stdout):
        assert f"comes from {folder / 'shadow'}" in text


def test_a_helper_of_a_namespace_without_packages_that_is_shadowed_is_refused(folder: Path) -> None:
    built("acme_space", namespace=True).install(folder / "site")
    lock(folder)
    (folder / "shadow" / "acme_space").mkdir(parents=True)
    shutil.copy(folder / "site" / "acme_space" / "helper.py", folder / "shadow" / "acme_space")
    error = refused(folder, before=(folder / "shadow",))
    assert f"module 'acme_space.helper' comes from {folder / 'shadow' / 'acme_space' / 'helper.py'}" in error


def test_an_archive_that_is_shadowed_or_changed_is_refused(folder: Path) -> None:
    wheel = built("acme_hooks").wheel(folder)
    site = {"site": wheel.name}
    lock(folder, **site)
    built("acme_hooks").install(folder / "shadow")
    shutil.rmtree(folder / "shadow" / "acme_plugin-1.0.dist-info")
    error = refused(folder, before=(folder / "shadow",), **site)
    doctor = dagcast(folder, "plugins", "doctor", before=(folder / "shadow",), **site)
    for text in (error, doctor.stdout):
        assert f"module 'acme_hooks' comes from {folder / 'shadow'}" in text


class WithStartup(Built):
    """A distribution with a ``.pth`` file, whose lines Python runs at each start, and data of the environment."""

    def files(self) -> dict[str, str]:
        return {**super().files(), "acme.pth": "import sys\n", "../../share/acme.txt": "1\n"}


def test_a_changed_line_of_startup_or_data_of_the_environment_is_refused(folder: Path) -> None:
    WithStartup(**vars(built("acme_hooks"))).install(folder / "lib" / "site")
    site = {"site": "lib/site"}
    lock(folder, **site)
    startup = folder / "lib" / "site" / "acme.pth"
    startup.write_text("import os\n", encoding="utf-8")
    error = refused(folder, **site)
    assert "acme.pth was changed since the lock was written" in error
    assert "acme.pth differs from its RECORD" in dagcast(folder, "plugins", "doctor", **site).stdout
    startup.write_text("import sys\n", encoding="utf-8")
    assert dagcast(folder, *COMPILE, "--locked", **site).returncode == 0
    (folder / "share" / "acme.txt").write_text("2\n", encoding="utf-8")
    assert "../../share/acme.txt differs from its RECORD" in refused(folder, **site)


def test_data_that_was_added_to_the_package_is_refused(folder: Path) -> None:
    built("acme_hooks").install(folder / "site")
    lock(folder)
    (folder / "site" / "acme_hooks" / "limits.yaml").write_text("limit: 2\n", encoding="utf-8")
    error = refused(folder)
    assert "acme_hooks/limits.yaml is not in its RECORD: it was added after the installation" in error


def test_what_another_distribution_adds_to_the_package_is_locked_and_no_problem(folder: Path) -> None:
    built("acme_hooks").install(folder / "site")
    more = Built("acme-more", modules={"acme_more_hooks": "x = 1\n"})

    class Extension(Built):
        def files(self) -> dict[str, str]:
            return {**super().files(), "acme_hooks/more.py": "x = 1\n"}

    Extension(**vars(more)).install(folder / "site")
    lock(folder)
    (folder / "site" / "acme_hooks" / "more.py").write_text("x = 2\n", encoding="utf-8")
    assert "acme_hooks/more.py was changed since the lock was written" in refused(folder)
