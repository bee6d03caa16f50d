"""What a run event says to a person, in one line; pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from oneliner.domain.event import EventType
from oneliner.terminal.durations import spoken
from oneliner.terminal.plain_text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_ARGUMENTS_CHARS = 100
_LONG_CHARS = 400


@dataclass(frozen=True, slots=True)
class Line:
    """Something that happened. *tone* is ``calm``, ``good``, ``warning`` or ``bad``."""

    text: str
    tone: str = "calm"


def line_for(kind: str, details: Mapping[str, Any], steps: Mapping[str, str]) -> Line | None:
    """The line for an event of type *kind*, where *steps* are the titles of the plan's steps by id; None when it says
    nothing that is not shown otherwise."""
    if kind in _STEPS:
        return _step(_STEPS[kind], details, steps)
    words = _WORDS.get(kind)
    return None if words is None else words(details)


def activity_after(kind: str, details: Mapping[str, Any]) -> str | None:
    """What the agent does after an event, in a few words; None when the event does not say."""
    if kind == EventType.TOOL_STARTED:
        return f"using {_text(details, 'name')}"
    if kind == EventType.STEP_STARTED:
        return _text(details, "title")
    if kind == EventType.EXECUTOR_STARTED:
        return f"{_text(details, 'executor')} is working"
    return _ACTIVITIES.get(str(details.get("run_status", ""))) or _AFTER.get(kind)


_ACTIVITIES = {
    "drafting": "drafting a plan",
    "needs_confirmation": "waiting for you",
    "queued": "waiting for the main agent",
    "running": "thinking",
    "blocked": "waiting for you",
}
_AFTER: Mapping[str, str] = {
    EventType.MESSAGE_RETRYING: "waiting to ask the model again",
    EventType.MESSAGE_COMPLETED: "thinking",
    EventType.TOOL_COMPLETED: "thinking",
    EventType.TOOL_FAILED: "thinking",
}
_STEPS: Mapping[str, str] = {EventType.STEP_COMPLETED: "step done", EventType.STEP_SKIPPED: "step skipped"}


def _text(details: Mapping[str, Any], key: str, limit: int = 160) -> str:
    return one_line(str(details.get(key) or ""), limit)


def _with(text: str, more: str) -> str:
    return f"{text}: {more}" if more else text


def _step(word: str, details: Mapping[str, Any], steps: Mapping[str, str]) -> Line:
    step_id = str(details.get("step_id", ""))
    title = one_line(steps.get(step_id, step_id))
    progress = f" ({details.get('done')}/{details.get('total')})" if "total" in details else ""
    note = _text(details, "note")
    return Line(f"{word}: {title}{progress}" + (f" – {note}" if note else ""), "good")


def _planned(details: Mapping[str, Any]) -> Line:
    steps = (details.get("plan") or {}).get("steps") or ()
    return Line(f"plan drafted, {len(steps)} {'step' if len(steps) == 1 else 'steps'}", "good")


def _retrying(details: Mapping[str, Any]) -> Line:
    attempt, wait = int(details.get("attempt") or 0) + 1, spoken(float(details.get("after_seconds") or 0))
    return Line(f"the model did not answer ({_text(details, 'error')}); attempt {attempt} in {wait}", "warning")


def _tool_started(details: Mapping[str, Any]) -> Line:
    arguments = _text(details, "arguments", _ARGUMENTS_CHARS)
    again = "" if details.get("attempt", 1) == 1 else " (again)"
    return Line(f"tool {_text(details, 'name')} {'' if arguments == '{}' else arguments}".rstrip() + again)


def _tool_ended(word: str, tone: str) -> Callable[[Mapping[str, Any]], Line]:
    def words(details: Mapping[str, Any]) -> Line:
        result = details.get("result")
        text = result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)
        return Line(f"tool {_text(details, 'name')} {word}: {one_line(text)}", tone)

    return words


def _blocked(details: Mapping[str, Any]) -> Line:
    asked: Mapping[str, Any] = details.get("asked") or {}
    if asked.get("question"):
        return Line(f"asks: {_text(asked, 'question', _LONG_CHARS)}", "warning")
    if asked.get("kind") == "approval":
        names = ", ".join(one_line(str(call.get("name"))) for call in asked.get("calls") or ())
        return Line(f"waits for your approval: {names}", "warning")
    return Line(f"waits for you ({_text(details, 'code')})", "warning")


def _failed(details: Mapping[str, Any]) -> Line:
    return Line(_with(f"failed ({_text(details, 'code')})", _text(details, "error", _LONG_CHARS)), "bad")


def _because(text: str, tone: str = "calm", key: str = "reason") -> Callable[[Mapping[str, Any]], Line]:
    return lambda details: Line(_with(text, _text(details, key)), tone)


def _executor_started(details: Mapping[str, Any]) -> Line:
    return Line(_with(f"{_text(details, 'executor')} begins", _text(details, "task")))


def _executor_said(details: Mapping[str, Any]) -> Line:
    return Line(_with(_text(details, "executor"), _text(details, "text", _LONG_CHARS)))


def _executor_finished(details: Mapping[str, Any]) -> Line:
    is_done = details.get("state") == "done"
    word = "has answered" if is_done else "could not do it"
    return Line(f"{_text(details, 'executor')} {word}", "good" if is_done else "warning")


_WORDS: Mapping[str, Callable[[Mapping[str, Any]], Line]] = {
    EventType.RUN_PLANNED: _planned,
    EventType.RUN_PLAN_EDITED: _because("plan changed"),
    EventType.RUN_REVISION_REQUESTED: _because("another plan was asked for", key="instruction"),
    EventType.RUN_CONFIRMED: _because("confirmed"),
    EventType.RUN_BLOCKED: _blocked,
    EventType.RUN_RESUMED: _because("answered"),
    EventType.RUN_FAILED: _failed,
    EventType.RUN_RETRIED: _because("tried again"),
    EventType.RUN_RECOVERED: _because("goes on from its last step with another worker", "warning", "cause"),
    EventType.RUN_CANCELLED: _because("cancelled", "warning"),
    EventType.STEP_STARTED: _because("step", key="title"),
    EventType.MESSAGE_RETRYING: _retrying,
    EventType.MESSAGE_FALLBACK: _because("the model is not available; asking", "warning", "to_model"),
    EventType.MESSAGE_STEERED: _because("told meanwhile", key="text"),
    EventType.CONTEXT_COMPACTED: lambda details: Line(f"summarised {details.get('messages')} older messages"),
    EventType.TOOL_STARTED: _tool_started,
    EventType.TOOL_COMPLETED: _tool_ended("answered", "good"),
    EventType.TOOL_FAILED: _tool_ended("failed", "warning"),
    EventType.TOOL_DENIED: _tool_ended("was not allowed", "warning"),
    EventType.EXECUTOR_STARTED: _executor_started,
    EventType.EXECUTOR_SAID: _executor_said,
    EventType.EXECUTOR_FINISHED: _executor_finished,
    EventType.TOOL_UNKNOWN: _because("nobody knows whether this was done", "warning", "name"),
}
