"""Server-sent events from bytes, as the HTML standard has them; knows nothing of connections."""

from __future__ import annotations

from dataclasses import dataclass

MAX_EVENT_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class SentEvent:
    """One event. *id* is empty when the event itself had none."""

    id: str
    data: str


class SseReader:
    """Takes a stream apart, however its bytes are cut. *retry_ms* is what the server last asked for, or None."""

    def __init__(self) -> None:
        self._rest = b""
        self._id = ""
        self._data: list[str] = []
        self._size = 0
        self.retry_ms: int | None = None

    def feed(self, chunk: bytes) -> list[SentEvent]:
        """The events that *chunk* completes. Raises ValueError: an event is larger than anything we send."""
        self._size += len(chunk)
        if self._size > MAX_EVENT_BYTES:
            raise ValueError(f"an event is larger than {MAX_EVENT_BYTES} bytes")
        text = self._rest + chunk
        # A CR at the end may be the first half of a CRLF.
        end = len(text) - 1 if text.endswith(b"\r") else len(text)
        lines = text[:end].replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._rest = lines.pop() + text[end:]
        found: list[SentEvent] = []
        for line in lines:
            if line:
                self._take(line.decode("utf-8", "replace"))
            elif (event := self._complete()) is not None:
                found.append(event)
        return found

    def _take(self, line: str) -> None:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            self._data.append(value)
        elif field == "id" and "\x00" not in value:
            self._id = value
        elif field == "retry" and value.isascii() and value.isdigit():
            self.retry_ms = int(value)

    def _complete(self) -> SentEvent | None:
        event = SentEvent(self._id, "\n".join(self._data)) if self._data else None
        self._id, self._data, self._size = "", [], len(self._rest)
        return event
