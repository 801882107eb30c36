"""The lock records the code that runs: changed, shadowed, upgraded and reloaded code is refused, file by file."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dagcast import DagcastError, PipelineDAGCompiler
from dagcast.artifacts import check_lock, lock_path
from tests.support.distributions import Built, environment
from tests.support.mods_site import build_site

CONFIG = """\
pipeline: {name: demo, version: 1.0.0, role: "arn:aws:iam::123456789012:role/R", bucket: my-bucket}
steps: {stop: {type: Fail, error_message: enough}}
"""
HOOKS = """
from dagcast.plugin import hookimpl


@hookimpl
def extract_metadata(config):
    from acme_hooks import helper

    return {"limit": helper.limit()}
"""
HELPER = "def limit():\n    return 1\n"
ACME = Built(
    "acme-plugin",
    modules={"acme_hooks.hooks": HOOKS, "acme_hooks.helper": HELPER},
    entry_points={"dagcast": {"acme": "acme_hooks.hooks"}},
)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "pipeline.yaml").write_text(CONFIG, encoding="utf-8")
    ACME.install(tmp_path / "site")
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] == "acme_hooks"]:
        del sys.modules[name]


def dagcast(folder: Path, *arguments: str, before: tuple[Path, ...] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dagcast.cli", *arguments],
        cwd=folder,
        env=environment([*before, folder / "site"]),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


COMPILE = ("compile", "pipeline.yaml", "--plugin", "acme", "-o", "out.json")


def test_the_lock_holds_digests_of_files_and_definition(folder: Path) -> None:
    assert dagcast(folder, *COMPILE).returncode == 0
    lock = json.loads((folder / "out.plugins.json").read_text("utf-8"))
    entry = lock["plugins"][0]
    assert (entry["code"], len(entry["code_sha256"])) == ("distribution", 64)
    helper = hashlib.sha256(HELPER.encode()).hexdigest()
    assert lock["files"]["acme"]["acme_hooks/helper.py"] == helper
    assert sorted(lock["files"]["acme"]) == [
        "acme_hooks/__init__.py",
        "acme_hooks/helper.py",
        "acme_hooks/hooks.py",
    ]
    definition = (folder / "out.json").read_text("utf-8").rstrip("\n")
    assert lock["definition_sha256"] == hashlib.sha256(definition.encode()).hexdigest()
    assert dagcast(folder, *COMPILE, "--locked").returncode == 0


def locked_error(folder: Path, **more: Any) -> str:
    before = {path.name: path.read_bytes() for path in folder.glob("out*")}
    done = dagcast(folder, *COMPILE, "--locked", **more)
    assert done.returncode == 1, done.stderr
    assert {path.name: path.read_bytes() for path in folder.glob("out*")} == before
    return done.stderr


def test_a_single_changed_byte_is_refused_by_lock_record_and_doctor(folder: Path) -> None:
    dagcast(folder, *COMPILE)
    file = folder / "site" / "acme_hooks" / "helper.py"
    file.write_bytes(file.read_bytes().replace(b"1", b"2"))
    error = locked_error(folder)
    assert "plugin 'acme': acme_hooks/helper.py was changed since the lock was written" in error
    assert "acme_hooks/helper.py differs from its RECORD: it was changed after the installation" in error
    doctor = dagcast(folder, "plugins", "doctor")
    assert doctor.returncode == 1
    assert "acme_hooks/helper.py differs from its RECORD" in doctor.stdout
    plain = dagcast(folder, *COMPILE)
    assert plain.returncode == 0
    assert plain.stderr.count("warning: plugin 'acme': acme_hooks/helper.py differs from its RECORD") == 1


def test_a_changed_byte_is_refused_even_if_the_record_was_changed_as_well(folder: Path) -> None:
    dagcast(folder, *COMPILE)
    changed = Built(
        ACME.name,
        modules={**ACME.modules, "acme_hooks.helper": HELPER.replace("1", "2")},
        entry_points=ACME.entry_points,
    )
    changed.install(folder / "site")
    error = locked_error(folder)
    assert "acme_hooks/helper.py was changed since the lock was written" in error
    assert "RECORD" not in error


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda site: (site / "acme_hooks" / "more.py").write_text("x = 1\n"),
            "acme_hooks/more.py was added",
        ),
        (lambda site: (site / "acme_hooks" / "__init__.py").unlink(), "acme_hooks/__init__.py was removed"),
        (
            lambda site: (site / "acme_plugin-1.0.dist-info" / "entry_points.txt").write_text(
                "[dagcast]\nacme = acme_hooks.hooks:other\n"
            ),
            "entry_points.txt differs from its RECORD",
        ),
        (
            lambda site: (site / "acme_plugin-1.0.dist-info" / "METADATA").write_text(
                "Metadata-Version: 2.1\nName: acme-plugin\nVersion: 1.1\n"
            ),
            "its version is 1.1, the lock has 1.0",
        ),
    ],
)
def test_added_removed_and_renamed_files_are_refused(folder: Path, change: Any, message: str) -> None:
    dagcast(folder, *COMPILE)
    change(folder / "site")
    done = dagcast(folder, *COMPILE, "--locked")
    doctor = dagcast(folder, "plugins", "doctor")
    assert done.returncode == 1
    assert message in done.stderr + doctor.stdout


def test_a_folder_on_pythonpath_that_shadows_the_package_is_refused(folder: Path) -> None:
    dagcast(folder, *COMPILE)
    shadow = folder / "shadow"
    shutil.copytree(folder / "site" / "acme_hooks", shadow / "acme_hooks")
    error = locked_error(folder, before=(shadow,))
    assert f"module 'acme_hooks' comes from {shadow}" in error
    doctor = dagcast(folder, "plugins", "doctor", before=(shadow,))
    assert doctor.returncode == 1
    assert f"module 'acme_hooks' comes from {shadow}" in doctor.stdout


def test_json_and_yaml_of_one_name_have_locks_of_their_own(folder: Path) -> None:
    names = {
        name: lock_path(folder / name).name
        for name in ("x.json", "x.yaml", "x", "x.yaml.json", "x.json.json")
    }
    assert len(set(names.values())) == len(names)
    assert dagcast(folder, *COMPILE).returncode == 0
    yaml = ("compile", "pipeline.yaml", "--no-plugins", "-o", "out.yaml", "--format", "yaml")
    assert dagcast(folder, *yaml).returncode == 0
    assert dagcast(folder, *COMPILE, "--locked").returncode == 0
    done = dagcast(folder, "compile", "pipeline.yaml", "-o", "out.plugins.json")
    assert done.returncode == 2
    assert "those of plugin locks" in done.stderr


def test_another_definition_under_the_same_lock_is_a_warning(folder: Path) -> None:
    dagcast(folder, *COMPILE)
    (folder / "pipeline.yaml").write_text(CONFIG.replace("enough", "other"), encoding="utf-8")
    done = dagcast(folder, *COMPILE, "--locked")
    assert done.returncode == 0
    assert "warning: the definition has the digest" in done.stderr


# Within one process


@pytest.fixture
def compiled(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lock that another process wrote, and this process, which finds the same plugin."""
    assert dagcast(folder, *COMPILE).returncode == 0
    monkeypatch.syspath_prepend(str(folder / "site"))
    return folder


def check(folder: Path) -> list[str]:
    """Compare a compile of this process with the lock, and return the differences."""
    compiler = PipelineDAGCompiler(folder / "pipeline.yaml", plugins=["acme"])
    compiler.compile_definition()
    plugins = compiler.plugins
    try:
        check_lock(folder / "out.plugins.json", plugins.lock(), plugins.code_files())
    except DagcastError as error:
        return str(error).splitlines()
    return []


def test_an_upgrade_within_the_process_is_refused(compiled: Path) -> None:
    assert check(compiled) == []
    site = compiled / "site"
    original = (site / "acme_hooks" / "helper.py").read_bytes()
    upgraded = Built(
        ACME.name,
        modules={**ACME.modules, "acme_hooks.helper": HELPER.replace("1", "2")},
        entry_points=ACME.entry_points,
    )
    upgraded.install(site)
    found = "\n".join(check(compiled))
    assert "acme_hooks/helper.py was changed since this process imported it" in found
    # What lies on disk is what the lock has, but this process has imported something else.
    del sys.modules["acme_hooks.helper"]
    importlib.import_module("acme_hooks.helper")
    (site / "acme_hooks" / "helper.py").write_bytes(original)
    ACME.install(site)
    assert "module 'acme_hooks.helper' was imported again" in "\n".join(check(compiled))


def test_a_reloaded_module_is_refused(compiled: Path) -> None:
    assert check(compiled) == []
    importlib.reload(sys.modules["acme_hooks.helper"])
    assert "module 'acme_hooks.helper' was reloaded in this process" in "\n".join(check(compiled))


def test_code_that_was_imported_before_its_file_changed_is_refused(compiled: Path) -> None:
    file = compiled / "site" / "acme_hooks" / "helper.py"
    original = file.read_bytes()
    file.write_bytes(original.replace(b"1", b"2"))
    # Bytecode is found by size and second: within the same one, the import would take that of the original.
    os.utime(file, (0, file.stat().st_mtime + 10))
    importlib.import_module("acme_hooks.helper")
    file.write_bytes(original)
    found = "\n".join(check(compiled))
    assert "module 'acme_hooks.helper' has functions that its file does not define" in found


def test_an_object_is_locked_as_one(folder: Path) -> None:
    from dagcast.plugin import hookimpl

    class Local:
        name = "local"

        @hookimpl
        def extract_metadata(self, config: Any) -> dict[str, Any]:
            return {}

    report = PipelineDAGCompiler(folder / "pipeline.yaml", plugins=[Local()]).compile_definition().report
    assert (report.plugins[0]["code"], report.plugins[0]["code_sha256"]) == ("object", None)


def test_wheel_and_path_have_the_same_digest(folder: Path) -> None:
    assert dagcast(folder, *COMPILE).returncode == 0
    wheel = json.loads((folder / "out.plugins.json").read_text("utf-8"))["plugins"][0]
    (folder / "site" / "acme_plugin-1.0.dist-info" / "RECORD").unlink()
    assert dagcast(folder, *COMPILE).returncode == 0
    path = json.loads((folder / "out.plugins.json").read_text("utf-8"))["plugins"][0]
    assert (wheel["code"], path["code"]) == ("distribution", "path")
    assert wheel["code_sha256"] == path["code_sha256"]


RECORDS = {
    "empty": b"",
    "Latin-1": "acme_hooks/na\u00efve.py,,\n".encode("latin-1"),
    "two columns": b"acme_hooks/helper.py,sha256=abc\n",
    "quotes": b'"acme_hooks/helper.py\n',
    "not base64": b"acme_hooks/helper.py,sha256=????,1\n",
    "not a digest": b"acme_hooks/hooks.py,sha256=YWJj,1\n",
    "outside": b"../../etc/passwd,sha256=abc,1\nacme_hooks/hooks.py,,\n",
    "NUL": b"acme_hooks/\x00.py,,\nacme_hooks/hooks.py,,\n",
    "a folder": b"acme_hooks,,\nacme_hooks/hooks.py,,\n",
}


@pytest.mark.parametrize("content", RECORDS.values(), ids=RECORDS)
def test_a_malformed_record_stops_no_compile(folder: Path, content: bytes) -> None:
    (folder / "site" / "acme_plugin-1.0.dist-info" / "RECORD").write_bytes(content)
    done = dagcast(folder, *COMPILE)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    doctor = dagcast(folder, "plugins", "doctor")
    assert "Traceback" not in doctor.stderr


def test_the_code_of_mods_is_digested_soon(tmp_path: Path) -> None:
    site = build_site(tmp_path / "mods")
    program = (
        "import time; from dagcast.plugins.scan import scan_plugins; from dagcast.plugins.code_files import read_code;"
        "entry, = scan_plugins().named('mods'); read_code(entry); start = time.perf_counter();"
        "code = read_code(entry); print(len(code.files), code.problems, time.perf_counter() - start)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment([site]),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    count, problems, seconds = done.stdout.split(" ")
    assert int(count) > 30
    assert problems == "()"
    assert float(seconds) < 5
