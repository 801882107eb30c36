"""A job writes wherever a container lets it, and nothing of it is there when it has ended."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from dagcast.runner.launch.choose_launcher import choose_launcher
from tests.runner.launch.bench import PROGRAM, Bench

CORE = Path(__file__).parents[3] / "core"

WRITABLE = (
    "/",
    "/etc",
    "/home",
    "/mnt",
    "/opt",
    "/root",
    "/srv",
    "/usr",
    "/usr/local",
    "/usr/local/bin",
    "/usr/local/lib",
    "/var/cache",
    "/var/log",
)
"""Folders in which root, the user of a container, writes."""


@pytest.fixture
def project(namespace: Bench) -> Iterator[Bench]:
    """A bench in the home folder, as a user's project is, and not below ``/tmp``."""
    with TemporaryDirectory(dir=Path.home(), prefix="dagcast-test-") as folder:
        (Path(folder) / "runs").mkdir()
        started = choose_launcher("namespace", Path(folder) / "runs")
        yield Bench(started, Path(folder))
        started.close()


def _shell(bench: Bench, script: str, **options: object) -> str:
    (bench.attempt("step") / "stdout.log").unlink(missing_ok=True)
    ended = bench.run("sh", "-ec", script, **options)
    assert ended.code == 0, bench.errors
    return bench.output


@pytest.mark.parametrize("folder", [path for path in WRITABLE if Path(path).is_dir()])
def test_files_of_a_job_end_with_it(namespace: Bench, folder: str) -> None:
    name = f"{folder.rstrip('/')}/{namespace.folder.name}"
    assert _shell(namespace, f"mkdir {name}; echo mine >{name}/file; cat {name}/file") == "mine\n"
    assert not Path(name).exists()
    assert _shell(namespace, f"test ! -e {name}") == ""


def test_files_of_the_user_stay_as_they_are(project: Bench) -> None:
    for name in ("kept", "replaced", "removed", "renamed"):
        (project.folder / name).write_text(name)
    (project.folder / "package").mkdir()
    script = f"cd {project.folder}; echo new >replaced; rm removed; mv renamed other; chmod 700 kept; rmdir package; ls"
    assert _shell(project, script).split() == ["kept", "other", "replaced", "runs"]
    names = ["kept", "package", "removed", "renamed", "replaced", "runs"]
    assert sorted(path.name for path in project.folder.iterdir()) == names
    assert (project.folder / "replaced").read_text() == "replaced"


def test_nothing_of_the_layer_remains_in_the_runs_folder(project: Bench) -> None:
    _shell(project, "mkdir -p /usr/a/b; chmod 000 /usr/a; rm -f /etc/passwd; touch /x")
    assert sorted(path.name for path in project.attempt("step").iterdir()) == [
        "ml",
        "stderr.log",
        "stdout.log",
    ]
    assert Path("/etc/passwd").exists()


def _write_wheel(folder: Path) -> Path:
    """Write a wheel of a package ``parrot``, so that pip has something to install without a network."""
    wheel = folder / "parrot-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("parrot.py", "says = 'pieces of eight'\n")
        archive.writestr(
            "parrot-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: parrot\nVersion: 1.0\n"
        )
        archive.writestr(
            "parrot-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(
            "parrot-1.0.dist-info/RECORD",
            "parrot.py,,\nparrot-1.0.dist-info/METADATA,,\nparrot-1.0.dist-info/WHEEL,,\nparrot-1.0.dist-info/RECORD,,\n",
        )
    return wheel


@pytest.mark.parametrize("place", ["home", "temporary folder", "folder of runs", "odd name"])
def test_a_script_installs_packages_for_itself(project: Bench, tmp_path: Path, place: str) -> None:
    folder = {
        "home": project.folder,
        "temporary folder": tmp_path,
        "folder of runs": project.runs,
        "odd name": project.folder / "a,b=c d",
    }[place]
    env = folder / "env"
    subprocess.run([sys.executable, "-m", "venv", env], check=True)
    before = {path: path.stat().st_mtime_ns for path in env.rglob("*")}
    wheel = _write_wheel(project.ml)
    install = ["-m", "pip", "install", "--quiet", "--no-index", f"/opt/ml/{wheel.name}"]
    code = (
        f"import subprocess, sys; subprocess.run([sys.executable, *{install!r}], check=True)\n"
        "import parrot; print(parrot.says)"
    )
    command = replace(project.command("python", "-c", code), python=env / "bin" / "python")
    ended = project.launcher.run(command, project.stop)
    assert (ended.code, project.output) == (0, "pieces of eight\n"), project.errors
    assert {path: path.stat().st_mtime_ns for path in env.rglob("*")} == before


@pytest.mark.parametrize("network", [True, False])
def test_the_name_of_the_host_is_this_machine(namespace: Bench, network: bool) -> None:
    code = (
        "import socket\n"
        "server = socket.create_server(('algo-1', 0))\n"
        "with socket.create_connection(('algo-1', server.getsockname()[1]), 5):\n"
        "    print(socket.gethostbyname('algo-1'), 'algo-1' in open('/etc/hosts').read())\n"
        "open('/etc/hosts', 'a').write('127.0.0.1 peer\\n')\n"
        "print(socket.gethostbyname('peer'))"
    )
    before = Path("/etc/hosts").read_bytes()
    assert namespace.python(code, network=network).code == 0, namespace.errors
    assert namespace.output == "127.0.0.1 True\n127.0.0.1\n"
    assert Path("/etc/hosts").read_bytes() == before


def test_a_job_starts_in_the_root_unless_it_says_otherwise(namespace: Bench) -> None:
    command = replace(
        namespace.command("sh", "-ec", "pwd; echo x >file; cat ../file"), working_directory=None
    )
    assert namespace.launcher.run(command, namespace.stop).code == 0, namespace.errors
    assert namespace.output == "/\nx\n"


def _run_program(prefix: list[str], program: list[str], folder: Path, script: str) -> tuple[str, str]:
    """Run a job by a runner that another program starts, as ``unshare`` does; return its output and errors."""
    ran = subprocess.run(
        [*prefix, *program, "namespace", str(folder), "sh", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd="/",
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["isolation"] == "namespace"
    attempt = folder / "runs" / "one" / "steps" / "step" / "attempt-1"
    return (attempt / "stdout.log").read_text(), (attempt / "stderr.log").read_text()


@pytest.mark.skipif(os.geteuid() != 0, reason="all other tests run as such a user already")
@pytest.mark.skipif(not Path("/usr/bin/python3").exists(), reason="the only Python may be root's own")
def test_a_user_without_privileges_writes_as_root_does_in_a_container(namespace: Bench) -> None:
    with TemporaryDirectory(dir="/srv", prefix="dagcast-test-") as name:
        folder = Path(name)
        places = [path for path in WRITABLE if Path(path).is_dir()]
        script = "; ".join(
            f"mkdir {path}/made-by-job && echo {path}" for path in (each.rstrip("/") for each in places)
        )
        (folder / "runs").mkdir()
        os.chown(folder, 4321, 4321)
        os.chown(folder / "runs", 4321, 4321)
        as_user = ["setpriv", "--reuid=4321", "--regid=4321", "--clear-groups"]
        shutil.copytree(CORE / "dagcast", folder / "core" / "dagcast")
        program = folder / "core" / PROGRAM.name
        source = PROGRAM.read_text()
        program.write_text(
            source.replace('str(Path(__file__).parents[3] / "core")', "str(Path(__file__).parent)")
        )
        output, errors = _run_program(as_user, ["/usr/bin/python3", str(program)], folder, script)
        assert ["/" + line.lstrip("/") for line in output.splitlines()] == places, errors
        attempt = folder / "runs" / "one" / "steps" / "step" / "attempt-1"
        assert sorted(path.name for path in attempt.iterdir()) == ["ml", "stderr.log", "stdout.log"]


def test_folders_that_no_overlay_covers_are_read_only(namespace: Bench) -> None:
    """The kernel stacks two overlays and no third. Folders next to and above the mount still take new files."""
    with TemporaryDirectory(dir=Path.home(), prefix="dagcast-test-") as name:
        folder = Path(name)
        for each in ("u1", "w1", "u2", "w2", "stacked", "runs"):
            (folder / each).mkdir()
        (folder / "stacked" / "file").write_text("kept")
        made = Path.home() / f"{folder.name}-made"
        stack = "".join(
            f"mount -t overlay overlay -o userxattr,lowerdir={folder}/stacked,upperdir={folder}/u{n},"
            f"workdir={folder}/w{n} {folder}/stacked; "
            for n in (1, 2)
        )
        inside = [
            "unshare",
            "-Um",
            "--map-current-user",
            "--keep-caps",
            "sh",
            "-ec",
            f'{stack} exec "$@"',
            "sh",
        ]
        output, errors = _run_program(
            inside,
            [sys.executable, str(PROGRAM)],
            folder,
            f"cat {folder}/stacked/file; echo x >{made} && echo there; echo x >{folder}/stacked/x",
        )
        assert output == "keptthere\n"
        assert "Read-only file system" in errors
        assert not made.exists()


def test_the_layer_moves_to_memory_where_the_disk_is_an_overlay(namespace: Bench) -> None:
    """As in a container, whose root is an overlay: another overlay cannot write to it."""
    with TemporaryDirectory(dir=Path.home(), prefix="dagcast-test-") as name:
        folder = Path(name)
        for each in ("upper", "work", "home"):
            (folder / each).mkdir()
        (folder / "home" / "runs").mkdir()
        mount = (
            f"mount -t overlay overlay -o userxattr,lowerdir={folder}/home,upperdir={folder}/upper,"
            f"workdir={folder}/work {folder}/home; "
        )
        inside = ["unshare", "-Um", "--map-current-user", "--keep-caps", "sh", "-ec"]
        script = "echo written >/usr/x; cat /usr/x"
        show = f"cat {folder}/home/runs/one/steps/step/attempt-1/std*.log"
        ran = subprocess.run(
            [
                *(*inside, f'{mount} "$@"; {show}', "sh", sys.executable, str(PROGRAM)),
                *("namespace", str(folder / "home"), "sh", "-c", script),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert ran.returncode == 0, ran.stderr
        assert ran.stdout.endswith("written\n"), ran.stdout
