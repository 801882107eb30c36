"""A registry is shared, so its rows are input: each is validated when it is read, and a bad one disables no other."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import create_engine, text

from dagcast.errors import DagcastError
from mods_plugin.cli import mods_command
from mods_plugin.registry import Registry, RegistryError
from tests.mods_plugin.registry.conftest import Project


def execute(place: str, statement: str, **values: Any) -> None:
    """Change the database as another program would."""
    url = place.replace("postgresql://", "postgresql+psycopg://") if "://" in place else f"sqlite:///{place}"
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(statement), values)
    engine.dispose()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def place(
    request: pytest.FixtureRequest, site: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A registry with two templates, ``churn`` and ``sound``. Tests damage ``churn`` alone, and repair it."""
    folder = tmp_path_factory.mktemp("damaged")
    project = Project(folder / "project")
    with ExitStack() as stack:
        if request.param == "sqlite":
            made = str(folder / "registry.sqlite")
        else:
            made = stack.enter_context(request.getfixturevalue("server").database())
        stack.enter_context(pytest.MonkeyPatch.context()).syspath_prepend(site)
        registry = Registry(made)
        registry.register(project.save())
        pipeline = project.config()["pipeline"]
        registry.register(project.save(pipeline={**pipeline, "name": "sound"}))
        for _ in range(2):
            registry.start_execution("churn", "1.4.0", started_by="me\x1b[2J\nyou")
        yield made


@pytest.fixture
def two(place: str) -> Registry:
    """The registry with two templates."""
    return Registry(place)


@pytest.fixture
def two_in_file(place: str, tmp_path: Path) -> Registry:
    """A copy of the registry in an SQLite file."""
    if "://" in place:
        pytest.skip("only SQLite stores any type in any column")
    copy = tmp_path / "copy.sqlite"
    with closing(sqlite3.connect(place)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    return Registry(copy)


def damage(place: str, column: str, value: Any) -> None:
    """Give a column of the version of ``churn`` another value."""
    execute(place, f"UPDATE mods_template_versions SET {column} = :value WHERE name = 'churn'", value=value)


@contextmanager
def damaged(place: str, column: str, value: Any) -> Iterator[None]:
    """Damage a row, and put its value back."""
    execute(place, f"CREATE TABLE kept AS SELECT id, {column} AS value FROM mods_template_versions")
    try:
        damage(place, column, value)
        yield
    finally:
        execute(
            place,
            f"UPDATE mods_template_versions SET {column} = "
            "(SELECT value FROM kept WHERE kept.id = mods_template_versions.id)",
        )
        execute(place, "DROP TABLE kept")


def mods(place: str, *arguments: str) -> tuple[int, str, str]:
    """Run a command: exit code, output, errors."""
    result = CliRunner().invoke(mods_command, [*arguments, "--registry", place])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


DAMAGE: list[tuple[str, Any]] = [
    ("version", "9.9.9"),
    ("version", "1.4.0\x1b[31m"),
    ("pipeline", "other"),
    ("pipeline", ""),
    ("content_sha256", "0" * 64),
    ("content_sha256", "nonsense"),
    ("metadata", "{"),
    ("metadata", "[]"),
    ("metadata", "null"),
    ("metadata", '{"version": "1.4.0"}'),
    ("metadata", "[" * 100_000),
    ("metadata", '{"mods": {}, "author": NaN}'),
    ("dag", '{"nodes": ["none"], "edges": []}'),
    ("dag", '{"nodes": 1, "edges": []}'),
    ("dag", '{"nodes": [], "edges": [["a", 7]]}'),
    ("dag", "{}"),
    ("config", '{"steps": []}'),
    ("config", '{"steps": {"load": {}}}'),
    ("config", '{"steps": {}, "plugins": []}'),
    ("config", '"text"'),
    ("role", "arn:aws:iam::123456789012:role/Other"),
    ("definition", "{}"),
    ("definition_sha256", "f" * 64),
    ("plugins", "{}"),
    ("plugins", "[1]"),
    ("plugins", '[{"name": 7}]'),
    ("made_with", '{"python": 3}'),
    ("made_with", "7"),
]


def test_a_bad_column_is_refused_and_disables_nothing_else(two: Registry, place: str) -> None:
    for column, value in DAMAGE:
        with damaged(place, column, value):
            shown = two.versions("churn")[0]
            listed = {item.name: item for item in two.templates()}
            assert listed["churn"].damaged is not None, (column, value)
            assert listed["sound"].damaged is None
            assert two.show("sound").metadata["author"] == "risk"
            with pytest.raises(RegistryError, match="the registry is damaged: churn@") as caught:
                two.show("churn")
            assert "\x1b" not in str(caught.value) + shown
    assert two.show("churn").version == "1.4.0"


@pytest.mark.parametrize("column", ["config", "definition_sha256"])
def test_commands_refuse_a_damaged_version(two: Registry, place: str, column: str) -> None:
    commands = (
        ["show", "churn"],
        ["compile", "churn@1.4.0"],
        ["compile", "churn@1.4.0", "--stored"],
        ["diff", "churn@1.4.0", "sound@1.4.0"],
    )
    assert two.show("churn").version == "1.4.0"
    with damaged(place, column, "\x1b[31m"):
        for command in commands:
            code, output, errors = mods(place, *command)
            assert (code, output) == (1, "")
            assert "the registry is damaged: churn@1.4.0" in errors
            assert "\x1b" not in errors
        code, output, errors = mods(place, "templates")
    assert code == 0
    assert "sound" in output
    assert "churn@1.4.0 is damaged" in errors


SQLITE = [
    ("name", b"churn\xff"),
    ("version", 7),
    ("registered_at", "yesterday"),
    ("registered_at", "2026-13-45 99:00:00"),
    ("registered_at", b"\xff"),
    ("registered_at", 1.5),
    ("metadata", b"\xff\xfe"),
    ("definition", 7.5),
    ("search_text", b"\x00"),
    ("registered_by", b"\xff"),
]


def test_sqlite_stores_any_type_in_any_column(two_in_file: Registry) -> None:
    place = two_in_file.location
    for column, value in SQLITE:
        with damaged(place, column, value):
            listed = two_in_file.templates()
            assert len(listed) == 2, (column, value)
            assert [item.name for item in listed if item.damaged is None] == ["sound"], (column, value)
            assert two_in_file.show("sound").version == "1.4.0"
            assert mods(place, "templates", "--json")[0] == 0


def test_bytes_that_are_not_utf_8_are_one_damaged_value(two_in_file: Registry) -> None:
    place = two_in_file.location
    execute(place, "UPDATE mods_template_versions SET pipeline = CAST(x'ff41' AS TEXT) WHERE name = 'churn'")
    found = {item.name: item.damaged for item in two_in_file.templates()}
    assert found == {"churn": "pipeline: it is not a text", "sound": None}


def test_times_that_python_does_not_have(two: Registry, place: str) -> None:
    if "://" not in place:
        pytest.skip("SQLite has no such times")
    for moment in ("infinity", "-infinity", "12000-01-01", "0044-03-15 BC"):
        with damaged(place, "registered_at", moment):
            found = {item.name: item.damaged is None for item in two.templates()}
            assert found == {"churn": False, "sound": True}


STAGED = [
    ("uri", "https://elsewhere/x"),
    ("source", "/etc/passwd"),
    ("source", "C:\\secrets"),
    ("source", "load.py\n"),
    ("form", "link"),
    ("number", 7),
]


def test_a_bad_row_of_staged_code_is_refused(two: Registry, place: str) -> None:
    own = "number = 0 AND version_id = (SELECT id FROM mods_template_versions WHERE name = 'churn')"
    for column, value in STAGED:
        execute(place, "CREATE TABLE staged AS SELECT * FROM mods_staged_code")
        execute(place, f"UPDATE mods_staged_code SET {column} = :value WHERE {own}", value=value)
        with pytest.raises(RegistryError, match="staged code"):
            two.show("churn")
        assert len(two.show("sound").staged) == 2
        execute(place, "DELETE FROM mods_staged_code")
        execute(place, "INSERT INTO mods_staged_code SELECT * FROM staged")
        execute(place, "DROP TABLE staged")
    assert len(two.show("churn").staged) == 2


def test_staged_code_with_other_bytes_is_refused_before_it_is_used(two_in_file: Registry) -> None:
    place = two_in_file.location
    for content in ("CAST(zeroblob(length(content)) AS BLOB)", "CAST(substr(content, 2) || x'00' AS BLOB)"):
        execute(place, "CREATE TABLE kept AS SELECT * FROM mods_code_pieces")
        execute(place, f"UPDATE mods_code_pieces SET content = {content}")
        for use in (two_in_file.compile, lambda name: two_in_file.compiler(name).__enter__()):
            with pytest.raises(RegistryError, match="the bytes of code"):
                use("churn")
        execute(place, "DELETE FROM mods_code_pieces")
        execute(place, "INSERT INTO mods_code_pieces SELECT * FROM kept")
        execute(place, "DROP TABLE kept")
    assert two_in_file.compile("churn").report.pipeline == "churn"


def test_staged_code_without_its_object_is_damage(two_in_file: Registry) -> None:
    place = two_in_file.location
    for statement, problem in (
        ("UPDATE mods_code_pieces SET content = 'text'", "size: it is \\d+, and 4 bytes are stored"),
        ("DELETE FROM mods_code_pieces", "size: it is \\d+, and 0 bytes are stored"),
        ("UPDATE mods_code SET size = 1000000000000", "size: it is 1000000000000, and 0 bytes are stored"),
        ("DELETE FROM mods_code", "size: None is invalid"),
    ):
        execute(place, statement)
        assert all(item.damaged is not None for item in two_in_file.templates())
        for use in (two_in_file.show, two_in_file.compile):
            with pytest.raises(RegistryError, match=problem):
                use("churn")


def test_older_damaged_versions_are_listed(two_in_file: Registry, project: Project) -> None:
    for version in ("1.5.0", "1.6.0"):
        two_in_file.register(project.versioned(version))
    assert two_in_file.damaged_versions("churn") == {}
    place = two_in_file.location
    execute(
        place, "UPDATE mods_template_versions SET role = 'other' WHERE version < '1.6' AND name = 'churn'"
    )
    problem = "content_sha256: the digest of the content differs"
    damage = {"1.4.0": problem, "1.5.0": problem}
    listed = {item.name: item for item in two_in_file.templates()}
    assert (listed["churn"].latest, listed["churn"].damaged) == ("1.6.0", None)
    assert (listed["churn"].damaged_versions, listed["sound"].damaged_versions) == (damage, {})
    assert two_in_file.damaged_versions("churn") == damage
    assert two_in_file.damaged_versions("nothing") == {}
    for command in (["templates"], ["show", "churn"]):
        code, _, errors = mods(place, *command)
        assert code == 0
        assert "churn@1.4.0 is damaged: content_sha256" in errors
        assert "churn@1.6.0" not in errors
        assert json.loads(mods(place, *command, "--json")[1])
    assert json.loads(mods(place, "show", "churn", "--json")[1])["damaged_versions"] == damage


def test_a_bad_execution_is_listed_as_damaged(two: Registry, place: str) -> None:
    for value in ("{", '{"a": [1]}', "[]"):
        execute(place, "UPDATE mods_executions SET parameters = :value WHERE id = 1", value=value)
        states = {item.id: item.state for item in two.executions("churn")}
        assert states == {2: "running", 1: "damaged"}
    code, output, _ = mods(place, "show", "churn")
    assert code == 0
    assert "damaged" in output
    assert r"me\x1b[2J\nyou" in output
    assert "\x1b[2J" not in output
    assert two.end_execution(2, "succeeded").state == "succeeded"


@contextmanager
def rewritten(place: str, fields: dict[str, str]) -> Iterator[Registry]:
    """Change a stored step and every digest with it, as somebody who can write to the database would."""
    registry = Registry(place)
    found = registry.show("churn")
    config = json.loads(json.dumps(found.config))
    config["steps"]["load"].update(fields)
    content = {**found.content(), "config": config}
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    with damaged(place, "config", json.dumps(config)):
        damage(place, "content_sha256", digest)
        yield registry
        damage(place, "content_sha256", found.content_sha256)


def test_code_of_the_readers_machine_is_refused(place: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret.py"
    secret.write_text("TOKEN = 'hush'\n")
    for fields in (
        {"entry_point": str(secret)},
        {"entry_point": "../secret.py"},
        {"entry_point": "../" * 30 + str(secret).lstrip("/")},
        {"entry_point": "~/secret.py"},
        {"entry_point": "other.py"},
        {"entry_point": "pipeline.json"},
        {"entry_point": "code/train.py"},
        {"entry_point": "load.py", "source_dir": "."},
        {"entry_point": "secret.py", "source_dir": str(tmp_path)},
    ):
        with rewritten(place, fields) as registry, registry.compiler("churn") as compiler:
            (found,) = compiler.validate().errors
            assert "is not among the registered code" in found.message
            with pytest.raises(DagcastError, match="is not among the registered code"):
                compiler.compile()
    refused = pytest.raises(RegistryError, match="is not among the registered code")
    with rewritten(place, {"entry_point": str(secret)}) as registry, refused:
        registry.compile("churn")


@pytest.mark.parametrize(
    "command", [["register", "project/pipeline.json"], ["compile", "churn@1.4.0"]], ids=lambda words: words[0]
)
def test_an_unusable_temporary_folder_is_reported(
    two_in_file: Registry,
    project: Project,
    run: Callable[..., subprocess.CompletedProcess[str]],
    command: list[str],
) -> None:
    assert project.file.exists()
    script = "import tempfile; tempfile.tempdir = '/nonexistent'; from mods_plugin.cli import main; main()"
    done = run("-c", script, *command, "--registry", two_in_file.location)
    assert done.returncode == 1
    assert (
        "error: cannot write to the temporary folder /nonexistent: No such file or directory" in done.stderr
    )
    assert "set TMPDIR" in done.stderr
    assert "Traceback" not in done.stderr
