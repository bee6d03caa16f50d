"""A model that costs next to nothing: the OpenAI wire format over a bare asyncio protocol.

Each token is the monotonic clock at the moment it was sent, so that whoever reads it on the same machine knows how long
it was under way. ``python bench/mock_model.py --tokens 20 --delay-ms 0`` prints its base URL. The last user message may
ask for something else: ``tokens=100 delay_ms=20``.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import time

import uvloop

_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_WISH = re.compile(rb"tokens=(\d+) delay_ms=(\d+)")
_PIECE = (
    '{"id":"c","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":%s,"finish_reason":%s}]%s}'
)


def _chunk(body: str) -> bytes:
    data = f"data: {body}\n\n".encode()
    return b"%x\r\n%b\r\n" % (len(data), data)


def _token() -> bytes:
    return _chunk(_PIECE % (f'{{"content":"{time.monotonic():.6f} "}}', "null", ""))


class Mock(asyncio.Protocol):
    def __init__(self, tokens: int, delay_ms: int) -> None:
        self._tokens, self._delay_ms = tokens, delay_ms
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        if length is None or len(body) < int(length[1]):
            return
        self._buffer = b""
        wish = _WISH.findall(body)
        tokens, delay_ms = (int(wish[-1][0]), int(wish[-1][1])) if wish else (self._tokens, self._delay_ms)
        self._transport.write(_HEAD + _chunk(_PIECE % ('{"role":"assistant","content":""}', "null", "")))
        if delay_ms:
            asyncio.get_running_loop().create_task(self._paced(tokens, delay_ms / 1000))
        else:
            self._transport.write(b"".join([_token() for _ in range(tokens)]) + self._end(tokens))

    async def _paced(self, tokens: int, delay: float) -> None:
        loop = asyncio.get_running_loop()
        start = loop.time()
        for n in range(tokens):
            await asyncio.sleep(max(start + (n + 1) * delay - loop.time(), 0))
            self._transport.write(_token())
        self._transport.write(self._end(tokens))

    @staticmethod
    def _end(tokens: int) -> bytes:
        usage = f',"usage":{{"prompt_tokens":100,"completion_tokens":{tokens},"total_tokens":{100 + tokens}}}'
        return _chunk(_PIECE % ("{}", '"stop"', usage)) + _chunk("[DONE]") + b"0\r\n\r\n"


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--tokens", type=int, default=20)
    parser.add_argument("--delay-ms", type=int, default=0)
    args = parser.parse_args()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Mock(args.tokens, args.delay_ms), "127.0.0.1", args.port, backlog=2048)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
