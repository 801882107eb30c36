"""What jobs without namespaces can do to each other, and to this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dagcast.runner.launch import rewrite_ml_paths
from dagcast.runner.launch.linux import landlock_rights, landlock_version
from dagcast.runner.launch.process_launcher import ProcessLauncher
from tests.runner.launch.bench import Bench

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not landlock_rights(), reason="this kernel has no Landlock"
)


@pytest.fixture
def other(rewritten: Bench) -> Path:
    """The folder of another step, with a file in it."""
    ml = rewritten.attempt("other") / "ml"
    (ml / "secret").write_text("secret")
    return ml


@pytest.mark.parametrize(
    "action",
    [
        'cat "$OTHER/secret"',
        'echo x > "$OTHER/secret"',
        'echo x >> "$OTHER/secret"',
        'echo x > "$OTHER/new"',
        'mkdir "$OTHER/new"',
        'ln -s /etc "$OTHER/new"',
        'rm "$OTHER/secret"',
        'mv "$OTHER/secret" .',
        'mv "$OTHER" .',
        'ln "$OTHER/secret" .',
        'truncate -s 0 "$OTHER/secret"',
        'ln -s "$OTHER" link && cat link/secret',
        'cd "$OTHER" && cat secret',
        'cat "/proc/self/root$OTHER/secret"',
        'cat "../../../other/attempt-1/ml/secret"',
        'touch mine && mv mine "$OTHER/new"',
        'cp /bin/cat "$OTHER/secret"',
        '"$OTHER/program"',
        'sh -c "(setsid cat $OTHER/secret)"',
    ],
)
def test_a_job_cannot_use_the_files_of_another(rewritten: Bench, other: Path, action: str) -> None:
    (other / "program").write_text("#!/bin/sh\nexit 0\n")
    (other / "program").chmod(0o755)

    ended = rewritten.run("sh", "-c", action, environment={"OTHER": str(other), "PATH": "/usr/bin:/bin"})

    assert ended.code not in (0, None), (ended, rewritten.output)
    assert "ermission denied" in rewritten.errors or "cross-device link" in rewritten.errors
    assert sorted(path.name for path in other.iterdir()) == ["program", "secret"]
    assert (other / "secret").read_text() == "secret"
    assert "secret" not in rewritten.output


def test_a_job_reads_only_its_own_folder_of_a_run(rewritten: Bench) -> None:
    for name in ("one/definition.json", "one/s3/bucket/key", "two/run.json"):
        (rewritten.runs / name).parent.mkdir(parents=True, exist_ok=True)
        (rewritten.runs / name).write_text("x")

    code = f"""if True:
        import pathlib
        for path in pathlib.Path({str(rewritten.runs)!r}).rglob("*"):
            if path.is_file():
                try:
                    print(path.name, path.read_text())
                except PermissionError:
                    pass
    """
    (rewritten.ml / "own").write_text("mine")
    assert rewritten.python(code).code == 0, rewritten.errors
    found = {line.split()[0] for line in rewritten.output.splitlines()}
    assert found == {"own", "stdout.log"} or found == {"own", "stdout.log", "stderr.log"}


@pytest.mark.parametrize("place", ["..", "../..", "/usr", "/etc", "/", "/var"])
def test_a_job_cannot_write_next_to_its_own_folder(rewritten: Bench, place: str) -> None:
    assert rewritten.run("sh", "-c", f"echo x > {place}/dagcast-was-here").code != 0
    assert "ermission denied" in rewritten.errors
    assert not (rewritten.ml / place / "dagcast-was-here").exists()


def test_a_job_can_do_anything_in_its_own_folder(rewritten: Bench) -> None:
    script = """
        set -e
        mkdir -p a/b && echo 1 > a/b/x && mv a/b/x a/y && ln a/y z && ln -s z link && cat link
        mkfifo pipe && rm pipe && rm -r a && truncate -s 0 z
        printf '#!/bin/sh\\necho ran\\n' > program && chmod +x program && ./program
    """
    ended = rewritten.run("sh", "-c", script)
    assert ended.code == 0, rewritten.errors
    assert rewritten.output == "1\nran\n"


def test_a_job_reads_the_rest_of_the_machine(rewritten: Bench) -> None:
    code = """if True:
        import multiprocessing, os, subprocess, tempfile
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"x")
        lock = multiprocessing.get_context("fork").Lock()
        subprocess.run(["sh", "-c", "echo to /dev/stdout > /dev/stdout; echo to fd > /proc/self/fd/2"], check=True)
        open("/etc/passwd").read()
        open("/proc/self/comm").read()
        os.listdir("/"), os.listdir("..")
    """
    assert rewritten.python(code).code == 0, rewritten.errors
    assert rewritten.output == "to /dev/stdout\n"
    assert rewritten.errors == "to fd\n"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Bench]:
    """A bench whose folder of runs lies some folders below the user's own."""
    folder = tmp_path / "project" / ".dagcast"
    (folder / "runs").mkdir(parents=True)
    with ProcessLauncher("paths", folder / "runs", grace=2) as launcher:
        yield Bench(launcher, folder)


def test_a_job_imports_modules_next_to_the_runs_folder(project: Bench, tmp_path: Path) -> None:
    (tmp_path / "project" / "mine.py").write_text("value = 1")
    path = {"PYTHONPATH": str(tmp_path / "project"), "PATH": "/usr/bin:/bin"}
    assert project.python("import mine; print(mine.value)", environment=path).code == 0, project.errors
    assert project.output == "1\n"


def test_a_job_finds_files_created_after_the_previous_job(project: Bench, tmp_path: Path) -> None:
    assert project.run("true").code == 0
    new = tmp_path / "project" / "new.csv"
    before = new.parent.stat()
    new.write_text("1,2\n")
    os.utime(new.parent, ns=(before.st_atime_ns, before.st_mtime_ns))  # as tar and rsync do
    assert project.run("cat", str(new)).code == 0, project.errors
    assert project.run("sh", "-c", f"echo 3 > {new}").code != 0
    assert new.read_text() == "1,2\n"


def test_programs_in_the_runs_folder_are_found(rewritten: Bench) -> None:
    programs = rewritten.runs / "environments" / "one" / "bin"
    programs.mkdir(parents=True)
    (programs / "tool").write_text("#!/bin/sh\necho found\n")
    (programs / "tool").chmod(0o755)
    ended = rewritten.run("tool", environment={"PATH": f"{programs}:/usr/bin:/bin"})
    assert ended.code == 0, rewritten.errors
    assert rewritten.output == "found\n"


def test_jobs_use_var_tmp_if_the_runs_are_in_tmp(rewritten: Bench) -> None:
    assert rewritten.run("sh", "-c", "mktemp && mktemp -d").code == 0, rewritten.errors
    made = [Path(line) for line in rewritten.output.splitlines()]
    assert [path.parent for path in made] == [Path("/var/tmp")] * 2
    made[0].unlink()
    made[1].rmdir()


def test_jobs_have_their_own_temporary_folder_without_var_tmp(
    rewritten: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rewrite_ml_paths, "TEMPORARY_FOLDERS", ("/tmp",))
    for step in ("one", "two"):
        assert rewritten.run("sh", "-c", "mktemp -d > where", step=step).code == 0
    places = [Path((rewritten.attempt(step) / "ml" / "where").read_text()).parent for step in ("one", "two")]
    assert places[0] != places[1]
    assert not any(place.exists() for place in places)


def test_a_tmpdir_variable_grants_no_access_to_its_target(rewritten: Bench, other: Path) -> None:
    ended = rewritten.run(
        "sh", "-c", f"cat {other}/secret", environment={"TMPDIR": str(other), "PATH": "/usr/bin:/bin"}
    )
    assert ended.code != 0
    assert "secret" not in rewritten.output


@pytest.mark.parametrize(
    ("variable", "folder"),
    [
        ("PYTHONPATH", "project"),
        ("PYTHONPATH", "project/.dagcast/runs/"),
        ("PYTHONPATH", "project/.dagcast/runs/one/steps/other"),
        ("PATH", "/tmp/"),
        ("PATH", "/"),
        ("PATH", "link"),
        ("TMPDIR", "project/.dagcast/runs/one/steps/other"),
    ],
)
def test_no_variable_grants_access_to_the_runs_folder(
    project: Bench, tmp_path: Path, variable: str, folder: str
) -> None:
    secret = project.attempt("other") / "ml" / "secret"
    secret.write_text("secret")
    (tmp_path / "link").symlink_to(project.runs)
    (tmp_path / "project" / "data").write_text("data")
    places = {"PATH": "/usr/bin:/bin"}
    places[variable] = f"{tmp_path / folder}{'/' if folder.endswith('/') else ''}:{places.get(variable, '')}"

    assert project.run("cat", str(secret), environment=places).code == 1
    assert project.run("cat", str(tmp_path / "project" / "data"), environment=places).code == 0, (
        project.errors
    )
    assert project.output == "data"


def test_a_job_cannot_read_the_runners_environment(rewritten: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "do-not-tell")
    script = "for pid in $PPID /proc/[0-9]*; do tr '\\0' '\\n' < /proc/${pid#/proc/}/environ; done; true"
    assert rewritten.run("sh", "-c", script).code == 0
    assert "do-not-tell" not in rewritten.output
    assert "PATH=" in rewritten.output, "it sees its own"


@pytest.mark.skipif(os.geteuid() != 0, reason="nobody but root may do that anyway")
def test_a_job_of_root_cannot_change_the_machine(rewritten: Bench) -> None:
    assert rewritten.run("sh", "-c", ": >> /proc/sys/kernel/core_pattern").code != 0
    assert rewritten.run("mount", "-t", "tmpfs", "none", str(rewritten.ml)).code != 0


def test_a_job_cannot_signal_other_jobs_or_the_runner(rewritten: Bench) -> None:
    if landlock_version() < 6:
        pytest.skip("this kernel's Landlock knows no signals")
    with rewritten.running(
        "sh", "-c", "echo $$ > pid; touch there; until [ -e go ]; do sleep 0.01; done; exit 5"
    ) as other:
        pids = [(rewritten.ml / "pid").read_text().strip(), str(os.getpid())]
        for pid in pids:
            assert rewritten.run("sh", "-c", f"kill -TERM {pid}", step="spy").code != 0
            assert "not permitted" in (rewritten.attempt("spy") / "stderr.log").read_text()
        (rewritten.ml / "go").touch()
        assert other.result().code == 5
