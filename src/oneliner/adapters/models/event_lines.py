"""Bytes of an answer, cut into chunks and handed to the assembly.

This is the hot path: one scan per network read, one decode and one ``take`` per chunk. It also takes a whole JSON
answer from an endpoint that ignores ``stream``, told apart by its first byte, because content types are not reliable.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import orjson

from oneliner.domain.errors import ModelFailure

if TYPE_CHECKING:
    from oneliner.adapters.models.assembly import AnswerAssembly

_DONE = b"[DONE]"
_DATA = b"data:"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class EventLines:
    """Feeds *assembly* from the bytes of a response body; holds at most *line_bytes* it cannot yet understand."""

    __slots__ = ("_assembly", "_held", "_held_bytes", "_line_bytes", "_whole", "done")

    def __init__(self, assembly: AnswerAssembly, line_bytes: int) -> None:
        self._assembly = assembly
        self._line_bytes = line_bytes
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._whole: bool | None = None
        self.done = False

    def feed(self, data: bytes) -> bool:
        """Takes what one network read brought and gives its text out; says whether the model said something.

        Raises ModelFailure: an error chunk, nonsense, or a line or answer that is too long.
        """
        if self._whole is None:
            start = data.removeprefix(_BYTE_ORDER_MARK).lstrip()
            self._whole = start[:1] == b"{" if start else None
        if self._whole:
            self._hold(data)
            return True
        cut = data.rfind(b"\n")
        if cut < 0:
            self._hold(data)
            return False
        lines = data[:cut]
        if self._held:
            lines = b"".join((*self._held, lines))
            self._held.clear()
            self._held_bytes = 0
        if cut + 1 < len(data):
            self._hold(data[cut + 1 :])
        try:
            return self._take_lines(lines)
        finally:
            self._assembly.flush()  # also what came before a chunk that was none

    def end(self) -> None:
        """The body is over: what was held is the last line, or the whole answer."""
        rest = b"".join(self._held)
        self._held.clear()
        if self._whole:
            self._assembly.take(self._decoded(rest))
        elif rest:
            self._take_lines(rest)
        self._assembly.flush()

    def _hold(self, data: bytes) -> None:
        self._held.append(data)
        self._held_bytes += len(data)
        if self._held_bytes > self._line_bytes:
            raise ModelFailure(
                f"the model provider sent more than {self._line_bytes} bytes in one piece",
                kind="output_limit",
                retryable=False,
            )

    def _take_lines(self, lines: bytes) -> bool:
        said = False
        loads, take = orjson.loads, self._assembly.take
        for line in lines.split(b"\n"):
            if line.startswith(_DATA):
                try:
                    chunk = loads(line[5:])
                except orjson.JSONDecodeError:
                    if line[5:].strip() == _DONE:
                        self.done = True
                        break
                    chunk = self._decoded(line[5:])
                if take(chunk):
                    said = True
        return said

    def _decoded(self, text: bytes) -> Any:
        """JSON that the fast decoder refuses: halves of surrogate pairs are legal here, other nonsense is not."""
        try:
            return json.loads(text.decode("utf-8-sig", "surrogatepass"))
        except (ValueError, RecursionError):
            raise ModelFailure(
                f"the model provider sent a chunk that is no JSON: {text[:80]!r}", kind="malformed", retryable=True
            ) from None
