"""Which form the database has, and bringing an older one to the newest, with several processes at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mods_plugin.registry.database import Database
from mods_plugin.registry.errors import RegistryError

if TYPE_CHECKING:
    from sqlalchemy import Connection

REVISIONS = ("0001", "0002")
"""All forms of the database, oldest first; each has a module in ``migrations``."""

NEWEST = REVISIONS[-1]

VERSION_TABLE = "mods_registry_revision"
"""A name of its own: the database of a team may hold tables of other programs, Alembic's among them."""

LOCK = 0x6D6F6473
"""The advisory lock of PostgreSQL that whoever changes the tables holds."""


def check_revision(database: Database, connection: Connection) -> None:
    """Refuse a database that cannot be read as it is.

    Raises:
        RegistryError: If it is older or newer than this code, or no registry.
    """
    found = revision(database, connection)
    if found is None:
        raise RegistryError(f"{database.location.shown} holds no registry: registering a template makes one")
    if found != NEWEST:
        _refuse_newer(database, found)
        raise RegistryError(
            f"the registry {database.location.shown} has form {found}, this mods-plugin reads {NEWEST}: "
            "bring it up to date with: dagcast mods migrate"
        )


def migrate(database: Database, to: str = NEWEST) -> bool:
    """Bring the database to the newest form, or make it. Processes that do so at once wait for each other.

    Args:
        database: The database.
        to: The form.

    Returns:
        Whether there was anything to do.

    Raises:
        RegistryError: If it is newer than this code, or no registry.
    """
    if _is_up_to_date(database, to):
        return False
    database.create()
    with database.writing() as connection:
        if database.is_postgresql:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
        found = revision(database, connection)
        if found is not None:
            _refuse_newer(database, found)
            if REVISIONS.index(found) >= REVISIONS.index(to):
                return False
        else:
            _refuse_foreign(database, connection)
        _upgrade(connection, to)
    return True


def revision(database: Database, connection: Connection) -> str | None:
    """The form of the database; ``None`` where it holds no registry."""
    from sqlalchemy import inspect

    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found = connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}").scalars().all()
    if len(found) != 1:
        raise RegistryError(f"{database.location.shown} does not say which form its registry has")
    return str(found[0])


def _is_up_to_date(database: Database, to: str) -> bool:
    if not database.exists():
        return False
    with database.reading() as connection:
        found = revision(database, connection)
        if found is None:
            _refuse_foreign(database, connection)
        else:
            _refuse_newer(database, found)
    return found is not None and REVISIONS.index(found) >= REVISIONS.index(to)


def _refuse_newer(database: Database, found: str) -> None:
    if found not in REVISIONS:
        raise RegistryError(
            f"the registry {database.location.shown} has form {found}, which this mods-plugin does not know "
            f"(it knows up to {NEWEST}): a newer mods-plugin made it, install that one"
        )


def _refuse_foreign(database: Database, connection: Connection) -> None:
    """A file that another program made is not to get tables of ours; a PostgreSQL database is made to be shared."""
    if database.is_postgresql:
        return
    tables = connection.exec_driver_sql("SELECT name FROM sqlite_master LIMIT 1").scalars().all()
    if tables:
        raise RegistryError(f"{database.location.shown} is a database of another program, not a registry")


def _upgrade(connection: Connection, to: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    config.attributes["version_table"] = VERSION_TABLE
    command.upgrade(config, to)
