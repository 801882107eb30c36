"""The database behind the registry: connections, and transactions that read or write."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mods_plugin.registry.errors import RegistryError
from mods_plugin.registry.location import Location

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine
    from sqlalchemy.exc import DBAPIError

BUSY_SECONDS = 30.0
"""How long a process waits for others that write to the same SQLite file."""

CONNECT_SECONDS = 10
"""How long a PostgreSQL server may take to answer."""

DRIVER = "pip install 'mods-plugin[postgresql]'"


class Database:
    """One database. Nothing is opened until it is asked something, and nothing stays open.

    Args:
        location: Where it is.

    Raises:
        RegistryError: If it is a folder, or the driver of PostgreSQL is not installed.
    """

    def __init__(self, location: Location) -> None:
        self.location = location
        if location.file is not None and location.file.is_dir():
            raise RegistryError(f"{location.shown} is a folder: name a file in it")
        if location.url is not None and find_spec("psycopg") is None:
            raise RegistryError(f"{location.shown} is PostgreSQL, and its driver is not installed: {DRIVER}")

    @property
    def is_postgresql(self) -> bool:
        """Whether it is PostgreSQL, else SQLite."""
        return self.location.url is not None

    def exists(self) -> bool:
        """Whether there is a database; a PostgreSQL server is only asked when it is needed."""
        return self.location.file is None or self.location.file.exists()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that cannot write, and sees one state of the database.

        Raises:
            RegistryError: If the database does not answer.
        """
        engine = self._postgresql() if self.is_postgresql else self._sqlite(read_only=True)
        with self._transaction(engine) as connection:
            if self.is_postgresql:
                connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that may write. In an SQLite file there is one at a time.

        Raises:
            RegistryError: If the database does not answer.
        """
        engine = self._postgresql() if self.is_postgresql else self._sqlite(read_only=False)
        with self._transaction(engine) as connection:
            yield connection

    def create(self) -> None:
        """Make the folder of an SQLite file, and let the file have a write-ahead log.

        Raises:
            RegistryError: If that is not possible.
        """
        file = self.location.file
        if file is None:
            return
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RegistryError(
                f"cannot make the folder of {self.location.shown}: {error.strerror or error}"
            ) from error
        engine = self._sqlite(read_only=False, begin="")
        deadline = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                with self._transaction(engine) as connection:
                    connection.exec_driver_sql("PRAGMA journal_mode = WAL")
                return
            except RegistryError as error:
                # Unlike other statements, this one does not wait where another process does the same.
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    @contextmanager
    def _transaction(self, engine: Engine) -> Iterator[Connection]:
        from sqlalchemy.exc import DBAPIError

        try:
            with engine.connect() as connection, connection.begin():
                yield connection
        except DBAPIError as error:
            raise RegistryError(self._told(error)) from None
        finally:
            engine.dispose()

    def _told(self, error: DBAPIError) -> str:
        """What the driver says, in one line and without the password."""
        lines = [line.strip() for line in str(error.orig).splitlines()]
        said = next((line for line in lines if line), type(error.orig).__name__)
        return f"the registry {self.location.shown} does not do what is asked: {self._hidden(said)}"

    def _hidden(self, text: str) -> str:
        from sqlalchemy.engine import make_url

        if self.location.url is not None:
            url = make_url(self.location.url)
            secrets = [url.password or "", *(str(v) for k, v in url.query.items() if "pass" in k.lower())]
            for secret in filter(None, secrets):
                text = text.replace(secret, "***")
        return text

    def _postgresql(self) -> Engine:
        from sqlalchemy import create_engine
        from sqlalchemy.exc import ArgumentError
        from sqlalchemy.pool import NullPool

        if self.location.url is None:
            raise AssertionError("a PostgreSQL registry has a URL")
        try:
            arguments = {"connect_timeout": CONNECT_SECONDS, "application_name": "mods-plugin"}
            return create_engine(self.location.url, poolclass=NullPool, connect_args=arguments)
        except (ArgumentError, ValueError):
            form = "postgresql://USER@HOST:PORT/DATABASE"
            raise RegistryError(f"{self.location.shown} cannot be read: expected {form}") from None

    def _sqlite(self, *, read_only: bool, begin: str | None = None) -> Engine:
        from sqlalchemy import create_engine, event
        from sqlalchemy.pool import NullPool

        file = self.location.file
        if file is None:
            raise AssertionError("an SQLite registry has a file")
        engine = create_engine(
            "sqlite://",
            creator=lambda: _connect(file, read_only),
            poolclass=NullPool,
        )
        statement = begin if begin is not None else "BEGIN" if read_only else "BEGIN IMMEDIATE"

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            # The driver begins no transaction itself (isolation_level None): it would begin after the reads, and
            # commit before each change of the tables.
            if statement:
                connection.exec_driver_sql(statement)

        return engine


def _connect(file: Path, read_only: bool) -> Any:
    import sqlite3

    address = file.absolute().as_uri()
    if read_only:
        # Without its log, a file in a folder that cannot be written to is whole, and SQLite need not look for the log.
        log = file.with_name(file.name + "-wal")
        immutable = not os.access(file.parent, os.W_OK) and not log.exists()
        address += "?immutable=1" if immutable else "?mode=ro"
    connection = sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS, isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    return connection
