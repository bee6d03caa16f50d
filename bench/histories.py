"""What a call of the model costs in sessions of 10 to 10,000 messages: the time in the database, and the tokens sent.

    .venv/bin/python bench/histories.py                 on SQLite
    .venv/bin/python bench/histories.py --postgres      on PostgreSQL (ONELINER_TEST_POSTGRES_URL)

Each session is filled with messages of about 100 tokens as finished runs leave them; then a few chats are held in it, so
that what is to be summarised is, and the steady state is measured: the transaction that reads the history for a call (the
fastest of 300), and the size of the call as the server of the model gets it. The scripted server answers, so nothing
leaves the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tests.app.test_long_histories import filled, is_summary
from tests.support.databases import PostgresServer, stand_in, statement
from tests.support.engine import Options, running

from oneliner.adapters.models.served import text_of
from oneliner.app import history
from oneliner.testing import ModelServer, Reply

if TYPE_CHECKING:
    from tests.support.engine import Engine

    from oneliner.testing import Request

ROUNDS = 300
LENGTHS = (10, 100, 1_000, 10_000)
TEXT = "Twenty words of an answer make about as many tokens as the smallest useful reply of a model has. " * 4
SUMMARY = "What was said before, in brief [12]. " * 60


def reply(request: Request) -> Reply:
    return Reply(SUMMARY if is_summary(request) else "Noted.")


async def measure(messages: int, engine: Engine, server: ModelServer, url: str) -> str:
    session_id = await filled(engine, messages, TEXT)
    if url:
        # What autovacuum does in a database that is in use: the planner knows how long sessions are.
        await statement(url, "ANALYZE messages")
    first = len(server.requests)
    for word in ("one", "two", "three"):
        run = await engine.settled((await engine.chat(word, session_id=session_id)).id)
    asked = list(server.requests)[first:]
    summaries = [r for r in asked if is_summary(r)]
    last = asked[-1]
    sent = sum(len(text_of(m)) for m in last.messages) // 4
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        await engine.database.read(lambda tx: history.read(tx, run, 47_000))
        times.append(time.perf_counter() - start)
    once = sum(len(text_of(m)) for r in summaries for m in r.messages) // 4
    return (
        f"{messages:>9,} {min(times) * 1000:>10.2f} ms {len(last.messages):>10} {sent:>12,}"
        f" {len(summaries):>10} {once:>14,}"
    )


async def main(*, postgres: bool) -> None:
    print("                read of the  messages     tokens  summaries  tokens of them")
    print(" messages       history       in a call    in it        made        (once)")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        path, url = folder / "bench.db", ""
        if postgres:
            databases = PostgresServer()
            await asyncio.to_thread(databases.begin)
            stack.callback(databases.end)
            url = stack.enter_context(databases.fresh())
            stack.enter_context(stand_in(path, url))
        async with ModelServer(reply) as server, running(path, server, Options()) as engine:
            for messages in LENGTHS:
                print(await measure(messages, engine, server, url))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--postgres", action="store_true")
    asyncio.run(main(postgres=parser.parse_args().postgres))
