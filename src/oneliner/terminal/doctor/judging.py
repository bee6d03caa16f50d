"""From what was seen to what is wrong: the cause in a sentence, and the next thing to do. No I/O.

A stage that finds nothing wrong returns None; what is wrong is a :class:`Fault`, which may name another stage than the
one that met it: a run that fails because the provider refuses the key is the model's fault.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STAGES = (
    "configuration",
    "database",
    "migrations",
    "broker",
    "worker",
    "bus",
    "model",
    "server",
    "auth",
    "enqueue",
    "events",
    "rows",
    "totals",
    "delete",
)
_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 401, 403, 404
#: Why a run failed on its model, by the kind of the failure.
_MODEL_FAULTS: Mapping[str, tuple[str, str]] = {
    "unauthorized": ("the provider does not accept the key", "set ONELINER_MODEL_API_KEY to a key that is valid there"),
    "rate_limited": ("the provider refuses more calls for now", "wait, or raise the limits of your account there"),
    "unavailable": (
        "the model's endpoint does not answer",
        "check ONELINER_MODEL_BASE_URL, and that it can be reached",
    ),
    "timed_out": ("the model began no answer in time", "check the endpoint under load, or choose a faster model"),
    "truncated": ("the model's stream breaks off before its end", "look for a proxy that cuts connections in between"),
    "malformed": ("the endpoint does not speak the OpenAI wire format", "check the path in ONELINER_MODEL_BASE_URL"),
    "rejected": ("the provider refuses the request", "check that ONELINER_MODEL names a model that exists there"),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong: the *cause* in a sentence, and the *next* thing to do. *stage* is whose fault it is, when that is
    not the stage that met it.
    """

    cause: str
    next: str
    stage: str = ""


def of_refusal(status: int, code: str, said: str) -> Fault:
    """What it means that the server refused a request of ours."""
    if status == _UNAUTHORIZED:
        return Fault(
            "the server does not accept the token",
            "make one with `oneliner token` on the server's machine; compare ONELINER_JWT_SECRET, the issuer and the "
            "audience, and the clocks",
            "auth",
        )
    if code == "user_not_approved":
        return Fault(said, "have an administrator approve the user (PUT /v2/oneliner/users/ID/status)", "auth")
    if status == _FORBIDDEN:
        return Fault(f"the server forbids it: {said}", "look at the policy: GET /v2/oneliner/governance", "auth")
    return Fault(f"the server refuses with status {status}: {said}", "look at the server's log")


def of_readiness(parts: Mapping[str, object]) -> Fault | None:
    """What the server says of its own parts."""
    bad = {name: str(said) for name, said in parts.items() if said != "ok"}
    if not bad:
        return None
    name, said = next(iter(bad.items()))
    stage = "database" if name == "storage" else name if name in STAGES else ""
    return Fault(f"the server's {name} is not well: {said}", f"look at the server's settings for its {name}", stage)


def of_run(run: Mapping[str, Any], seconds: float, *, has_broker: bool) -> Fault | None:
    """Why *run* is not done after *seconds*; None: it is."""
    status, reason = run["run_status"], str(run["reason"])
    error = str((run.get("result") or {}).get("error", ""))
    if status == "done":
        return None
    if status == "queued":
        who = "no worker takes runs" if has_broker else "the server executes no runs"
        what = (
            "start `oneliner worker` with the same broker, queue and database" if has_broker else "restart the server"
        )
        return Fault(f"the run is still queued after {seconds:g} seconds: {who}", what, "worker")
    if status == "running":
        return Fault(
            f"the run is still at work after {seconds:g} seconds",
            "look whether the model answers slowly; try --timeout",
            "model",
        )
    if status == "needs_confirmation":
        return Fault("the policy wants chats confirmed, so the run waits", "doctor as a user whose policy does not")
    if status == "blocked":
        return Fault(f"the run waits for a person ({reason})", "look at what it asks: oneliner runs show ID")
    return _of_failed(reason, error)


def _of_failed(reason: str, error: str) -> Fault:
    said = f": {error}" if error else ""
    if reason == "policy_denied":
        return Fault(f"a policy forbids the run{said}", "look at the policy: GET /v2/oneliner/governance", "auth")
    if reason == "budget_exceeded":
        return Fault(f"a budget is used up{said}", "raise it, or wait until it begins anew", "auth")
    if reason == "worker_lost":
        return Fault(f"the workers that took the run died{said}", "look at their logs and their memory", "worker")
    return Fault(f"the run failed ({reason}){said}", "look at the run: oneliner runs show ID")


def of_model_failure(kind: str, error: str) -> Fault:
    """Why the model gave no answer; *kind* as in the events."""
    cause, what = _MODEL_FAULTS.get(kind, ("the model gave no usable answer", "look at the events of the run"))
    return Fault(f"{cause} ({error})", what, "model")


def of_events(events: Sequence[Mapping[str, Any]]) -> Fault | None:
    """Whether the stream told the whole history, once each and in order."""
    seqs = [int(event["seq"]) for event in events]
    look = "report this: the history of a run must be gapless; keep the run and the server's log"
    if seqs != list(range(1, len(seqs) + 1)):
        return Fault(f"the events came as {_shown(seqs)} instead of 1, 2, 3, …", look)
    types = [str(event["type"]) for event in events]
    if not types:
        return Fault("the stream told no events", "look for a proxy that holds streams back (buffering must be off)")
    for needed in ("run.created", "run.queued", "run.started", "message.completed", "run.completed"):
        if needed not in types:
            return Fault(f"the history has no {needed}", look)
    if types[-1] != "run.completed":
        return Fault(f"the stream ended at {types[-1]} and not at the end of the run", look)
    return None


def of_rows(messages: Sequence[Mapping[str, Any]], run_id: str, asked: str) -> Fault | None:
    """Whether what was said is stored."""
    look = "check that the server and its workers use one and the same database"
    mine = [m for m in messages if m["run_id"] == run_id]
    if not any(m["role"] == "user" and m["content"] == asked for m in mine):
        return Fault("the message that was sent is not in the session", look, "database")
    answers = [m for m in mine if m["role"] == "assistant" and m["state"] == "complete"]
    if not answers:
        return Fault("the answer is not in the session", look, "database")
    if not any(int(m["output_tokens"]) > 0 for m in answers):
        return Fault("the answer has no tokens on its bill", "report this: every model call must be accounted")
    return None


def of_totals(session: Mapping[str, Any], messages: Sequence[Mapping[str, Any]]) -> Fault | None:
    """Whether the totals of the session are the sums of its messages, to the last digit."""
    look = "report this: totals must equal sums; keep the session"
    tokens = sum(int(m["input_tokens"]) + int(m["output_tokens"]) for m in messages)
    if int(session["total_tokens"]) != tokens:
        return Fault(f"the session says {session['total_tokens']} tokens, its messages sum up to {tokens}", look)
    cost = sum((Decimal(m["cost"]) for m in messages if m["cost"] is not None), Decimal(0))
    total = session["total_cost"]
    if total is not None and Decimal(total) != cost:
        return Fault(f"the session says a cost of {total}, its messages sum up to {cost}", look)
    if total is None and all(m["cost"] is not None for m in messages):
        return Fault("the session's cost is unknown although every message has a price", look)
    if int(session["message_count"]) != len(messages):
        return Fault(f"the session counts {session['message_count']} messages and holds {len(messages)}", look)
    return None


def of_deletion(statuses: Mapping[str, int]) -> Fault | None:
    """Whether what was deleted is gone; *statuses* are those of reading each part again."""
    left = [name for name, status in statuses.items() if status != _NOT_FOUND]
    if not left:
        return None
    return Fault(
        f"after the session was deleted, its {left[0]} can still be read", "report this; keep the session's id"
    )


def _shown(seqs: Sequence[int]) -> str:
    shown = ", ".join(map(str, seqs[:12]))
    return f"{shown}, …" if len(seqs) > len(seqs[:12]) else shown or "nothing"
