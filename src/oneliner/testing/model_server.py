"""The scripted model server as a process of its own: ``python -m oneliner.testing.model_server --help``.

It gives the same answer to every request and prints its base URL as the first line. ``GET /bill`` beside ``/v1`` tells
what it has served. It ends on SIGINT and SIGTERM.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from contextlib import suppress

from oneliner.adapters.models.served import Reply, Request
from oneliner.testing.server import ModelServer

try:
    from uvloop import run
except ImportError:  # there is none for Windows
    from asyncio import run

_WORDS = ("one", "small", "answer", "in", "plain", "words", "goes", "out", "token", "by")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="oneliner.testing.model_server", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--reply", default="", help="the text of every answer; split into tokens by words")
    parser.add_argument("--tokens", type=int, default=20, help="length of every answer when there is no --reply")
    parser.add_argument("--token-delay-ms", type=float, default=0.0, help="time from one token to the next")
    parser.add_argument("--kept-calls", type=int, default=10_000, help="how many of the latest calls /bill adds up")
    return parser.parse_args()


def _text_of_tokens(tokens: int) -> str:
    return " ".join(_WORDS[n % len(_WORDS)] for n in range(tokens))


async def _serve(options: argparse.Namespace) -> None:
    delay_seconds = options.token_delay_ms / 1000
    usage = None if options.reply else (10, options.tokens, 0)
    reply = Reply(options.reply or _text_of_tokens(options.tokens), usage=usage, delay_seconds=delay_seconds)

    def answer(_: Request) -> Reply:
        return reply

    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    with suppress(NotImplementedError):  # Windows has no signal handlers in its loop; there Ctrl+C raises
        loop.add_signal_handler(signal.SIGINT, stopped.set)
        loop.add_signal_handler(signal.SIGTERM, stopped.set)
    async with ModelServer(answer, port=options.port, kept_calls=options.kept_calls) as server:
        sys.stdout.write(f"{server.base_url}\n")
        sys.stdout.flush()
        await stopped.wait()


if __name__ == "__main__":
    run(_serve(_options()))
