"""The options that say how a pipeline is run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dagcast.cli.run_summary import DEFAULT_RUNS

if TYPE_CHECKING:
    from dagcast.runner.options import RunOptions

_JOBS = 2

RESUMED_AS_IT_WAS = "its pipeline and parameters: leave out --dag, --env, --param and the choice of plugins"


def _pair(text: str) -> tuple[str, str] | None:
    """The two sides of the first equals sign."""
    left, equals, right = text.partition("=")
    return (left, right) if left and equals else None


def _uri_and_path(text: str) -> tuple[str, str] | None:
    """The two sides of the first equals sign that has an existing path to its right; else of the last.

    Keys hold equals signs too, such as ``date=2026-01-01/``. ``None`` if there is no path: the empty one would be the
    working directory.
    """
    if not text.startswith("s3://") or "=" not in text:
        return None
    left, _, right = text.partition("=")
    while "=" in right and not Path(right).exists():
        more, _, right = right.partition("=")
        left = f"{left}={more}"
    return (left, right) if right else None


def _slash_after_file(path: str) -> str | None:
    """What is wrong with a path that ends in a slash, and is that of a file; ``None`` for all others."""
    if path.endswith("/") and Path(path).is_file():
        return f"{path!r} is a file: leave out the slash at its end"
    return None


def run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say how a pipeline is run, by the names that ``RunOptions`` has for them."""
    for option in reversed(
        (
            _pairs("--param", "parameters", "NAME=VALUE", "Set a parameter of the pipeline."),
            _pairs(
                "--input",
                "inputs",
                "URI=PATH",
                "A local file or folder that stands for an S3 URI and for all below it.",
            ),
            click.option(
                "--from-run",
                "earlier",
                multiple=True,
                metavar="RUN",
                help="Read what an earlier run left, for steps that are not run again.",
            ),
            click.option("--s3", "real_s3", is_flag=True, help="Read what is nowhere here from S3 itself."),
            click.option(
                "-j",
                "--jobs",
                type=click.IntRange(1),
                default=_JOBS,
                show_default=True,
                metavar="N",
                help="Steps that may run at the same time.",
            ),
            click.option(
                "--runner",
                "isolation",
                type=click.Choice(["auto", "namespace", "paths", "docker"]),
                default="auto",
                help="How a job finds /opt/ml: in a namespace of its own, by rewritten paths, or in its image.",
            ),
            click.option(
                "--requirements/--no-requirements",
                default=True,
                help="Whether a step with a requirements.txt gets a Python environment of its own.",
            ),
            click.option("--only", multiple=True, metavar="STEP", help="Run this step; repeat it."),
            click.option(
                "--from", "start", multiple=True, metavar="STEP", help="Run this step and all after it."
            ),
            _pairs("--stub", "stubs", "STEP=FILE", "A JSON file that stands for running a step."),
            _pairs(
                "--lambda",
                "lambdas",
                "FUNCTION=FILE.py:HANDLER",
                "The source of a Lambda function, by its name or ARN.",
            ),
            _pairs(
                "--callback",
                "callbacks",
                "STEP=ANSWER",
                "A JSON file or a command that answers a Callback step.",
            ),
            click.option(
                "--cache/--no-cache",
                default=True,
                help="Whether steps that ask for it may reuse earlier results.",
            ),
            runs_option(DEFAULT_RUNS),
        )
    ):
        command = option(command)
    return command


def words(options: RunOptions) -> list[str]:
    """The arguments that make these choices, but for the steps that run, the earlier runs and the folder of runs."""
    pairs: tuple[tuple[str, Mapping[str, Any]], ...] = (
        ("--param", options.parameters),
        ("--input", options.inputs),
        ("--stub", options.stubs),
        ("--lambda", options.lambdas),
        ("--callback", options.callbacks),
    )
    given = [word for flag, of in pairs for name, value in of.items() for word in (flag, f"{name}={value}")]
    if options.jobs != _JOBS:
        given += ["--jobs", str(options.jobs)]
    if options.isolation != "auto":
        given += ["--runner", options.isolation]
    flags = {
        "--s3": options.real_s3,
        "--no-requirements": not options.requirements,
        "--no-cache": not options.cache,
    }
    return [*given, *(flag for flag, chosen in flags.items() if chosen)]


def runs_option(default: Path | None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """``--runs``: the folder of all runs."""
    return click.option(
        "--runs",
        type=click.Path(path_type=Path, file_okay=False),
        default=default,
        metavar="FOLDER",
        help=f"Folder of all runs; {DEFAULT_RUNS} if left out.",
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

    return click.option(flag, name, multiple=True, metavar=form, callback=as_mapping, help=about)
