"""The tables of the newest schema revision."""

from __future__ import annotations

from datetime import datetime, timezone

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

METADATA = MetaData()

DIGEST = String(64)


class Moment(TypeDecorator[datetime]):
    """A time in UTC. SQLite does not store time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert a time to UTC."""
        return None if value is None else value.astimezone(timezone.utc)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert a stored time to an aware one in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=timezone.utc) if value.tzinfo is None else value.astimezone(timezone.utc)


VERSIONS = Table(
    "mods_template_versions",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("pipeline", Text, nullable=False),
    Column("search_text", Text, nullable=False),
    Column("content_sha256", DIGEST, nullable=False),
    Column("metadata", Text, nullable=False),
    Column("dag", Text, nullable=False),
    Column("config", Text, nullable=False),
    Column("role", Text),
    Column("definition", Text, nullable=False),
    Column("definition_sha256", DIGEST, nullable=False),
    Column("plugins", Text, nullable=False),
    Column("made_with", Text, nullable=False),
    Column("registered_by", Text, nullable=False),
    Column("registered_at", Moment, nullable=False),
    UniqueConstraint("name", "version", name="mods_template_versions_name_version"),
)
"""One row for each version. Nested data are JSON as text: PostgreSQL's jsonb does not preserve the order of keys."""

CODE = Table(
    "mods_code",
    METADATA,
    Column("sha256", DIGEST, primary_key=True),
    Column("size", BigInteger, nullable=False),
)
"""One row for each object of staged code, shared by all versions that use it."""

PIECES = Table(
    "mods_code_pieces",
    METADATA,
    Column("sha256", DIGEST, ForeignKey("mods_code.sha256"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("content", LargeBinary, nullable=False),
)
"""The bytes of the objects, in pieces, because both databases limit a value to about one gigabyte."""

STAGED = Table(
    "mods_staged_code",
    METADATA,
    Column("version_id", ForeignKey("mods_template_versions.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("sha256", DIGEST, ForeignKey("mods_code.sha256"), nullable=False),
    Column("uri", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("form", String(16), nullable=False),
)
"""The manifest of staged code of each version, in the order of its steps."""

EXECUTIONS = Table(
    "mods_executions",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("version_id", ForeignKey("mods_template_versions.id"), nullable=False, index=True),
    Column("started_by", Text, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("parameters", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("reference", Text),
    Column("state", String(16), nullable=False),
    Column("reason", Text),
    Column("ended_at", Moment),
    CheckConstraint("state IN ('running', 'succeeded', 'failed', 'stopped')", name="mods_executions_state"),
    CheckConstraint("(state = 'running') = (ended_at IS NULL)", name="mods_executions_ended"),
)
"""One row for each execution of a version."""
