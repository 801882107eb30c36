"""Reads channels into the library's matrices."""

from __future__ import annotations

import csv
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import xgboost

from dagcast_xgboost.content_types import CSV, LIBSVM, PARQUET
from dagcast_xgboost.hyperparameters import UserError

MAX_DEPTH = 3
"""How many folders below that of a channel may contain each other. Source: ``data_utils.py`` of the container."""


def read_data(folders: list[Path], kind: str, *, weights: bool = False) -> xgboost.DMatrix | None:
    """Read all files of one or more channels as one matrix.

    Args:
        folders: The folders of the channels.
        kind: The kind of content, as ``read_content_type`` returns it.
        weights: Whether the second column of CSV has the weights.

    Returns:
        The matrix, or ``None`` if there is no data.

    Raises:
        UserError: If a file is hidden or cannot be read.
    """
    files = [file for folder in folders for file in _find_files(folder, folder, 0)]
    if not any(file.stat().st_size for file in files):
        return None
    if kind == CSV:
        delimiters = [_find_delimiter(file) for file in files]
        column = "&weight_column=1" if weights else ""
        return _read_text(files, f"format=csv&label_column=0&delimiter={delimiters[0]}{column}", kind)
    if kind == LIBSVM:
        for file in files:
            _check_libsvm(file)
        return _read_text(files, "format=libsvm", kind)
    if kind == PARQUET:
        return _read_parquet(files)
    raise UserError(f"{kind} is not read on this machine")


def _find_files(folder: Path, top: Path, depth: int) -> Iterator[Path]:
    """Yield the files below a folder in the order of their names, so that the same data gives the same model."""
    if depth > MAX_DEPTH:
        raise UserError(f"Folder depth exceed the limit: {MAX_DEPTH}.")
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            raise UserError(
                f"Hidden file found in the data path! Remove that before training. ({path.relative_to(top)})"
            )
        if path.is_dir():
            yield from _find_files(path, top, depth + 1)
        elif not path.name.startswith("_"):
            yield path


def _first_line(file: Path) -> str:
    with file.open("r", encoding="utf-8", errors="ignore") as lines:
        return lines.readline()


def _find_delimiter(file: Path) -> str:
    line = _first_line(file)
    try:
        return csv.Sniffer().sniff(line).delimiter
    except csv.Error as error:
        raise UserError(f"Could not determine delimiter on line {line[:50]}:\n{error}") from error


def _check_libsvm(file: Path) -> None:
    """Check the first line that has a feature: ``LABEL[:WEIGHT] INDEX:VALUE ...``."""
    with file.open("r", encoding="utf-8", errors="ignore") as lines:
        for line in lines:
            label, *features = line.split() or [""]
            if not _is_label(label) or not all(feature.count(":") == 1 for feature in features):
                raise UserError(
                    f"First line '{line[:50]}...' of file '{file.name}' is not 'LIBSVM' format. "
                    "Please ensure the file is in 'LIBSVM' format."
                )
            if features:
                return


def _is_label(text: str) -> bool:
    try:
        parts = [float(part) for part in text.split(":")]
    except ValueError:
        return False
    return len(parts) <= 2


@contextmanager
def _linked(files: list[Path]) -> Iterator[str]:
    """Yield the library's address of files: links in a temporary working directory.

    In an address, ``?``, ``#`` and ``;`` have meanings, and a path may contain them.
    """
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        for number, file in enumerate(files):
            Path(folder, str(number)).symlink_to(file.resolve())
        os.chdir(folder)
        try:
            yield ";".join(str(number) for number in range(len(files)))
        finally:
            os.chdir(before)


def _read_text(files: list[Path], form: str, kind: str) -> xgboost.DMatrix:
    try:
        with _linked(files) as address, warnings.catch_warnings():
            # The reader of the images, which the library deprecates: other readers take empty fields for other values.
            warnings.simplefilter("ignore", UserWarning)
            matrix = xgboost.DMatrix(f"{address}?{form}")
            matrix.num_row()
            return matrix
    except xgboost.core.XGBoostError as error:
        raise UserError(f"Failed to load {kind} data with exception:\n{error}") from error


def _read_parquet(files: list[Path]) -> xgboost.DMatrix:
    import numpy as np
    import pyarrow
    import pyarrow.parquet

    try:
        tables = [pyarrow.parquet.read_table(file) for file in files]
        data: Any = pyarrow.concat_tables(tables).to_pandas().to_numpy(dtype=np.float32)
    except (pyarrow.ArrowException, ValueError, TypeError) as error:
        raise UserError(f"Failed to load parquet data with exception:\n{error}") from error
    return xgboost.DMatrix(data[:, 1:], label=data[:, 0])
