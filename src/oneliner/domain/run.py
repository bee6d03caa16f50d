"""The life of a run, as one table.

Every status change in the product is one :class:`Move` of :data:`MOVES`; stores derive their compare-and-set from it,
``allowed_actions`` and the state diagram in the docs are drawn from it, and the tests drive the API against it. A move
that the table does not hold raises :class:`~oneliner.domain.errors.IllegalMove` and changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from oneliner.domain.errors import IllegalMove
from oneliner.domain.event import EventType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oneliner.domain.plan import Plan
    from oneliner.domain.policy import GovernanceSnapshot
    from oneliner.domain.usage import Totals


class RunStatus(StrEnum):
    """Where a run is in its life."""

    DRAFTING = "drafting"
    NEEDS_CONFIRMATION = "needs_confirmation"
    QUEUED = "queued"
    RUNNING = "running"
    BLOCKED = "blocked"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Trigger(StrEnum):
    """What moves a run."""

    PLAN = "plan"
    REVISE = "revise"
    CONFIRM = "confirm"
    CLAIM = "claim"
    BLOCK = "block"
    RESUME = "resume"
    COMPLETE = "complete"
    FAIL = "fail"
    RETRY = "retry"
    REDRAFT = "redraft"
    RECOVER = "recover"
    CANCEL = "cancel"


class Actor(StrEnum):
    """Who pulls a trigger; only a user's triggers become buttons."""

    USER = "user"
    WORKER = "worker"
    SWEEP = "sweep"


class Reason(StrEnum):
    """Why a run ended or is blocked, beside its status; one word per cause."""

    NONE = ""
    USER_CANCELLED = "user_cancelled"
    INTERRUPTED = "interrupted"
    SESSION_DELETED = "session_deleted"
    POLICY_DENIED = "policy_denied"
    MODEL_ERROR = "model_error"
    MODEL_REFUSED = "model_refused"
    MODEL_UNAVAILABLE = "model_unavailable"
    PLAN_NOT_DRAFTED = "plan_not_drafted"
    STEP_LIMIT = "step_limit"
    OUTPUT_LIMIT = "output_limit"
    TIMED_OUT = "timed_out"
    WORKER_LOST = "worker_lost"
    INTERNAL_ERROR = "internal_error"
    BUDGET_EXCEEDED = "budget_exceeded"
    NEEDS_ANSWER = "needs_answer"
    NEEDS_APPROVAL = "needs_approval"
    TOOL_OUTCOME_UNKNOWN = "tool_outcome_unknown"
    EXECUTOR_UNKNOWN = "executor_unknown"
    EXECUTOR_FAILED = "executor_failed"
    EXECUTOR_DIVERGED = "executor_diverged"


S = RunStatus


@dataclass(frozen=True, slots=True)
class Move:
    """One line of the table: *trigger* takes a run from any of *sources* to *target* and writes *events*, in order."""

    trigger: Trigger
    sources: frozenset[RunStatus]
    target: RunStatus
    events: tuple[EventType, ...]
    actor: Actor


def _move(
    trigger: Trigger, sources: tuple[RunStatus, ...], target: RunStatus, events: tuple[EventType, ...], actor: Actor
) -> tuple[Trigger, Move]:
    return trigger, Move(trigger, frozenset(sources), target, events, actor)


_NOT_ENDED = (S.DRAFTING, S.NEEDS_CONFIRMATION, S.QUEUED, S.RUNNING, S.BLOCKED)

MOVES: Mapping[Trigger, Move] = dict(
    (
        _move(Trigger.PLAN, (S.DRAFTING,), S.NEEDS_CONFIRMATION, (EventType.RUN_PLANNED,), Actor.WORKER),
        _move(Trigger.REVISE, (S.NEEDS_CONFIRMATION,), S.DRAFTING, (EventType.RUN_REVISION_REQUESTED,), Actor.USER),
        _move(
            Trigger.CONFIRM,
            (S.NEEDS_CONFIRMATION,),
            S.QUEUED,
            (EventType.RUN_CONFIRMED, EventType.RUN_QUEUED),
            Actor.USER,
        ),
        _move(Trigger.CLAIM, (S.QUEUED,), S.RUNNING, (EventType.RUN_STARTED,), Actor.WORKER),
        _move(Trigger.BLOCK, (S.RUNNING,), S.BLOCKED, (EventType.RUN_BLOCKED,), Actor.WORKER),
        _move(Trigger.RESUME, (S.BLOCKED,), S.QUEUED, (EventType.RUN_RESUMED, EventType.RUN_QUEUED), Actor.USER),
        _move(Trigger.COMPLETE, (S.RUNNING,), S.DONE, (EventType.RUN_COMPLETED,), Actor.WORKER),
        _move(Trigger.FAIL, (S.RUNNING, S.DRAFTING), S.FAILED, (EventType.RUN_FAILED,), Actor.WORKER),
        _move(Trigger.RETRY, (S.FAILED,), S.QUEUED, (EventType.RUN_RETRIED, EventType.RUN_QUEUED), Actor.USER),
        _move(Trigger.REDRAFT, (S.FAILED,), S.DRAFTING, (EventType.RUN_RETRIED,), Actor.USER),
        _move(Trigger.RECOVER, (S.RUNNING,), S.QUEUED, (EventType.RUN_RECOVERED, EventType.RUN_QUEUED), Actor.SWEEP),
        _move(Trigger.CANCEL, _NOT_ENDED, S.CANCELLED, (EventType.RUN_CANCELLED,), Actor.USER),
    )
)

#: How a run may begin, and what its first events are.
BEGINNINGS: Mapping[RunStatus, tuple[EventType, ...]] = {
    S.NEEDS_CONFIRMATION: (EventType.RUN_CREATED,),
    S.DRAFTING: (EventType.RUN_CREATED,),
    S.QUEUED: (EventType.RUN_CREATED, EventType.RUN_QUEUED),
}

#: At work, or about to be without anybody's doing.
WORKING: frozenset[RunStatus] = frozenset({S.QUEUED, S.RUNNING})
ENDED: frozenset[RunStatus] = frozenset({S.DONE, S.FAILED, S.CANCELLED})
#: Ended for good: no trigger leads out.
FINAL: frozenset[RunStatus] = frozenset(s for s in S if not any(s in move.sources for move in MOVES.values()))
TERMINAL_EVENTS: frozenset[EventType] = frozenset(move.events[-1] for move in MOVES.values() if move.target in ENDED)

#: The user's moves by the name the API gives them. ``retry`` is one button for two triggers, see :func:`retry_trigger`.
ACTIONS: Mapping[str, tuple[Trigger, ...]] = {
    "confirm": (Trigger.CONFIRM,),
    "revise": (Trigger.REVISE,),
    "resume": (Trigger.RESUME,),
    "retry": (Trigger.RETRY, Trigger.REDRAFT),
    "cancel": (Trigger.CANCEL,),
}
EDIT_PLAN = "edit_plan"
PLAN_EDITABLE: frozenset[RunStatus] = MOVES[Trigger.CONFIRM].sources


def advance(status: RunStatus, trigger: Trigger) -> Move:
    """The move that *trigger* makes from *status*. Raises IllegalMove: the table holds no such move."""
    move = MOVES[trigger]
    if status not in move.sources:
        raise IllegalMove(status=status, trigger=trigger)
    return move


def allowed_actions(status: RunStatus) -> tuple[str, ...]:
    """What a user may do to a run in *status*, as the names of the API's routes."""
    actions = tuple(name for name, triggers in ACTIONS.items() if any(status in MOVES[t].sources for t in triggers))
    return (EDIT_PLAN, *actions) if status in PLAN_EDITABLE else actions


def retry_trigger(plan: Plan) -> Trigger:
    """What ``retry`` means for a failed run: draft again when it never had a plan to confirm, else execute again."""
    return Trigger.REDRAFT if plan.awaits_draft else Trigger.RETRY


@dataclass(frozen=True, slots=True)
class Run:
    """A run as its row says. Times are milliseconds since 1970 UTC, or None; ``fence`` counts claims."""

    id: str
    session_id: str
    user_id: str
    project_id: str
    source_type: str
    source_screen: str
    source_action_key: str
    title: str
    summary: str
    intent_key: str
    platform: str
    platform_scope: str
    delivery_mode: str
    run_status: RunStatus
    reason: Reason
    scheduling_mode: str
    active_executor_key: str
    plan: Plan
    result: Mapping[str, object]
    needs_user_input: bool
    blocked_reason: str
    blocked: Mapping[str, object]
    governance: GovernanceSnapshot
    lane: str
    fence: int
    attempt: int
    steps_taken: int
    last_seq: int
    queued_at: int | None
    #: When a blocked run goes on by itself; None: not before somebody resumes it.
    resumes_at: int | None
    totals: Totals
    created_at: int
    updated_at: int
    started_at: int | None
    finished_at: int | None
    deleted_at: int | None
    min_version: int
    #: Who carries it out; whom that one has asked for something stands in ``active_executor_key``.
    executor: str
    #: The models that its executors have fallen back to, by executor; forgotten when somebody resumes or retries it.
    fallen_back: Mapping[str, str]
    #: The trace of the request that created it (W3C Trace Context), or empty.
    traceparent: str = ""


def handoff_lane(user_id: str, project_id: str) -> str:
    """The lane of a handoff: one at a time for a user in a project."""
    return f"handoff:{user_id}:{project_id}"


def chat_lane(session_id: str) -> str:
    """The lane of a chat run: one at a time in its session, so that answers keep the order of the questions."""
    return f"chat:{session_id}"
