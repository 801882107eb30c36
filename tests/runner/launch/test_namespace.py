"""What a job in namespaces of its own sees, and what it cannot do."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

import dagcast.runner
from dagcast.runner.launch.choose_launcher import choose_launcher
from tests.runner.launch.bench import Bench, marker, runner_program

_TRY = """
import ctypes, json, os, pty, signal, socket, subprocess, sys
runs = sys.argv[1]
libc = ctypes.CDLL(None, use_errno=True)
def call(name, *arguments):
    if getattr(libc, name)(*arguments) == -1:
        raise OSError(ctypes.get_errno(), name)
try:
    print(json.dumps(["did", ({DOING})]))
except OSError as error:
    print(json.dumps(["refused", type(error).__name__, error.errno]))
"""


@pytest.fixture
def seen(namespace: Bench) -> Iterator[Bench]:
    """A bench whose folder of runs does not lie below ``/tmp``, which a job does not see anyway."""
    if Path.home().is_relative_to("/tmp"):
        pytest.skip("the home folder lies below /tmp")
    with TemporaryDirectory(dir=Path.home(), prefix="dagcast-test-") as folder:
        (Path(folder) / "runs").mkdir()
        started = choose_launcher("namespace", Path(folder) / "runs")
        yield Bench(started, Path(folder))
        started.close()


@pytest.fixture(params=["below /tmp", "elsewhere"])
def place(request: pytest.FixtureRequest) -> Bench:
    """A bench below ``/tmp``, and one that is not."""
    found = request.getfixturevalue("namespace" if request.param == "below /tmp" else "seen")
    assert isinstance(found, Bench)
    (found.attempt("other") / "ml" / "secret").write_text("secret")
    return found


def _try(bench: Bench, doing: str, **options: Any) -> Any:
    """Have a job evaluate an expression: ``["did", VALUE]`` or ``["refused", ERROR, NUMBER]``."""
    (bench.attempt("step") / "stdout.log").unlink(missing_ok=True)
    ended = bench.python(_TRY.replace("{DOING}", doing), str(bench.runs), **options)
    assert ended.code == 0, bench.errors
    return json.loads(bench.output)


def test_auto_chooses_namespaces_where_unshare_works(namespaces: bool, tmp_path: Path) -> None:
    started = choose_launcher("auto", tmp_path)
    started.close()
    assert started.isolation == ("namespace" if namespaces else "paths")


def test_a_job_sees_only_its_own_folder_of_the_run(place: Bench) -> None:
    (place.ml / "input").mkdir()
    assert _try(place, "os.listdir('/opt/ml')") == ["did", ["input"]]
    assert not Path("/opt/ml").exists()


@pytest.mark.parametrize(
    "doing",
    [
        "os.listdir(runs + '/one')",
        "open(runs + '/one/steps/other/attempt-1/ml/secret').read()",
        "open(runs + '/one/steps/step/attempt-1/stdout.log').read()",
        "open(runs + '/one/steps/step/attempt-1/ml/x', 'w').close()",
        "open(runs + '/x', 'w').close()",
        "os.mkdir(runs + '/x')",
        "os.listdir('/proc/1/root' + runs + '/one')",
        "os.listdir('/proc/1/cwd/')",
        "open('/proc/1/environ', 'rb').read(1).hex()",
        "open('/proc/1/mem', 'rb').read(1).hex()",
        "[os.close(os.open('/proc/1/fd/' + n, os.O_WRONLY)) for n in map(str, range(3, 64))]",
        "call('setns', os.open('/proc/1/ns/mnt', os.O_RDONLY), 0)",
        "call('ptrace', 16, 1, 0, 0)",
        "call('umount2', runs.encode(), 2)",
        "call('umount2', b'/', 2)",
        "call('umount2', b'/tmp', 2)",
        "call('mount', b'none', b'/etc', None, 32 | 4096, None)",
        "call('mount', b'tmpfs', b'/tmp', b'tmpfs', 0, None)",
        "os.chroot('/tmp')",
        "os.mknod('/tmp/disk', 0o60600, os.makedev(254, 0))",
        "call('sethostname', b'x', 1)",
        "open('/proc/sys/kernel/core_pattern', 'w').close()",
        "open('/proc/sysrq-trigger', 'w').close()",
        "os.mkdir('/sys/fs/cgroup/x')",
        "os.listdir('/dev/mapper')",
        "open('/dev/tty').close()",
        "os.kill(int(os.environ['RUNNER']), 0)",
    ],
)
def test_a_job_cannot(place: Bench, doing: str) -> None:
    assert _try(place, doing, environment={"RUNNER": str(os.getpid())})[0] == "refused"


def test_a_job_sees_an_empty_runs_folder(seen: Bench) -> None:
    assert _try(seen, "os.listdir(runs)") == ["did", []]


def test_a_nested_user_namespace_uncovers_nothing(seen: Bench) -> None:
    (seen.attempt("other") / "ml" / "secret").write_text("secret")
    inside = (
        f"umount -l {seen.runs}; umount {seen.runs}; mount -o remount,bind,rw /etc; echo x > /etc/x;"
        f" umount -l /; cat {seen.runs}/one/steps/other/attempt-1/ml/secret; ls -A {seen.runs}"
    )
    seen.run("unshare", "--user", "--map-current-user", "--keep-caps", "--mount", "sh", "-c", inside)
    assert seen.output == ""
    assert "cat:" in seen.errors or "unshare:" in seen.errors
    assert not Path("/etc/x").exists()


def test_a_job_sees_only_its_own_processes(place: Bench) -> None:
    mark = marker()
    with place.running("sh", "-c", f"touch there; sleep {mark}", step="peer") as peer:
        found = _try(place, "[int(n) for n in os.listdir('/proc') if n.isdigit()]")
        assert _try(place, "os.kill(-1, signal.SIGKILL)")[0] == "refused"
        assert not peer.done()
    assert found == ["did", [1, 2]]


def test_a_job_has_no_capability_and_cannot_get_any(namespace: Bench) -> None:
    answer = _try(namespace, "[line.split() for line in open('/proc/self/status')]")
    status = {line[0].rstrip(":"): line[-1] for line in answer[1]}
    assert {int(status[f"Cap{kind}"], 16) for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {0}
    assert status["NoNewPrivs"] == "1"


def test_a_job_is_the_same_user(namespace: Bench) -> None:
    ids = [os.getuid(), os.geteuid(), os.getgid(), os.getegid()]
    assert _try(namespace, "[os.getuid(), os.geteuid(), os.getgid(), os.getegid()]") == ["did", ids]
    namespace.run("touch", "/opt/ml/made")
    assert (namespace.ml / "made").stat().st_uid == os.getuid()


def test_temporary_folders_are_private_and_removed(namespace: Bench) -> None:
    mine = Path("/tmp") / f"dagcast-test-{marker()}"
    mine.touch()
    try:
        doing = (
            "[os.path.exists(sys.argv[2]), [open(p + '/x', 'w').close() or 'x' in os.listdir(p)"
            " for p in ('/tmp', '/dev/shm')], 'x' in os.listdir('/var/tmp'), __import__('tempfile').gettempdir()]"
        )
        ended = namespace.python(_TRY.replace("{DOING}", doing), str(namespace.runs), str(mine))
    finally:
        mine.unlink()
    assert ended.code == 0, namespace.errors
    assert json.loads(namespace.output) == ["did", [False, [True, True], True, "/tmp"]]
    assert sorted(path.name for path in namespace.attempt("step").iterdir()) == [
        "ml",
        "stderr.log",
        "stdout.log",
    ]


def test_deeply_nested_folders_are_removed(namespace: Bench) -> None:
    ended = namespace.python(
        "import os\nos.chdir('/tmp')\nfor _ in range(3000):\n    os.mkdir('a'); os.chdir('a')"
    )
    assert ended.code == 0, namespace.errors
    assert sorted(path.name for path in namespace.attempt("step").iterdir()) == [
        "ml",
        "stderr.log",
        "stdout.log",
    ]


def test_root_gets_namespaces_where_user_namespaces_are_forbidden(namespaces: bool, tmp_path: Path) -> None:
    if not namespaces:
        pytest.skip("this machine lets nobody have namespaces")
    # Root of a user namespace that may have none of its own, but all else.
    job = f"touch /etc/x /opt/ml/made; umount -l {tmp_path}; grep CapEff /proc/self/status"
    script = 'echo 0 >/proc/sys/user/max_user_namespaces && exec "$@"'
    ran = subprocess.run(
        ["unshare", "-Ur", "sh", "-c", script, "sh", *runner_program("namespace", tmp_path, "sh", "-c", job)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["exit"]["code"] == 0
    attempt = tmp_path / "runs" / "one" / "steps" / "step" / "attempt-1"
    assert int((attempt / "stdout.log").read_text().split()[1], 16) == 0
    assert not Path("/etc/x").exists()
    assert (attempt / "ml" / "made").exists()


def test_a_home_outside_is_replaced_and_the_users_packages_are_found(
    namespace: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    base = tmp_path / "base"
    base.mkdir()
    monkeypatch.setattr("site.USER_BASE", str(base))
    doing = "[os.environ['HOME'], os.environ.get('PYTHONUSERBASE'), os.environ.get('TMPDIR')]"
    outside = {"HOME": "/elsewhere", "TMPDIR": "/elsewhere/tmp"}
    assert _try(namespace, doing, environment=outside) == ["did", ["/tmp", str(base), None]]
    inside = {"HOME": "/opt/ml", "TMPDIR": "/opt/ml/tmp"}
    assert _try(namespace, doing, environment=inside) == ["did", ["/opt/ml", None, "/opt/ml/tmp"]]


def test_devices_terminals_and_locks_work(namespace: Bench) -> None:
    doing = (
        "[len(open('/dev/urandom', 'rb').read(3)), open('/dev/null', 'w').write('x'), len(pty.openpty()),"
        " __import__('multiprocessing').Lock().acquire(), os.path.exists('/dev/fd/1')]"
    )
    assert _try(namespace, doing) == ["did", [3, 1, 2, True, True]]


def test_a_job_without_network_has_only_its_own_loopback(namespace: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        reach = f"socket.create_connection(('127.0.0.1', {port}), 5).close()"
        assert _try(namespace, reach) == ["did", None]
        answer = _try(namespace, reach, network=False)
    assert answer[:2] == ["refused", "ConnectionRefusedError"]
    answer = _try(
        namespace,
        "(lambda s: [socket.create_connection(s.getsockname()).close(),"
        " socket.if_nameindex()])(socket.create_server(('127.0.0.1', 0)))",
        network=False,
    )
    assert answer == ["did", [None, [[1, "lo"]]]]


def test_an_interpreter_and_packages_below_tmp_stay_visible(namespace: Bench) -> None:
    env = namespace.folder / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", env], check=True)
    library = namespace.folder / "library"
    library.mkdir()
    (library / "mine.py").write_text("here = __file__")
    (namespace.folder / "beside").write_text("not for jobs")
    doing = "[sys.prefix, __import__('mine').here, os.path.exists(sys.prefix + '/../beside')]"
    command = namespace.command(
        "python",
        "-c",
        _TRY.replace("{DOING}", doing),
        str(namespace.runs),
        environment={"PYTHONPATH": str(library), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    ended = namespace.launcher.run(replace(command, python=env / "bin" / "python"), namespace.stop)
    assert ended.code == 0, namespace.errors
    assert json.loads(namespace.output) == ["did", [str(env), str(library / "mine.py"), False]]


def test_an_environment_inside_the_folder_of_runs_stays_visible(seen: Bench) -> None:
    env = seen.runs / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", env], check=True)
    command = seen.command("python", "-c", _TRY.replace("{DOING}", "os.listdir(runs)"), str(seen.runs))
    ended = seen.launcher.run(replace(command, python=env / "bin" / "python"), seen.stop)
    assert ended.code == 0, seen.errors
    assert json.loads(seen.output) == ["did", ["env"]]


def test_programs_of_the_runner_can_be_run(namespace: Bench) -> None:
    package = Path(dagcast.runner.__file__).parent
    answer = _try(namespace, f"os.path.isdir({str(package / 'in_job')!r})")
    assert answer == ["did", True]


def test_mounts_are_made_read_only_one_by_one_without_mount_setattr(namespaces: bool, tmp_path: Path) -> None:
    if not namespaces:
        pytest.skip("this machine lets nobody have namespaces")
    core = Path(dagcast.runner.__file__).parents[2]
    for name in ("a b", "a b/inner", "a b/inner/deep"):
        (tmp_path / name).mkdir()
    code = (
        f"import sys; sys.path.append({str(core)!r})\n"
        "from dagcast.runner.launch import linux\n"
        "top, inner, deep = sys.argv[1:]\n"
        "linux.bind(top, top)\n"
        "linux.mount('tmpfs', inner, 'tmpfs', linux.NOSUID | linux.NODEV)\n"
        "linux.remount_read_only(top)\n"
        "for place in (top, inner):\n"
        "    try:\n"
        "        open(place + '/x', 'w')\n"
        "    except OSError as error:\n"
        "        print(error.errno)\n"
    )
    top = tmp_path / "a b"
    ended = subprocess.run(
        ["unshare", "-Urm", sys.executable, "-c", code, top, top / "inner", top / "inner" / "deep"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.stdout, ended.stderr) == ("30\n30\n", "")
