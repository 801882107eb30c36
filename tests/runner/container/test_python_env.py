"""A step's Python environment: the current one, with what its requirements add."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from textwrap import dedent

import pytest

from dagcast.runner.executors.executor import StepFailedError, StepStoppedError
from dagcast.runner.python_env import prepare_python
from tests.runner.container.support import BUCKET, Bench, packed, processing_arguments
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


def test_what_a_shell_script_would_install_is_there_already(
    bench: Bench, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    files = {
        "requirements.txt": "greeting>=1\n",
        "main.py": "import greeting, sys; open(sys.argv[1] + '/words', 'w').write(greeting.WORDS)",
    }
    bench.put(f"{BUCKET}/code/sourcedir.tar.gz", packed(files))
    bench.put(f"{BUCKET}/code/run.sh", LAUNCHER)
    bench.put(f"{BUCKET}/code/script.py", "")
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
    bench.run("Processing", request)
    assert bench.read(f"{BUCKET}/out/words/words") == "hello 1.0"
    assert "Requirement already satisfied" in (bench.attempt / "stdout.log").read_text()
    current = subprocess.run([sys.executable, "-c", "import greeting"], capture_output=True, check=False)
    assert current.returncode == 1


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
