"""Code of others in the process of a command: what it prints, what it breaks, and what is not imported at all."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.distributions import Built, environment, plugin

CONFIG = """\
pipeline: {name: demo, role: "arn:aws:iam::123456789012:role/R", bucket: my-bucket}
steps: {stop: {type: Fail, error_message: enough}}
"""
LOUD = """
import atexit
import ctypes
import os
import subprocess
import sys

print("imported")
os.write(1, b"written to the descriptor\\n")
ctypes.CDLL(None).puts(b"printed by C")
subprocess.run(["echo", "printed by a child"])
sys.__stdout__.write("written to the first stdout\\n")
atexit.register(print, "printed at exit")


@hookimpl
def extract_metadata(config):
    print("asked")
    return {}


@hookimpl
def decorate_template_class(template_class):
    class Loud(template_class):
        def generate_definition(self):
            print("generating")
            return super().generate_definition()

    return Loud


@hookimpl
def pipeline_compiled(pipeline, report):
    print("compiled")


@hookimpl
def observe_run(config, report):
    return lambda event: print("observed")


@hookimpl
def register_commands(cli):
    @cli.command("loud")
    def loud():
        print("the result of a command")
"""
PRINTED = (
    "imported",
    "written to the descriptor",
    "printed by C",
    "printed by a child",
    "written to the first stdout",
    "printed at exit",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "site").mkdir()
    (tmp_path / "pipeline.yaml").write_text(CONFIG, encoding="utf-8")
    return tmp_path


def dagcast(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dagcast.cli", *arguments],
        cwd=folder,
        env={**environment([folder / "site"]), **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize(
    ("command", "printed"),
    [
        (("compile", "pipeline.yaml", "--plugin", "loud"), "asked generating compiled"),
        (("compile", "pipeline.yaml", "--plugin", "loud", "-o", "d.json", "--json"), "asked generating"),
        (("validate", "pipeline.yaml", "--plugin", "loud", "--json"), "asked"),
        (("explain", "pipeline.yaml", "--plugin", "loud", "--json"), "asked"),
        (("schema", "--plugin", "loud"), ""),
        (("rules", "--plugin", "loud", "--json"), ""),
        (("plugins", "info", "loud", "--json"), ""),
    ],
)
def test_standard_output_holds_only_the_result(folder: Path, command: tuple[str, ...], printed: str) -> None:
    plugin("loud", LOUD).install(folder / "site")
    done = dagcast(folder, *command)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)
    for text in (*PRINTED, *printed.split()):
        assert text in done.stderr


def test_events_of_a_run_are_the_only_output(folder: Path) -> None:
    plugin("loud", LOUD).install(folder / "site")
    done = dagcast(folder, "run", "pipeline.yaml", "--plugin", "loud", "--json")
    events = [json.loads(line)["event"] for line in done.stdout.splitlines()]
    assert events[0] == "run-started"
    assert events[-1] == "run-ended"
    assert done.stderr.count("observed") >= len(events) - 1


CHATTY = """
import multiprocessing
import sys
import threading
import time

print_outside_of_hooks = threading.Event()


def chat():
    end = time.monotonic() + 60
    while not print_outside_of_hooks.is_set() and time.monotonic() < end:
        # Outside of hooks, sys.stdout is not sys.stderr.
        if sys.stdout is not sys.stderr:
            print("from a thread")
            sys.stdout.write("written by a thread\\n")
            sys.stdout.buffer.write(b"bytes of a thread\\n")
            sys.stdout.flush()
            sys.stdout.buffer.flush()
            child = multiprocessing.get_context("fork").Process(target=print, args=("from a forked child",))
            child.start()
            child.join()
            print_outside_of_hooks.set()


@hookimpl
def observe_run(config, report):
    threading.Thread(target=chat).start()

    def listen(event):
        pass

    return listen


@hookimpl
def register_commands(cli):
    @cli.command("chatty")
    def chatty():
        thread = threading.Thread(target=print, args=("a result from a thread",))
        thread.start()
        thread.join()
"""


def test_what_a_thread_prints_after_its_hook_is_no_result(folder: Path) -> None:
    (folder / "wait.py").write_text("import time; time.sleep(3)\n", encoding="utf-8")
    steps = (
        "steps:\n"
        "  wait: {type: Processing, entry_point: wait.py, instance_type: ml.m5.xlarge,\n"
        '    image_uri: "123456789012.dkr.ecr.us-east-1.amazonaws.com/tools:1"}\n'
    )
    (folder / "pipeline.yaml").write_text(CONFIG.partition("steps:")[0] + steps, encoding="utf-8")
    plugin("chatty", CHATTY, autoload=True).install(folder / "site")
    done = dagcast(folder, "run", "pipeline.yaml", "--json")
    events = [json.loads(line)["event"] for line in done.stdout.splitlines()]
    assert (events[0], events[-1], "step-started" in events) == ("run-started", "run-ended", True), (
        done.stderr
    )
    for text in ("from a thread", "written by a thread", "bytes of a thread", "from a forked child"):
        assert done.stderr.count(text) == 1
    done = dagcast(folder, "chatty")
    assert done.stdout == "a result from a thread\n"


def test_what_a_plugins_command_prints_is_its_result(folder: Path) -> None:
    plugin("loud", LOUD, autoload=True).install(folder / "site")
    done = dagcast(folder, "loud")
    assert done.stdout == "the result of a command\n"
    assert "printed by C" in done.stderr


def test_a_closed_standard_error_does_not_move_prints_to_the_result(folder: Path) -> None:
    plugin("loud", LOUD).install(folder / "site")
    program = f"{sys.executable} -m dagcast.cli compile pipeline.yaml --plugin loud 2>&-"
    done = subprocess.run(
        ["sh", "-c", program],
        cwd=folder,
        env=environment([folder / "site"]),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert json.loads(done.stdout)["Steps"]


BROKEN = "raise RuntimeError('kaputt')\n"
NO_FLAG = "reinstall or fix broken-plugin\n"


@pytest.fixture
def broken(folder: Path) -> Path:
    plugin("broken", BROKEN, autoload=True).install(folder / "site")
    return folder


def test_a_misspelt_command_gets_only_its_suggestion(broken: Path) -> None:
    done = dagcast(broken, "compil", "pipeline.yaml")
    assert done.returncode == 2
    assert "unknown command 'compil' (did you mean 'compile'?)" in done.stderr
    assert "kaputt" not in done.stderr


def test_an_unknown_command_says_which_plugin_could_not_be_asked(broken: Path) -> None:
    done = dagcast(broken, "team")
    assert done.returncode == 2
    assert "warning: plugin 'broken' (broken-plugin 1.0): importing broken_plugin raised" in done.stderr
    assert "its commands are missing" in done.stderr
    assert "unknown command 'team'" in done.stderr
    assert "--no-plugin" not in done.stderr


def test_the_command_of_a_broken_plugin_fails_with_its_error(broken: Path) -> None:
    done = dagcast(broken, "broken")
    assert done.returncode == 1
    assert done.stderr.endswith(f"raised RuntimeError: kaputt; {NO_FLAG}")


@pytest.mark.parametrize(
    "command", [("--help",), ("plugins", "list"), ("plugins", "--help"), ("steps",), ("compile", "--help")]
)
def test_commands_that_run_no_plugin_work_despite_a_broken_one(
    broken: Path, command: tuple[str, ...]
) -> None:
    done = dagcast(broken, *command)
    assert (done.returncode, done.stderr) == (0, "")


def test_errors_advise_only_flags_that_the_command_takes(broken: Path) -> None:
    assert dagcast(broken, "plugins", "info", "broken").stderr.endswith(NO_FLAG)
    done = dagcast(broken, "compile", "pipeline.yaml")
    assert done.stderr.endswith("or leave the plugin out with --no-plugin broken\n")
    assert dagcast(broken, "compile", "pipeline.yaml", "--no-plugin", "broken").returncode == 0


def test_a_working_plugins_command_runs_despite_a_broken_plugin(broken: Path) -> None:
    plugin("loud", LOUD, autoload=True).install(broken / "site")
    done = dagcast(broken, "loud")
    assert (done.returncode, done.stdout) == (0, "the result of a command\n")
    assert "kaputt" not in done.stderr


@pytest.mark.parametrize(
    "words", ["dagcast ", "dagcast comp", "dagcast nothing ", "dagcast broken ", "dagcast compile --"]
)
def test_completion_prints_candidates_or_nothing(broken: Path, words: str) -> None:
    shell = {
        "_DAGCAST_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }
    done = dagcast(broken, **shell)
    assert done.stderr == ""
    assert "Traceback" not in done.stdout
    if words == "dagcast comp":
        assert done.stdout == "plain,compile\n"


MALFORMED = {
    "no value": b"[some.group]\nthis line has no value\n",
    "Latin-1": "[some.group]\nna\u00efve = a:b\n".encode("latin-1"),
    "empty": b"",
    "extras": b"[pydantic]\nnosy = nosy:plugin [extra]\n",
    "colon": b"[pydantic]\nnosy = nosy : plugin\n",
    "no group": b"name = value\n",
    "NUL": b"[pydantic]\n\x00 = \x00\n",
}


def strangers(folder: Path, files: dict[str, tuple[str, bytes]]) -> None:
    """Install a distribution for each name, with this content in one of its metadata files."""
    for name, (file, content) in files.items():
        stranger = Built(name)
        stranger.install(folder / "site")
        (folder / "site" / stranger.info / file).write_bytes(content)


@pytest.mark.parametrize("command", ["compile pipeline.yaml", "schema", "--version", "plugins list", "rules"])
def test_malformed_entry_points_of_strangers_stop_no_command(folder: Path, command: str) -> None:
    files = {f"stranger{n}": ("entry_points.txt", content) for n, content in enumerate(MALFORMED.values())}
    strangers(folder, files)
    done = dagcast(folder, *command.split())
    assert (done.returncode, done.stderr) == (0, "")


def test_doctor_names_each_malformed_file_once(folder: Path) -> None:
    latin = "na\u00efve".encode("latin-1")
    strangers(
        folder,
        {
            "novalue": ("entry_points.txt", b"[some.group]\nthis line has no value\n"),
            "emptyvalue": ("entry_points.txt", b"[some.group]\nname =\n"),
            "nogroup": ("entry_points.txt", b"name = value\n"),
            "badvalue": ("entry_points.txt", b"[some.group]\nname = a b\n"),
            "latin": ("entry_points.txt", b"[g]\n" + latin + b" = a:b\n"),
            "latinmeta": ("METADATA", b"Metadata-Version: 2.1\nName: " + latin + b"\nVersion: 1\n"),
            "emptymeta": ("METADATA", b""),
            "noversion": ("METADATA", b"Metadata-Version: 2.1\nName: noversion\n"),
            "latinrecord": ("RECORD", latin + b",,\n"),
            "badrecord": ("RECORD", b"only one column\n"),
            "extras": ("entry_points.txt", b"[g]\nx = a:b [extra]\n"),
            "spaces": ("entry_points.txt", b"[g]\nx = a : b\n"),
            "nothing": ("entry_points.txt", b""),
        },
    )
    done = dagcast(folder, "plugins", "doctor")
    assert (done.returncode, done.stderr) == (1, "")
    lines = done.stdout.splitlines()
    for name, file in (
        ("novalue", "entry_points.txt:2: 'this line has no value' is not of the form name = value"),
        ("emptyvalue", "entry_points.txt:2: 'name =' is not of the form name = value"),
        ("nogroup", "entry_points.txt:1: 'name = value' is in no group"),
        ("badvalue", "entry_points.txt:2: 'a b' does not point to a module"),
        ("latin", ""),
        ("latinmeta", "METADATA cannot be read"),
        ("emptymeta", "METADATA is empty"),
        ("noversion", "METADATA has no Version"),
        ("latinrecord", "RECORD cannot be read"),
        ("badrecord", "RECORD is malformed"),
    ):
        found = [line for line in lines if f"{name}-1.0.dist-info" in line]
        assert len(found) == 1, (name, found)
        assert file in found[0]
    assert len(lines) == 10


def test_a_plugin_may_have_extras_and_spaces_in_its_entry_point(folder: Path) -> None:
    named = plugin("loud", LOUD, autoload=True)
    named.install(folder / "site")
    text = "[dagcast]\nloud = loud_plugin [extra, more]\n[dagcast.autoload]\nloud = loud_plugin\n"
    (folder / "site" / named.info / "entry_points.txt").write_text(text, encoding="utf-8")
    assert dagcast(folder, "loud").stdout == "the result of a command\n"


NOSY = """
from pathlib import Path

Path("nosy.txt").write_text("imported")


class Plugin:
    def new_schema_validator(self, *arguments):
        return None, None, None


plugin = Plugin()
"""


def test_plugins_of_pydantic_are_not_imported_into_the_process_of_a_command(folder: Path) -> None:
    Built("nosy", modules={"nosy": NOSY}, entry_points={"pydantic": {"nosy": "nosy:plugin"}}).install(
        folder / "site"
    )
    assert dagcast(folder, "compile", "pipeline.yaml").returncode == 0
    assert not (folder / "nosy.txt").exists()
    program = "from dagcast import PipelineDAGCompiler; PipelineDAGCompiler('pipeline.yaml').load()"
    subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env=environment([folder / "site"]),
        check=True,
        timeout=120,
    )
    # A program that uses dagcast as a library keeps the plugins of its pydantic.
    assert (folder / "nosy.txt").exists()
