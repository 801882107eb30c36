"""Read and write rows of templates and code."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, insert, select

from mods_plugin.metadata import AUTHOR, DESCRIPTION
from mods_plugin.registry.errors import RegistryError, UnknownTemplateError
from mods_plugin.registry.records import TemplateSummary, TemplateVersion
from mods_plugin.registry.rows import DamagedRowError, escape_value, parse_version, raw, time_text
from mods_plugin.registry.tables import CODE, PIECES, STAGED, VERSIONS

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

    from dagcast.artifacts import StagedCode

PIECE_BYTES = 1024 * 1024
"""The maximum number of bytes in one row of code."""


def insert_version(connection: Connection, template: TemplateVersion) -> int | None:
    """Insert a version, after waiting for any other process that inserts the same one.

    Returns:
        Its id; ``None`` if the version exists already.
    """
    values = {
        "name": template.name,
        "version": template.version,
        "pipeline": template.pipeline,
        "search_text": fold_text(
            "\n".join(
                [
                    template.name,
                    template.pipeline,
                    str(template.metadata.get(AUTHOR) or ""),
                    str(template.metadata.get(DESCRIPTION) or ""),
                ]
            )
        ),
        "content_sha256": template.content_sha256,
        "metadata": json.dumps(template.metadata),
        "dag": json.dumps(template.dag),
        "config": json.dumps(template.config),
        "role": template.role,
        "definition": template.definition,
        "definition_sha256": template.definition_sha256,
        "plugins": json.dumps([dict(plugin) for plugin in template.plugins]),
        "made_with": json.dumps(template.made_with),
        "registered_by": template.registered_by,
        "registered_at": datetime.now(timezone.utc),
    }
    if not _insert_new(connection, VERSIONS, values):
        return None
    chosen = select(VERSIONS.c.id).where(
        VERSIONS.c.name == template.name, VERSIONS.c.version == template.version
    )
    return int(connection.execute(chosen).scalar_one())


def insert_code(
    connection: Connection, version_id: int, template: TemplateVersion, code: Iterable[StagedCode]
) -> None:
    """Insert the staged code of a version; existing objects are not written again.

    Raises:
        RegistryError: If the files have changed since the compile.
    """
    by_digest = {item.digest: item for item in code}
    # All processes insert in the same order, so that two never deadlock.
    for digest in sorted(by_digest):
        item = by_digest[digest]
        if _insert_new(connection, CODE, {"sha256": digest, "size": item.size}):
            _insert_pieces(connection, item)
    rows = [
        {
            "version_id": version_id,
            "number": number,
            "sha256": item.sha256,
            "uri": item.uri,
            "source": item.source,
            "form": item.form,
        }
        for number, item in enumerate(template.staged)
    ]
    if rows:
        connection.execute(insert(STAGED), rows)


def read_code(connection: Connection, digest: str) -> bytes:
    """Return the bytes of staged code.

    Raises:
        RegistryError: If they are missing or do not match the digest.
    """
    chosen = select(raw(PIECES.c.content)).where(PIECES.c.sha256 == digest).order_by(PIECES.c.number)
    pieces = list(connection.execute(chosen).scalars())
    content = b"".join(piece for piece in pieces if isinstance(piece, (bytes, memoryview)))
    if hashlib.sha256(content).hexdigest() != digest:
        raise RegistryError(f"the registry is damaged: the bytes of code {digest} differ")
    return content


def find_version(connection: Connection, name: str, version: str | None) -> TemplateVersion:
    """Return one version of a template; the version registered last if ``version`` is ``None``.

    Raises:
        UnknownTemplateError: If the template or version is unknown.
        DamagedRowError: If the row, or one of its staged code, is invalid.
    """
    chosen = select(*_columns(connection)).where(VERSIONS.c.name == name)
    if version is not None:
        chosen = chosen.where(VERSIONS.c.version == version)
    row = None
    if is_storable(name) and is_storable(version or ""):
        row = connection.execute(chosen.order_by(VERSIONS.c.id.desc()).limit(1)).one_or_none()
    if row is None:
        raise _unknown(connection, name, version)
    return _version(connection, row)


def version_id(connection: Connection, name: str, version: str) -> int:
    """Return the id of a version.

    Raises:
        UnknownTemplateError: If the template or version is unknown.
    """
    chosen = select(VERSIONS.c.id).where(VERSIONS.c.name == name, VERSIONS.c.version == version)
    found = None
    if is_storable(name) and is_storable(version):
        found = connection.execute(chosen).scalar_one_or_none()
    if found is None:
        raise _unknown(connection, name, version)
    return int(found)


def versions_of(connection: Connection, name: str) -> tuple[str, ...]:
    """Return the versions of a template, in the order of registration."""
    if not is_storable(name):
        return ()
    chosen = select(VERSIONS.c.version).where(VERSIONS.c.name == name).order_by(VERSIONS.c.id)
    return tuple(map(escape_value, connection.execute(chosen).scalars()))


def list_templates(connection: Connection, words: Iterable[str]) -> tuple[TemplateSummary, ...]:
    """Return templates with a version whose name, pipeline, author or description contains all words.

    Case and Unicode normalization forms are ignored.

    Args:
        connection: The connection.
        words: The words; empty for all templates.
    """
    wanted = [fold_text(word) for word in words]
    if not all(is_storable(word) for word in wanted):
        return ()
    named = select(VERSIONS.c.name).distinct()
    for word in wanted:
        named = named.where(VERSIONS.c.search_text.contains(word, autoescape=True))
    found = set(connection.execute(named).scalars())
    rows = connection.execute(select(*_columns(connection)).order_by(VERSIONS.c.id)).all()
    staged = _staged_rows(connection)
    parsed: dict[Any, list[tuple[Row[Any], TemplateVersion | DamagedRowError]]] = {}
    for row in rows:
        if row.name in found:
            parsed.setdefault(row.name, []).append((row, _parsed(row, staged.get(row.id, []))))
    # Sort here: databases differ in how they order text.
    return tuple(sorted(map(_summary, parsed.values()), key=lambda item: item.name))


def damaged_versions(connection: Connection, name: str) -> dict[str, str]:
    """Return the damaged versions of a template, each with what is wrong with it."""
    if not is_storable(name):
        return {}
    chosen = select(*_columns(connection)).where(VERSIONS.c.name == name).order_by(VERSIONS.c.id)
    staged = _staged_rows(connection)
    parsed = [(row, _parsed(row, staged.get(row.id, []))) for row in connection.execute(chosen).all()]
    return _damage(parsed)


def _parsed(row: Row[Any], staged: list[Row[Any]]) -> TemplateVersion | DamagedRowError:
    try:
        return parse_version(row, staged)
    except DamagedRowError as error:
        return error


def _damage(parsed: Iterable[tuple[Row[Any], TemplateVersion | DamagedRowError]]) -> dict[str, str]:
    return {
        escape_value(row.version): found.problem
        for row, found in parsed
        if isinstance(found, DamagedRowError)
    }


def _summary(parsed: list[tuple[Row[Any], TemplateVersion | DamagedRowError]]) -> TemplateSummary:
    """Return the summary of a template from its versions; of a damaged row, only what can be shown."""
    row, latest = parsed[-1]
    versions, damage = tuple(escape_value(each.version) for each, _ in parsed), _damage(parsed)
    if isinstance(latest, DamagedRowError):
        return TemplateSummary(
            name=escape_value(row.name),
            latest=escape_value(row.version),
            versions=versions,
            author="",
            description="",
            registered_at=None,
            damaged=latest.problem,
            damaged_versions=damage,
        )
    return TemplateSummary(
        name=latest.name,
        latest=latest.version,
        versions=versions,
        author=str(latest.metadata.get(AUTHOR) or ""),
        description=str(latest.metadata.get(DESCRIPTION) or ""),
        registered_at=latest.registered_at,
        damaged_versions=damage,
    )


def fold_text(text: str) -> str:
    """Normalize a text for search."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def is_storable(text: str) -> bool:
    """Return whether databases can store a text: one with NUL or a surrogate is an invalid argument of a query."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _insert_new(connection: Connection, table: Any, values: dict[str, Any]) -> bool:
    """Insert a row unless its key exists; return whether it was inserted."""
    from sqlalchemy.dialects import postgresql, sqlite

    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    # Inline, so that SQLAlchemy reads the row count and does not fetch the key of a row that may not exist.
    statement = dialect.insert(table).values(values).on_conflict_do_nothing().inline()
    done = connection.execute(statement, execution_options={"preserve_rowcount": True})
    if done.rowcount not in (0, 1):
        raise AssertionError("the driver counts inserted rows")
    return done.rowcount == 1


def _insert_pieces(connection: Connection, code: StagedCode) -> None:
    from dagcast.artifacts import archive_pieces

    digest = hashlib.sha256()
    for number, piece in enumerate(_pieces(archive_pieces(code))):
        digest.update(piece)
        connection.execute(insert(PIECES).values(sha256=code.digest, number=number, content=piece))
    if digest.hexdigest() != code.digest:
        raise RegistryError(f"{code.source} changed after the compile: register the template again")


def _pieces(parts: Iterable[bytes]) -> Iterator[bytes]:
    waiting = bytearray()
    for part in parts:
        waiting += part
        while len(waiting) >= PIECE_BYTES:
            yield bytes(waiting[:PIECE_BYTES])
            del waiting[:PIECE_BYTES]
    if waiting:
        yield bytes(waiting)


def _columns(connection: Connection) -> list[Any]:
    times = (VERSIONS.c.registered_at,)
    return [time_text(connection, each) if each in times else raw(each) for each in VERSIONS.c]


def _version(connection: Connection, row: Row[Any]) -> TemplateVersion:
    return parse_version(row, _staged_rows(connection, row.id).get(row.id, []))


def _staged_rows(connection: Connection, version_id: int | None = None) -> dict[int, list[Row[Any]]]:
    """Return the rows of the staged code of one version, or of all, by the id of the version."""
    # The sizes of the pieces are known without reading them.
    stored = select(func.sum(func.length(PIECES.c.content))).where(PIECES.c.sha256 == STAGED.c.sha256)
    columns = (STAGED.c.version_id, STAGED.c.number, STAGED.c.uri, STAGED.c.sha256, CODE.c.size)
    chosen = (
        select(
            *map(raw, (*columns, STAGED.c.source, STAGED.c.form)),
            stored.scalar_subquery().label("stored_size"),
        )
        # Code without its object is damage, not absence.
        .outerjoin(CODE, CODE.c.sha256 == STAGED.c.sha256)
        .order_by(STAGED.c.version_id, STAGED.c.number)
    )
    if version_id is not None:
        chosen = chosen.where(STAGED.c.version_id == version_id)
    found: dict[int, list[Any]] = {}
    for row in connection.execute(chosen):
        found.setdefault(row.version_id, []).append(row)
    return found


def _unknown(connection: Connection, name: str, version: str | None) -> UnknownTemplateError:
    versions = versions_of(connection, name)
    if versions:
        return UnknownTemplateError(
            f"unknown version {version!r} of template {name!r}", str(version), versions
        )
    names = [escape_value(each) for each in connection.execute(select(VERSIONS.c.name).distinct()).scalars()]
    return UnknownTemplateError(f"unknown template {name!r}", name, names)
