"""Mask the values of secret plugin options in stored configs."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

# The tables as this revision finds them: later revisions may change them.
_VERSIONS = sa.table(
    "mods_template_versions",
    *(
        sa.column(name)
        for name in (
            "id",
            "pipeline",
            "content_sha256",
            "metadata",
            "dag",
            "config",
            "role",
            "definition_sha256",
            "plugins",
        )
    ),
)
_STAGED = sa.table(
    "mods_staged_code", *(sa.column(name) for name in ("version_id", "sha256", "uri", "source", "form"))
)
_CODE = sa.table("mods_code", sa.column("sha256"), sa.column("size"))


def upgrade() -> None:
    """Mask secrets in each row. Its digest is computed again if it was that of the row."""
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        # SQLite leaves the old text in the file otherwise. Source: https://www.sqlite.org/pragma.html#pragma_secure_delete
        connection.exec_driver_sql("PRAGMA secure_delete = ON")
    for row in connection.execute(sa.select(_VERSIONS)).all():
        try:
            content = _content(connection, row)
            masked = _masked(content["config"], content["plugins"])
        # A damaged row stays as it is: nothing reads its config.
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            continue
        if masked == content["config"]:
            continue
        values = {"config": json.dumps(masked)}
        # A row that somebody changed keeps the digest that shows it.
        if row.content_sha256 == _digest(content):
            values["content_sha256"] = _digest({**content, "config": masked})
        connection.execute(sa.update(_VERSIONS).where(_VERSIONS.c.id == row.id).values(**values))


def _masked(config: dict[str, Any], plugins: list[dict[str, Any]]) -> dict[str, Any]:
    # The module is imported only where rows exist: plugins say which of their options are secret.
    from dagcast.artifacts import mask_stored_options

    section = config.get("plugins")
    if not isinstance(section, dict) or not isinstance(section.get("options"), dict):
        return config
    names = [plugin["name"] for plugin in plugins]
    options = mask_stored_options(names, section["options"])
    return {**config, "plugins": {**section, "options": options}}


def _content(connection: sa.Connection, row: Any) -> dict[str, Any]:
    """Return the content of a row as its digest was computed from it: see ``TemplateVersion.content``."""
    chosen = (
        sa.select(_STAGED.c.uri, _STAGED.c.sha256, _CODE.c.size, _STAGED.c.source, _STAGED.c.form)
        .join(_CODE, _CODE.c.sha256 == _STAGED.c.sha256)
        .where(_STAGED.c.version_id == row.id)
    )
    staged = [
        {"uri": uri, "sha256": sha256, "bytes": size, "source": source, "form": form}
        for uri, sha256, size, source, form in connection.execute(chosen)
    ]
    metadata = {key: value for key, value in json.loads(row.metadata).items() if key != "mods"}
    return {
        "pipeline": row.pipeline,
        "metadata": metadata,
        "dag": json.loads(row.dag),
        "config": json.loads(row.config),
        "role": row.role,
        "definition_sha256": row.definition_sha256,
        "plugins": [
            {key: value for key, value in plugin.items() if key not in ("code", "code_problems")}
            for plugin in json.loads(row.plugins)
        ],
        "staged": sorted(staged, key=json.dumps),
    }


def _digest(content: dict[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
