"""What a person sees on a terminal: a real one, of the system's own making."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import termios
from dataclasses import dataclass, field

import pytest

from tests.runner.cli.support import Project, ask, fail, job

HOSTILE = "import time; print('\\x1b]0;owned\\x07\\x1b[2Jlast line', flush=True); time.sleep(3)"


@dataclass
class Terminal:
    """A terminal with one program on it."""

    process: subprocess.Popen[str]
    master: int
    shown: str = ""
    written: bytes = field(default=b"")

    def until(self, text: str) -> None:
        while text not in self.shown:
            assert self._read(), self.shown

    def until_drawn(self, table: str) -> str:
        """Wait until a whole drawing has this form; all that was shown by then, without colors."""
        while not re.search(table, plain(self.shown)):
            assert self._read(), self.shown
        return plain(self.shown)

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def end(self) -> int:
        while self._read():
            pass
        os.close(self.master)
        return self.process.wait(timeout=300)

    def _read(self) -> bool:
        assert select.select([self.master], [], [], 60)[0], self.shown
        try:
            piece = os.read(self.master, 65536)
        except OSError:  # nobody has the other end open any more
            return False
        self.written += piece
        self.shown = self.written.decode(errors="replace")
        return bool(piece)


def on_terminal(
    project: Project, *arguments: str, size: tuple[int, int] = (24, 100), **environment: str
) -> Terminal:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
    process = project.start(
        *arguments,
        variables={"TERM": "xterm-256color", **environment},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        preexec_fn=_take_terminal,
    )
    os.close(slave)
    return Terminal(process, master)


def _take_terminal() -> None:
    """Have the terminal send its signals here, as it does to what a shell starts."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def plain(text: str) -> str:
    """What a terminal shows, without colors and movements of the cursor."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\r", "")


def test_a_table_shows_the_steps_while_they_run_and_then_how_they_ended(project: Project) -> None:
    project.define(job("load", HOSTILE), fail("last", "the last step", after=("load",)))
    terminal = on_terminal(project, "run", "definition.json")
    live = terminal.until_drawn(
        r"load +running +\d+\.\d s +.*last line.*\s+last +waiting\s+0 of 2 steps ran, 1 running"
    )
    assert terminal.process.poll() is None
    assert re.search(r"step +state +time +last line", live)
    assert terminal.end() == 1
    ended = plain(terminal.shown)
    assert re.search(r"load +Processing +succeeded", ended)
    assert re.search(r"last +Fail +failed", ended)
    assert "definition failed in" in ended


def test_on_a_narrow_terminal_the_last_line_is_cut_and_results_can_be_copied(project: Project) -> None:
    long = "x" * 200
    project.define(
        job("load", f"import sys, time; print({long!r}, flush=True); time.sleep(3); sys.exit({long!r})")
    )
    terminal = on_terminal(project, "run", "definition.json", size=(24, 60))
    terminal.until_drawn(r"load +running +\d+\.\d s +x+.*\s+0 of 1 steps ran")
    # A drawing follows the one before without a line end: the cursor moves up instead.
    lines = re.split(r"\r|\n|\x1b\[\d*[A-HJK]", terminal.shown)
    assert max(len(plain(line)) for line in lines) <= 60
    assert terminal.end() == 1
    assert f"AlgorithmError: {long}, exit code: 1\n" in plain(terminal.shown)


def test_what_a_step_prints_does_not_reach_the_terminal_as_commands(project: Project) -> None:
    project.define(job("load", HOSTILE + "; import sys; sys.exit('\\x1b]0;again\\x07\\x1b[2Jbye')"))
    terminal = on_terminal(project, "run", "definition.json")
    assert terminal.end() == 1
    logs = on_terminal(project, "runs", "logs", project.runs[0].name, "load")
    assert logs.end() == 0
    for shown in (terminal.shown, logs.shown):
        assert "\x1b]" not in shown
        assert "\x1b[2J" not in shown
        assert "\x07" not in shown
        assert "last line" in shown
        assert "bye" in shown


def test_of_what_a_step_prints_its_text_is_shown_without_colors_and_titles(project: Project) -> None:
    bar = r"\r10%\r\x1b[32m20%\x1b[0m done\x1b]0;title\x07"
    project.define(
        job("load", f"import sys, time; print('{bar}', flush=True); time.sleep(3); sys.exit('{bar}')")
    )
    terminal = on_terminal(project, "run", "definition.json")
    terminal.until_drawn(r"load +running +\d+\.\d s +20% done\s")
    assert terminal.end() == 1
    ended = plain(terminal.shown)
    assert re.search(r"\n  20% done\n", ended)
    for hidden in ("[32m", "[0m", "title", "10%"):
        assert hidden not in ended


WAITS = "import time; print('started', flush=True); time.sleep(600)"


def test_ctrl_c_ends_the_run_and_gives_the_terminal_back(project: Project) -> None:
    project.define(job("wait", WAITS))
    terminal = on_terminal(project, "run", "definition.json")
    terminal.until("started")
    terminal.type("\x03")
    assert terminal.end() == 130
    assert terminal.shown.rindex("\x1b[?25h") > terminal.shown.rindex("\x1b[?25l")
    assert "interrupted: stopping running steps" in terminal.shown
    assert "definition stopped" in plain(terminal.shown)


def test_a_terminal_that_is_closed_ends_the_run_in_order(project: Project) -> None:
    project.define(job("wait", WAITS))
    terminal = on_terminal(project, "run", "definition.json")
    terminal.until("started")
    os.close(terminal.master)
    assert terminal.process.wait(timeout=300) == 130
    record = json.loads((project.runs[0] / "run.json").read_text())
    assert [step["status"] for step in record["steps"]] == ["stopped"]


def test_more_steps_than_the_terminal_has_lines_show_what_runs(project: Project) -> None:
    waiting = [job(f"idle-{number}", "", after=("runs",)) for number in range(40)]
    project.define(*waiting, job("runs", "import time; time.sleep(2); raise SystemExit(1)"))
    terminal = on_terminal(project, "run", "definition.json", size=(12, 80))
    terminal.until("runs")
    assert re.search(r"runs +running", plain(terminal.shown))
    assert terminal.end() == 1


def test_nothing_is_drawn_over_a_question(project: Project) -> None:
    project.define(ask("ask"))
    terminal = on_terminal(project, "run", "definition.json")
    terminal.until("ok (Boolean): ")
    assert "\x1b[?25l" not in terminal.shown
    terminal.type("maybe\n")
    terminal.until("'maybe' is not a valid Boolean")
    terminal.type("true\n")
    assert terminal.end() == 0
    assert "definition succeeded" in plain(terminal.shown)


@pytest.mark.parametrize("arguments", [["--quiet"], ["--json"]])
def test_no_table_where_none_is_wanted(project: Project, arguments: list[str]) -> None:
    project.define(job("load", ""))
    terminal = on_terminal(project, "run", "definition.json", *arguments)
    assert terminal.end() == 0
    assert "\x1b" not in terminal.shown


def test_a_terminal_that_can_do_nothing_gets_plain_lines(project: Project) -> None:
    project.define(job("load", ""))
    terminal = on_terminal(project, "run", "definition.json", TERM="dumb")
    assert terminal.end() == 0
    assert "running load" in terminal.shown
    assert "\x1b[?25l" not in terminal.shown
