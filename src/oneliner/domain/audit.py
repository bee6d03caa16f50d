"""The audit log: who did what to which, and when. It says what was done and never what was in it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The actor of what the server does by itself.
SERVER = ""


class Action(StrEnum):
    """Every action that is recorded."""

    LAYER_SET = "policy.layer_set"
    LAYER_RESTORED = "policy.layer_restored"
    APPROVAL_GIVEN = "approval.given"
    APPROVAL_REVOKED = "approval.revoked"
    OVERRIDE_SET = "policy.override_set"
    OVERRIDE_ENDED = "policy.override_ended"
    USER_STATUS_SET = "user.status_set"
    SESSION_RENAMED = "session.renamed"
    SESSION_DELETED = "session.deleted"
    SESSION_RESTORED = "session.restored"
    USER_ERASED = "user.erased"
    USER_EXPORTED = "user.exported"
    SESSION_EXPORTED = "session.exported"
    SESSION_EXPIRED = "session.expired"
    SESSION_PURGED = "session.purged"
    RUN_PLAN_EDITED = "run.plan_edited"
    RUN_REVISION_REQUESTED = "run.revision_requested"
    RUN_CONFIRMED = "run.confirmed"
    RUN_ANSWERED = "run.answered"
    RUN_RETRIED = "run.retried"
    RUN_CANCELLED = "run.cancelled"
    APPROVAL_EXPIRED = "approval.expired"
    MCP_SERVER_SET = "mcp_server.set"
    MCP_SERVER_REMOVED = "mcp_server.removed"
    RETENTION_SET = "retention.set"
    RETENTION_REMOVED = "retention.removed"
    WEBHOOK_CREATED = "webhook.created"
    WEBHOOK_CHANGED = "webhook.changed"
    WEBHOOK_SECRET_ROTATED = "webhook.secret_rotated"  # noqa: S105 - the name of an action
    WEBHOOK_DISABLED = "webhook.disabled"
    WEBHOOK_DELETED = "webhook.deleted"
    SIGN_IN_LINK_MADE = "sign_in.link_made"
    SIGN_IN_LINK_USED = "sign_in.link_used"


class Target(StrEnum):
    """What kind of thing an action was done to."""

    LAYER = "layer"
    USER = "user"
    SESSION = "session"
    RUN = "run"
    PROJECT = "project"
    WEBHOOK = "webhook"
    MCP_SERVER = "mcp_server"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the audit log. ``actor`` is a user's id, or empty for the server itself; ``at`` in ms."""

    id: str
    at: int
    actor: str
    action: Action
    target: Target
    target_id: str
    details: Mapping[str, object]
