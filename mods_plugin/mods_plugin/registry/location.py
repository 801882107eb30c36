"""The location of the registry: a file or the URL of a database. Messages never contain a password."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mods_plugin.registry.errors import RegistryError

VARIABLE = "MODS_REGISTRY"
"""The environment variable with the default location."""

_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*)://(?P<rest>.*)", re.S)
_OPTIONS = re.compile(r"[^?]*\?\w+=[^&]*(&\w+=[^&]*)*", re.S)
_POSTGRESQL = ("postgresql", "postgres", "postgresql+psycopg")
_FORMS = "a file, sqlite:///FILE, or postgresql://USER@HOST/DATABASE"


@dataclass(frozen=True)
class Location:
    """The location of a registry.

    Attributes:
        file: The SQLite file; ``None`` for PostgreSQL.
        url: The PostgreSQL URL in SQLAlchemy's form; ``None`` for SQLite.
        display: Its name in messages, without a password.
    """

    file: Path | None
    url: str | None
    display: str

    def __repr__(self) -> str:
        return f"Location({self.display!r})"


def parse_location(
    given: str | os.PathLike[str] | None, environment: Mapping[str, str] | None = None
) -> Location:
    """Parse a file or URL.

    Args:
        given: A file or URL; ``None`` for the variable ``MODS_REGISTRY``, then a file in the user's data folder.
        environment: The environment variables; the default is those of the process.

    Raises:
        RegistryError: If it is the URL of an unsupported database, or invalid.
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
        # SQLAlchemy's form has three slashes before a relative path and four before an absolute one.
        if not match["rest"].startswith("/") or match["rest"] == "/":
            raise RegistryError(f"{redact_url(text)} has no file: write sqlite:///FILE")
        return _sqlite(match["rest"][1:])
    raise RegistryError(f"invalid registry {redact_url(text)}: expected {_FORMS}")


def default_file(environment: Mapping[str, str]) -> Path:
    """Return the default file in the user's data folder, which need not exist."""
    shared = environment.get("XDG_DATA_HOME")
    return (Path(shared) if shared else Path("~/.local/share").expanduser()) / "mods" / "registry.sqlite"


def redact_url(url: str) -> str:
    """Return a URL without its password, in the authority or in the query."""
    scheme, mark, rest = url.partition("://")
    if not mark:
        return url
    # A password may contain unquoted delimiters, so hide everything up to the last @ that is not in the options.
    authority = re.match(r"[^?]*@" if _OPTIONS.fullmatch(rest) else r".*@", rest, re.S)
    if authority is not None:
        user = authority[0].partition(":")[0].removesuffix("@")
        secret = ":***" if ":" in authority[0] else ""
        rest = f"{user}{secret}@{rest[authority.end() :]}"
    rest = re.sub(r"(?i)([?&][^=&]*pass[^=&]*=)[^&]*", r"\1***", rest)
    return f"{scheme}://{rest}"


def _sqlite(name: str) -> Location:
    if not name or name == ":memory:":
        raise RegistryError(f"invalid registry {name!r}: expected {_FORMS}")
    if "\0" in name:
        raise RegistryError("invalid registry: a file name cannot contain a NUL character")
    file = Path(name).expanduser()
    return Location(file, None, str(file))


def _postgresql(rest: str) -> Location:
    return Location(None, f"postgresql+psycopg://{rest}", redact_url(f"postgresql://{rest}"))
