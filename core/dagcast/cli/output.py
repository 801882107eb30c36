"""Print diagnostics as text or JSON, and write files atomically."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import click

from dagcast.cli.exit_codes import FAILURE
from dagcast.diagnostic_codes import is_ignorable
from dagcast.display.terminal_text import strip_control_characters
from dagcast.errors import DagcastError, Diagnostic, IgnoredRule, InvalidInputError, PluginError

_LINES = "\n\t"


def fail(error: DagcastError, as_json: bool) -> NoReturn:
    """Print an error and exit with :data:`~dagcast.cli.exit_codes.FAILURE`."""
    if isinstance(error, InvalidInputError):
        show_diagnostics(error.diagnostics, as_json, ignored=error.ignored)
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
