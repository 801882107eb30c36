"""Jobs in containers: with the engine that answers here, if one does; and the refusal where none does."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import signal
import subprocess
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from dagcast.errors import InvalidInputError
from dagcast.runner.launch.choose_launcher import choose_launcher
from dagcast.runner.launch.command import Exit
from dagcast.runner.launch.docker_launcher import DockerLauncher, find_engine
from tests.runner.launch.bench import Bench, runner_program, until_there
from tests.support.child_processes import child_process

_IMAGE = "localhost/dagcast-test:latest"
_CONTAINERS_CONF = """\
[engine]
runtime = "runc"
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]
"""
_PROGRAMS = ("sh", "cat", "sleep", "env", "touch", "pwd", "ls", "kill")


@pytest.fixture(scope="session")
def monkeypatch_session() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield monkeypatch


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory, monkeypatch_session: pytest.MonkeyPatch) -> str:
    """The client of an engine that has an image with a shell, made of this machine's own programs."""
    try:
        found = find_engine()
    except InvalidInputError as error:
        pytest.skip(str(error))
    programs = {f"/usr/bin/{name}": str(shutil.which(name)) for name in _PROGRAMS}
    linked = subprocess.check_output(["ldd", *programs.values()], text=True)
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", dereference=True) as tar:
        for inside, path in {
            **programs,
            **{path: path for path in re.findall(r"(/\S+) \(0x", linked)},
        }.items():
            tar.inodes = {}  # type: ignore[attr-defined]  # no hard links
            tar.add(path, inside.lstrip("/"))
    subprocess.run([found, "import", "-", _IMAGE], input=archive.getvalue(), capture_output=True, check=True)
    problem = _start_problem(found)
    if problem:
        # Where this process may not raise its limits, podman's defaults (crun, higher limits) start nothing.
        path = tmp_path_factory.mktemp("containers") / "containers.conf"
        path.write_text(_CONTAINERS_CONF)
        monkeypatch_session.setenv("CONTAINERS_CONF", str(path))
        problem = _start_problem(found)
    if problem:
        pytest.skip(f"no engine can start a container here: {problem}")
    return found


def _start_problem(client: str) -> str | None:
    """Why the engine cannot start a container; ``None`` if it can."""
    ran = subprocess.run(
        [client, "run", "--rm", _IMAGE, "/usr/bin/env"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return None if ran.returncode == 0 else ran.stderr.strip()


@pytest.fixture(params=["plain", 'a b,c:d"e'])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A user's folder, also one whose name has all that options of mounts are split by."""
    return tmp_path / request.param


@pytest.fixture
def docker(client: str, tmp_path: Path) -> Iterator[Bench]:
    """A bench whose jobs are containers."""
    with DockerLauncher(client, grace=1) as started:
        yield Bench(started, tmp_path)
    assert _containers(client) == []


def _containers(client: str) -> list[str]:
    command = [client, "ps", "--all", "--filter", "name=dagcast-", "--quiet"]
    return subprocess.check_output(command, text=True).split()


def _run(bench: Bench, *argv: str, image: str | None = _IMAGE, **options: object) -> Exit:
    command = bench.command(*argv, **{"environment": {"A": "1 2"}, **options})  # type: ignore[arg-type]
    return bench.launcher.run(replace(command, image=image), bench.stop)


def test_a_container_has_its_ml_its_environment_and_its_exit_code(client: str, folder: Path) -> None:
    with DockerLauncher(client) as started:
        bench = Bench(started, folder)
        (bench.ml / "code").mkdir()
        (bench.ml / "in").write_text("given\n")
        job = 'cat /opt/ml/in; pwd; echo "$A"; echo bad >&2; touch /opt/ml/out; exit 7'
        ended = _run(bench, "sh", "-c", job, folder="/opt/ml/code")
    assert replace(ended, seconds=0) == Exit(code=7)
    assert bench.output == "given\n/opt/ml/code\n1 2\n"
    assert bench.errors == "bad\n"
    assert (bench.ml / "out").exists()


def test_the_images_entrypoint_gets_the_arguments(client: str, docker: Bench) -> None:
    command = [
        client,
        "import",
        "--change",
        'ENTRYPOINT ["/usr/bin/ls"]',
        "-",
        "localhost/dagcast-own:latest",
    ]
    export = subprocess.check_output([client, "create", _IMAGE, "x"], text=True).strip()
    archive = subprocess.check_output([client, "export", export])
    subprocess.run([client, "rm", export], capture_output=True, check=True)
    subprocess.run(command, input=archive, capture_output=True, check=True)
    own = docker.command("/opt", "-1", environment={})
    ended = docker.launcher.run(
        replace(own, has_program=False, image="localhost/dagcast-own:latest"), docker.stop
    )
    assert ended.code == 0, ended.problem
    assert docker.output == "ml\n"


def test_a_killed_container_is_reported(client: str, docker: Bench) -> None:
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(_run, docker, "sh", "-c", "touch there; sleep 1000")
        until_there(docker.ml / "there")
        subprocess.run([client, "kill", *_containers(client)], capture_output=True, check=True)
        ended = running.result()
    assert replace(ended, seconds=0) == Exit(code=None, signal=signal.SIGKILL)


@pytest.mark.parametrize(("trap", "number"), [("trap 'exit 3' TERM; ", None), ("", signal.SIGKILL)])
def test_a_container_at_its_timeout_gets_sigterm_then_sigkill(
    docker: Bench, trap: str, number: int | None
) -> None:
    ended = _run(docker, "sh", "-c", f"{trap}sleep 1000 & wait", timeout=1)
    assert (ended.timed_out, ended.stopped) == (True, False)
    assert (ended.code, ended.signal) == (None if number else 3, number)


def test_a_container_is_ended_when_the_run_is_stopped(docker: Bench) -> None:
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(_run, docker, "sh", "-c", "touch there; sleep 1000")
        until_there(docker.ml / "there")
        docker.stop.set()
        ended = running.result()
    assert (ended.code, ended.stopped) == (None, True)


def test_a_closed_launcher_ends_its_containers(docker: Bench) -> None:
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(_run, docker, "sh", "-c", "touch there; sleep 1000")
        until_there(docker.ml / "there")
        docker.launcher.close()
        assert running.result().stopped


def test_a_container_without_network_has_none(docker: Bench) -> None:
    assert _run(docker, "ls", "/sys/class/net", network=False).code == 0
    assert docker.output == "lo\n"


@pytest.mark.parametrize(
    ("argv", "image", "expected"),
    [
        (["no-such-program"], _IMAGE, "no-such-program"),
        (
            ["sh"],
            "localhost/no-such-image:1",
            "the engine created no container from localhost/no-such-image:1",
        ),
        (["sh"], None, "the container cannot start: invalid image None"),
        (["sh"], "--privileged", "the container cannot start: invalid image '--privileged'"),
        (["sh", "a\0"], _IMAGE, "argument 1 cannot be passed to a process"),
    ],
)
def test_a_container_that_cannot_start_is_reported(
    docker: Bench, argv: list[str], image: str | None, expected: str
) -> None:
    ended = _run(docker, *argv, image=image)
    assert ended.code is None
    assert ended.problem is not None
    assert expected in ended.problem


def test_containers_end_with_a_killed_runner(client: str, tmp_path: Path) -> None:
    there = Bench(DockerLauncher(client), tmp_path).ml / "there"
    program = runner_program("docker", tmp_path, "sh", "-c", "touch there; sleep 1000")
    with child_process(program, env={**os.environ, "IMAGE": _IMAGE}) as runner:
        until_there(there)
        runner.kill()  # the runner alone, not what it has started
        runner.wait(60)
    while _containers(client):
        pass


def test_a_missing_client_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InvalidInputError, match="neither docker nor podman is on PATH"):
        choose_launcher("docker", tmp_path)


def test_an_engine_that_does_not_answer_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    client = shutil.which("docker")
    if client is None:
        pytest.skip("there is no docker client here")
    (tmp_path / "docker").symlink_to(client)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    with pytest.raises(InvalidInputError, match="no container engine answers: docker info: ") as raised:
        choose_launcher("docker", tmp_path)
    (diagnostic,) = raised.value.diagnostics
    assert json.loads(json.dumps(diagnostic.as_dict()))["code"] == "run.isolation"
    assert "auto" in str(diagnostic.hint)
