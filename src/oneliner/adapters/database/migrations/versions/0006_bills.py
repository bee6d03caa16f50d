"""bills."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_WHICH = sa.text("role = 'assistant' AND state != 'streaming'")


def upgrade() -> None:
    op.create_index(
        "ix_messages_bills",
        "messages",
        [
            *("created_at", "user_id", "project_id", "session_id", "run_id", "model", "executor"),
            *("input_tokens", "output_tokens", "cached_tokens", "cost_nanos", "priced", "estimated", "role", "state"),
        ],
        unique=False,
        sqlite_where=_WHICH,
        postgresql_where=_WHICH,
    )
