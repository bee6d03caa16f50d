"""The bodies of an MCP server's answers over HTTP: never more in memory than a bound, however they are sent.

An answer may come with its length, in chunks, or as a stream of events that stays open for days; what is bounded is one
answer, or one event of a stream.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LARGEST_BYTES = 32_000_000
_LONGEST_BREAK = 4
_BREAKS = (b"\n\n", b"\r\n\r\n", b"\r\r")


async def bounded(response: httpx2.Response) -> None:
    """Bound what is read of *response*, whose body has not been read yet. Raises StreamError: it is too large by its
    own account, or packed in a way that was not asked for.
    """
    packed = response.headers.get("content-encoding", "identity")
    if packed.lower() != "identity":
        raise httpx2.StreamError(f"the answer is packed ({packed[:40]}), which was not asked for")
    length = response.headers.get("content-length", "")
    if length.isdigit() and int(length) > LARGEST_BYTES:
        raise httpx2.StreamError(f"the answer has {length} bytes; at most {LARGEST_BYTES} are taken")
    if isinstance(response.stream, httpx2.AsyncByteStream):
        is_stream = response.headers.get("content-type", "").startswith("text/event-stream")
        response.stream = _Bounded(response.stream, in_events=is_stream)


class _Bounded(httpx2.AsyncByteStream):
    """*inner*, up to the bound; with *in_events* for each event."""

    def __init__(self, inner: httpx2.AsyncByteStream, *, in_events: bool) -> None:
        self._inner = inner
        self._in_events = in_events

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size, end = 0, b""
        async for chunk in self._inner:
            size += len(chunk)
            if self._in_events:
                seen = end + chunk
                found = max(seen.rfind(mark) + len(mark) if mark in seen else 0 for mark in _BREAKS)
                if found:
                    size = len(seen) - found
                end = seen[-(_LONGEST_BREAK - 1) :]
            if size > LARGEST_BYTES:
                raise httpx2.StreamError(f"the answer is larger than {LARGEST_BYTES} bytes")
            yield chunk

    async def aclose(self) -> None:
        """Close the connection."""
        await self._inner.aclose()
