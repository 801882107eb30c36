"""Record and read executions: user, version, parameters and result."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, get_args

from sqlalchemy import insert, select, update

from dagcast.plugin import did_you_mean
from mods_plugin.registry.errors import RegistryError, UnknownTemplateError
from mods_plugin.registry.records import Execution, State
from mods_plugin.registry.rows import parse_execution, raw, time_text
from mods_plugin.registry.store import is_storable, version_id
from mods_plugin.registry.tables import EXECUTIONS, VERSIONS

if TYPE_CHECKING:
    from sqlalchemy import Connection

END_STATES = tuple(state for state in get_args(State) if state != "running")


def start(
    connection: Connection,
    name: str,
    *,
    version: str,
    parameters: Mapping[Any, Any],
    started_by: str,
    place: str,
    reference: str | None,
) -> int:
    """Record the start of an execution.

    Returns:
        The number of the execution.

    Raises:
        UnknownTemplateError: If the version is not registered.
        RegistryError: If a value cannot be stored.
    """
    for key, value in parameters.items():
        if not isinstance(key, str) or not isinstance(value, (str, bool, int, float)):
            raise RegistryError(f"parameter {key!r} is {value!r}, expected a string, a number or a boolean")
    try:
        given = json.dumps(dict(parameters), allow_nan=False)
    except ValueError as error:
        raise RegistryError(f"a parameter is not a finite number: {error}") from error
    _check_storable(started_by, place, reference or "")
    values: dict[str, Any] = {
        "version_id": version_id(connection, name, version),
        "started_by": started_by,
        "started_at": datetime.now(timezone.utc),
        "parameters": given,
        "place": place,
        "reference": reference,
        "state": "running",
    }
    key = connection.execute(insert(EXECUTIONS).values(values)).inserted_primary_key
    if key is None:
        raise AssertionError("an inserted row has a key")
    return int(key[0])


def end(connection: Connection, number: int, state: State, reason: str | None) -> None:
    """Record the end of an execution. Of two concurrent calls, the first succeeds.

    Raises:
        UnknownTemplateError: If the execution does not exist.
        RegistryError: If it has ended already, or the state is not an end.
    """
    if state not in END_STATES:
        hint = did_you_mean(str(state), END_STATES)
        raise RegistryError(f"invalid end state {state!r} ({hint})")
    _check_storable(reason or "")
    changed = connection.execute(
        update(EXECUTIONS)
        .where(EXECUTIONS.c.id == number, EXECUTIONS.c.state == "running")
        .values(state=state, reason=reason, ended_at=datetime.now(timezone.utc))
    )
    if changed.rowcount != 1:
        found = find(connection, number)
        raise RegistryError(f"execution {number} of {found.name} {found.version} has {found.state} already")


def find(connection: Connection, number: int) -> Execution:
    """Return one execution.

    Raises:
        UnknownTemplateError: If the execution does not exist.
    """
    found = _select(connection, EXECUTIONS.c.id == number)
    if not found:
        raise UnknownTemplateError(f"unknown execution {number}", str(number), ())
    return found[0]


def executions_of(connection: Connection, name: str, version: str | None) -> tuple[Execution, ...]:
    """Return the executions of a template or of one version, newest first."""
    if not is_storable(name) or not is_storable(version or ""):
        return ()
    conditions = [VERSIONS.c.name == name]
    if version is not None:
        conditions.append(VERSIONS.c.version == version)
    return _select(connection, *conditions)


def _select(connection: Connection, *conditions: Any) -> tuple[Execution, ...]:
    times = (EXECUTIONS.c.started_at, EXECUTIONS.c.ended_at)
    own = [time_text(connection, each) if each in times else raw(each) for each in EXECUTIONS.c]
    version = [raw(each) for each in (VERSIONS.c.name, VERSIONS.c.version, VERSIONS.c.metadata)]
    rows = connection.execute(
        select(*own, *version)
        .join(VERSIONS, VERSIONS.c.id == EXECUTIONS.c.version_id)
        .where(*conditions)
        .order_by(EXECUTIONS.c.id.desc())
    )
    return tuple(parse_execution(row) for row in rows)


def _check_storable(*texts: str) -> None:
    for text in texts:
        if not is_storable(text):
            raise RegistryError(f"{text!r} contains a character that databases cannot store")
