"""Domain objects as JSON: plain functions, because an answer is made often and checked by the tests.

The models in ``schemas`` say the same for the API's description; a test holds the two together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from oneliner.app.budgets import standing_to_json
from oneliner.domain.executor import MAIN_EXECUTOR
from oneliner.domain.plan import StepStatus, plan_to_json
from oneliner.domain.policy_json import notice_to_json, policy_to_json, rules_to_json, snapshot_to_json
from oneliner.domain.run import RunStatus, allowed_actions
from oneliner.domain.times import rfc3339
from oneliner.domain.usage import usd
from oneliner.web.localise import status_summary

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from oneliner.app.audit import Line
    from oneliner.app.erasure import Erasure
    from oneliner.app.ports import UsageRow
    from oneliner.app.run_views import Shown
    from oneliner.app.runs import Started
    from oneliner.app.trial import Finding, Trial
    from oneliner.domain.document import Document, DocumentUse, DocumentVersion, SearchHit
    from oneliner.domain.estimate import Estimate
    from oneliner.domain.event import RunEvent
    from oneliner.domain.message import Message, ToolCall
    from oneliner.domain.plan import Plan
    from oneliner.domain.policy import GovernanceSnapshot, Layer
    from oneliner.domain.retention import RetentionRule
    from oneliner.domain.run import Run
    from oneliner.domain.saved_view import SavedView
    from oneliner.domain.schedule import Fire, Schedule
    from oneliner.domain.session import Session
    from oneliner.domain.usage import Totals
    from oneliner.domain.user import User
    from oneliner.web.localise import Language

T = TypeVar("T")

WAITS_FOR_LANE = "lane"
WAITS_FOR_WORKER = "worker"
MS_PER_DAY = 86_400_000


def listed(items: Sequence[object], next_cursor: str | None = None) -> dict[str, object]:
    """A list, as every list is answered."""
    return {"items": items, "next_cursor": next_cursor}


def page_of(rows: Sequence[T], limit: int, cursor: Callable[[T], str]) -> tuple[Sequence[T], str | None]:
    """At most *limit* of *rows*, of which one more was read, and the cursor of the rest."""
    if len(rows) <= limit:
        return rows, None
    return rows[:limit], cursor(rows[limit - 1])


def accepted(run: Run, *, created: bool, steered: bool = False) -> dict[str, object]:
    """What a chat is answered with: where its run is to be found."""
    return {
        "task_id": run.id,
        "run_id": run.id,
        "session_id": run.session_id,
        "created": created,
        "steered": steered,
        "run_status": run.run_status,
    }


def started(begun: Started) -> dict[str, object]:
    """A run that was just created."""
    return accepted(begun.run, created=begun.created_session, steered=begun.steered)


def run_to_json(shown: Shown, language: Language) -> dict[str, object]:
    """A run with all that a page needs."""
    run = shown.run
    governance = snapshot_to_json(run.governance)
    return {
        "id": run.id,
        "session_id": run.session_id,
        "user_id": run.user_id,
        "project_id": run.project_id,
        "source_type": run.source_type,
        "source_screen": run.source_screen,
        "source_action_key": run.source_action_key,
        "title": run.title,
        "summary": run.summary,
        "intent_key": run.intent_key,
        "platform": run.platform,
        "platform_scope": run.platform_scope,
        "delivery_mode": run.delivery_mode,
        "run_status": run.run_status,
        "reason": run.reason,
        "status_summary": status_summary(run.run_status, run.reason, language),
        "allowed_actions": allowed_actions(run.run_status),
        "scheduling_mode": run.scheduling_mode,
        "executor": run.executor or MAIN_EXECUTOR,
        "active_executor_key": run.active_executor_key,
        "plan": _plan(run.plan),
        "progress": _progress(run.plan),
        "result": run.result,
        "queue": _queue(run, shown.ahead),
        "needs_user_input": run.needs_user_input,
        "blocked_reason": run.blocked_reason,
        "blocked": run.blocked or None,
        "usage": {
            **usage_to_json(run.totals),
            "budgets": [standing_to_json(standing) for standing in shown.budgets],
            "estimate": None if shown.estimate is None else estimate_to_json(shown.estimate),
        },
        "governance_snapshot": governance,
        "active_admin_override_notice": governance["active_admin_override_notice"],
        "last_seq": run.last_seq,
        "created_at": rfc3339(run.created_at),
        "updated_at": rfc3339(run.updated_at),
        "started_at": _time(run.started_at),
        "finished_at": _time(run.finished_at),
    }


def usage_to_json(totals: Totals) -> dict[str, object]:
    """Sums over messages."""
    return {
        "input_tokens": totals.input_tokens,
        "output_tokens": totals.output_tokens,
        "cached_tokens": totals.cached_tokens,
        "total_tokens": totals.tokens,
        "cost": totals.cost,
        "estimated": totals.estimated_count > 0,
        "unpriced_messages": totals.unpriced_count,
    }


def estimate_to_json(estimate: Estimate) -> dict[str, object]:
    """What a run will probably use."""
    return {
        "basis": estimate.basis,
        "sample_count": estimate.sample_count,
        "model_calls": estimate.model_calls,
        "input_tokens": estimate.input_tokens,
        "output_tokens": estimate.output_tokens,
        "cost": None if estimate.cost_nanos is None else usd(estimate.cost_nanos),
    }


def event_to_json(event: RunEvent) -> dict[str, object]:
    """A run event, as a page of events holds it."""
    return {
        "id": event.id,
        "run_id": event.run_id,
        "seq": event.seq,
        "event_type": event.event_type,
        "summary": event.summary,
        "details": event.details,
        "created_at": rfc3339(event.created_at),
    }


def session_to_json(session: Session) -> dict[str, object]:
    """A session with its totals."""
    return {
        "id": session.id,
        "user_id": session.user_id,
        "project_id": session.project_id,
        "title": session.title,
        "total_tokens": session.totals.tokens,
        "total_cost": session.totals.cost,
        "message_count": session.message_count,
        "created_at": rfc3339(session.created_at),
        "updated_at": rfc3339(session.updated_at),
        "deleted_at": _time(session.deleted_at),
    }


def message_to_json(message: Message) -> dict[str, object]:
    """A message with its bill."""
    usage = message.usage
    return {
        "id": message.id,
        "session_id": message.session_id,
        "run_id": message.run_id,
        "position": message.position,
        "role": message.role,
        "state": message.state,
        "purpose": message.purpose,
        "content": message.content,
        "tool_calls": [{"id": c.call_id, "name": c.name, "arguments": c.arguments} for c in message.tool_calls],
        "tool_call_id": message.tool_call_id,
        "model": message.model,
        "executor": message.executor,
        "scope": message.scope,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cached_tokens": usage.cached_tokens,
        "cost": None if message.cost_nanos is None else usd(message.cost_nanos),
        "estimated": usage.estimated,
        "created_at": rfc3339(message.created_at),
    }


def governance_to_json(snapshot: GovernanceSnapshot, stored: Sequence[Layer]) -> dict[str, object]:
    """What applies, as a run would be promised it; *stored* adds to its layers who set them and until when."""
    known = {(la.name, la.scope_key): la for la in stored}
    notice = snapshot.active_admin_override_notice
    return {
        "project_id": snapshot.project_id,
        "platform": snapshot.platform,
        "effective_policy": policy_to_json(snapshot.effective_policy),
        "layers": [_applying_layer(la, known.get((la.name, la.scope_key), la)) for la in snapshot.layers],
        "active_admin_override_notice": None if notice is None else notice_to_json(notice),
    }


def layer_to_json(layer: Layer) -> dict[str, object]:
    """One version of a layer."""
    return {
        "layer": layer.name,
        "scope_key": layer.scope_key,
        "version": layer.version,
        "rules": rules_to_json(layer.rules),
        "notice": layer.notice,
        "expires_at": _time(layer.expires_at_ms),
        "updated_by": layer.updated_by,
        "updated_at": _time(layer.updated_at_ms or None),
    }


def trial_to_json(trial: Trial) -> dict[str, object]:
    """What a draft of rules would have stopped."""
    denied = sum(1 for t in trial.tried if t.is_denied)
    return {
        "runs_checked": trial.runs_checked,
        "runs_denied": denied,
        "runs_asked": len(trial.tried) - denied,
        "runs": [
            {"run_id": t.run.id, "title": t.run.title, "findings": [_finding_to_json(f) for f in t.findings]}
            for t in trial.tried
        ],
    }


def _finding_to_json(finding: Finding) -> dict[str, object]:
    return {
        "field": finding.field,
        "what": finding.what,
        "verdict": finding.verdict,
        "layer": finding.layer,
        "tool_call_id": finding.call_id or None,
    }


def bill_to_json(row: UsageRow, *, is_day: bool) -> dict[str, object]:
    """One line of the bill; a day is told as its date."""
    key = rfc3339(int(row.key) * MS_PER_DAY)[:10] if is_day else row.key
    counted = {"message_count": row.message_count, "tool_calls": row.tool_calls}
    return {"key": key, **counted, **usage_to_json(row.totals)}


def schedule_to_json(schedule: Schedule) -> dict[str, object]:
    """A schedule."""
    return {
        "id": schedule.id,
        "user_id": schedule.user_id,
        "project_id": schedule.project_id,
        "title": schedule.title,
        "cron": schedule.cron,
        "timezone": schedule.timezone,
        "handoff": schedule.handoff,
        "confirmed_ahead": schedule.confirmed_ahead,
        "paused": schedule.paused,
        "next_due_at": _time(schedule.next_due_at),
        "created_at": rfc3339(schedule.created_at),
        "updated_at": rfc3339(schedule.updated_at),
    }


def fire_to_json(fire: Fire) -> dict[str, object]:
    """A due time that was taken care of."""
    return {
        "due_at": rfc3339(fire.due_at),
        "first_due_at": rfc3339(fire.first_due_at),
        "fired_at": rfc3339(fire.fired_at),
        "outcome": fire.outcome,
        "run_id": fire.run_id or None,
    }


def document_to_json(document: Document) -> dict[str, object]:
    """A document, without its text."""
    return {
        "id": document.id,
        "user_id": document.user_id,
        "project_id": document.project_id,
        "path": document.path,
        "title": document.title,
        "version": document.version,
        "created_at": rfc3339(document.created_at),
        "updated_at": rfc3339(document.updated_at),
    }


def document_text_to_json(document: Document, version: DocumentVersion) -> dict[str, object]:
    """A document with the text of one of its versions."""
    shown = {"content": version.content, "content_version": version.version, "author": version.author}
    return {**document_to_json(document), **shown, "run_id": version.run_id}


def use_to_json(use: DocumentUse) -> dict[str, object]:
    """A version of a document that a run read or wrote."""
    return {
        "document_id": use.document.id,
        "path": use.document.path,
        "title": use.document.title,
        "version": use.version,
        "access": use.access,
        "created_at": rfc3339(use.created_at),
    }


def version_to_json(version: DocumentVersion) -> dict[str, object]:
    """One version of a document, without its text."""
    return {
        "document_id": version.document_id,
        "version": version.version,
        "chars": version.chars,
        "author": version.author,
        "run_id": version.run_id,
        "created_at": rfc3339(version.created_at),
    }


def hit_to_json(hit: SearchHit) -> dict[str, object]:
    """A document that was found, with the text around the place."""
    return {**document_to_json(hit.document), "excerpt": hit.excerpt}


def tool_call_to_json(call: ToolCall) -> dict[str, object]:
    """A tool call with what it was given and what it gave."""
    return {
        "id": call.id,
        "run_id": call.run_id,
        "message_id": call.message_id,
        "call_id": call.call_id,
        "name": call.name,
        "arguments": call.arguments,
        "state": call.state,
        "attempts": call.attempts,
        "result": call.result,
        "started_at": _time(call.started_at),
        "finished_at": _time(call.finished_at),
    }


def audit_to_json(line: Line) -> dict[str, object]:
    """One line of the audit log."""
    entry = line.entry
    return {
        "id": entry.id,
        "at": rfc3339(entry.at),
        "actor": entry.actor,
        "actor_name": line.actor_name,
        "action": entry.action,
        "target": entry.target,
        "target_id": entry.target_id,
        "details": entry.details,
    }


def retention_to_json(rule: RetentionRule) -> dict[str, object]:
    """For how long the sessions of a project are kept."""
    return {
        "project_id": rule.project_id,
        "keep_days": rule.keep_days,
        "updated_by": rule.updated_by,
        "updated_at": rfc3339(rule.updated_at),
    }


def erasure_to_json(erasure: Erasure) -> dict[str, object]:
    """How far the erasure of a user is."""
    return {
        "user_id": erasure.user_id,
        "sessions_purged": erasure.sessions_purged,
        "is_complete": erasure.is_complete,
    }


def view_to_json(view: SavedView) -> dict[str, object]:
    """A saved view."""
    return {
        "name": view.name,
        "query": view.query,
        "created_at": rfc3339(view.created_at),
        "updated_at": rfc3339(view.updated_at),
    }


def user_to_json(user: User) -> dict[str, object]:
    """A user."""
    return {"id": user.id, "name": user.name, "status": user.status, "created_at": rfc3339(user.created_at)}


def _plan(plan: Plan) -> Mapping[str, object]:
    served = plan_to_json(plan)
    del served["next_id"]
    return served


def _progress(plan: Plan) -> dict[str, object]:
    active = next((s.id for s in plan.steps if s.status is StepStatus.ACTIVE), None)
    return {"done": plan.done_count, "total": len(plan.steps), "active_step": active}


def _queue(run: Run, ahead: int) -> dict[str, object]:
    if run.run_status is not RunStatus.QUEUED:
        return {"position": None, "waits_for": None}
    return {"position": ahead, "waits_for": WAITS_FOR_LANE if ahead else WAITS_FOR_WORKER}


def _applying_layer(applied: Layer, stored: Layer) -> dict[str, object]:
    return {**layer_to_json(stored), "rules": rules_to_json(applied.rules)}


def _time(time_ms: int | None) -> str | None:
    return None if time_ms is None else rfc3339(time_ms)
