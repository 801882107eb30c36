"""The database of the registry: connections and transactions."""

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
"""Timeout in seconds of waiting for other writers of the same SQLite file."""

CONNECT_SECONDS = 10
"""Timeout in seconds of connecting to a PostgreSQL server."""

DRIVER = "pip install 'mods-plugin[postgresql]'"


class Database:
    """One database. Each transaction opens a connection and closes it.

    Args:
        location: Its location.

    Raises:
        RegistryError: If it is a folder, or the driver of PostgreSQL is not installed.
    """

    def __init__(self, location: Location) -> None:
        self.location = location
        if location.file is not None and location.file.is_dir():
            raise RegistryError(f"{location.display} is a folder: choose a file in it")
        if location.url is not None and find_spec("psycopg") is None:
            raise RegistryError(f"the driver for {location.display} is not installed: run {DRIVER}")

    @property
    def is_postgresql(self) -> bool:
        """Whether it is PostgreSQL; otherwise it is SQLite."""
        return self.location.url is not None

    def exists(self) -> bool:
        """Return whether the SQLite file exists; always true for PostgreSQL, which is not contacted."""
        return self.location.file is None or self.location.file.exists()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Begin a read-only transaction, which sees one snapshot of the database.

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
        """Begin a transaction that may write. An SQLite file has one such transaction at a time.

        Raises:
            RegistryError: If the database does not answer.
        """
        engine = self._postgresql() if self.is_postgresql else self._sqlite(read_only=False)
        with self._transaction(engine) as connection:
            yield connection

    def create(self) -> None:
        """Create the folder of an SQLite file and turn on write-ahead logging, so that readers do not block.

        Raises:
            RegistryError: If this fails.
        """
        file = self.location.file
        if file is None:
            return
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RegistryError(
                f"cannot create the folder of {self.location.display}: {error.strerror or error}"
            ) from error
        engine = self._sqlite(read_only=False, begin="")
        deadline = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                with self._transaction(engine) as connection:
                    connection.exec_driver_sql("PRAGMA journal_mode = WAL")
                return
            except RegistryError as error:
                # Unlike other statements, this one ignores the timeout if another process executes it, so retry.
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
            raise RegistryError(self._describe(error)) from None
        finally:
            engine.dispose()

    def _describe(self, error: DBAPIError) -> str:
        """Return the driver's message in one line, without the password."""
        lines = [line.strip() for line in str(error.orig).splitlines()]
        message = next((line for line in lines if line), type(error.orig).__name__)
        return f"registry {self.location.display} failed: {self._redact(message)}"

    def _redact(self, text: str) -> str:
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
            raise RegistryError(f"invalid registry {self.location.display}: expected {form}") from None

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
            # isolation_level=None turns off the driver's own transactions, which would begin after the reads and
            # commit before each change of a table.
            if statement:
                connection.exec_driver_sql(statement)

        return engine


def _connect(file: Path, read_only: bool) -> Any:
    import sqlite3

    address = file.absolute().as_uri()
    if read_only:
        # In a read-only folder SQLite cannot create its log. A file without a log is complete, so open it as immutable.
        log = file.with_name(file.name + "-wal")
        immutable = not os.access(file.parent, os.W_OK) and not log.exists()
        address += "?immutable=1" if immutable else "?mode=ro"
    connection = sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS, isolation_level=None)
    # Bytes that are not UTF-8 are one damaged value, which is reported where it is read, and not a failed query.
    connection.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection
