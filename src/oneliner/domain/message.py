"""Messages and tool calls: what a session holds.

Every call of a model is one assistant message, also one that was cut off or lost with its worker: that is how the
totals of a run and a session are always the sums of their messages. A message that is not ``complete`` is never part
of what the model is shown again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from oneliner.domain.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Mapping


_NOTHING_USED = Usage()


class Role(StrEnum):
    """Who speaks."""

    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class MessageState(StrEnum):
    """Whether the text is all there."""

    STREAMING = "streaming"
    COMPLETE = "complete"
    INTERRUPTED = "interrupted"


class Purpose(StrEnum):
    """What a message was written for; only ``answer`` messages are part of the conversation the model sees."""

    ANSWER = "answer"
    PLAN = "plan"
    #: What stands for the older part of a session; its ``details`` say which messages it ``covers``.
    SUMMARY = "summary"
    #: What the function of an executor keeps for itself.
    NOTE = "note"


class ToolCallState(StrEnum):
    """How far a tool call is. ``started`` without an end after a crash is the one state nobody can know the truth of."""

    WAITING = "waiting"
    STARTED = "started"
    DONE = "done"
    FAILED = "failed"
    DENIED = "denied"
    UNKNOWN = "unknown"


FINISHED = frozenset({ToolCallState.DONE, ToolCallState.FAILED, ToolCallState.DENIED})


@dataclass(frozen=True, slots=True)
class AskedCall:
    """A tool call as the model wrote it: *call_id* is the model's, *arguments* its raw JSON text."""

    call_id: str
    name: str
    arguments: str


class Reach(StrEnum):
    """How far an approval goes: this call, this run's calls that the same rules ask for, or all such calls."""

    ONCE = "once"
    RUN = "run"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class Approval:
    """A person's yes to a call with exactly the arguments that have *arguments_hash*. *keys* name the rules that asked;
    ``at`` in ms.
    """

    arguments_hash: str
    by: str
    at: int
    reach: Reach
    keys: frozenset[str]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool call as its row says. ``idempotency_key`` is the same at every attempt; times in ms.

    ``arguments`` is what the model wrote; ``checked`` what the tool makes of it, where that differs (defaults, types).
    ``reads``: the tool changes nothing. ``asked`` is what the tool asked of the user in an earlier attempt: its
    ``question``, the ``schema`` of the answer, what it wants ``kept``, and the ``answer`` once there is one.
    """

    id: str
    run_id: str
    message_id: str
    call_id: str
    name: str
    arguments: str
    state: ToolCallState
    idempotency_key: str
    repeatable: bool
    attempts: int
    result: str
    started_at: int | None
    finished_at: int | None
    reads: bool = False
    checked: str = ""
    approval: Approval | None = None
    asked: Mapping[str, object] = field(default_factory=dict[str, object])
    #: The piece of work it is part of; nothing for the run's own conversation, see ``app.steps.Work``.
    scope: str = ""

    @property
    def waits_for_answer(self) -> bool:
        """Whether the tool asked something that nobody has answered yet."""
        return bool(self.asked) and "answer" not in self.asked

    @property
    def judged(self) -> str:
        """The arguments as rules and people judge them: JSON text."""
        return self.checked or self.arguments or "{}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn in a session. ``position`` orders the session from 1; ``cost_nanos`` is None when unpriced.

    What a call of a model adds (model, usage, cost, what it reserved in its budgets) is left at nothing for what users
    and tools say. ``scope`` is the piece of work it is part of: nothing for the conversation with the user, else the id
    of the tool call that delegated it, or of the run whose executor is a function. ``place`` is where a function asked
    for it.
    """

    id: str
    session_id: str
    run_id: str
    user_id: str
    project_id: str
    position: int
    role: Role
    content: str
    created_at: int
    state: MessageState = MessageState.COMPLETE
    purpose: Purpose = Purpose.ANSWER
    tool_calls: tuple[AskedCall, ...] = ()
    tool_call_id: str = ""
    model: str = ""
    executor: str = ""
    usage: Usage = _NOTHING_USED
    cost_nanos: int | None = 0
    priced: bool = True
    price_source: str = ""
    reserved_nanos: int = 0
    details: Mapping[str, object] = field(default_factory=dict[str, object])
    scope: str = ""
    place: str = ""
