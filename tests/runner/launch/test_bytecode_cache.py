"""Bytecode of what jobs import is kept, and no job decides what it holds."""

from __future__ import annotations

import os
import py_compile
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from dagcast.errors import DagcastError
from dagcast.runner.launch.choose_launcher import choose_launcher
from tests.runner.launch.bench import Bench

VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"
SUFFIX = f".{sys.implementation.cache_tag}.pyc"
LOOK = (
    "import os, sys, importlib.util as u\n"
    "print(os.path.exists(u.find_spec('parrot.voice').cached), end=' ')\n"
    "import parrot.voice; print(parrot.voice.says)"
)
"""Tells whether bytecode is there before the import, and what was imported. The import of the package comes first."""


@dataclass(frozen=True)
class Place:
    """A launcher, and a virtual environment with a package that nobody has compiled.

    Attributes:
        bench: Runs jobs in the environment.
        environment: The folder of the environment.
        cache: The folder of dagcast's caches.
    """

    bench: Bench
    environment: Path
    cache: Path

    @property
    def packages(self) -> Path:
        return self.environment / "lib" / VERSION / "site-packages"

    @property
    def source(self) -> Path:
        return self.packages / "parrot" / "voice.py"

    @property
    def kept(self) -> Path:
        return self.cache.joinpath("bytecode", *self.source.parent.parts[1:], f"voice{SUFFIX}")

    def run(self, code: str, *, step: str = "step") -> str:
        """Run code in the environment, and return its output."""
        command = replace(
            self.bench.command("python", "-c", code, step=step, folder="/"),
            python=self.environment / "bin" / "python",
        )
        command.stdout.unlink(missing_ok=True)
        ended = self.bench.launcher.run(command, self.bench.stop)
        assert ended.code == 0, (ended, command.stderr.read_text())
        return command.stdout.read_text().strip()

    def files(self) -> dict[Path, int]:
        """Return the files of the environment, with their times."""
        return {path: path.lstat().st_mtime_ns for path in self.environment.rglob("*")}


def _make_environment(folder: Path, *, record: str) -> None:
    base = Path(sys.base_prefix, "bin", VERSION)
    packages = folder / "lib" / VERSION / "site-packages"
    for each in (folder / "bin", packages / "parrot", packages / "parrot-1.0.dist-info"):
        each.mkdir(parents=True)
    (folder / "pyvenv.cfg").write_text(f"home = {base.parent}\ninclude-system-site-packages = false\n")
    (folder / "bin" / "python").symlink_to(base)
    (packages / "parrot" / "__init__.py").write_text("")
    (packages / "parrot" / "voice.py").write_text("says = 'pieces of eight'\n")
    (packages / "parrot-1.0.dist-info" / "RECORD").write_text(record)


@pytest.fixture(params=["home", "temporary folder"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with TemporaryDirectory(dir=Path.home(), prefix="dagcast-test-") as home:
        folder = Path(home) if request.param == "home" else tmp_path / "user"
        (folder / "runs").mkdir(parents=True)
        _make_environment(folder / "env", record="parrot/voice.py,,\n")
        monkeypatch.setenv("DAGCAST_CACHE_DIR", str(folder / "cache"))
        try:
            launcher = choose_launcher("namespace", folder / "runs")
        except DagcastError as error:
            pytest.skip(str(error))
        yield Place(Bench(launcher, folder), folder / "env", folder / "cache")
        launcher.close()


def test_the_second_job_compiles_nothing(place: Place) -> None:
    before = place.files()
    assert place.run(LOOK) == "False pieces of eight"
    assert place.run(LOOK, step="other") == "True pieces of eight"
    # Another process, as the next run.
    launcher = choose_launcher("namespace", place.bench.runs)
    assert (
        Place(Bench(launcher, place.bench.folder), place.environment, place.cache).run(LOOK)
        == "True pieces of eight"
    )
    launcher.close()
    assert place.files() == before


def test_a_changed_source_is_compiled_again(place: Place) -> None:
    place.run(LOOK)
    place.source.write_text("says = 'land in sight'\n")
    os.utime(place.source, (1_000_000_000, 1_000_000_000))
    assert place.run(LOOK) == "True land in sight"
    header = place.kept.read_bytes()[8:12]
    assert int.from_bytes(header, "little") == 1_000_000_000


def test_a_job_cannot_forge_what_the_next_one_imports(place: Place) -> None:
    forge = (
        "import importlib._bootstrap_external as b, importlib.util as u, os\n"
        "spec = u.find_spec('parrot.voice'); s = os.stat(spec.origin)\n"
        "code = compile(\"says = 'forged'\", spec.origin, 'exec')\n"
        "code = b._code_to_timestamp_pyc(code, int(s.st_mtime), s.st_size)\n"
        "os.makedirs(os.path.dirname(spec.cached), exist_ok=True)\n"
        "open(spec.cached, 'wb').write(code)\nimport parrot.voice; print(parrot.voice.says)"
    )
    assert place.run(forge) == "forged"
    assert place.run(LOOK) == "True pieces of eight"
    # The bytecode that is kept now cannot be replaced either.
    kept = place.kept.read_bytes()
    assert place.run(forge) == "forged"
    assert place.kept.read_bytes() == kept
    assert place.run(LOOK) == "True pieces of eight"


def test_a_job_that_links_the_cache_elsewhere_changes_nothing(place: Place, tmp_path: Path) -> None:
    place.run(LOOK)
    outside = place.bench.folder / "outside"
    outside.mkdir()
    kept = place.kept.read_bytes()
    place.run(
        "import os, shutil, sys; p = sys.pycache_prefix\n"
        "for name in os.listdir(p): shutil.rmtree(os.path.join(p, name))\n"
        f"os.symlink({str(outside)!r}, p + '/' + {place.source.parts[1]!r})"
    )
    place.run("import os, shutil, sys; shutil.rmtree(sys.pycache_prefix, ignore_errors=True)")
    assert list(outside.iterdir()) == []
    assert place.kept.read_bytes() == kept
    assert place.run(LOOK) == "True pieces of eight"


def test_sources_outside_the_environment_are_not_compiled(place: Place) -> None:
    secret = place.bench.runs / "two" / "secret.py"
    secret.parent.mkdir()
    own = place.bench.folder / "own.py"
    for path in (secret, own):
        path.write_text("PASSWORD = 'hidden'\n")
    place.run(
        "import os, sys\n"
        f"for path in {[str(secret), str(own)]!r}:\n"
        "    name = sys.pycache_prefix + path.removesuffix('.py')\n"
        f"    os.makedirs(os.path.dirname(name), exist_ok=True); open(name + {SUFFIX!r}, 'w').write('x')"
    )
    names = [path.name for path in (place.cache / "bytecode").rglob("*.pyc")]
    assert not [name for name in names if name.startswith(("secret", "own"))]


def test_what_a_job_writes_for_itself_is_in_no_output(place: Place) -> None:
    place.run("import sys; open('/opt/ml/own.py', 'w').close(); sys.path.append('/opt/ml'); import own")
    assert [path.name for path in place.bench.ml.iterdir()] == ["own.py"]


def test_bytecode_that_the_environment_has_is_used(place: Place) -> None:
    own = place.source.with_name("__pycache__") / f"voice{SUFFIX}"
    own.parent.mkdir()
    py_compile.compile(str(place.source), str(own))
    place.run(LOOK)
    assert place.kept.readlink() == own
    assert place.run(LOOK) == "True pieces of eight"


def test_jobs_at_once_share_it(place: Place) -> None:
    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(lambda number: place.run(LOOK, step=f"step-{number}"), range(4)))
    assert all(each.endswith("pieces of eight") for each in said)
    assert place.run(LOOK) == "True pieces of eight"


def test_an_environment_that_is_compiled_needs_no_cache(
    namespace: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dagcast.runner.launch.bytecode_cache import BytecodeCache

    _make_environment(tmp_path / "env", record=f"parrot/voice.py,,\nparrot/__pycache__/voice{SUFFIX},,\n")
    monkeypatch.setenv("DAGCAST_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "path", [str(tmp_path / "env" / "lib" / VERSION / "site-packages")])
    assert BytecodeCache(tmp_path / "runs").prepare(tmp_path / "env" / "bin" / "python") is None


def test_a_cache_that_cannot_be_written_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dagcast.runner.launch.bytecode_cache import BytecodeCache

    _make_environment(tmp_path / "env", record="parrot/voice.py,,\n")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DAGCAST_CACHE_DIR", str(tmp_path / "file" / "cache"))
    assert BytecodeCache(tmp_path / "runs").prepare(tmp_path / "env" / "bin" / "python") is None


def test_a_job_that_closes_folders_of_its_layer_stops_no_run(place: Place) -> None:
    place.run(LOOK)
    close = "import os, sys; p = sys.pycache_prefix; os.chmod(p, 0); os.chmod(os.path.dirname(p), 0); print('closed')"
    assert place.run(close) == "closed"
    assert place.run(LOOK) == "True pieces of eight"
