"""A step's Python environment: the current one, with what its requirements add."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import zipfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from dagcast.runner.executors.executor import StepFailedError, StepStoppedError
from dagcast.runner.launch.command import Command
from dagcast.runner.python_env import prepare_python
from tests.runner.container.support import BUCKET, Bench, packed, processing_arguments
from tests.runner.container.test_training import Engine
from tests.runner.launch.bench import until
from tests.support.child_processes import ProcessStarter

LAUNCHER = """#!/bin/bash
set -eu
cd /opt/ml/processing/input/code
tar -xzf sourcedir.tar.gz
if [ -f requirements.txt ]; then
    python3 -m pip install --requirement requirements.txt
fi
exec python3 "$@"
"""


def framework_request(bench: Bench, files: Mapping[str, str], launcher: str = LAUNCHER) -> dict[str, Any]:
    """A request of a FrameworkProcessor: a shell script unpacks these files and runs ``main.py``."""
    bench.put(f"{BUCKET}/code/sourcedir.tar.gz", packed(files))
    bench.put(f"{BUCKET}/code/run.sh", launcher)
    request = processing_arguments(
        inputs={
            "code": (f"{BUCKET}/code/sourcedir.tar.gz", "input/code"),
            "entrypoint": (f"{BUCKET}/code/run.sh", "input/entrypoint"),
        },
        outputs={"words": "out"},
    )
    request["AppSpecification"] = {
        "ContainerEntrypoint": ["/bin/bash", "/opt/ml/processing/input/entrypoint/run.sh"],
        "ContainerArguments": ["main.py", "/opt/ml/processing/out"],
    }
    return request


def make_wheel(folder: Path, version: str = "1.0") -> str:
    """A wheel of a package ``greeting`` that knows its version; its file name."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"greeting-{version}-py3-none-any.whl"
    described = f"greeting-{version}.dist-info"
    with zipfile.ZipFile(folder / name, "w") as wheel:
        wheel.writestr("greeting.py", f"WORDS = 'hello {version}'\n")
        wheel.writestr(
            f"{described}/METADATA", f"Metadata-Version: 2.1\nName: greeting\nVersion: {version}\n"
        )
        wheel.writestr(
            f"{described}/WHEEL",
            "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        wheel.writestr(f"{described}/RECORD", f"greeting.py,,\n{described}/METADATA,,\n{described}/WHEEL,,\n")
    return name


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """A folder with a wheel and the requirements that name it."""
    folder = tmp_path / "wheels"
    (folder / "requirements.txt").parent.mkdir()
    (folder / "requirements.txt").write_text(f"./{make_wheel(folder)}\npytest\n")
    return folder


def said(python: Path, code: str) -> str:
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_without_requirements_it_is_the_current_one(plain_bench: Bench, wheels: Path) -> None:
    assert prepare_python(plain_bench.step_run("Processing", {}), None) == Path(sys.executable)
    unwanted = plain_bench.step_run("Processing", {}, requirements=False)
    assert prepare_python(unwanted, (wheels, "requirements.txt")) == Path(sys.executable)


def test_requirements_come_on_top_of_the_current_one_and_are_kept(plain_bench: Bench, wheels: Path) -> None:
    first = prepare_python(plain_bench.step_run("Processing", {}), (wheels, "requirements.txt"))
    assert first.is_relative_to(plain_bench.runs / "environments")
    assert said(first, "import greeting; print(greeting.WORDS)") == "hello 1.0"
    where = said(first, "import pytest; print(pytest.__file__)")
    assert where == said(Path(sys.executable), "import pytest; print(pytest.__file__)")
    made = first.stat()
    again = prepare_python(plain_bench.step_run("Processing", {}), (wheels, "requirements.txt"))
    assert (again, again.stat()) == (first, made)
    assert not (plain_bench.attempt / "requirements.log").exists()


def test_other_requirements_are_another_environment(plain_bench: Bench, wheels: Path) -> None:
    first = prepare_python(plain_bench.step_run("Processing", {}), (wheels, "requirements.txt"))
    (wheels / "requirements.txt").write_text(f"./{make_wheel(wheels, '2.0')}\n")
    second = prepare_python(plain_bench.step_run("Processing", {}), (wheels, "requirements.txt"))
    assert said(first, "import greeting; print(greeting.WORDS)") == "hello 1.0"
    assert said(second, "import greeting; print(greeting.WORDS)") == "hello 2.0"


def test_another_version_than_the_current_ones_comes_first_and_the_current_one_stays(
    plain_bench: Bench, wheels: Path, tmp_path: Path
) -> None:
    first = prepare_python(plain_bench.step_run("Processing", {}), (wheels, "requirements.txt"))
    (wheels / "requirements.txt").write_text(f"./{make_wheel(wheels, '2.0')}\n")
    # The environment that was made stands for the current one.
    program = f"""
        import sys
        from pathlib import Path
        from tests.runner.container.support import Bench
        from dagcast.runner.python_env import prepare_python
        class Launcher:
            isolation = "paths"
        run = Bench(Path({str(tmp_path / "other")!r}), Launcher()).step_run("Processing", {{}})
        print(prepare_python(run, (Path({str(wheels)!r}), "requirements.txt")))
    """
    root = str(Path(__file__).parents[3])
    second = Path(said(first, f"import sys; sys.path.insert(0, {root!r})\n" + dedent(program)))
    assert said(second, "import greeting; print(greeting.WORDS)") == "hello 2.0"
    assert said(first, "import greeting; print(greeting.WORDS)") == "hello 1.0"


def test_an_environment_is_made_once_by_many_at_once(plain_bench: Bench, wheels: Path) -> None:
    runs = [plain_bench.step_run("Processing", {}) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(lambda run: prepare_python(run, (wheels, "requirements.txt")), runs))
    assert len(found) == 1
    assert sum((run.folder / "requirements.log").exists() for run in runs) == 1


def test_what_the_current_one_has_is_part_of_it(
    plain_bench: Bench, wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = prepare_python(plain_bench.step_run("Processing", {}), (wheels, "requirements.txt"))
    (tmp_path / "more" / "other-1.0.dist-info").mkdir(parents=True)
    monkeypatch.syspath_prepend(tmp_path / "more")
    assert prepare_python(plain_bench.step_run("Processing", {}), (wheels, "requirements.txt")) != first


def test_an_incomplete_environment_is_made_again(plain_bench: Bench, wheels: Path) -> None:
    first = prepare_python(plain_bench.step_run("Processing", {}), (wheels, "requirements.txt"))
    (first.parents[1] / "whole").unlink()
    (first.parents[1] / "lib" / "rubbish").write_text("half")
    again = prepare_python(plain_bench.step_run("Processing", {}), (wheels, "requirements.txt"))
    assert again == first
    assert not (first.parents[1] / "lib" / "rubbish").exists()


def test_requirements_that_cannot_be_had_fail_the_step_with_pips_words(
    plain_bench: Bench, wheels: Path
) -> None:
    (wheels / "requirements.txt").write_text("./missing-1.0-py3-none-any.whl\n")
    with pytest.raises(StepFailedError, match=r"cannot be installed.*missing-1\.0") as caught:
        prepare_python(plain_bench.step_run("Processing", {}), (wheels, "requirements.txt"))
    assert caught.value.log == plain_bench.attempt / "requirements.log"
    (wheels / "requirements.txt").write_text(f"./{make_wheel(wheels)}\n")
    python = prepare_python(plain_bench.step_run("Processing", {}), (wheels, "requirements.txt"))
    assert said(python, "import greeting; print(greeting.WORDS)") == "hello 1.0"


def test_installing_ends_when_the_run_is_stopped(
    plain_bench: Bench, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (wheels / "requirements.txt").write_text("greeting\n")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        threading.Timer(1, plain_bench.stop.set).start()
        with pytest.raises(StepStoppedError):
            prepare_python(plain_bench.step_run("Processing", {}), (wheels, "requirements.txt"))


def test_an_environment_is_not_made_again_while_the_installer_of_a_killed_run_is_there(
    tmp_path: Path, start_process: ProcessStarter
) -> None:
    lock = tmp_path / "lock"
    held = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.flock(f, 2 | 4)"
    program = (
        "import os, sys\nfrom types import SimpleNamespace\nfrom pathlib import Path\n"
        "import threading\nfrom dagcast.runner.python_env import _lock, _run_installer\n"
        "run = SimpleNamespace(stop=threading.Event(), step=SimpleNamespace(name='a'))\n"
        "folder = Path(sys.argv[1])\n"
        "with _lock(folder / 'lock', run) as lock:\n"
        "    _run_installer(run, ['sh', '-c', 'echo on; read line < go'], folder, folder / 'log', lock)\n"
    )
    os.mkfifo(tmp_path / "go")
    runner = start_process([sys.executable, "-c", program, str(tmp_path)])
    until(lambda: (tmp_path / "log").exists() and (tmp_path / "log").read_text() == "on\n")
    runner.kill()
    runner.wait(60)
    assert subprocess.run([sys.executable, "-c", held, lock], stderr=subprocess.DEVNULL).returncode == 1
    (tmp_path / "go").write_text("on")
    until(
        lambda: subprocess.run([sys.executable, "-c", held, lock], stderr=subprocess.DEVNULL).returncode == 0
    )


def test_a_training_script_has_its_requirements(bench: Bench, wheels: Path) -> None:
    wheel = next(wheels.glob("*.whl"))
    code = {
        "train.py": "import greeting, os; open(os.environ['SM_MODEL_DIR'] + '/m', 'w').write(greeting.WORDS)",
        "requirements.txt": f"{wheel}\n",
    }
    assert bench.train(code).outputs


def test_what_a_shell_script_would_install_is_there_and_pip_is_not_asked_again(
    bench: Bench, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    files = {
        "requirements.txt": "greeting>=1\n",
        "main.py": "import greeting, sys; open(sys.argv[1] + '/words', 'w').write(greeting.WORDS)",
    }
    bench.run("Processing", framework_request(bench, files))
    assert bench.read(f"{BUCKET}/out/words/words") == "hello 1.0"
    assert "Requirement already satisfied" not in (bench.attempt / "stdout.log").read_text()
    current = subprocess.run([sys.executable, "-c", "import greeting"], capture_output=True, check=False)
    assert current.returncode == 1


@pytest.mark.parametrize(
    "installation",
    [
        "if [[ -f 'requirements.txt' ]]; then\n    pip uninstall --yes typing\n    pip install -r requirements.txt\nfi",
        "if [[ -f 'requirements.txt' ]]; then\n    python3 /nowhere/install_requirements.py requirements.txt\nfi",
        "[ -f requirements.txt ] && python -m pip install -q -r requirements.txt 2>&1 | cat",
        "if test -f requirements.txt; then pip3 install --requirement=requirements.txt || exit 1; fi",
        'SM_PIP_CMD=pip; test -f requirements.txt && $SM_PIP_CMD install -r "requirements.txt" >/dev/null',
        "if [ -f 'reqs/cpu.txt' ]; then \"$(command -v python3)\" -m pip install -r reqs/cpu.txt; fi",
    ],
)
def test_without_requirements_no_launcher_installs_them(bench: Bench, installation: str) -> None:
    launcher = (
        "set -euo pipefail\ncd /opt/ml/processing/input/code\ntar -xzf sourcedir.tar.gz\n"
        f'{installation}\nexec python3 "$@"\n'
    )
    files = {
        "requirements.txt": "./missing.whl\n",
        "reqs/cpu.txt": "./missing.whl\n",
        "main.py": "print('ran')",
    }
    bench.run("Processing", framework_request(bench, files, launcher), requirements=False)
    assert (bench.attempt / "stdout.log").read_text() == "ran\n"


@pytest.mark.parametrize("wanted", [True, False])
def test_in_its_image_a_launcher_installs_requirements_only_if_wanted(tmp_path: Path, wanted: bool) -> None:
    bench = Bench(tmp_path / "runs", Engine())
    files = {"requirements.txt": "x\n", "main.py": ""}
    bench.run("Processing", framework_request(bench, files), requirements=wanted)
    (command,) = bench.launcher.commands  # type: ignore[attr-defined]
    launcher = (command.ml_folder / "processing/input/entrypoint/run.sh").read_text()
    assert ("pip install" in launcher) == wanted


def test_without_requirements_no_training_job_installs_them(bench: Bench) -> None:
    bench.train({"train.py": "print('ran')", "requirements.txt": "./missing.whl\n"}, requirements=False)
    assert (bench.attempt / "stdout.log").read_text() == "ran\n"


def test_other_commands_of_a_launcher_stay(bench: Bench) -> None:
    files = {"requirements.txt": "\n", "main.py": "print(open('log').read())"}
    launcher = LAUNCHER.replace("    python3", "    echo one >log && python3").replace(
        "requirements.txt\nfi", "requirements.txt >>log; echo two >>log\nfi"
    )
    bench.run("Processing", framework_request(bench, files, launcher), requirements=False)
    assert (bench.attempt / "stdout.log").read_text() == "one\ntwo\n\n"


def test_without_a_namespace_a_script_cannot_change_the_environment(
    plain_bench: Bench, wheels: Path, tmp_path: Path
) -> None:
    env = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", env], check=True)
    before = sorted(path for path in env.rglob("*") if "__pycache__" not in path.parts)
    pips, wheel = ("python -m pip", "pip", "pip3"), next(wheels.glob("*.whl"))
    actions = (
        "--version",
        f"install --no-index {wheel}",
        f"-q install --user {wheel}",
        "uninstall --yes pip",
    )
    commands = [f"{pip} {action}" for pip in pips for action in actions]
    code = (
        "import subprocess, sys\nfor command in sys.argv[1:]:\n"
        "    ran = subprocess.run(command.split(), capture_output=True, text=True)\n"
        "    print(ran.returncode, 'requirements.txt beside the script' in ran.stderr)"
    )
    attempt = plain_bench.step_run("Processing", processing_arguments())
    (attempt.folder / "ml").mkdir()
    job = Command(
        argv=("python", "-c", code, *commands),
        environment={"PATH": os.environ["PATH"]},
        ml_folder=attempt.folder / "ml",
        working_directory=None,
        stdout=attempt.folder / "stdout.log",
        stderr=attempt.folder / "stderr.log",
        python=env / "bin" / "python",
    )
    assert plain_bench.launcher.run(job, plain_bench.stop).code == 0
    assert job.stdout.read_text().splitlines() == ["0 False", *["1 True"] * 3] * len(pips)
    assert sorted(path for path in env.rglob("*") if "__pycache__" not in path.parts) == before


def test_without_a_namespace_a_script_installs_elsewhere(plain_bench: Bench, wheels: Path) -> None:
    wheel = str(next(wheels.glob("*.whl")))
    script = (
        "import os, subprocess, sys; folder = os.environ['SM_OUTPUT_DIR'] + '/packages'\n"
        f"pip = ['-m', 'pip', 'install', '--quiet', '--no-index', {wheel!r}]\n"
        "subprocess.run([sys.executable, *pip, '--target', folder], check=True)\n"
        "subprocess.run([sys.executable, '-m', 'venv', folder + '/env'], check=True)\n"
        "subprocess.run([folder + '/env/bin/python', *pip], check=True)\n"
        "sys.path.append(folder)\nimport greeting; print(greeting.WORDS)"
    )
    plain_bench.train(script)
    assert (plain_bench.attempt / "stdout.log").read_text() == "hello 1.0\n"


def test_settings_of_pip_do_not_send_requirements_elsewhere(
    plain_bench: Bench, wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    monkeypatch.setenv("PIP_USER", "1")
    for variable in ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT"):
        monkeypatch.setenv(variable, str(elsewhere))
    python = prepare_python(plain_bench.step_run("Processing", {}), (wheels, "requirements.txt"))
    assert said(python, "import greeting; print(greeting.WORDS)") == "hello 1.0"
    assert not elsewhere.exists()


def test_an_archive_that_would_write_elsewhere_is_refused_before_a_shell_unpacks_it(
    plain_bench: Bench,
) -> None:
    plain_bench.put(f"{BUCKET}/code/sourcedir.tar.gz", packed({"../../evil.py": ""}))
    plain_bench.put(f"{BUCKET}/code/run.sh", LAUNCHER)
    request = processing_arguments(
        inputs={
            "code": (f"{BUCKET}/code/sourcedir.tar.gz", "input/code"),
            "entrypoint": (f"{BUCKET}/code/run.sh", "input/entrypoint"),
        }
    )
    with pytest.raises(StepFailedError, match="would be written outside its folder"):
        plain_bench.run("Processing", request)
