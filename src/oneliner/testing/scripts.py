"""What a scripted model server can be told to do with one request: answer, or go wrong in a known way.

Every script is a plain value: a :class:`Reply`, or one of the faults here, which may hold the reply they spoil. In the
message of a fault ``{key}`` stands for the API key that was sent, because some providers do echo it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from oneliner.adapters.models.served import Call, Reply

if TYPE_CHECKING:
    import asyncio

SAMPLE = Reply("The quick brown fox jumps over the lazy dog, again and again.")
_MEGABYTE = 1_000_000


class Break(StrEnum):
    """How an answer goes wrong in its middle. After each of them nothing that belongs to the answer is sent."""

    HANG = "hang"
    """The connection stays open and silent."""
    DRIP = "drip"
    """Only keep-alive comments come, for ever."""
    CUT = "cut"
    """The connection is closed without an end."""
    END = "end"
    """The body ends properly, with neither finish reason nor ``[DONE]``."""
    DONE_WITHOUT_FINISH = "done_without_finish"
    """``[DONE]`` comes, no finish reason before it."""
    MALFORMED = "malformed"
    """A chunk that is not JSON, then a proper end."""
    ERROR_CHUNK = "error_chunk"
    """An error object instead of a chunk, then the end."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An HTTP error instead of an answer. ``retry_after_seconds`` becomes the ``Retry-After`` header."""

    status: int
    message: str = "the server had an error while processing your request"
    kind: str = "server_error"
    code: str | None = None
    retry_after_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing at all, not even response headers, until the client gives up."""


@dataclass(frozen=True, slots=True)
class Broken:
    """*reply*, broken after so many chunks of it. ``message`` is what an error chunk says."""

    how: Break
    reply: Reply = SAMPLE
    after_chunks: int = 3
    message: str = "the server had an error while processing your request"
    drip_seconds: float = 0.05


@dataclass(frozen=True, slots=True)
class Held:
    """*reply*, held after so many chunks of it until the test sets *until*; held before its headers if none."""

    until: asyncio.Event
    reply: Reply = SAMPLE
    after_chunks: int = 0


Script = Reply | Refusal | Silence | Broken | Held


def rate_limited(retry_after_seconds: float = 1.0) -> Refusal:
    """429 with Retry-After."""
    return Refusal(429, "rate limit reached", "rate_limit_exceeded", "rate_limit_exceeded", retry_after_seconds)


def server_error(status: int = 500) -> Refusal:
    """500, 503 or another status of theirs."""
    return Refusal(status)


def unauthorized() -> Refusal:
    """401 with a body that echoes the key."""
    return Refusal(401, "incorrect API key provided: {key}", "invalid_request_error", "invalid_api_key")


def garbage_arguments(name: str) -> Reply:
    """A call of *name* with arguments that are not JSON."""
    return Reply(tool_calls=(Call(name, '{"path": "unclosed, ]'),))


def duplicate_ids(*calls: Call) -> Reply:
    """*calls* in one answer, all under the same call id."""
    return Reply(tool_calls=tuple(Call(c.name, c.arguments, "call_duplicate") for c in calls))


def flood(megabytes: int = 20) -> Reply:
    """An answer of so many megabytes of text."""
    return Reply("flood " * (megabytes * _MEGABYTE // 6), chunk_chars=16_384)


def unstorable_text() -> Reply:
    """Text with NUL and lone surrogates, which no database keeps as it is."""
    return Reply("before \x00 and \ud800 between \udfff after", chunk_chars=6)
