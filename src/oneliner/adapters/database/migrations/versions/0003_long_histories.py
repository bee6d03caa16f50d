"""what a call of a session of any length reads: the newest messages of a run, and the newest summary."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_messages_run_id_position", "messages", ["run_id", "position"])
    # The new one begins with the same column, so nobody misses it.
    op.drop_index("ix_messages_run_id", table_name="messages")
    op.create_index(
        "ix_messages_summaries",
        "messages",
        ["session_id", "position"],
        sqlite_where=sa.text("purpose = 'summary'"),
        postgresql_where=sa.text("purpose = 'summary'"),
    )
