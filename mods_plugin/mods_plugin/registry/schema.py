"""Read the schema revision of a database and migrate it, also when several processes start at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mods_plugin.registry.database import Database
from mods_plugin.registry.errors import RegistryError

if TYPE_CHECKING:
    from sqlalchemy import Connection

REVISIONS = ("0001", "0002", "0003")
"""All schema revisions, oldest first; each has a module in ``migrations``."""

NEWEST = REVISIONS[-1]

VERSION_TABLE = "mods_registry_revision"
"""Not Alembic's default name: a team's database may contain tables of other programs that use Alembic."""

LOCK = 0x6D6F6473
"""The key of the PostgreSQL advisory lock that a migration holds."""


def check_revision(database: Database, connection: Connection) -> None:
    """Check that the database has the schema of this code.

    Raises:
        RegistryError: If its schema is older or newer, or it is not a registry.
    """
    found = revision(database, connection)
    if found is None:
        raise RegistryError(
            f"{database.location.display} is not a registry: register a template to create it"
        )
    if found != NEWEST:
        _check_not_newer(database, found)
        raise RegistryError(
            f"registry {database.location.display} has schema {found}, this mods-plugin reads {NEWEST}: "
            "run dagcast mods migrate"
        )


def migrate(database: Database, to: str = NEWEST) -> bool:
    """Create the database or migrate it to the newest schema. Concurrent migrations wait for each other.

    Args:
        database: The database.
        to: The revision to migrate to.

    Returns:
        Whether the database changed.

    Raises:
        RegistryError: If its schema is newer than this code, or it is not a registry.
    """
    if _is_up_to_date(database, to):
        return False
    database.create()
    with database.writing() as connection:
        if database.is_postgresql:
            # Before the revision is read, so that a process that waited sees the other's migration.
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
        found = revision(database, connection)
        if found is not None:
            _check_not_newer(database, found)
            if REVISIONS.index(found) >= REVISIONS.index(to):
                return False
        else:
            _check_not_another_program(database, connection)
        _upgrade(connection, to)
    return True


def revision(database: Database, connection: Connection) -> str | None:
    """Return the schema revision of the database; ``None`` if it is not a registry."""
    from sqlalchemy import inspect

    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found = connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}").scalars().all()
    if len(found) != 1:
        raise RegistryError(f"the registry is damaged: {database.location.display} has no schema revision")
    return str(found[0])


def _is_up_to_date(database: Database, to: str) -> bool:
    if not database.exists():
        return False
    with database.reading() as connection:
        found = revision(database, connection)
        if found is None:
            _check_not_another_program(database, connection)
        else:
            _check_not_newer(database, found)
    return found is not None and REVISIONS.index(found) >= REVISIONS.index(to)


def _check_not_newer(database: Database, found: str) -> None:
    if found not in REVISIONS:
        raise RegistryError(
            f"registry {database.location.display} has schema {found}, which is newer than {NEWEST}, the newest one "
            "that this mods-plugin supports: install a newer mods-plugin"
        )


def _check_not_another_program(database: Database, connection: Connection) -> None:
    """Check that a file is not another program's; a PostgreSQL database may contain other programs' tables."""
    if database.is_postgresql:
        return
    tables = connection.exec_driver_sql("SELECT name FROM sqlite_master LIMIT 1").scalars().all()
    if tables:
        raise RegistryError(f"{database.location.display} is another program's database, not a registry")


def _upgrade(connection: Connection, to: str) -> None:
    from mods_plugin.registry.import_alembic import readable_entry_points

    with readable_entry_points():
        from alembic import command
        from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    config.attributes["version_table"] = VERSION_TABLE
    command.upgrade(config, to)
