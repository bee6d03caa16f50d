"""From the frames of a run's stream to what a person reads: pure, and the same for every screen.

Text comes in pieces that may be doubled or start in the middle of a message; :class:`Transcript` puts each message
together by the offsets, so that what is shown in the end is what was said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from oneliner.domain.event import EventType
from oneliner.terminal.event_words import Line, activity_after, line_for
from oneliner.terminal.plain_text import fit

if TYPE_CHECKING:
    from collections.abc import Mapping

DELTA, SNAPSHOT = "message.delta", "message.snapshot"
#: Frames that no history holds.
LIVE = frozenset({DELTA, SNAPSHOT})
_BROKEN_OFF = frozenset(
    {
        EventType.MESSAGE_INTERRUPTED,
        EventType.MESSAGE_RETRYING,
        EventType.RUN_RECOVERED,
        EventType.RUN_CANCELLED,
        EventType.RUN_FAILED,
    }
)


@dataclass(frozen=True, slots=True)
class TextGrew:
    """More of an answer: what is new, and all of it so far."""

    new: str
    whole: str


@dataclass(frozen=True, slots=True)
class TextEnded:
    """An answer has ended, with all of it and what was not shown before. When *is_complete* is false it was cut off;
    when *is_other* it is not what was shown so far, and *new* is all of it."""

    new: str
    whole: str
    is_complete: bool = True
    is_other: bool = False


Shown = Line | TextGrew | TextEnded


class Transcript:
    """What is known of a run from the frames so far. *activity* says in words what the agent does now."""

    def __init__(self) -> None:
        self._message_id = ""
        self._text = ""
        self._is_drafting = False
        self._steps: dict[str, str] = {}
        self.activity = "waiting for the main agent"

    def take(self, frame: Mapping[str, Any]) -> list[Shown]:
        """What to show for one *frame*; nothing for what this version does not know."""
        kind = str(frame.get("type", ""))
        if kind in LIVE:
            return self._take_live(kind, frame)
        details: Mapping[str, Any] = frame.get("details") or {}
        self._learn(kind, details)
        shown: list[Shown] = []
        if kind in _BROKEN_OFF and self._text:
            shown.append(TextEnded("", fit(self._text), is_complete=False))
            self._message_id, self._text = "", ""
        elif kind == EventType.MESSAGE_COMPLETED:
            shown += self._complete(details)
        line = line_for(kind, details, self._steps)
        return shown if line is None else [*shown, line]

    def _learn(self, kind: str, details: Mapping[str, Any]) -> None:
        if "run_status" in details:
            self._is_drafting = details["run_status"] == "drafting"
        plan: Mapping[str, Any] = details.get("plan") or {}
        self._steps |= {str(s.get("id")): str(s.get("title")) for s in plan.get("steps") or ()}
        if kind == EventType.STEP_STARTED:
            self._steps[str(details.get("step_id"))] = str(details.get("title"))
        self.activity = activity_after(kind, details) or self.activity

    def _take_live(self, kind: str, frame: Mapping[str, Any]) -> list[Shown]:
        if self._is_drafting:
            # What a model says while it drafts is not an answer; the plan is shown when it is there.
            return []
        message_id, text = str(frame.get("message_id", "")), str(frame.get("text", ""))
        if message_id != self._message_id:
            self._message_id, self._text = message_id, ""
        offset = 0 if kind == SNAPSHOT else int(frame.get("offset", 0))
        before = self._text
        if offset > len(before) or offset + len(text) <= len(before):
            # A piece is missing before this one, and a snapshot or the whole message will bring it; or it is known.
            return []
        self._text = before[:offset] + text
        self.activity = "answering"
        return [TextGrew(fit(self._text[len(before) :]), fit(self._text))]

    def _complete(self, details: Mapping[str, Any]) -> list[Shown]:
        if details.get("purpose") == "plan":
            return []
        text = str(details.get("text", ""))
        shown = self._text if details.get("message_id") == self._message_id else ""
        self._message_id, self._text = "", ""
        if details.get("text_truncated") and shown.startswith(text):
            text = shown  # The event holds only the beginning; more of it was seen.
        if not text:
            return []
        is_other = not text.startswith(shown)
        return [TextEnded(fit(text if is_other else text[len(shown) :]), fit(text), is_other=is_other)]
