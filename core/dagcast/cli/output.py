"""Print diagnostics as text or JSON, format text for a terminal, and write files atomically."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from dagcast.cli.exit_codes import FAILURE
from dagcast.diagnostic_codes import is_ignorable
from dagcast.errors import DagcastError, Diagnostic, InvalidInputError, PluginError
from dagcast.lazy_pattern import lazy_pattern

if TYPE_CHECKING:
    from dagcast.check.ignored_rules import IgnoredRule

_LINES = "\n\t"

_ESCAPES = lazy_pattern(
    r"""
    \x1b(?:
        \[[0-?]*[ -/]*[@-~]?                    # control sequences: colors, movements of the cursor
        |[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)  # strings, such as the title of the window; BEL ends them, too
        |[ -/]*[0-~]?                         # all else, and a string that does not end
    )
    """,
    re.VERBOSE,
)
"""Escape sequences of a terminal. Source: ECMA-48, 5.4 and 5.6; ECMA-35, 13; xterm's control sequences for BEL.
``click.unstyle`` matches the first kind only, and ``rich.ansi`` does not match strings that end with BEL."""


def fail(error: DagcastError, as_json: bool) -> NoReturn:
    """Print an error and exit with :data:`~dagcast.cli.exit_codes.FAILURE`."""
    if isinstance(error, InvalidInputError):
        show_diagnostics(error.diagnostics, as_json)
    elif as_json:
        item = Diagnostic(error_text(error), code=error.code)
        click.echo(json.dumps({"ok": False, "diagnostics": [item.as_dict()]}))
    else:
        text = strip_control_characters(error_text(error), keep=_LINES)
        click.echo(f"{click.style('error', fg='red')}: {text}", err=True)
    sys.exit(FAILURE)


def error_text(error: DagcastError) -> str:
    """Return the text of an error, whose remedy names only flags that the running command takes."""
    if not isinstance(error, PluginError) or _takes("--no-plugin"):
        return str(error)
    return error.text(deselect=False)


def show_plugin_failure(error: PluginError) -> None:
    """Print on stderr that the commands of a plugin are missing, and why."""
    text = strip_control_characters(error_text(error), keep=_LINES)
    click.echo(f"{click.style('warning', fg='yellow')}: {text}; its commands are missing", err=True)


def _takes(flag: str) -> bool:
    context = click.get_current_context(silent=True)
    return context is None or any(flag in parameter.opts for parameter in context.command.params)


def show_diagnostics(
    diagnostics: Iterable[Diagnostic],
    as_json: bool,
    *,
    ignored: Iterable[IgnoredRule] | None = None,
    **more: Any,
) -> None:
    """Print diagnostics and ignored rules: one line each on stderr, or one JSON object on stdout."""
    found = list(diagnostics)
    errors = [item for item in found if item.severity == "error"]
    if as_json:
        body = {
            "ok": not errors,
            "diagnostics": [item.as_dict() for item in found],
            **more,
        }
        if ignored is not None:
            body["ignored"] = [rule.as_dict() for rule in ignored]
        click.echo(json.dumps(body, indent=2))
        return
    for item in found:
        click.echo(_colored(item), err=True)
    for rule in ignored or ():
        click.echo(f"{click.style('ignored', fg='yellow')}: {strip_control_characters(str(rule))}", err=True)
    if errors:
        click.echo(f"{len(errors)} error{'s' if len(errors) > 1 else ''}", err=True)


def _colored(item: Diagnostic) -> str:
    place = f"{click.style(str(item.location), bold=True)}: " if item.location else ""
    color = "red" if item.severity == "error" else "yellow"
    advice = click.style(item.advice, fg="cyan")
    return f"{place}{click.style(item.severity, fg=color)}: {item.message}{advice}{rule_suffix(item)}"


def rule_suffix(item: Diagnostic) -> str:
    """Return the id of a diagnostic as the end of its line, if it can be ignored: only then a reader can use it."""
    return f"  [{item.code}]" if is_ignorable(item.code) else ""


def show_policies(policies: Iterable[Mapping[str, Any]], *, err: bool = False) -> None:
    """Print the files of the site policy that holds, one line each.

    Args:
        policies: The files as JSON data, as reports hold them.
        err: Whether to print to stderr.
    """
    from dagcast.plugins.site_policy import format_policy

    for policy in policies:
        click.echo(format_policy(policy), err=err)


class UnwritableError(DagcastError):
    """A file cannot be written."""

    code = "command.unwritable-output"


def write_file(path: Path, text: str) -> None:
    """Write a file atomically: write a temporary file in its folder and rename it.

    The target of a symbolic link is written and the link kept. A device or named pipe is written directly.

    Raises:
        UnwritableError: If the file cannot be written.
    """
    try:
        target = Path(os.path.realpath(path))
        if target.exists() and not target.is_file() and not target.is_dir():
            target.write_text(text, encoding="utf-8", newline="\n")
        else:
            _replace(target, text)
    except OSError as error:
        raise UnwritableError(f"cannot write {path}: {error.strerror or error}") from error


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.", suffix=".tmp")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        mode = path.stat().st_mode if path.exists() else 0o666 & ~_umask()
        temporary.chmod(mode & 0o777)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def strip_control_characters(text: str, keep: str = "") -> str:
    """Remove escape sequences from a text and replace each other control character by a space.

    Args:
        text: Output of a program, or content of a file.
        keep: Control characters to keep, such as line ends.
    """
    return "".join(c if c.isprintable() or c in keep else " " for c in _ESCAPES.sub("", text))


def visible_text(line: str, keep: str = "") -> str:
    """Return the text of a line that a terminal shows: after its last carriage return, as progress bars write it.

    Args:
        line: A line of program output.
        keep: Control characters to keep.
    """
    return strip_control_characters(line.rstrip("\r").rpartition("\r")[2], keep=keep)


def summarize_reason(reason: str) -> str:
    """Return the reason of a failure on one line: of a traceback, the kind of the error and the last line."""
    lines = [shown for line in reason.splitlines() if (shown := strip_control_characters(line).strip())]
    if len(lines) < 2:
        return truncate_middle("".join(lines))
    kind, colon, _ = lines[0].partition(": ")
    return truncate_middle(f"{kind}: ... {lines[-1]}" if colon else f"{lines[0]} ... {lines[-1]}")


def truncate_middle(line: str, length: int = 300) -> str:
    """Shorten a line by replacing its middle, if it is longer than ``length`` characters."""
    return line if len(line) <= length else f"{line[: length // 2]} ... {line[-length // 2 :]}"


def format_duration(seconds: float) -> str:
    """Format a duration: ``1.2 s``, ``3 min 5 s``, ``2 h 3 min``."""
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
