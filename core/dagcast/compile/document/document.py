"""A config file as plain data with the location of each value."""

from __future__ import annotations

import os
from dataclasses import field
from pathlib import Path as FilePath
from typing import Any, Literal

from dagcast.compile.document.positions import LineIndex, Positions
from dagcast.compile.document.validate_values import copy_plain_data, describe_kind
from dagcast.errors import Diagnostic, DiagnosticSink, InvalidInputError, Location, did_you_mean
from dagcast.frozen_dataclass import dataclass
from dagcast.lazy_pattern import lazy_pattern
from dagcast.paths import FieldPath, format_path

Format = Literal["yaml", "json", "toml"]

_FORMATS: dict[str, Format] = {".yaml": "yaml", ".yml": "yaml", ".json": "json", ".toml": "toml"}
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_SIMPLE_KEY = lazy_pattern(r"[A-Za-z_][A-Za-z0-9_-]*")


@dataclass(frozen=True)
class Document:
    """The content of one config file and the locations of its values.

    Attributes:
        file: The file name as given by the user, or ``<config>`` for values passed from Python.
        data: The content: a dict of dicts, lists, strings, integers, floats, booleans and ``None``. Do not modify it:
            YAML aliases refer to the same object.
    """

    file: str
    data: Any
    _root: Positions = field(repr=False, compare=False)

    def locate(self, path: FieldPath, *, key: bool = False) -> Location:
        """Return the location of the value at ``path``, or of its deepest existing ancestor.

        The location of a mapping or list in a mapping is the location of its key. The location of a list item and of
        any other value is its own start. The location of an aliased YAML value is the alias. The location of a value
        inside it is where that value is written.

        Args:
            path: Keys and 0-based list indexes from the top level down. ``()`` is the top level.
            key: Whether to return the location of the key, for a message about the key. List items have no key.

        Returns:
            File and line. For data from Python, the file name followed by the path, without a line.
        """
        return self._root.locate(self.file, path, key)

    def has(self, path: FieldPath) -> bool:
        """Return whether ``path`` has a value. ``null`` is a value."""
        return len(_existing(self.data, path)) == len(path)


def read_document(path: str | os.PathLike[str]) -> Document:
    """Read a config file. The suffix (``.yaml``, ``.yml``, ``.json`` or ``.toml``) determines the format.

    An empty file is an empty mapping.

    Raises:
        InvalidInputError: If the suffix is unknown, or if the file cannot be read, is not UTF-8, or is not a valid
            document.

    Example:
        >>> import tempfile, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "pipeline.yaml")
        ...     _ = path.write_text("pipeline: {name: churn}")
        ...     document = read_document(path)
        >>> document.data["pipeline"]["name"], document.locate(("pipeline", "name")).line
        ('churn', 1)
    """
    file = os.fspath(path)
    text_format = _FORMATS.get(os.path.splitext(file)[1].lower())  # noqa: PTH122 - keeps the path as it was given
    if text_format is None:
        if _is_directory(file):
            raise _unreadable(file, "this is a directory, not a config file")
        raise InvalidInputError(
            [
                Diagnostic(
                    "the file's suffix does not tell its format",
                    Location(file),
                    code="document.unknown-format",
                    hint=f"expected one of {', '.join(_FORMATS)}",
                )
            ]
        )
    return parse_document(_decode(_read(file), file), file, text_format)


def parse_document(text: str, file: str, format: Format) -> Document:
    """Parse a config from text.

    Args:
        text: The content of the file. A byte order mark at its start is skipped.
        file: The file name for messages.
        format: The format of the text.

    Raises:
        InvalidInputError: If the text is not a valid document. The error contains all mistakes that were found.
        ValueError: If the format is unknown.
    """
    text = text.removeprefix("\ufeff")
    _refuse_surrogates(text, file)
    sink = DiagnosticSink()
    data: Any
    positions: Positions
    # Import only the reader of this format, to avoid the import time of the others.
    if format == "yaml":
        from dagcast.compile.document.yaml_reader import read_yaml

        data, positions = read_yaml(text, file, sink)
    elif format == "json":
        from dagcast.compile.document.json_reader import read_json

        data, positions = read_json(text, file, sink)
    elif format == "toml":
        from dagcast.compile.document.toml_reader import read_toml

        data, positions = read_toml(text, file, sink)
    else:
        raise ValueError(f"unknown format {format!r}: expected 'yaml', 'json' or 'toml'")
    if not isinstance(data, dict):
        _refuse_top_level(data, positions.locate(file, (), False), sink)
    sink.raise_errors()
    return Document(file, data, positions)


def document_from_data(data: Any, file: str = "<config>") -> Document:
    """Return a document with data from Python. Its locations contain the path instead of a line.

    Copies the data. Converts tuples to lists, enum members to their values, and file paths to strings.

    Args:
        data: A mapping of plain data.
        file: The name of the data's source for messages.

    Raises:
        InvalidInputError: If ``data`` is not a mapping, or contains values that a config file cannot contain: keys
            that are not strings, numbers that are not finite, dates, other objects, or a reference to itself.

    Example:
        >>> document = document_from_data({"steps": {"load": {"type": "Processing"}}})
        >>> str(document.locate(("steps", "load", "type")))
        '<config>.steps.load.type'
    """
    sink = DiagnosticSink()
    copied, refused = copy_plain_data(data)
    for path, problem in refused:
        sink.error(problem.message, _named(file, path), code=problem.code, hint=problem.hint)
    if not refused and not isinstance(copied, dict):
        _refuse_top_level(copied, Location(file), sink)
    sink.raise_errors()
    return Document(file, copied, _NamedPositions(copied))


class _NamedPositions:
    """Positions of data without lines. The position of a value is its path."""

    def __init__(self, data: Any) -> None:
        self._data = data

    def locate(self, file: str, path: FieldPath, key: bool) -> Location:
        return _named(file, _existing(self._data, path))


def _named(file: str, path: FieldPath) -> Location:
    text = format_path(path)
    return Location(f"{file}.{text}" if text and not text.startswith("[") else file + text)


def _existing(data: Any, path: FieldPath) -> FieldPath:
    """Return the longest prefix of ``path`` that exists in ``data``."""
    for depth, part in enumerate(path):
        if isinstance(data, dict):
            found = isinstance(part, str) and part in data
        else:
            found = isinstance(data, list) and isinstance(part, int) and 0 <= part < len(data)
        if not found:
            return path[:depth]
        data = data[part]
    return path


def _refuse_top_level(data: object, location: Location, sink: DiagnosticSink) -> None:
    hint = None
    if isinstance(data, str) and ":" in data:
        hint = "in YAML, write a space between ':' and the value"
    sink.error(
        f"the top level must be a mapping of keys to values, not {describe_kind(data)}",
        location,
        code="document.not-a-mapping",
        hint=hint,
    )


def _read(file: str) -> bytes:
    if "\0" in file:
        raise _unreadable(file.replace("\0", "\\0"), "a file's name cannot hold a NUL character")
    try:
        return FilePath(file).read_bytes()
    except FileNotFoundError:
        raise _unreadable(file, "the file does not exist", _nearest_file(FilePath(file))) from None
    except IsADirectoryError:
        raise _unreadable(file, "this is a directory, not a config file") from None
    except PermissionError:
        raise _unreadable(file, "permission to read this file is denied") from None
    except OSError as error:
        raise _unreadable(file, f"the file cannot be read: {error.strerror or error}") from None


def _unreadable(file: str, message: str, hint: str | None = None) -> InvalidInputError:
    return InvalidInputError(
        [Diagnostic(message, Location(file), code="document.unreadable-file", hint=hint)]
    )


def _is_directory(file: str) -> bool:
    return "\0" not in file and FilePath(file).is_dir()


def _nearest_file(path: FilePath) -> str | None:
    if not path.parent.is_dir():
        return f"its folder {str(path.parent)!r} does not exist either"
    try:
        names = [entry.name for entry in path.parent.iterdir() if entry.suffix.lower() in _FORMATS]
    except OSError:
        return None
    return did_you_mean(path.name, names)


def _decode(content: bytes, file: str) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8")
        location = Location(file, LineIndex(before).line(len(before)))
        utf16 = content.startswith(_UTF16_MARKS)
        raise InvalidInputError(
            [
                Diagnostic(
                    f"the file is not UTF-8: byte 0x{content[error.start]:02x} at offset {error.start} "
                    "begins no valid character",
                    location,
                    code="document.encoding",
                    hint="it looks like UTF-16; save it as UTF-8" if utf16 else "save it as UTF-8",
                )
            ]
        ) from None


def _refuse_surrogates(text: str, file: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        code_point = ord(text[error.start])
        raise InvalidInputError(
            [
                Diagnostic(
                    f"the text holds half a character (the lone surrogate U+{code_point:04X})",
                    Location(file, LineIndex(text).line(error.start)),
                    code="document.bad-character",
                    hint="write the character itself",
                )
            ]
        ) from None
