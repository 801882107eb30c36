"""Rows to values and back: every statement that touches templates and code."""

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
from mods_plugin.registry.record import StagedObject, TemplateSummary, TemplateVersion
from mods_plugin.registry.tables import CODE, PIECES, STAGED, VERSIONS

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

    from dagcast.artifacts import StagedCode

PIECE = 1024 * 1024
"""Most bytes of one row of code."""


def insert_version(connection: Connection, template: TemplateVersion) -> int | None:
    """Insert a version; another process that inserts the same one is waited for.

    Returns:
        Its id, or ``None`` if the version is there already.
    """
    values = {
        "name": template.name,
        "version": template.version,
        "pipeline": template.pipeline,
        "search_text": folded(
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
    """Insert the staged code of a version; bytes that the registry has are not written again.

    Raises:
        RegistryError: If the files have changed since the compile.
    """
    by_digest = {item.digest: item for item in code}
    # In one order, so that two processes never wait for each other.
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
    """The bytes of staged code.

    Raises:
        RegistryError: If they are not there, or not those of the digest.
    """
    chosen = select(PIECES.c.content).where(PIECES.c.sha256 == digest).order_by(PIECES.c.number)
    content = b"".join(connection.execute(chosen).scalars())
    if hashlib.sha256(content).hexdigest() != digest:
        raise RegistryError(f"the registry is damaged: the code {digest} has other bytes")
    return content


def find_version(connection: Connection, name: str, version: str | None) -> TemplateVersion:
    """One version of a template, the one that was registered last if ``version`` is ``None``.

    Raises:
        UnknownTemplateError: If there is none.
    """
    chosen = select(VERSIONS).where(VERSIONS.c.name == name)
    if version is not None:
        chosen = chosen.where(VERSIONS.c.version == version)
    row = None
    if storable(name) and storable(version or ""):
        row = connection.execute(chosen.order_by(VERSIONS.c.id.desc()).limit(1)).one_or_none()
    if row is None:
        raise _unknown(connection, name, version)
    return _version(connection, row)


def version_id(connection: Connection, name: str, version: str) -> int:
    """The id of a version.

    Raises:
        UnknownTemplateError: If there is none.
    """
    chosen = select(VERSIONS.c.id).where(VERSIONS.c.name == name, VERSIONS.c.version == version)
    found = None
    if storable(name) and storable(version):
        found = connection.execute(chosen).scalar_one_or_none()
    if found is None:
        raise _unknown(connection, name, version)
    return int(found)


def versions_of(connection: Connection, name: str) -> tuple[str, ...]:
    """The versions of a template, in the order of their registration."""
    if not storable(name):
        return ()
    chosen = select(VERSIONS.c.version).where(VERSIONS.c.name == name).order_by(VERSIONS.c.id)
    return tuple(connection.execute(chosen).scalars())


def list_templates(connection: Connection, words: Iterable[str]) -> tuple[TemplateSummary, ...]:
    """The templates of which some version has all the words in its name, pipeline, author or description.

    Upper and lower case are the same, and so are the ways in which Unicode spells a character.

    Args:
        connection: The connection.
        words: The words; none for all templates.
    """
    wanted = [folded(word) for word in words]
    if not all(storable(word) for word in wanted):
        return ()
    named = select(VERSIONS.c.name).distinct()
    for word in wanted:
        named = named.where(VERSIONS.c.search_text.contains(word, autoescape=True))
    names = connection.execute(named).scalars().all()
    newest = select(func.max(VERSIONS.c.id)).group_by(VERSIONS.c.name)
    rows = connection.execute(
        select(VERSIONS.c.name, VERSIONS.c.version, VERSIONS.c.metadata, VERSIONS.c.registered_at).where(
            VERSIONS.c.id.in_(newest)
        )
    )
    versions: dict[str, list[str]] = {}
    for name, version in connection.execute(
        select(VERSIONS.c.name, VERSIONS.c.version).order_by(VERSIONS.c.id)
    ):
        versions.setdefault(name, []).append(version)
    found = set(names)
    summaries = [
        TemplateSummary(
            name=row.name,
            latest=row.version,
            versions=tuple(versions[row.name]),
            author=str(json.loads(row.metadata).get(AUTHOR) or ""),
            description=str(json.loads(row.metadata).get(DESCRIPTION) or ""),
            registered_at=row.registered_at,
        )
        for row in rows
        if row.name in found
    ]
    # Databases differ in how they order text.
    return tuple(sorted(summaries, key=lambda item: item.name))


def folded(text: str) -> str:
    """A text as it is searched."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def storable(text: str) -> bool:
    """Whether a database can be asked for a text at all; one that it cannot is nowhere in it."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _insert_new(connection: Connection, table: Any, values: dict[str, Any]) -> bool:
    """Insert a row unless its key is there; whether it was inserted."""
    from sqlalchemy.dialects import postgresql, sqlite

    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    # Inline: the driver's count of rows is asked for, not the key of a row that may not be there.
    statement = dialect.insert(table).values(values).on_conflict_do_nothing().inline()
    done = connection.execute(statement, execution_options={"preserve_rowcount": True})
    if done.rowcount not in (0, 1):
        raise AssertionError("the driver counts the rows that it inserts")
    return done.rowcount == 1


def _insert_pieces(connection: Connection, code: StagedCode) -> None:
    from dagcast.artifacts import archive_pieces

    digest = hashlib.sha256()
    for number, piece in enumerate(_pieces(archive_pieces(code))):
        digest.update(piece)
        connection.execute(insert(PIECES).values(sha256=code.digest, number=number, content=piece))
    if digest.hexdigest() != code.digest:
        raise RegistryError(f"{code.source} has changed since it was compiled: register it again")


def _pieces(parts: Iterable[bytes]) -> Iterator[bytes]:
    waiting = bytearray()
    for part in parts:
        waiting += part
        while len(waiting) >= PIECE:
            yield bytes(waiting[:PIECE])
            del waiting[:PIECE]
    if waiting:
        yield bytes(waiting)


def _version(connection: Connection, row: Row[Any]) -> TemplateVersion:
    chosen = (
        select(STAGED.c.uri, STAGED.c.sha256, CODE.c.size, STAGED.c.source, STAGED.c.form)
        .join(CODE, CODE.c.sha256 == STAGED.c.sha256)
        .where(STAGED.c.version_id == row.id)
        .order_by(STAGED.c.number)
    )
    staged = tuple(StagedObject(*item) for item in connection.execute(chosen))
    return TemplateVersion(
        name=row.name,
        version=row.version,
        pipeline=row.pipeline,
        metadata=json.loads(row.metadata),
        dag=json.loads(row.dag),
        config=json.loads(row.config),
        role=row.role,
        definition=row.definition,
        definition_sha256=row.definition_sha256,
        plugins=tuple(json.loads(row.plugins)),
        staged=staged,
        made_with=json.loads(row.made_with),
        registered_by=row.registered_by,
        registered_at=row.registered_at,
    )


def _unknown(connection: Connection, name: str, version: str | None) -> UnknownTemplateError:
    versions = versions_of(connection, name)
    if versions:
        return UnknownTemplateError(f"{name} has no version {version!r}", str(version), versions)
    names = connection.execute(select(VERSIONS.c.name).distinct()).scalars().all()
    return UnknownTemplateError(f"there is no template {name!r}", name, names)
