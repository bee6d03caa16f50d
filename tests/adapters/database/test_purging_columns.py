"""Of every column that holds text it is said whether it is content, which a purge takes, or belongs to the books."""

from __future__ import annotations

from sqlalchemy import Text

from oneliner.adapters.database.purging import CONTENT

BOOKS = {
    "sessions": {"project_id"},
    "messages": {
        "project_id", "role", "state", "purpose", "tool_call_id", "model", "executor", "price_source",
        "place",
    },
    "agent_runs": {
        "project_id", "source_type", "source_screen", "source_action_key", "intent_key", "platform", "platform_scope",
        "delivery_mode", "run_status", "reason", "scheduling_mode", "active_executor_key", "status_summary", "lane",
        "active_admin_override_notice_json", "governance_snapshot_json", "traceparent", "executor", "fallen_back_json",
    },
    "agent_run_events": {"project_id", "event_type"},
    "tool_calls": {"call_id", "name", "state", "idempotency_key"},
}  # fmt: skip


def test_every_column_of_text_is_content_or_belongs_to_the_books() -> None:
    for table, emptied in CONTENT.items():
        texts = {column.name for column in table.c if type(column.type) is Text}
        assert texts == BOOKS[table.name] | set(emptied), table.name
    assert {table.name for table in CONTENT} == set(BOOKS)
