"""``dagcast validate`` and ``dagcast compile``: exit codes, output, and files that are complete or missing."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from dagcast import PipelineDAGCompiler
from dagcast.cli.main import cli
from tests.support.compiling import ROLE

CONFIG = f"""\
pipeline: {{name: demo, version: "1.0", role: '{ROLE}', bucket: my-bucket}}
parameters: {{Message: "é"}}
steps:
  load:
    type: Processing
    image_uri: 123456789012.dkr.ecr.us-east-1.amazonaws.com/tools:1
    instance_type: ml.m5.xlarge
    outputs: {{data: }}
  check:
    type: Condition
    conditions: [{{left: 1, op: "==", right: 1}}]
    if_steps: [stop]
  stop: {{type: Fail, error_message: "ü ${{param.Message}}"}}
edges: [load => check]
environments:
  prod: {{pipeline: {{name: demo-prod}}}}
"""
WARNED = CONFIG.replace("edges: [load => check]", "edges: [stop => load]")


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Create a working directory with a valid config and an invalid one."""
    (tmp_path / "c.yaml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "warned.yaml").write_text(WARNED, encoding="utf-8")
    (tmp_path / "broken.yaml").write_text("pipeline: {name: a b}\nsteps: {s: {type: Nope}}\n")
    (tmp_path / "dag.json").write_text('{"nodes": ["stop"]}')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def definition(env: str | None = None, path: str = "c.yaml") -> str:
    return PipelineDAGCompiler(path, env=env, plugins=[]).compile_definition().definition


class TestExitCodes:
    @pytest.mark.parametrize(
        "arguments",
        [
            ["--help"],
            ["-h"],
            ["compile", "--help"],
            ["validate", "c.yaml"],
            ["validate", "warned.yaml"],
            ["validate", "c.yaml", "--dag", "dag.json"],
            ["validate", "c.yaml", "--env", "prod"],
            ["compile", "c.yaml"],
            ["compile", "c.yaml", "-o", "out.json"],
            ["compile", "c.yaml", "-o", "out.yaml", "--format", "yaml"],
            ["schema"],
            ["steps"],
            ["steps", "Fail"],
        ],
    )
    def test_exit_code_without_errors(self, arguments: list[str]) -> None:
        assert run(*arguments).exit_code == 0

    @pytest.mark.parametrize(
        "arguments",
        [
            ["validate", "broken.yaml"],
            ["compile", "broken.yaml"],
            ["compile", "gone.yaml"],
            ["compile", "."],
            ["validate", "c.yaml", "--dag", "gone.json"],
            ["validate", "c.yaml", "--env", "nope"],
            ["compile", "c.yaml", "-o", "."],
            ["compile", "c.yaml", "-o", "c.yaml/out.json"],
            ["steps", "Nope"],
        ],
    )
    def test_exit_code_for_invalid_input(self, arguments: list[str]) -> None:
        result = run(*arguments)
        assert result.exit_code == 1
        assert isinstance(result.exception, SystemExit)
        assert result.stderr

    @pytest.mark.parametrize(
        "arguments",
        [
            ["compile"],
            ["compile", "c.yaml", "more"],
            ["compile", "c.yaml", "--format", "xml"],
            ["compile", "c.yaml", "--json"],
            ["compile", "c.yaml", "--nope"],
            ["compile", "c.yaml", "-o"],
            ["compile", "c.yaml", "-o", "c.yaml"],
            ["compile", "c.yaml", "-o", "./c.yaml"],
            ["compile", "c.yaml", "--dag", "dag.json", "-o", "dag.json"],
            ["complie", "c.yaml"],
            ["--nope"],
        ],
    )
    def test_exit_code_for_invalid_usage(self, arguments: list[str], project: Path) -> None:
        before = {path.name: path.read_bytes() for path in project.iterdir()}
        assert run(*arguments).exit_code == 2
        assert {path.name: path.read_bytes() for path in project.iterdir()} == before

    def test_a_misspelt_command_names_the_nearest(self) -> None:
        assert "did you mean 'compile'?" in run("complie").output


class TestOutput:
    def test_the_text_and_a_line_end(self) -> None:
        assert run("compile", "c.yaml", "-o", "out.json").exit_code == 0
        assert Path("out.json").read_bytes() == definition().encode() + b"\n"
        result = run("compile", "c.yaml")
        assert result.stdout_bytes == definition().encode() + b"\n"
        assert result.stderr == ""

    def test_the_text_is_what_the_report_says(self) -> None:
        body = json.loads(run("compile", "c.yaml", "-o", "out.json", "--json").stdout)
        text = Path("out.json").read_bytes().removesuffix(b"\n")
        assert body["report"]["definition_sha256"] == hashlib.sha256(text).hexdigest()
        assert body["report"]["quotas"][0] == {
            "name": "definition characters",
            "used": len(text),
            "limit": 1048576,
        }

    def test_yaml_is_the_same_data(self) -> None:
        result = run("compile", "c.yaml", "--format", "yaml")
        assert yaml.safe_load(result.stdout) == json.loads(definition())
        run("compile", "c.yaml", "--format", "yaml", "-o", "out.yaml")
        assert Path("out.yaml").read_bytes() == result.stdout_bytes

    @settings(max_examples=60)
    @given(
        message=st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0$"), max_size=20)
        | st.sampled_from(
            ["yes", "~", "null", "1:30", "0x1", "2024-01-01", "- a", "a: b", "# x", "\x85", " ", "1e3"]
        )
    )
    def test_yaml_is_the_same_data_for_any_text(self, message: str) -> None:
        steps = {"s": {"type": "Fail", "error_message": message, "request": {}}}
        Path("text.json").write_text(
            json.dumps({"pipeline": {"name": "demo"}, "steps": steps}), encoding="utf-8"
        )
        result = run("compile", "text.json", "--format", "yaml")
        assert result.exit_code == 0
        data = yaml.safe_load(result.stdout_bytes.decode())
        assert data["Steps"][0]["Arguments"]["ErrorMessage"] == message
        assert data == json.loads(definition(path="text.json"))

    @pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-16"])
    def test_the_bytes_do_not_depend_on_the_terminal(self, encoding: str) -> None:
        for form in ("json", "yaml"):
            done = subprocess.run(
                [sys.executable, "-m", "dagcast.cli", "compile", "c.yaml", "--format", form],
                env={**os.environ, "PYTHONIOENCODING": encoding},
                capture_output=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            assert done.stdout == run("compile", "c.yaml", "--format", form).stdout_bytes
            if encoding == "latin-1":
                break

    def test_an_environment(self) -> None:
        run("compile", "c.yaml", "--env", "prod", "-o", "out.json")
        assert Path("out.json").read_text() == definition("prod") + "\n"

    def test_a_dag_of_fewer_steps(self) -> None:
        result = run("compile", "c.yaml", "--dag", "dag.json")
        assert [step["Name"] for step in json.loads(result.stdout)["Steps"]] == ["stop"]
        assert "warning: step 'load' is not in the DAG and is left out" in result.stderr

    def test_the_summary(self) -> None:
        lines = run("compile", "c.yaml", "-o", "out.json").stderr.splitlines()
        assert lines[0] == "demo 1.0: 3 steps"
        assert lines[1].split() == ["load", "Processing"]
        assert lines[2].split() == ["check", "Condition", "after", "load"]
        assert lines[3].split() == ["stop", "Fail", "(in", "check)"]
        assert lines[4].startswith("definition: out.json (")


class TestJson:
    def test_of_a_correct_config(self) -> None:
        assert json.loads(run("validate", "c.yaml", "--json").stdout) == {
            "ok": True,
            "diagnostics": [],
            "ignored": [],
            "policies": [],
        }
        body = json.loads(run("compile", "c.yaml", "-o", "out.json", "--json").stdout)
        assert body["ok"] is True
        assert body["output"] == "out.json"
        assert body["report"]["pipeline"] == "demo"
        assert [step["name"] for step in body["report"]["steps"]] == ["load", "check", "stop"]
        assert body["report"]["steps"][2] == {
            "name": "stop",
            "type": "Fail",
            "depends_on": [],
            "inside": "check",
        }
        assert body["report"]["bindings"] == [
            {"source": "load", "output": None, "target": "check", "input": None, "reason": "order"}
        ]

    def test_of_warnings(self) -> None:
        for arguments in (["validate", "warned.yaml"], ["compile", "warned.yaml", "-o", "out.json"]):
            body = json.loads(run(*arguments, "--json").stdout)
            assert body["ok"] is True
            (warning,) = body["diagnostics"]
            assert (warning["severity"], warning["code"], warning["file"]) == (
                "warning",
                "branch.outside-branch",
                "warned.yaml",
            )

    @pytest.mark.parametrize(
        "arguments", [["validate", "broken.yaml"], ["compile", "broken.yaml", "-o", "out.json"]]
    )
    def test_of_mistakes(self, arguments: list[str]) -> None:
        result = run(*arguments, "--json")
        assert result.exit_code == 1
        assert result.stderr == ""
        body = json.loads(result.stdout)
        assert body["ok"] is False
        for item in body["diagnostics"]:
            assert set(item) == {"file", "line", "severity", "code", "message", "hint", "steps", "also"}
            assert item["file"] == "broken.yaml"
        assert [(item["line"], item["code"]) for item in body["diagnostics"]] == [
            (1, "config.pattern"),
            (2, "config.unknown-type"),
        ]

    def test_of_a_file_that_cannot_be_written(self) -> None:
        result = run("compile", "c.yaml", "-o", ".", "--json")
        assert result.exit_code == 1
        body = json.loads(result.stdout)
        assert body["ok"] is False
        assert body["diagnostics"][0]["message"].startswith("cannot write .")


class TestFiles:
    def test_folders_are_made(self) -> None:
        assert run("compile", "c.yaml", "-o", "a/b/out.json").exit_code == 0
        assert json.loads(Path("a/b/out.json").read_text())

    def test_no_other_files_are_left(self, project: Path) -> None:
        before = {path.name for path in project.iterdir()}
        run("compile", "c.yaml", "-o", "out.json")
        run("compile", "c.yaml", "-o", "out.json")
        assert {path.name for path in project.iterdir()} == before | {"out.json"}

    @pytest.mark.parametrize(
        "arguments", [["broken.yaml"], ["c.yaml", "--env", "nope"], ["c.yaml", "--dag", "gone.json"]]
    )
    def test_an_old_file_is_kept_if_the_input_is_invalid(self, arguments: list[str], project: Path) -> None:
        Path("out.json").write_text("before")
        before = sorted(path.name for path in project.iterdir())
        assert run("compile", *arguments, "-o", "out.json").exit_code == 1
        assert Path("out.json").read_text() == "before"
        assert sorted(path.name for path in project.iterdir()) == before

    def test_a_folder_is_not_replaced(self) -> None:
        Path("out").mkdir()
        result = run("compile", "c.yaml", "-o", "out")
        assert result.exit_code == 1
        assert "cannot write out: " in result.stderr
        assert list(Path("out").iterdir()) == []

    def test_a_file_in_place_of_a_folder_is_kept(self) -> None:
        result = run("compile", "c.yaml", "-o", "dag.json/out.json")
        assert result.exit_code == 1
        assert "cannot write" in result.stderr
        assert Path("dag.json").read_text() == '{"nodes": ["stop"]}'

    def test_a_link_stays_a_link(self) -> None:
        Path("there").mkdir()
        Path("there/real.json").write_text("before")
        Path("link.json").symlink_to("there/real.json")
        assert run("compile", "c.yaml", "-o", "link.json").exit_code == 0
        assert Path("link.json").is_symlink()
        assert Path("there/real.json").read_text() == definition() + "\n"

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
    def test_a_pipe_is_written_to(self) -> None:
        os.mkfifo("pipe")
        read: list[bytes] = []
        reader = threading.Thread(target=lambda: read.append(Path("pipe").read_bytes()), daemon=True)
        reader.start()
        assert run("compile", "c.yaml", "-o", "pipe").exit_code == 0
        reader.join(timeout=30)
        assert read == [definition().encode() + b"\n"]
        assert stat.S_ISFIFO(Path("pipe").stat().st_mode)

    def test_permissions(self) -> None:
        Path("out.json").write_text("before")
        Path("out.json").chmod(0o640)
        run("compile", "c.yaml", "-o", "out.json")
        assert stat.S_IMODE(Path("out.json").stat().st_mode) == 0o640
        mask = os.umask(0o027)
        try:
            run("compile", "c.yaml", "-o", "new.json")
        finally:
            os.umask(mask)
        assert stat.S_IMODE(Path("new.json").stat().st_mode) == 0o640

    @pytest.mark.parametrize("before", [None, "before"])
    def test_killed_while_writing(self, before: str | None) -> None:
        """The file is unchanged if the process is killed with half of the text written."""
        if before is not None:
            Path("out.json").write_text(before)
        script = """
import os, signal, sys
import dagcast.cli.output

opened = os.fdopen

class Dying:
    def __init__(self, file): self.file = file
    def __enter__(self): return self
    def __exit__(self, *args): return self.file.__exit__(*args)
    def write(self, text):
        self.file.write(text[: len(text) // 2])
        self.file.flush()
        os.kill(os.getpid(), signal.SIGKILL)

def open_and_die(descriptor, mode, *args, **kwargs):
    file = opened(descriptor, mode, *args, **kwargs)
    return Dying(file) if mode == "w" else file

os.fdopen = open_and_die
from dagcast.cli.main import main
sys.argv = ["dagcast", "compile", "c.yaml", "-o", "out.json", "--no-plugins"]
main()
"""
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
        assert done.returncode == -signal.SIGKILL
        assert (Path("out.json").read_text() if Path("out.json").exists() else None) == before
        assert run("compile", "c.yaml", "-o", "out.json").exit_code == 0
        assert Path("out.json").read_text() == definition() + "\n"

    def test_a_reader_never_sees_half_of_it(self) -> None:
        """While a file is overwritten repeatedly, a reader finds one of the two texts."""
        texts = {(definition(env) + "\n").encode() for env in (None, "prod")}
        run("compile", "c.yaml", "-o", "out.json")
        seen: list[Any] = []
        stop = threading.Event()

        def watch() -> None:
            while not stop.is_set():
                seen.append(Path("out.json").read_bytes())

        watcher = threading.Thread(target=watch)
        watcher.start()
        for env in ["prod", None] * 5:
            run("compile", "c.yaml", "-o", "out.json", *(["--env", env] if env else []))
        stop.set()
        watcher.join()
        assert set(seen) <= texts
