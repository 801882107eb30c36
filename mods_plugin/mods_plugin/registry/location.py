"""Where the registry is: a file, or a database by URL. No message shows a password."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mods_plugin.registry.errors import RegistryError

VARIABLE = "MODS_REGISTRY"
"""The environment variable that names the registry where nothing else does."""

_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*)://(?P<rest>.*)", re.S)
_OPTIONS = re.compile(r"[^?]*\?\w+=[^&]*(&\w+=[^&]*)*", re.S)
_POSTGRESQL = ("postgresql", "postgres", "postgresql+psycopg")
_FORMS = "a file, sqlite:///FILE, or postgresql://USER@HOST/DATABASE"


@dataclass(frozen=True)
class Location:
    """Where a registry is.

    Attributes:
        file: The SQLite file, if it is one.
        url: The URL as SQLAlchemy takes it, if it is PostgreSQL.
        shown: What messages call it.
    """

    file: Path | None
    url: str | None
    shown: str

    def __repr__(self) -> str:
        return f"Location({self.shown!r})"


def locate(given: str | os.PathLike[str] | None, environment: Mapping[str, str] | None = None) -> Location:
    """The registry that is meant.

    Args:
        given: A file or URL; ``None`` for what the variable ``MODS_REGISTRY`` says, else a file in the user's data
            folder.
        environment: The environment variables; those of the process if left out.

    Raises:
        RegistryError: If it is a URL of another kind of database, or none.
    """
    environ = os.environ if environment is None else environment
    if given is None:
        given = environ.get(VARIABLE) or default_file(environ)
    text = os.fspath(given)
    match = _URL.fullmatch(text)
    if match is None:
        return _sqlite(text)
    scheme = match["scheme"].lower()
    if scheme in _POSTGRESQL:
        return _postgresql(match["rest"])
    if scheme == "sqlite":
        # SQLAlchemy's form: three slashes before a relative path, four before an absolute one.
        if not match["rest"].startswith("/") or match["rest"] == "/":
            raise RegistryError(f"{redacted(text)} names no file: write sqlite:///FILE")
        return _sqlite(match["rest"][1:])
    raise RegistryError(f"{redacted(text)} is no registry: expected {_FORMS}")


def default_file(environment: Mapping[str, str]) -> Path:
    """The file in the user's data folder; it need not exist."""
    shared = environment.get("XDG_DATA_HOME")
    return (Path(shared) if shared else Path("~/.local/share").expanduser()) / "mods" / "registry.sqlite"


def redacted(url: str) -> str:
    """A URL without its password, wherever that stands in it."""
    scheme, mark, rest = url.partition("://")
    if not mark:
        return url
    # A password may hold what has to be quoted in a URL, and is not: all is hidden up to the last @ that is not in
    # what can only be options.
    authority = re.match(r"[^?]*@" if _OPTIONS.fullmatch(rest) else r".*@", rest, re.S)
    if authority is not None:
        user = authority[0].partition(":")[0].removesuffix("@")
        secret = ":***" if ":" in authority[0] else ""
        rest = f"{user}{secret}@{rest[authority.end() :]}"
    rest = re.sub(r"(?i)([?&][^=&]*pass[^=&]*=)[^&]*", r"\1***", rest)
    return f"{scheme}://{rest}"


def _sqlite(name: str) -> Location:
    if not name or name == ":memory:":
        raise RegistryError(f"{name!r} names no file: a registry is {_FORMS}")
    if "\0" in name:
        raise RegistryError("a file's name cannot hold a NUL character")
    file = Path(name).expanduser()
    return Location(file, None, str(file))


def _postgresql(rest: str) -> Location:
    return Location(None, f"postgresql+psycopg://{rest}", redacted(f"postgresql://{rest}"))
