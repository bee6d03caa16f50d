"""Readers of streams who lose their server again and again, and hold what they are told to what was promised."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import aiohttp

from oneliner.domain.times import rfc3339

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PAUSE_SECONDS = 0.05


class Place(Protocol):
    """Where a server is to be found, once it is there."""

    async def url(self) -> str: ...


def frame_of(event: Mapping[str, Any]) -> dict[str, Any]:
    """What a stream tells of a row of the log."""
    return {
        "type": event["event_type"],
        "seq": event["seq"],
        "run_id": event["run_id"],
        "session_id": event["session_id"],
        "at": rfc3339(event["created_at"]),
        "summary": event["summary"],
        "details": json.loads(event["details_json"]),
    }


def check_transcript(told: Transcript, log: Sequence[Mapping[str, Any]], stored: Mapping[str, str]) -> None:
    """The reader was told the *log*, once each and in order, and shows the texts that are *stored* of its messages."""
    assert list(told.events) == [frame_of(e) for e in log]
    completed = {e["details"]["message_id"] for e in told.events if e["type"] == "message.completed"}
    assert told.texts == {message_id: stored[message_id] for message_id in completed}


@dataclass(slots=True)
class Transcript:
    """What one reader was told, over all its connections. Raises AssertionError: it was told something impossible."""

    cursor: int = 0
    events: list[Mapping[str, Any]] = field(default_factory=list[Any])
    #: When each event arrived, in milliseconds since 1970.
    seen_ms: list[int] = field(default_factory=list[int])
    #: The text of each completed message, as a page shows it in the end.
    texts: dict[str, str] = field(default_factory=dict[str, str])
    #: How many messages a page had in full from live frames before their end was told, of how many it saw any of.
    whole: int = 0
    watched: int = 0
    connections: int = 0
    _live: dict[str, str] = field(default_factory=dict[str, str])

    def connected(self) -> None:
        """A new connection: what is being written comes anew, as a snapshot."""
        self.connections += 1
        self._live.clear()

    def take(self, cursor: str, frame: Mapping[str, Any]) -> None:
        """One frame."""
        match frame["type"]:
            case "message.snapshot":
                assert not cursor
                self._live[frame["message_id"]] = frame["text"]
            case "message.delta":
                assert not cursor
                so_far = self._live.get(frame["message_id"], "") if frame["offset"] else ""
                assert len(so_far) == frame["offset"], f"a piece is missing before {frame}"
                self._live[frame["message_id"]] = so_far + frame["text"]
            case _:
                assert int(cursor) == self.cursor + 1, f"after {self.cursor} came {cursor}: {frame}"
                self.cursor = int(cursor)
                self.events.append(frame)
                self.seen_ms.append(time.time_ns() // 1_000_000)
                self._note(frame)

    def _note(self, event: Mapping[str, Any]) -> None:
        if event["type"] not in {"message.completed", "message.interrupted"}:
            return
        message_id = event["details"]["message_id"]
        live = self._live.pop(message_id, None)
        if event["type"] == "message.completed":
            text = self.texts[message_id] = event["details"]["text"]
            if live is not None:
                assert text.startswith(live), f"{live!r} was shown, and then it was {text!r}"
                self.watched += 1
                self.whole += live == text


class Follower:
    """Follows one stream of *server*, and goes on after each loss from where it was."""

    def __init__(self, server: Place, http: aiohttp.ClientSession, token: str, path: str) -> None:
        self._server = server
        self._http = http
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
        self._path = path
        self.transcript = Transcript()

    async def follow(self) -> None:
        """Back when the server says that there is nothing more to come."""
        while True:
            try:
                if await self._connect():
                    return
            except (aiohttp.ClientError, ConnectionError):
                pass  # it was killed; what was missed comes with the next connection
            await asyncio.sleep(PAUSE_SECONDS)

    async def _connect(self) -> bool:
        url = f"{await self._server.url()}{self._path}"
        headers = {**self._headers, "Last-Event-ID": str(self.transcript.cursor)}
        async with self._http.get(url, headers=headers) as answer:
            if answer.status == 204:
                last = self.transcript.events[-1]["type"]
                # What has failed goes on when somebody asks for it.
                return last != "run.failed"
            if answer.status == 503:
                # It has lost its database for a while.
                return False
            if answer.status == 404 and self.transcript.events:
                # Its session was deleted.
                return True
            assert answer.status == 200, await answer.text()
            self.transcript.connected()
            await self._read(answer.content)
        return False

    async def _read(self, lines: aiohttp.StreamReader) -> None:
        cursor = data = ""
        async for line in lines:
            name, _, value = line.decode().rstrip("\n").partition(": ")
            match name:
                case "id":
                    cursor = value
                case "data":
                    data = value
                case "" if data and line == b"\n":
                    self.transcript.take(cursor, json.loads(data))
                    cursor = data = ""
                case _:
                    pass  # a comment, or how soon to come back
