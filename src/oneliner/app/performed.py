"""What is stored of a function's work, and how it gets there."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from oneliner.app import control, history, next_step
from oneliner.app.answer_calls import report
from oneliner.app.checkpoint import MAX_EVENT_TEXT_CHARS
from oneliner.app.steps import Perform
from oneliner.domain.errors import OneLinerError
from oneliner.domain.event import EventType
from oneliner.domain.message import FINISHED, Message, Purpose, Role, ToolCallState
from oneliner.domain.usage import Totals

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oneliner.app.answer_calls import Planned
    from oneliner.app.checkpoint import Checkpoint
    from oneliner.app.ports import Transaction
    from oneliner.app.steps import Next, Work
    from oneliner.domain.plan import Plan
    from oneliner.domain.run import Run


class Diverged(OneLinerError):
    """The function does not ask for what it asked for before."""

    code = "executor_diverged"


@dataclass(frozen=True, slots=True)
class Journal:
    """What a function has asked for until now. *found* has what is stored by place, *places* every place by number."""

    task: str = ""
    plan: Plan | None = None
    found: Mapping[str, Message] = field(default_factory=dict[str, Message])
    places: Mapping[int, str] = field(default_factory=dict[int, str])

    def check(self, number: int, place: str) -> None:
        """Raises Diverged: something else was asked for as this *number*."""
        before = self.places.get(number, place)
        if before != place:
            kinds = before.split(":")[1], place.split(":")[1]
            raise Diverged(
                f"it does not ask as it did before: as number {number} it asked for {kinds[0]!r}, and now for "
                f"{kinds[1]!r}{' with other words' if kinds[0] == kinds[1] else ''}"
            )

    def has_beyond(self, number: int) -> bool:
        """Whether it has asked for more than *number* things."""
        return any(n > number for n in self.places)


def journal_of(tx: Transaction, *, run: Run, work: Work) -> Journal:
    """The journal of *work*, a function's."""
    found: dict[str, Message] = {}
    for message in tx.messages.in_scope(run.id, work.scope):
        found[message.tool_call_id if message.role is Role.TOOL else message.place] = message
    found.pop("", None)
    called = [c.call_id for c in tx.tool_calls.of_run(run.id) if c.scope == work.scope]
    places = {int(place.partition(":")[0]): place for place in (*called, *found)}
    if work.assignment is not None:
        return Journal(work.assignment.task, None, found, places)
    said = next((m.content for m in tx.messages.of_run(run.id) if m.role is Role.USER), "")
    return Journal(said, run.plan, found, places)


def begin_call(checkpoint: Checkpoint, planned: Planned) -> Next:
    """Begin a tool call that a function asks for, or go on with the one that was begun."""
    place = planned.asked.call_id
    calls = checkpoint.tx.tool_calls.of_run(checkpoint.run.id)
    call = next((c for c in calls if c.scope == checkpoint.work.scope and c.call_id == place), None)
    if call is not None and call.state not in FINISHED:
        return next_step.carry(checkpoint, [call])
    if call is None:
        answers = checkpoint.tx.messages.in_scope(checkpoint.run.id, checkpoint.work.scope)
        # The bill by tool belongs to the answer that the function acts on.
        message_id = next((m.id for m in reversed(answers) if m.model), "")
        room, why = next_step.room_for_calls(checkpoint)
        call = checkpoint.add_call(message_id, planned)
        if room is not None and room <= 0:
            checkpoint.refused_call(call, ToolCallState.DENIED, why)
        elif planned.refusal is not None:
            checkpoint.refused_call(call, ToolCallState.FAILED, planned.refusal)
        elif planned.asked.name == control.MARK_STEP.name and planned.control is not None:
            report(checkpoint, call, planned.control)
        else:
            return next_step.carry(checkpoint, [call])
    return _go_on(checkpoint)


def keep(checkpoint: Checkpoint, *, place: str, content: str) -> Next:
    """Keep *content* for the function, at *place*."""
    _note(checkpoint, content, Purpose.NOTE, place)
    return _go_on(checkpoint)


def keep_conversation(checkpoint: Checkpoint, *, place: str, work: Work) -> Next:
    """Keep what was said in the session until this run, with the task last; of delegated work the task alone."""
    run, tx = checkpoint.run, checkpoint.tx
    if work.assignment is not None:
        return keep(checkpoint, place=place, content=json.dumps([["user", work.assignment.task]], ensure_ascii=False))
    turns = history.read(tx, run, work.terms.context_tokens).turns
    spoken = [[t.role, t.content] for t in turns if t.role in ("user", "assistant") and t.content]
    return keep(checkpoint, place=place, content=json.dumps(spoken, ensure_ascii=False))


def keep_said(checkpoint: Checkpoint, *, place: str, text: str) -> Next:
    """Tell the user *text*, once."""
    work = checkpoint.work
    checkpoint.tell(EventType.EXECUTOR_SAID, executor=work.terms.executor, scope=work.scope, text=text)
    return keep(checkpoint, place=place, content=text)


def finish(checkpoint: Checkpoint, *, text: str) -> Next:
    """End the work with *text* as its result."""
    if checkpoint.work.assignment is not None:
        return next_step.hand_over(checkpoint, ToolCallState.DONE, text or "(it said nothing)")
    message = _note(checkpoint, text, Purpose.ANSWER, "", scope="")
    checkpoint.tell(
        EventType.MESSAGE_COMPLETED,
        message_id=message.id,
        purpose=str(Purpose.ANSWER),
        text=text[:MAX_EVENT_TEXT_CHARS],
        text_truncated=len(text) > MAX_EVENT_TEXT_CHARS,
        model="",
        executor=message.executor,
        scope="",
        finish_reason="stop",
        tool_calls=[],
        usage=None,
    )
    return checkpoint.complete(message.id, text)


def _go_on(checkpoint: Checkpoint) -> Next:
    checkpoint.save()
    return Perform(checkpoint.work)


def _note(checkpoint: Checkpoint, content: str, purpose: Purpose, place: str, scope: str | None = None) -> Message:
    run, tx = checkpoint.run, checkpoint.tx
    message = Message(
        id=tx.new_id(),
        session_id=run.session_id,
        run_id=run.id,
        user_id=run.user_id,
        project_id=run.project_id,
        position=tx.sessions.grow(run.session_id, 1, Totals()),
        role=Role.ASSISTANT,
        content=content,
        created_at=tx.now_ms,
        purpose=purpose,
        executor=checkpoint.work.terms.executor,
        scope=checkpoint.work.scope if scope is None else scope,
        place=place,
    )
    tx.messages.add(message)
    return message
