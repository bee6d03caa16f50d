"""Every table, once, for both dialects.

Types are few on purpose: text, 64-bit integers and JSON as text, so that a row means the same in SQLite and in
PostgreSQL and needs no conversion on the way. Times are milliseconds since 1970 UTC, money is nano-USD.
``agent_runs`` and ``agent_run_events`` carry the names their columns are known by outside.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, String, Table, Text, text

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)

#: Runs that wait for people.
WAITING = "run_status IN ('blocked', 'needs_confirmation')"
#: Which messages are on a bill: calls of models that have ended. Statements write it out too, without values that are bound
#: later: a database uses an index over a part of a table only where it sees beforehand that no more is asked for.
BILLED = "role = 'assistant' AND state != 'streaming'"


def _id(name: str = "id", *, primary_key: bool = False, default: str | None = None) -> Column[str]:
    return Column(name, String(64), primary_key=primary_key, nullable=False, server_default=default)


def _text(name: str, default: str | None = "") -> Column[str]:
    return Column(name, Text, nullable=False, server_default=default)


def _count(name: str, default: str = "0") -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default=default)


def _time(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable)


def _totals() -> list[Column[int]]:
    return [
        _count("input_tokens"),
        _count("output_tokens"),
        _count("cached_tokens"),
        _count("cost_nanos"),
        _count("unpriced_count"),
        _count("estimated_count"),
    ]


users = Table(
    "users",
    metadata,
    Column("id", String(128), primary_key=True, nullable=False),
    _text("name"),
    _text("status", None),
    _count("event_cursor"),
    _time("created_at"),
)

sign_in_codes = Table(
    "sign_in_codes",
    metadata,
    _id("code_hash", primary_key=True),
    Column("user_id", String(128), nullable=False),
    _text("role", None),
    _time("expires_at"),
)

sessions = Table(
    "sessions",
    metadata,
    _id(primary_key=True),
    Column("user_id", String(128), nullable=False),
    _text("project_id"),
    _text("title"),
    _count("message_count"),
    *_totals(),
    _time("created_at"),
    _time("updated_at"),
    _time("deleted_at", nullable=True),
    _time("purged_at", nullable=True),
    Index("ix_sessions_user_id_id", "user_id", "id"),
    Index("ix_sessions_user_id_project_id_id", "user_id", "project_id", "id"),
    Index(
        "ix_sessions_purge_due",
        "deleted_at",
        sqlite_where=text("deleted_at IS NOT NULL AND purged_at IS NULL"),
        postgresql_where=text("deleted_at IS NOT NULL AND purged_at IS NULL"),
    ),
)

messages = Table(
    "messages",
    metadata,
    _id(primary_key=True),
    _id("session_id"),
    _id("run_id", default=""),
    Column("user_id", String(128), nullable=False),
    _text("project_id"),
    _count("position"),
    _text("role", None),
    _text("state", None),
    _text("purpose", None),
    _text("content"),
    _text("tool_calls_json", "[]"),
    _text("tool_call_id"),
    _text("model"),
    _text("executor"),
    _count("input_tokens"),
    _count("output_tokens"),
    _count("cached_tokens"),
    _count("estimated"),
    Column("cost_nanos", BigInteger, nullable=True),
    _count("priced"),
    _text("price_source"),
    _count("reserved_nanos"),
    _text("details_json", "{}"),
    _time("created_at"),
    _time("deleted_at", nullable=True),
    _id("scope", default=""),
    _text("place"),
    Index("ix_messages_created_at", "created_at"),
    Index("ix_messages_session_id_position", "session_id", "position", unique=True),
    Index("ix_messages_run_id_position", "run_id", "position"),
    Index(
        "ix_messages_summaries",
        "session_id",
        "position",
        sqlite_where=text("purpose = 'summary'"),
        postgresql_where=text("purpose = 'summary'"),
    ),
    Index(
        "ix_messages_streaming",
        "run_id",
        sqlite_where=text("state = 'streaming'"),
        postgresql_where=text("state = 'streaming'"),
    ),
    Index("ix_messages_user_id_created_at", "user_id", "created_at"),
    # All that a bill reads, so that it reads none of the texts. A call of a model enters it once, at its end.
    Index(
        "ix_messages_bills",
        *("created_at", "user_id", "project_id", "session_id", "run_id", "model", "executor"),
        *("input_tokens", "output_tokens", "cached_tokens", "cost_nanos", "priced", "estimated", "role", "state"),
        sqlite_where=text(BILLED),
        postgresql_where=text(BILLED),
    ),
)

agent_runs = Table(
    "agent_runs",
    metadata,
    _id(primary_key=True),
    _id("session_id"),
    Column("user_id", String(128), nullable=False),
    _text("project_id"),
    _text("source_type", None),
    _text("source_screen"),
    _text("source_action_key"),
    _text("title"),
    _text("summary"),
    _text("intent_key"),
    _text("platform"),
    _text("platform_scope", "single_platform"),
    _text("delivery_mode", "hybrid"),
    _text("run_status", None),
    _text("reason"),
    _text("scheduling_mode", "queued"),
    _text("active_executor_key"),
    _text("plan_json", "{}"),
    _text("result_json", "{}"),
    _text("status_summary"),
    _count("needs_user_input"),
    _text("blocked_reason"),
    _text("blocked_json", "{}"),
    _text("active_admin_override_notice_json", "{}"),
    _text("governance_snapshot_json", "{}"),
    _text("lane", None),
    _count("fence"),
    _id("lease_owner", default=""),
    _time("lease_until", nullable=True),
    _count("attempt"),
    _count("steps_taken"),
    _count("last_seq"),
    _time("queued_at", nullable=True),
    _time("resumes_at", nullable=True),
    *_totals(),
    _count("min_version"),
    _time("created_at"),
    _time("updated_at"),
    _time("started_at", nullable=True),
    _time("finished_at", nullable=True),
    _time("deleted_at", nullable=True),
    _time("purged_at", nullable=True),
    _text("executor"),
    _text("fallen_back_json", "{}"),
    _text("traceparent"),
    Index("ix_agent_runs_user_id_id", "user_id", "id"),
    Index("ix_agent_runs_user_id_project_id_id", "user_id", "project_id", "id"),
    Index("ix_agent_runs_session_id_id", "session_id", "id"),
    Index(
        "ix_agent_runs_lane_queued_at",
        "lane",
        "queued_at",
        sqlite_where=text("run_status = 'queued'"),
        postgresql_where=text("run_status = 'queued'"),
    ),
    Index(
        "ix_agent_runs_lease_until",
        "lease_until",
        sqlite_where=text("lease_until IS NOT NULL"),
        postgresql_where=text("lease_until IS NOT NULL"),
    ),
    Index(
        "ix_agent_runs_drafting",
        "updated_at",
        sqlite_where=text("run_status = 'drafting'"),
        postgresql_where=text("run_status = 'drafting'"),
    ),
    Index(
        "ix_agent_runs_resumes_at",
        "resumes_at",
        sqlite_where=text("resumes_at IS NOT NULL"),
        postgresql_where=text("resumes_at IS NOT NULL"),
    ),
    Index(
        "ix_agent_runs_waiting",
        "run_status",
        "reason",
        sqlite_where=text(WAITING),
        postgresql_where=text(WAITING),
    ),
    # The lane row decides who goes; this is the belt to those braces.
    Index(
        "uq_agent_runs_running_lane",
        "lane",
        unique=True,
        sqlite_where=text("run_status = 'running'"),
        postgresql_where=text("run_status = 'running'"),
    ),
)

agent_run_events = Table(
    "agent_run_events",
    metadata,
    _id(),
    _id("run_id", primary_key=True),
    Column("seq", BigInteger, primary_key=True, nullable=False, autoincrement=False),
    _id("session_id"),
    Column("user_id", String(128), nullable=False),
    _text("project_id"),
    _count("owner_seq"),
    _text("event_type", None),
    _text("summary"),
    _text("details_json", "{}"),
    _time("created_at"),
    Index("ix_agent_run_events_user_id_owner_seq", "user_id", "owner_seq", unique=True),
)

lanes = Table(
    "lanes",
    metadata,
    Column("key", String(300), primary_key=True, nullable=False),
    _id("active_run_id", default=""),
    _count("turn"),
)

budget_counters = Table(
    "budget_counters",
    metadata,
    Column("budget", String(16), primary_key=True, nullable=False),
    Column("of", String(200), primary_key=True, nullable=False),
    Column("day", BigInteger, primary_key=True, nullable=False, autoincrement=False),
    _count("used_nanos"),
    _count("reserved_nanos"),
    _count("granted_nanos"),
    _count("turn"),
)

tool_calls = Table(
    "tool_calls",
    metadata,
    _id(primary_key=True),
    _id("run_id"),
    _id("message_id"),
    _text("call_id", None),
    _text("name", None),
    _text("arguments", "{}"),
    _text("state", None),
    _text("idempotency_key", None),
    _count("repeatable"),
    _count("attempts"),
    _text("result"),
    _time("started_at", nullable=True),
    _time("finished_at", nullable=True),
    _count("reads"),
    _text("checked"),
    _text("approval_json", "{}"),
    _text("asked_json", "{}"),
    _id("scope", default=""),
    Index("ix_tool_calls_run_id_id", "run_id", "id"),
)

mcp_servers = Table(
    "mcp_servers",
    metadata,
    Column("name", String(64), primary_key=True, nullable=False),
    _text("config_json", "{}"),
    _count("version"),
    _text("updated_by"),
    _time("updated_at"),
)

policy_layers = Table(
    "policy_layers",
    metadata,
    Column("layer", String(32), primary_key=True, nullable=False),
    Column("scope_key", String(256), primary_key=True, nullable=False),
    _text("rules_json", "{}"),
    _count("version"),
    _text("notice"),
    _time("expires_at", nullable=True),
    _text("updated_by"),
    _time("updated_at"),
)

policy_history = Table(
    "policy_history",
    metadata,
    _id(primary_key=True),
    Column("layer", String(32), nullable=False),
    Column("scope_key", String(256), nullable=False),
    _text("rules_json", "{}"),
    _count("version"),
    _text("notice"),
    _time("expires_at", nullable=True),
    _text("updated_by"),
    _time("updated_at"),
    Index("ix_policy_history_layer_scope_key_id", "layer", "scope_key", "id"),
)

schedules = Table(
    "schedules",
    metadata,
    _id(primary_key=True),
    Column("user_id", String(128), nullable=False),
    _text("project_id"),
    _text("title"),
    _text("cron", None),
    _text("timezone", None),
    _text("handoff_json", "{}"),
    _count("confirmed_ahead"),
    _count("paused"),
    _time("next_due_at", nullable=True),
    _time("created_at"),
    _time("updated_at"),
    Index("ix_schedules_user_id_id", "user_id", "id"),
    Index(
        "ix_schedules_next_due_at",
        "next_due_at",
        sqlite_where=text("next_due_at IS NOT NULL"),
        postgresql_where=text("next_due_at IS NOT NULL"),
    ),
)

schedule_fires = Table(
    "schedule_fires",
    metadata,
    _id("schedule_id", primary_key=True),
    Column("due_at", BigInteger, primary_key=True, nullable=False, autoincrement=False),
    _time("first_due_at"),
    _time("fired_at"),
    _text("outcome", None),
    _id("run_id", default=""),
)

documents = Table(
    "documents",
    metadata,
    _id(primary_key=True),
    Column("user_id", String(128), nullable=False),
    Column("project_id", Text, nullable=False, server_default=""),
    Column("path", String(200), nullable=False),
    _text("title"),
    _count("version"),
    _time("created_at"),
    _time("updated_at"),
    Index("uq_documents_user_id_project_id_path", "user_id", "project_id", "path", unique=True),
)

document_versions = Table(
    "document_versions",
    metadata,
    _id("document_id", primary_key=True),
    Column("version", BigInteger, primary_key=True, nullable=False, autoincrement=False),
    _text("content"),
    _text("author"),
    _id("run_id", default=""),
    _time("created_at"),
)

# What the newest version of each document is found by. The full-text index over it is each database's own: the migration
# makes an FTS5 table with triggers in SQLite, and here is the one of PostgreSQL.
document_terms = Table(
    "document_terms",
    metadata,
    # SQLite's full-text index points at rows by an integer; it is made from the document's id, so that a copy is one.
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, nullable=False, autoincrement=False),
    _id("document_id"),
    _text("terms", None),
    Index("uq_document_terms_document_id", "document_id", unique=True),
    Index("ix_document_terms_terms", text("terms_vector(terms)"), postgresql_using="gin").ddl_if(dialect="postgresql"),
)

run_documents = Table(
    "run_documents",
    metadata,
    _id("run_id", primary_key=True),
    _id("document_id", primary_key=True),
    Column("version", BigInteger, primary_key=True, nullable=False, autoincrement=False),
    Column("access", String(16), primary_key=True, nullable=False),
    _time("created_at"),
)

retention_rules = Table(
    "retention_rules",
    metadata,
    Column("project_id", String(128), primary_key=True, nullable=False),
    _count("keep_days"),
    Column("updated_by", String(128), nullable=False),
    _time("updated_at"),
)

saved_views = Table(
    "saved_views",
    metadata,
    Column("user_id", String(128), primary_key=True, nullable=False),
    Column("name", String(40), primary_key=True, nullable=False),
    _text("query", None),
    _time("created_at"),
    _time("updated_at"),
)

audit_log = Table(
    "audit_log",
    metadata,
    _id(primary_key=True),
    _time("at"),
    Column("actor", String(128), nullable=False, server_default=""),
    Column("action", String(64), nullable=False),
    Column("target", String(32), nullable=False),
    Column("target_id", String(300), nullable=False),
    _text("details_json", "{}"),
    Index("ix_audit_log_actor_id", "actor", "id"),
    Index("ix_audit_log_target_target_id_id", "target", "target_id", "id"),
)

webhook_endpoints = Table(
    "webhook_endpoints",
    metadata,
    _id(primary_key=True),
    Column("project_id", String(128), nullable=False, server_default=""),
    _count("all_projects"),
    _text("url", None),
    _text("description"),
    _text("event_types_json", "[]"),
    Column("disabled_reason", String(16), nullable=False, server_default=""),
    _text("secret", None),
    _text("old_secret"),
    _time("old_secret_until", nullable=True),
    _id("key_id"),
    _time("failing_since", nullable=True),
    Column("created_by", String(128), nullable=False),
    _time("created_at"),
    _time("updated_at"),
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    _id(primary_key=True),
    _id("endpoint_id"),
    Column("event_type", String(64), nullable=False),
    _id("run_id", default=""),
    _count("seq"),
    Column("status", String(16), nullable=False),
    _count("attempts"),
    _count("round_attempts"),
    _time("next_attempt_at", nullable=True),
    _time("created_at"),
    _time("updated_at"),
    Index("ix_webhook_deliveries_endpoint_id_id", "endpoint_id", "id"),
    Index("ix_webhook_deliveries_created_at", "created_at"),
    Index(
        "ix_webhook_deliveries_due",
        "endpoint_id",
        "next_attempt_at",
        sqlite_where=text("status = 'pending'"),
        postgresql_where=text("status = 'pending'"),
    ),
)

webhook_attempts = Table(
    "webhook_attempts",
    metadata,
    _id("delivery_id", primary_key=True),
    Column("number", BigInteger, primary_key=True, nullable=False, autoincrement=False),
    _time("at"),
    Column("status_code", BigInteger, nullable=True),
    _count("duration_ms"),
    _text("error"),
    _text("answer"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("user_id", String(128), primary_key=True, nullable=False),
    Column("route", String(200), primary_key=True, nullable=False),
    Column("key", String(255), primary_key=True, nullable=False),
    _id("body_hash"),
    _count("status"),
    _text("answer", None),
    _time("created_at"),
    Index("ix_idempotency_keys_created_at", "created_at"),
)
