"""Add the table of executions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the table of executions."""
    op.create_table(
        "mods_executions",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("version_id", sa.Integer, sa.ForeignKey("mods_template_versions.id"), nullable=False),
        sa.Column("started_by", sa.Text, nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("parameters", sa.Text, nullable=False),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("reference", sa.Text),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "state IN ('running', 'succeeded', 'failed', 'stopped')", name="mods_executions_state"
        ),
        sa.CheckConstraint("(state = 'running') = (ended_at IS NULL)", name="mods_executions_ended"),
    )
    op.create_index("ix_mods_executions_version_id", "mods_executions", ["version_id"])
