"""What follows from an answer of the model: progress, tool calls, another question, or the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from oneliner.app import context, control, next_step
from oneliner.app.steps import Perform
from oneliner.domain.errors import Invalid
from oneliner.domain.message import ToolCallState
from oneliner.domain.run import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oneliner.app.checkpoint import Checkpoint
    from oneliner.app.model import Answer
    from oneliner.app.steps import Ask, Next
    from oneliner.domain.message import AskedCall, ToolCall


@dataclass(frozen=True, slots=True)
class Planned:
    """A call the model asked for and what is to become of it: refused (with the text the model is told), a step of
    steering with its checked arguments (*control*), or carried out. *checked* are its arguments as the tool takes
    them, as JSON text, where the model wrote them otherwise.
    """

    asked: AskedCall
    repeatable: bool = False
    reads: bool = False
    checked: str = ""
    refusal: str | None = None
    control: Mapping[str, object] | None = None


def take_answer(checkpoint: Checkpoint, *, ask: Ask, answer: Answer, calls: Sequence[Planned]) -> Next:
    """Store *answer* and decide what comes next."""
    checkpoint.took_answer(ask, answer)
    if answer.finish_reason == "content_filter":
        text = "the provider's content filter stopped the answer"
        return next_step.give_up(checkpoint, Reason.MODEL_ERROR, error=text, kind="content_filter")
    if answer.finish_reason == "length":
        text = "the model's answer was cut at its output limit; retry goes on from there"
        return next_step.give_up(checkpoint, Reason.OUTPUT_LIMIT, error=text)
    if ask.place:
        checkpoint.save()
        return Perform(ask.work)
    to_carry = _take_calls(checkpoint, ask, calls)
    if to_carry:
        return next_step.carry(checkpoint, to_carry)
    if calls:
        return next_step.ask(checkpoint)
    return _take_last(checkpoint, ask, answer)


def _take_last(checkpoint: Checkpoint, ask: Ask, answer: Answer) -> Next:
    """What follows from an answer that asks for nothing more."""
    is_delegated = ask.work.assignment is not None
    open_steps = () if is_delegated else checkpoint.open_steps()
    reminder = ""
    # Once: a model that does not report its steps does not keep the run from its end.
    if open_steps and not checkpoint.has_answered_before(ask):
        reminder = context.REMINDER.format(steps=", ".join(open_steps))
    if reminder or checkpoint.was_steered(ask):
        return next_step.ask(checkpoint, reminder)
    if is_delegated:
        return next_step.hand_over(checkpoint, ToolCallState.DONE, answer.text or "(it said nothing)")
    return checkpoint.complete(ask.message_id, answer.text)


def _take_calls(checkpoint: Checkpoint, ask: Ask, calls: Sequence[Planned]) -> list[ToolCall]:
    room, why = next_step.room_for_calls(checkpoint) if calls else (None, "")
    taken: list[ToolCall] = []
    for n, planned in enumerate(calls):
        call = checkpoint.add_call(ask.message_id, planned)
        if room is not None and n >= room:
            checkpoint.refused_call(call, ToolCallState.DENIED, why)
        elif planned.refusal is not None:
            checkpoint.refused_call(call, ToolCallState.FAILED, planned.refusal)
        elif planned.asked.name == control.MARK_STEP.name and planned.control is not None:
            report(checkpoint, call, planned.control)
        else:
            taken.append(call)
    return taken


def report(checkpoint: Checkpoint, call: ToolCall, arguments: Mapping[str, object]) -> None:
    """Tick off the step of the plan that the checked *arguments* of *call* report."""
    try:
        checkpoint.report_step(*control.step_report(arguments))
    except Invalid as error:
        checkpoint.refused_call(call, ToolCallState.FAILED, error.message)
    else:
        checkpoint.answered(call, "noted")
