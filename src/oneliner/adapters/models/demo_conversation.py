"""A request as the demo model sees it: what was said last, what was called since, and the plan it was given.

Only reading. Everything the demo model knows about a conversation it knows through here.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

from oneliner.adapters.models.served import OfferedTool, Request, calls_of, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Known(StrEnum):
    """The tools the demo model knows what to do with."""

    PROPOSE_PLAN = "propose_plan"
    MARK_STEP = "mark_step"
    ASK_USER = "ask_user"
    CALCULATOR = "calculator"
    CURRENT_TIME = "current_time"
    LIST_DOCUMENTS = "list_documents"
    READ_DOCUMENT = "read_document"
    WRITE_DOCUMENT = "write_document"
    LIST_ACCOUNTS = "list_accounts"
    SET_ACCOUNT_STATUS = "set_account_status"


# These patterns meet whatever people send: none has two ways to match the same run of characters.
_PLAN_LINE = re.compile(r"^[ \t]*(?:(?:[-*]|\d+[.)])[ \t]*)?\[([^\]\s]+)\][ \t]*\((\w+)\)[ \t]*(\S.*)$", re.MULTILINE)
_OPEN = frozenset({"pending", "active"})
_LABELLED = r"^[#* \t]*(?:{labels})[* \t]*(?:[:：][*\s]*|\n\s*)(\S.*)$"
_GOAL = re.compile(_LABELLED.format(labels="(?:the )?goal|目标"), re.MULTILINE | re.IGNORECASE)
_INSTRUCTION = re.compile(
    _LABELLED.format(
        labels=r"instructions?|revision(?: request)?|(?:requested )?changes?(?: requested)?|"
        r"the user (?:asks|wants)[^:：\n]*|修改(?:意见|要求|指示)?|调整(?:要求)?|指示"
    ),
    re.MULTILINE | re.IGNORECASE,
)
_FAILED = re.compile(
    r"\s*(?:error\b|failed\b|tool_failed|bad_arguments|unknown_tool|denied\b|\{\s*\"error\")", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class PlanLine:
    """A step as the system prompt shows it."""

    id: str
    is_open: bool
    title: str


@dataclass(frozen=True, slots=True)
class MadeCall:
    """A tool call that was made, and what came of it."""

    name: str
    arguments: Mapping[str, object]
    result: str

    @property
    def has_failed(self) -> bool:
        """Whether the result reads like a failure."""
        return _FAILED.match(self.result) is not None


class Conversation:
    """One request, read."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.user_text = request.last_user_text.strip()
        roles = [m.get("role") for m in request.messages]
        self._turn_start = len(roles) - roles[::-1].index("user") if "user" in roles else 0

    @cached_property
    def tools(self) -> Mapping[str, OfferedTool]:
        """The tools that are offered, by name."""
        return {tool.name: tool for tool in self.request.tools}

    @cached_property
    def made_calls(self) -> Sequence[MadeCall]:
        """The calls made since the user spoke last."""
        return _made_calls(self.request.messages[self._turn_start :])

    def made(self, name: str) -> Sequence[MadeCall]:
        """The calls of *name* since the user spoke last."""
        return [c for c in self.made_calls if c.name == name]

    @cached_property
    def calls_for_step(self) -> Sequence[MadeCall]:
        """The calls made since a step was last marked."""
        marks = [n for n, c in enumerate(self.made_calls, 1) if c.name == Known.MARK_STEP]
        return self.made_calls[max(marks, default=0) :]

    @cached_property
    def plan_lines(self) -> Sequence[PlanLine]:
        """The steps in the system prompt, in order."""
        found = _PLAN_LINE.findall(self.request.system_text)
        return [PlanLine(step_id, status in _OPEN, title.strip()) for step_id, status, title in found]

    @cached_property
    def open_steps(self) -> Sequence[PlanLine]:
        """The steps that are open in the system prompt and that no call since has tried to close.

        A step whose marking failed does not come again, so that carrying out a plan always ends.
        """
        tried = {str(c.arguments.get("step_id")) for c in self.made(Known.MARK_STEP)}
        return [s for s in self.plan_lines if s.is_open and s.id not in tried]

    @cached_property
    def goal(self) -> str:
        """What a plan is for: a line labelled as the goal, or else what the user said first or last."""
        for text in (self.user_text, self.request.system_text):
            if found := _GOAL.search(text):
                return found[1].strip()
        if self._drafted_before:
            return next(text_of(m).strip() for m in self.request.messages if m.get("role") == "user")
        return self.user_text

    @cached_property
    def instruction(self) -> str:
        """What the user wants changed in an earlier draft; empty when there is none."""
        for text in (self.user_text, self.request.system_text):
            if found := _INSTRUCTION.search(text):
                return found[1].strip()
        return self.user_text if self._drafted_before else ""

    @cached_property
    def drafted_titles(self) -> Sequence[str]:
        """The steps of the earlier draft."""
        lines = _PLAN_LINE.findall(f"{self.request.system_text}\n{self.user_text}")
        if lines:
            return [title.strip() for _, _, title in lines]
        steps = self._drafted_before[-1].arguments.get("steps") if self._drafted_before else None
        return [str(s) for s in steps] if isinstance(steps, list) else []

    @cached_property
    def _drafted_before(self) -> Sequence[MadeCall]:
        earlier = _made_calls(self.request.messages[: self._turn_start])
        return [c for c in earlier if c.name == Known.PROPOSE_PLAN]


def _made_calls(messages: Sequence[Mapping[str, object]]) -> list[MadeCall]:
    results = {str(m.get("tool_call_id")): text_of(m) for m in messages if m.get("role") == "tool"}
    asked = [call for m in messages if m.get("role") == "assistant" for call in calls_of(m)]
    return [MadeCall(c.name, _object(c.arguments_text), results.get(c.id, "")) for c in asked]


def _object(text: str) -> Mapping[str, object]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
