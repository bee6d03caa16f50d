"""Exports as files: JSON Lines with everything, or Markdown to read."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import orjson
from starlette.responses import StreamingResponse

from oneliner.app.run_views import Shown
from oneliner.domain.document import Document
from oneliner.domain.errors import OneLinerError
from oneliner.domain.event import RunEvent
from oneliner.domain.message import Message, Role, ToolCall
from oneliner.domain.policy import Layer
from oneliner.domain.saved_view import SavedView
from oneliner.domain.session import Session
from oneliner.domain.times import rfc3339
from oneliner.domain.user import User
from oneliner.web import shapes
from oneliner.web.localise import Language

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from oneliner.app.export import Part
    from oneliner.domain.run import Run


class Format(StrEnum):
    """How an export is written."""

    JSONL = "jsonl"
    MARKDOWN = "markdown"


MEDIA_TYPES = {Format.JSONL: "application/jsonl", Format.MARKDOWN: "text/markdown; charset=utf-8"}
_SUFFIXES = {Format.JSONL: "jsonl", Format.MARKDOWN: "md"}


class Download(StreamingResponse):
    """An export as a file. What goes wrong on the way cuts the connection: half an export must not look like one."""

    def __init__(self, parts: AsyncIterator[Part], written_as: Format, name: str) -> None:
        chunks = _lines(parts) if written_as is Format.JSONL else _paragraphs(parts)
        headers = {
            "Content-Disposition": f'attachment; filename="{name}.{_SUFFIXES[written_as]}"',
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        }
        super().__init__(_unbroken(chunks), media_type=MEDIA_TYPES[written_as], headers=headers)


async def _unbroken(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    try:
        async for chunk in chunks:
            yield chunk
    except OneLinerError as error:
        raise ConnectionError(f"an export broke off: {error.message}") from error


async def _lines(parts: AsyncIterator[Part]) -> AsyncIterator[bytes]:
    """A JSON object for each part with its ``kind``, and a last one that says how many there were."""
    count = 0
    async for part in parts:
        count += 1
        yield orjson.dumps(_as_json(part), option=orjson.OPT_APPEND_NEWLINE)
    yield orjson.dumps({"kind": "end", "lines": count}, option=orjson.OPT_APPEND_NEWLINE)


def _as_json(part: Part) -> dict[str, object]:  # noqa: C901, PLR0911 - one for each kind
    match part:
        case User():
            return {"kind": "user", **shapes.user_to_json(part)}
        case Layer():
            return {"kind": "layer", **shapes.layer_to_json(part)}
        case SavedView():
            return {"kind": "view", **shapes.view_to_json(part)}
        case Session():
            return {"kind": "session", **shapes.session_to_json(part)}
        case Shown():
            return {"kind": "run", **shapes.run_to_json(part, Language.EN)}
        case ToolCall():
            return {"kind": "tool_call", **shapes.tool_call_to_json(part)}
        case RunEvent():
            return {"kind": "event", **shapes.event_to_json(part)}
        case Message():
            return {"kind": "message", **shapes.message_to_json(part)}
        case Document():
            return {"kind": "document", **shapes.document_to_json(part)}
        case (document, version):
            shown = shapes.document_text_to_json(document, version)
            return {"kind": "document_version", **shown, "created_at": rfc3339(version.created_at)}


async def _paragraphs(parts: AsyncIterator[Part]) -> AsyncIterator[bytes]:
    """What was said and written, to read; events and rules are left to the other format."""
    async for part in parts:
        text = _as_markdown(part)
        if text:
            yield f"{text}\n\n".encode()


def _as_markdown(part: Part) -> str:  # noqa: PLR0911 - one for each kind
    match part:
        case User():
            return f"# {_line(part.name) or part.id}\n\nUser `{part.id}`"
        case Session():
            cost = "unknown" if part.totals.cost is None else f"{part.totals.cost} USD"
            facts = f"Session `{part.id}` of {rfc3339(part.created_at)}; {part.totals.tokens} tokens, cost {cost}"
            return f"## {_line(part.title) or 'Session'}\n\n{facts}"
        case Shown(run=run):
            return _run_as_markdown(run)
        case ToolCall():
            return f"**Tool** `{part.name}`: {part.state}\n\n{_fenced(part.judged)}\n\n{_fenced(part.result)}"
        case Message() if part.content and part.role is not Role.TOOL:
            who = "User" if part.role is Role.USER else f"Assistant ({part.model})"
            return f"**{who}**, {rfc3339(part.created_at)}\n\n{part.content}"
        case (document, version):
            head = f"## {_line(document.path)}, version {version.version}"
            return f"{head}\n\nWritten by {version.author}, {rfc3339(version.created_at)}\n\n{_fenced(version.content)}"
        case _:
            return ""


def _run_as_markdown(run: Run) -> str:
    status = f"Run `{run.id}`: {run.run_status}{f', {run.reason}' if run.reason else ''}"
    steps = "\n".join(f"{n}. {_line(s.title)} ({s.status})" for n, s in enumerate(run.plan.steps, 1))
    return "\n\n".join(part for part in (f"### {_line(run.title) or 'Run'}", status, run.plan.goal, steps) if part)


def _line(text: str) -> str:
    return " ".join(text.split())


def _fenced(text: str) -> str:
    """*text* as a code block, with a fence that is longer than any in it."""
    ticks = 3
    while "`" * ticks in text:
        ticks += 1
    return f"{'`' * ticks}\n{text}\n{'`' * ticks}"
