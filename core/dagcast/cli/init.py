"""``dagcast init``: a commented starter project."""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path

import click

from dagcast.cli.exit_codes import FAILURE
from dagcast.cli.output import UnwritableError, fail, write_file

STARTER = (
    "pipeline.yaml",
    "code/preprocess.py",
    "code/train.py",
    "code/evaluate.py",
    "code/requirements.txt",
)


@click.command("init")
@click.argument("folder", default=".", type=click.Path(path_type=Path))
def init_command(folder: Path) -> None:
    """Write a commented starter project into FOLDER. Existing files are not overwritten."""
    existing = [name for name in STARTER if (folder / name).exists()]
    if existing:
        for name in existing:
            click.echo(f"{folder / name} already exists", err=True)
        sys.exit(FAILURE)
    source = files("dagcast.cli") / "starter"
    for name in STARTER:
        try:
            write_file(folder / name, (source / name).read_text(encoding="utf-8"))
        except UnwritableError as error:
            fail(error, False)
        click.echo(f"wrote {folder / name}")
    click.echo(f"next: dagcast run {folder / 'pipeline.yaml'}")
