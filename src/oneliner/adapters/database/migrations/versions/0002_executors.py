"""executors: who carries out a run, and which work a message and a tool call are part of."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("messages", sa.Column("scope", sa.String(length=64), server_default="", nullable=False))
    op.add_column("messages", sa.Column("place", sa.Text(), server_default="", nullable=False))
    op.add_column("agent_runs", sa.Column("executor", sa.Text(), server_default="", nullable=False))
    op.add_column("agent_runs", sa.Column("fallen_back_json", sa.Text(), server_default="{}", nullable=False))
    op.add_column("tool_calls", sa.Column("scope", sa.String(length=64), server_default="", nullable=False))
