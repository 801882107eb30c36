"""Validate rows of the registry: a registry is shared, so a row is input like any file."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, NoReturn, cast, get_args
from unicodedata import category

from sqlalchemy import func, type_coerce
from sqlalchemy.types import NullType

from dagcast.errors import escape_text
from dagcast.plugin import InvalidInputError, PipelineDAG
from mods_plugin.metadata import AUTHOR, DESCRIPTION, NAME, VERSION
from mods_plugin.registry.errors import RegistryError
from mods_plugin.registry.records import Execution, StagedObject, State, TemplateVersion

if TYPE_CHECKING:
    from sqlalchemy import Column, ColumnElement, Connection, Row

_BREAKS = frozenset({"Cc", "Zl", "Zp"})
FORMS = ("file", "script", "archive", "text")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?(?: AD)?")


class DamagedRowError(RegistryError):
    """A row holds a value that this registry never writes.

    Attributes:
        problem: The column, and what is wrong with it.
    """

    def __init__(self, row: str, problem: str) -> None:
        self.problem = problem
        super().__init__(f"the registry is damaged: {row}: {problem}")


def raw(column: Column[Any]) -> ColumnElement[Any]:
    """Return a column as the driver has it. SQLite stores any type in any column, and a converter would fail."""
    return type_coerce(column, NullType()).label(column.name)


def time_text(connection: Connection, column: Column[Any]) -> ColumnElement[Any]:
    """Return a time in UTC as text. The drivers cannot read every value that a database can hold, such as infinity."""
    if connection.dialect.name == "postgresql":
        text = func.to_char(func.timezone("UTC", column), "YYYY-MM-DD HH24:MI:SS.US AD")
        return text.label(column.name)
    return raw(column)


def parse_version(row: Row[Any], staged: list[Row[Any]]) -> TemplateVersion:
    """Return a version from its rows.

    Args:
        row: The row of the version, read with :func:`raw` and :func:`time_text`.
        staged: The rows of its staged code, in order.

    Raises:
        DamagedRowError: If a column is invalid, or the content differs from its digest.
    """
    columns = _Columns(row, version_label(row))
    metadata = columns.json("metadata", dict)
    version = TemplateVersion(
        name=columns.line("name"),
        version=columns.line("version"),
        pipeline=columns.line("pipeline"),
        metadata=metadata,
        dag=columns.json("dag", dict),
        config=columns.json("config", dict),
        role=columns.text("role") if row.role is not None else None,
        definition=columns.text("definition"),
        definition_sha256=columns.digest("definition_sha256"),
        plugins=tuple(columns.json("plugins", list)),
        staged=tuple(_staged(item, number, columns.label) for number, item in enumerate(staged)),
        made_with=columns.json("made_with", dict),
        registered_by=columns.text("registered_by"),
        registered_at=columns.time("registered_at"),
    )
    columns.text("search_text")
    _check_metadata(version, columns)
    _check_config(version, columns)
    _check_definition(version, columns)
    for plugin in version.plugins:
        if not isinstance(plugin, dict) or not _is_line(plugin.get("name")):
            columns.refuse("plugins", "an entry has no name")
        if not (plugin.get("version") is None or _is_line(plugin["version"])):
            columns.refuse("plugins", f"the version of {plugin['name']!r} is not a text")
    if any(not (value is None or isinstance(value, str)) for value in version.made_with.values()):
        columns.refuse("made_with", "a version is not a text")
    if columns.digest("content_sha256") != version.content_sha256:
        columns.refuse("content_sha256", "the digest of the content differs")
    return version


def parse_execution(row: Row[Any]) -> Execution:
    """Return an execution from its row; a damaged row has the state ``damaged`` and the reason."""
    label = f"execution {row.id!r}"
    columns = _Columns(row, label)
    try:
        state = columns.text("state")
        if state not in get_args(State):
            columns.refuse("state", f"{state!r} is not a state")
        ended = columns.time("ended_at") if row.ended_at is not None else None
        if (state == "running") != (ended is None):
            columns.refuse("ended_at", f"an execution that is {state} has {'an' if ended else 'no'} end")
        parameters = columns.json("parameters", dict)
        for value in parameters.values():
            if not isinstance(value, (str, bool, int, float)):
                columns.refuse("parameters", "a value is not a string, a number or a boolean")
        return Execution(
            id=columns.number("id"),
            name=columns.line("name"),
            version=columns.line("version"),
            metadata=columns.json("metadata", dict),
            started_by=columns.text("started_by"),
            started_at=columns.time("started_at"),
            parameters=parameters,
            place=columns.text("place"),
            reference=columns.text("reference") if row.reference is not None else None,
            state=cast(State, state),
            reason=columns.text("reason") if row.reason is not None else None,
            ended_at=ended,
        )
    except DamagedRowError as error:
        return Execution(
            id=row.id if type(row.id) is int else 0,
            name=escape_value(row.name),
            version=escape_value(row.version),
            metadata={},
            started_by="",
            started_at=None,
            parameters={},
            place="",
            reference=None,
            state="damaged",
            reason=error.problem,
            ended_at=None,
        )


def version_label(row: Row[Any]) -> str:
    """Return the name and version of a row for messages."""
    return f"{escape_value(row.name)}@{escape_value(row.version)}"


def escape_value(value: Any) -> str:
    """Return a stored value on one line, with control characters escaped."""
    return escape_text(value if isinstance(value, str) else repr(value), longest=300)


def is_text(value: Any) -> bool:
    """Return whether a stored value is a text that a database of this registry can hold."""
    return isinstance(value, str) and "\0" not in value and not re.search("[\ud800-\udfff]", value)


class _Columns:
    """The columns of one row, each read with its type."""

    def __init__(self, row: Row[Any], label: str) -> None:
        self.row = row
        self.label = label

    def refuse(self, column: str, problem: str) -> NoReturn:
        raise DamagedRowError(self.label, f"{column}: {problem}")

    def text(self, column: str) -> str:
        value = getattr(self.row, column)
        if not is_text(value):
            self.refuse(column, "it is not a text")
        return str(value)

    def line(self, column: str) -> str:
        value = self.text(column)
        if not _is_line(value):
            self.refuse(column, "it is empty or has control characters")
        return value

    def digest(self, column: str) -> str:
        value = self.text(column)
        if not _DIGEST.fullmatch(value):
            self.refuse(column, "it is not a SHA-256 digest")
        return value

    def number(self, column: str) -> int:
        value = getattr(self.row, column)
        if type(value) is not int or value < 0:
            self.refuse(column, "it is not a number")
        return value

    def time(self, column: str) -> datetime:
        found = _TIME.fullmatch(self.text(column))
        try:
            day, clock, fraction = found.groups() if found else ("", "", "")
            moment = datetime.fromisoformat(f"{day} {clock}.{(fraction or '').ljust(6, '0')}")
        except ValueError:
            self.refuse(column, "it is not a time")
        return moment.replace(tzinfo=timezone.utc)

    def json(self, column: str, kind: type[Any]) -> Any:
        text = self.text(column)
        try:
            value = json.loads(text, parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            self.refuse(column, "it is invalid JSON")
        if type(value) is not kind:
            self.refuse(column, f"it is not {'an object' if kind is dict else 'a list'} of JSON")
        return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _is_line(value: Any) -> bool:
    return is_text(value) and value != "" and not any(category(each) in _BREAKS for each in value)


def _check_metadata(version: TemplateVersion, columns: _Columns) -> None:
    metadata = version.metadata
    if not isinstance(metadata.get("mods"), dict):
        columns.refuse("metadata", "the entry 'mods' is missing")
    for key in (AUTHOR, DESCRIPTION):
        if not (metadata.get(key) is None or isinstance(metadata[key], str)):
            columns.refuse("metadata", f"{key} is not a text")
    if metadata.get(VERSION) != version.version:
        columns.refuse("version", "it differs from the version in the metadata")
    if version.name not in (metadata.get(NAME), version.pipeline):
        columns.refuse("name", "it is neither the name in the metadata nor that of the pipeline")


def _check_config(version: TemplateVersion, columns: _Columns) -> None:
    config = version.config
    steps = config.get("steps") if config.get("steps") is not None else {}
    if not isinstance(steps, dict):
        columns.refuse("config", "the section 'steps' is not a mapping")
    for step in steps.values():
        if not (isinstance(step, dict) and isinstance(step.get("type"), str)):
            columns.refuse("config", "a step has no type")
    section = config.get("plugins") or {}
    if not (isinstance(section, dict) and isinstance(section.get("options") or {}, dict)):
        columns.refuse("config", "the section 'plugins' is not a mapping")
    dag: dict[str, Any] = dict(version.dag)
    if not (isinstance(dag.get("nodes"), list) and isinstance(dag.get("edges"), list)):
        columns.refuse("dag", "it has no nodes or no edges")
    try:
        nodes = PipelineDAG.from_dict(dag).nodes
    except InvalidInputError as error:
        columns.refuse("dag", str(error.diagnostics[0].message))
    for node in nodes:
        if node not in steps:
            columns.refuse("dag", f"the config has no step {node!r}")


def _check_definition(version: TemplateVersion, columns: _Columns) -> None:
    if hashlib.sha256(version.definition.encode()).hexdigest() != version.definition_sha256:
        columns.refuse("definition", "the digest of the definition differs")
    if not isinstance(columns.json("definition", dict).get("Steps"), list):
        columns.refuse("definition", "it has no steps")


def _staged(row: Row[Any], number: int, label: str) -> StagedObject:
    columns = _Columns(row, f"{label}, staged code {number}")
    checks: Mapping[str, Callable[[], bool]] = {
        "number": lambda: row.number == number,
        "uri": lambda: columns.text("uri").startswith("s3://"),
        "size": lambda: row.size is not None,
        "form": lambda: row.form in FORMS,
        "source": lambda: not _is_absolute(columns.line("source")),
    }
    for column, is_valid in checks.items():
        if not is_valid():
            columns.refuse(column, f"{escape_value(getattr(row, column))} is invalid")
    # Their content is compared with the digest when it is used.
    if (row.stored_size or 0) != columns.number("size"):
        columns.refuse("size", f"it is {row.size}, and {escape_value(row.stored_size or 0)} bytes are stored")
    return StagedObject(
        columns.text("uri"),
        columns.digest("sha256"),
        columns.number("size"),
        columns.line("source"),
        columns.line("form"),
    )


def _is_absolute(path: str) -> bool:
    return path.startswith(("/", "\\", "~")) or re.match(r"[A-Za-z]:", path) is not None
