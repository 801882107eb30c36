"""The schema of the database: created, migrated, and refused."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

import mods_plugin.registry
from mods_plugin.registry import Registry, RegistryError
from mods_plugin.registry.database import Database
from mods_plugin.registry.location import parse_location
from mods_plugin.registry.schema import migrate, revision
from mods_plugin.registry.tables import METADATA
from tests.mods_plugin.configs import config
from tests.mods_plugin.registry.test_concurrency import answers, processes

VERSION_TABLE = "mods_registry_revision"
"""It is in databases that exist, and stays."""
MIGRATES = """
import json, sys
from mods_plugin.registry import Registry
import alembic.command, mods_plugin.registry.store
registry = Registry(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
print(json.dumps([registry.migrate(), None]))
"""


@pytest.fixture
def database(place: str) -> Database:
    return Database(parse_location(place))


def test_every_revision_has_a_module() -> None:
    folder = Path(mods_plugin.registry.__file__).parent / "migrations"
    settings = Config()
    settings.set_main_option("script_location", str(folder))
    settings.set_main_option("path_separator", "os")
    steps = [step.revision for step in ScriptDirectory.from_config(settings).walk_revisions()]
    assert list(reversed(steps)) == ["0001", "0002", "0003"]


def test_migrations_create_the_tables_of_the_code(database: Database) -> None:
    migrate(database)

    def ours(item: Any, name: str | None, kind: str, *_: Any) -> bool:
        return not (kind == "table" and name == VERSION_TABLE)

    with database.reading() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_object": ours, "version_table": VERSION_TABLE}
        )
        assert compare_metadata(context, METADATA) == []


def test_an_older_registry_is_migrated(database: Database, registry: Registry) -> None:
    assert migrate(database, "0001")
    with pytest.raises(RegistryError, match=r"has schema 0001.* run dagcast mods migrate"):
        registry.templates()
    assert registry.migrate()
    assert not registry.migrate()
    assert registry.templates() == ()
    with database.reading() as connection:
        assert revision(database, connection) == "0003"


@pytest.mark.parametrize("call", ["register", "start", "end"])
def test_writing_migrates_an_older_registry(database: Database, registry: Registry, call: str) -> None:
    registry.register(config())
    with database.writing() as connection:
        connection.execute(text("DROP TABLE mods_executions"))
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '0001'"))
    if call == "register":
        assert not registry.register(config()).created
    elif call == "start":
        assert registry.start_execution("churn", "1.4.0").id == 1
    else:
        with pytest.raises(RegistryError, match="unknown execution 1"):
            registry.end_execution(1, "failed")
    assert registry.show("churn").version == "1.4.0"


@pytest.mark.parametrize("start", [None, "0001"])
def test_concurrent_migrations_wait_for_each_other(
    place: str, database: Database, site: Path, start: str | None
) -> None:
    if start is not None:
        migrate(database, start)
    with processes(site, *([[MIGRATES, place]] * 4)) as running:
        said = [lines[0][0] for lines in answers(running)]
    assert sorted(said) == [False, False, False, True]
    assert Registry(place).templates() == ()


CALLS: dict[str, Callable[[Registry], object]] = {
    "register": lambda registry: registry.register(config()),
    "templates": lambda registry: registry.templates(),
    "versions": lambda registry: registry.versions("churn"),
    "show": lambda registry: registry.show("churn"),
    "diff": lambda registry: registry.diff(("churn", "1"), ("churn", "2")),
    "compile": lambda registry: registry.compile("churn"),
    "migrate": lambda registry: registry.migrate(),
    "start": lambda registry: registry.start_execution("churn", "1.4.0"),
    "end": lambda registry: registry.end_execution(1, "failed"),
    "executions": lambda registry: registry.executions("churn"),
}
READING = ("templates", "versions", "show", "diff", "compile", "executions")


@pytest.mark.parametrize("call", CALLS)
def test_a_newer_registry_is_an_error(database: Database, registry: Registry, call: str) -> None:
    migrate(database)
    with database.writing() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '0099'"))
    with pytest.raises(RegistryError, match=r"has schema 0099, .*: install a newer mods-plugin"):
        CALLS[call](registry)


@pytest.mark.parametrize("call", READING)
def test_reading_creates_no_registry(registry: Registry, database: Database, place: str, call: str) -> None:
    with pytest.raises(RegistryError, match="register a template to create it"):
        CALLS[call](registry)
    if database.is_postgresql:
        with database.reading() as connection:
            assert revision(database, connection) is None
    else:
        assert not Path(place).exists()


def test_reading_changes_no_byte(file_registry: Registry) -> None:
    file_registry.register(config())
    file = Path(file_registry.location)
    before = file.read_bytes()
    with file_registry.compiler("churn"):
        pass
    file_registry.compile("churn")
    file_registry.templates("churn")
    file_registry.executions("churn")
    assert file.read_bytes() == before


def test_a_read_only_transaction_cannot_write(database: Database) -> None:
    migrate(database)
    with pytest.raises(RegistryError, match=r"read-?only"), database.reading() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '0001'"))


def test_a_file_has_a_write_ahead_log(file_registry: Registry) -> None:
    file_registry.register(config())
    connection = sqlite3.connect(file_registry.location)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_readers_do_not_wait_for_writers(registry: Registry, database: Database) -> None:
    registry.register(config())
    with database.writing() as connection:
        connection.execute(text("UPDATE mods_template_versions SET registered_by = 'another'"))
        assert registry.show("churn").registered_by != "another"
    assert registry.show("churn").registered_by == "another"


READS = """
import os, sys
from mods_plugin.registry import Registry, RegistryError, capture, executions
registry = Registry(sys.argv[1])
config = registry.show("churn").config
# Permissions do not bind root; what is imported by now stays.
if os.geteuid() == 0:
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
assert not os.access(os.path.dirname(sys.argv[1]), os.W_OK)
assert registry.show("churn").config == config
assert [item.name for item in registry.templates()] == ["churn"]
try:
    registry.start_execution("churn", "1.4.0")
except RegistryError as error:
    print(error)
"""


def test_a_read_only_file_can_be_read(site: Path) -> None:
    # The folders of the tests are for their user alone.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        registry = Registry(folder / "registry.sqlite")
        registry.register(config())
        for other in ("-wal", "-shm"):
            (folder / f"registry.sqlite{other}").unlink(missing_ok=True)
        (folder / "registry.sqlite").chmod(0o444)
        folder.chmod(0o555)
        environment = {**os.environ, "PYTHONPATH": str(site)}
        command = [sys.executable, "-c", READS, str(folder / "registry.sqlite")]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        folder.chmod(0o755)
    assert done.returncode == 0, done.stderr
    assert "readonly database" in done.stdout


def test_another_programs_database_does_not_change(tmp_path: Path) -> None:
    file = tmp_path / "other.sqlite"
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE notes (text)")
    connection.commit()
    connection.close()
    before = file.read_bytes()
    registry = Registry(file)
    with pytest.raises(RegistryError, match="another program's database, not a registry"):
        registry.register(config())
    with pytest.raises(RegistryError, match="is not a registry: register a template"):
        registry.templates()
    assert file.read_bytes() == before


@pytest.mark.parametrize("call", ["register", "templates"])
def test_a_file_that_is_not_a_database_is_an_error(tmp_path: Path, call: str) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("These are notes, and no database.\n" * 100)
    with pytest.raises(RegistryError, match=r"notes.txt failed: file is not a database"):
        CALLS[call](Registry(file))
    assert file.read_text().startswith("These are notes")


@pytest.mark.parametrize("call", ["register", "templates"])
def test_a_folder_is_an_error(tmp_path: Path, call: str) -> None:
    with pytest.raises(RegistryError, match="is a folder: choose a file in it"):
        CALLS[call](Registry(tmp_path))


def test_a_folder_that_cannot_be_created_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RegistryError, match=r"cannot create the folder of .*: "):
        Registry(tmp_path / "file" / "registry.sqlite").register(config())


def test_an_empty_file_becomes_a_registry(tmp_path: Path) -> None:
    """As one is left by a process that was killed before it had written anything."""
    (tmp_path / "registry.sqlite").touch()
    registry = Registry(tmp_path / "registry.sqlite")
    with pytest.raises(RegistryError, match="is not a registry: register a template"):
        registry.templates()
    assert registry.register(config()).created


def test_other_programs_tables_stay_in_a_shared_postgresql(server: Any) -> None:
    with server.database() as url:
        name = url.rpartition("/")[2]
        server.execute("CREATE TABLE alembic_version (version_num text)", name)
        server.execute("INSERT INTO alembic_version VALUES ('of another program')", name)
        registry = Registry(url)
        assert registry.register(config()).created
        assert registry.compile("churn").definition
