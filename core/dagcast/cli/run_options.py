"""The options of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dagcast.cli.complete import complete_runs, complete_step_and_file, complete_steps
from dagcast.cli.ignore_rule_option import ignore_rule_option
from dagcast.cli.run_summary import DEFAULT_RUNS

if TYPE_CHECKING:
    from dagcast.runner.options import RunOptions

_JOBS = 2

FIXED_ON_RESUME = (
    "its pipeline and parameters: remove --dag, --env, --param, --ignore-rule and plugin options"
)


def _pair(text: str) -> tuple[str, str] | None:
    """Split a text at the first equals sign; ``None`` if a side is missing."""
    left, equals, right = text.partition("=")
    return (left, right) if left and equals else None


def _uri_and_path(text: str) -> tuple[str, str] | None:
    """Split a text at the first equals sign that an existing path follows; else at the last.

    Keys may contain equals signs, such as ``date=2026-01-01/``. Returns ``None`` if the path is empty: an empty path
    would be the working directory.
    """
    if not text.startswith("s3://") or "=" not in text:
        return None
    left, _, right = text.partition("=")
    while "=" in right and not Path(right).exists():
        more, _, right = right.partition("=")
        left = f"{left}={more}"
    return (left, right) if right else None


def _slash_after_file(path: str) -> str | None:
    """Return the problem of a path that ends with a slash but is a file; ``None`` for other paths."""
    if path.endswith("/") and Path(path).is_file():
        return f"{path!r} is a file: remove the trailing slash"
    return None


def run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a run, named as the fields of ``RunOptions``."""
    for option in reversed(
        (
            _pairs("--param", "parameters", "NAME=VALUE", "Set a pipeline parameter."),
            _pairs(
                "--input",
                "inputs",
                "URI=PATH",
                "Use a local file or folder for an S3 URI and all keys below it.",
            ),
            click.option(
                "--from-run",
                "earlier",
                multiple=True,
                metavar="RUN",
                shell_complete=complete_runs,
                help="Use outputs of an earlier run, and of runs that it used, for steps that do not run.",
            ),
            click.option(
                "--s3", "real_s3", is_flag=True, help="Read objects that are not found locally from S3."
            ),
            click.option(
                "-j",
                "--jobs",
                type=click.IntRange(1),
                default=_JOBS,
                show_default=True,
                metavar="N",
                help="Maximum number of concurrent steps.",
            ),
            click.option(
                "--runner",
                "isolation",
                type=click.Choice(["auto", "namespace", "paths", "docker"]),
                default="auto",
                help="How a job gets /opt/ml: a mount namespace, rewritten paths, or its container image.",
            ),
            click.option(
                "--requirements/--no-requirements",
                default=True,
                help="Create a Python environment for a step with a requirements.txt.",
            ),
            click.option(
                "--local-images/--no-local-images",
                "use_local_images",
                default=True,
                help="Let installed local images stand for images with an algorithm of their own.",
            ),
            click.option(
                "--only",
                multiple=True,
                metavar="STEP",
                shell_complete=complete_steps,
                help="Run this step only, and stubs. May be repeated.",
            ),
            click.option(
                "--from",
                "start",
                multiple=True,
                metavar="STEP",
                shell_complete=complete_steps,
                help="Run this step and all steps after it.",
            ),
            click.option(
                "--debug",
                metavar="STEP",
                shell_complete=complete_steps,
                help="Give the terminal to this step, for breakpoint() and input.",
            ),
            click.option(
                "--debugpy",
                type=click.IntRange(1, 65535),
                metavar="PORT",
                help="With --debug: wait at this port for a debugger, such as an editor's.",
            ),
            _pairs("--stub", "stubs", "STEP=FILE", "Use a JSON file in place of running a step."),
            _pairs(
                "--lambda",
                "lambdas",
                "FUNCTION=FILE.py:HANDLER",
                "Source file of a Lambda function, by its name or ARN.",
            ),
            _pairs(
                "--callback",
                "callbacks",
                "STEP=ANSWER",
                "JSON file or command that answers a Callback step.",
            ),
            click.option(
                "--cache/--no-cache",
                default=True,
                help="Reuse earlier results of steps with a cache policy.",
            ),
            ignore_rule_option(),
            runs_option(DEFAULT_RUNS),
        )
    ):
        command = option(command)
    return command


def to_arguments(options: RunOptions) -> list[str]:
    """Return the command-line arguments of these options, without selected steps, earlier runs and ``--runs``."""
    pairs: tuple[tuple[str, Mapping[str, Any]], ...] = (
        ("--param", options.parameters),
        ("--input", options.inputs),
        ("--stub", options.stubs),
        ("--lambda", options.lambdas),
        ("--callback", options.callbacks),
    )
    given = [
        argument for flag, of in pairs for name, value in of.items() for argument in (flag, f"{name}={value}")
    ]
    for rule, reason in options.ignore_rules.items():
        given += ["--ignore-rule", f"{rule}={reason}" if reason else rule]
    if options.jobs != _JOBS:
        given += ["--jobs", str(options.jobs)]
    if options.isolation != "auto":
        given += ["--runner", options.isolation]
    flags = {
        "--s3": options.real_s3,
        "--no-requirements": not options.requirements,
        "--no-local-images": not options.use_local_images,
        "--no-cache": not options.cache,
    }
    return [*given, *(flag for flag, chosen in flags.items() if chosen)]


def runs_option(default: Path | None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the option ``--runs``, the folder of all runs."""
    return click.option(
        "--runs",
        type=click.Path(path_type=Path, file_okay=False),
        default=default,
        metavar="FOLDER",
        help=f"Folder of all runs. Default: {DEFAULT_RUNS}.",
    )


def _pairs(flag: str, name: str, form: str, about: str) -> Callable[[Any], Any]:
    with_path = form.startswith("URI")
    split = _uri_and_path if with_path else _pair

    def as_mapping(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> dict[str, str]:
        pairs: dict[str, str] = {}
        for text in value:
            sides = split(text)
            if sides is None:
                raise click.BadParameter(f"{text!r} is not of the form {form}", ctx, param)
            if sides[0] in pairs:
                raise click.BadParameter(f"{sides[0]!r} is given twice", ctx, param)
            if with_path and (problem := _slash_after_file(sides[1])):
                raise click.BadParameter(problem, ctx, param)
            pairs[sides[0]] = sides[1]
        return pairs

    completion = complete_step_and_file if form.startswith("STEP") else None
    return click.option(
        flag,
        name,
        multiple=True,
        metavar=form,
        callback=as_mapping,
        shell_complete=completion,
        help=about,
    )
