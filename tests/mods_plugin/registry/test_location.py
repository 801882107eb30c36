"""Where the registry is, and that no message shows a password."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mods_plugin.registry import Registry, RegistryError
from mods_plugin.registry.location import parse_location, redact_url
from tests.mods_plugin.configs import config
from tests.support.postgres import PASSWORD, Server

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.parametrize(
    ("given", "file"),
    [
        ("registry.sqlite", "registry.sqlite"),
        ("sqlite:///registry.sqlite", "registry.sqlite"),
        ("sqlite:////srv/registry.sqlite", "/srv/registry.sqlite"),
        ("SQLite:///a b.sqlite", "a b.sqlite"),
        ("/srv/100%/registry?.sqlite", "/srv/100%/registry?.sqlite"),
        (Path("folder") / "registry", "folder/registry"),
    ],
)
def test_a_file(given: Any, file: str) -> None:
    found = parse_location(given, {})
    assert (found.file, found.url, found.display) == (Path(file), None, file)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg", "PostgreSQL"])
def test_a_postgresql_database(scheme: str) -> None:
    found = parse_location(f"{scheme}://user:secret@host:5432/db?sslmode=require", {})
    assert found.url == "postgresql+psycopg://user:secret@host:5432/db?sslmode=require"
    assert found.display == "postgresql://user:***@host:5432/db?sslmode=require"
    assert "secret" not in repr(found)


def test_argument_variable_and_data_folder_have_this_precedence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {"MODS_REGISTRY": "by-variable", "XDG_DATA_HOME": "/data"}
    assert parse_location("by-argument", environment).file == Path("by-argument")
    assert parse_location(None, environment).file == Path("by-variable")
    assert parse_location(None, {"XDG_DATA_HOME": "/data"}).file == Path("/data/mods/registry.sqlite")
    assert (
        parse_location(None, {"MODS_REGISTRY": ""}).file
        == Path("~/.local/share/mods/registry.sqlite").expanduser()
    )
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    Registry().register(config())
    assert Registry(tmp_path / "data" / "mods" / "registry.sqlite").versions("churn") == ("1.4.0",)


def test_a_file_can_have_any_name(tmp_path: Path) -> None:
    file = tmp_path / "50% of #1?mode=ro & é" / "the registry.sqlite"
    Registry(file).register(config())
    assert file.is_file()
    assert Registry(file).compile("churn").definition


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            "mysql://user:secret@host/db",
            r"invalid registry mysql://user:\*\*\*@host/db: expected a file, sqlite:",
        ),
        ("https://user:secret@host/", "invalid registry"),
        ("postgresql+asyncpg://user:secret@host/db", "invalid registry"),
        ("sqlite://", "has no file"),
        ("sqlite:///", "has no file"),
        ("sqlite://secret", "has no file"),
        (":memory:", "invalid registry ':memory:'"),
        ("", "invalid registry ''"),
        ("a\0b", "cannot contain a NUL"),
    ],
)
def test_other_locations_are_an_error(given: str, message: str) -> None:
    with pytest.raises(RegistryError, match=message) as refused:
        Registry(given)
    assert "user:secret" not in str(refused.value)


WORD = st.text("abcdefgh0123456789", min_size=1, max_size=8)
SECRET = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1).map(lambda text: f"<{text}>")


@given(user=WORD, secret=SECRET, host=WORD, database=WORD)
def test_passwords_are_redacted(user: str, secret: str, host: str, database: str) -> None:
    """Also one that should have been quoted, and one among the options."""
    quoted = quote(secret, safe="")
    for url in (
        f"postgresql://{user}:{secret}@{host}/{database}",
        f"postgresql://{user}:{quoted}@{host}/{database}?user=a@b",
        f"postgresql://{host}/{database}?user={user}&password={quoted}",
        f"postgresql://{user}:{quoted}@{host}/{database}?sslpassword={quoted}&a=b",
    ):
        shown = redact_url(url)
        assert secret not in shown
        assert quoted not in shown
        assert host in shown
        assert database in shown
        assert user in shown


@given(text=st.text())
def test_urls_without_password_do_not_change(text: str) -> None:
    if "://" not in text:
        assert redact_url(text) == text
    assert (
        redact_url("postgresql://host:5432/db?sslmode=require") == "postgresql://host:5432/db?sslmode=require"
    )


@pytest.mark.parametrize("what", ["password", "database", "port"])
def test_a_connection_error_contains_no_password(server: Server, what: str) -> None:
    url = {
        "password": server.url("postgres", "wrong-word"),
        "database": server.url("no_such_database"),
        "port": f"postgresql://tester:{PASSWORD.replace('/', '%2F')}@127.0.0.1:1/postgres?password=wrong-word",
    }[what]
    for call in (lambda: Registry(url).templates(), lambda: Registry(url).register(config())):
        with pytest.raises(
            RegistryError, match=r"postgresql://tester:\*\*\*@127\.0\.0\.1:\d+/\w+"
        ) as refused:
            call()
        assert "\n" not in str(refused.value)
        for secret in (PASSWORD, PASSWORD.replace("/", "%2F"), "wrong-word"):
            assert secret not in str(refused.value)


@pytest.mark.parametrize("url", ["postgresql://user:secret@host:port/db", "postgresql://[::1/db"])
def test_an_invalid_url_is_an_error(url: str) -> None:
    with pytest.raises(RegistryError, match="expected postgresql://USER@HOST:PORT/DATABASE") as refused:
        Registry(url).templates()
    assert "secret" not in str(refused.value)


def test_a_missing_driver_is_reported(run: Run) -> None:
    script = """
import sys
sys.modules["psycopg"] = None
from mods_plugin.cli import main
sys.argv = ["mods", "templates", "--registry", "postgresql://user:secret@localhost/db"]
main()
"""
    done = run("-c", script)
    assert done.returncode == 1
    assert done.stderr == (
        "error: the driver for postgresql://user:***@localhost/db is not installed: "
        "run pip install 'mods-plugin[postgresql]'\n"
    )
