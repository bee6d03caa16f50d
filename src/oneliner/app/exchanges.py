"""A conversation in pieces that must stay together: what the user said, or an answer with the results of its tool calls.

Pure: from stored messages to turns a model accepts, and the ways in which they take less room.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from oneliner.app.model import Turn
from oneliner.domain.message import Role
from oneliner.domain.usage import estimate_tokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from oneliner.domain.message import Message

#: Of a tool result that is not shown whole, so much is shown of its beginning and of its end.
HEAD_CHARS = 900
TAIL_CHARS = 300
SHORTENED_FROM_CHARS = 2_000
#: The tool with which the agent reads again what it is not shown whole.
RECALL = "recall_message"
_NO_RESULT = "(there is no result: it was not carried out)"
_PER_TURN_TOKENS = 4


@dataclass(frozen=True)
class Exchange:
    """One piece: *first* and the *results* of its tool calls, one for each call; None where there is none."""

    first: Message
    results: tuple[Message | None, ...] = ()
    #: Whether results are shown only by their beginning and end.
    is_short: bool = False

    @property
    def run_id(self) -> str:
        """The run it belongs to."""
        return self.first.run_id

    @property
    def position(self) -> int:
        """Where it begins."""
        return self.first.position

    @property
    def messages(self) -> list[Message]:
        """Its messages, in order."""
        return [self.first, *(r for r in self.results if r is not None)]

    @property
    def is_whole(self) -> bool:
        """Whether every tool call has its result."""
        return None not in self.results

    @cached_property
    def turns(self) -> list[Turn]:
        """It as a model accepts it: every tool call has its result right behind it."""
        first = self.first
        shown = [
            Turn("tool", self._shown(result), (), call.call_id)
            for call, result in zip(first.tool_calls, self.results, strict=True)
        ]
        return [Turn(str(first.role), first.content, first.tool_calls), *shown]

    @cached_property
    def tokens(self) -> int:
        """About how many tokens it is."""
        return estimate_turns(self.turns)

    def _shown(self, result: Message | None) -> str:
        if result is None:
            return _NO_RESULT
        return shortened(result) if self.is_short else result.content


def exchanges_of(messages: Sequence[Message]) -> list[Exchange]:
    """*messages*, oldest first, in their pieces. A result whose call is not among them is left out."""
    return [
        Exchange(message, _results_of(message, messages, at) if message.tool_calls else ())
        for at, message in enumerate(messages)
        if message.role is not Role.TOOL
    ]


def shortened(result: Message) -> str:
    """The beginning and the end of a tool's *result*, and how to read all of it."""
    text = result.content
    if len(text) < SHORTENED_FROM_CHARS:
        return text
    note = (
        f"[shortened: {len(text) - HEAD_CHARS - TAIL_CHARS} of {len(text)} characters are left out here; "
        f"{RECALL}(position={result.position}) reads them]"
    )
    return f"{text[:HEAD_CHARS]}\n{note}\n{text[-TAIL_CHARS:]}"


def newest(exchanges: Sequence[Exchange], room_tokens: int, at_least: int = 1) -> Sequence[Exchange]:
    """The last of *exchanges* that fit into *room_tokens*, but *at_least* so many."""
    for at in range(len(exchanges) - 1, -1, -1):
        room_tokens -= exchanges[at].tokens
        if room_tokens < 0 and len(exchanges) - at > at_least:
            return exchanges[at + 1 :]
    return exchanges


def tokens_of(exchanges: Iterable[Exchange]) -> int:
    """About how many tokens *exchanges* are."""
    return sum(e.tokens for e in exchanges)


def estimate_turns(turns: Iterable[Turn]) -> int:
    """About how many tokens *turns* are."""
    return sum(
        estimate_tokens(t.content) + sum(estimate_tokens(c.arguments) for c in t.tool_calls) + _PER_TURN_TOKENS
        for t in turns
    )


def _results_of(answer: Message, messages: Sequence[Message], at: int) -> tuple[Message | None, ...]:
    """What *answer*, which is at *at*, got. Models number their calls anew in each answer, so a result belongs to the
    nearest answer before it.
    """
    found: dict[str, Message] = {}
    for message in messages[at + 1 :]:
        if message.role is Role.ASSISTANT:
            break
        if message.role is Role.TOOL:
            found[message.tool_call_id] = message
    return tuple(found.get(call.call_id) for call in answer.tool_calls)
