"""The trace a run belongs to, and an index over the runs that wait for people.

Revision ID: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

WAITING = "run_status IN ('blocked', 'needs_confirmation')"


def upgrade() -> None:
    op.add_column("agent_runs", sa.Column("traceparent", sa.Text(), server_default="", nullable=False))
    op.create_index(
        "ix_agent_runs_waiting",
        "agent_runs",
        ["run_status", "reason"],
        sqlite_where=sa.text(WAITING),
        postgresql_where=sa.text(WAITING),
    )


def downgrade() -> None:
    op.drop_index("ix_agent_runs_waiting", "agent_runs")
    op.drop_column("agent_runs", "traceparent")
