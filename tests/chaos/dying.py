"""Engines that die at a named point: ``python -m tests.chaos.dying DATABASE MODEL_URL EFFECTS [POSTGRES_URL]``.

Imports once and forks a process for each line of its input: ``POINT WORD`` (``-`` for no point). The process carries
out everything that its user wants for *WORD*, whatever an earlier one has left of it, and then says ``over``; or it dies
on the way, and says ``died POINT``. ``WORD`` alone with the point ``?`` also says every point that it reached.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from oneliner.app import journal, recovery, runs, session_deletion
from oneliner.app.ports import Page, RunFilter
from oneliner.app.runs import VERSION
from oneliner.domain.errors import IllegalMove, NotFound
from oneliner.domain.run import ENDED, RunStatus
from tests.chaos.fault_points import FaultPoints
from tests.support.databases import stand_in
from tests.support.engine import SETTLED, Engine, Options
from tests.support.engine_process import effect_tools

if TYPE_CHECKING:
    from oneliner.app.ports import Transaction
    from oneliner.domain.run import Run

#: What the user does with each of his runs.
CHAT, HANDOFF, CANCELLED, DELETED = "chat", "handoff", "cancelled", "deleted"
KINDS = (CHAT, HANDOFF, CANCELLED, DELETED)


def find(tx: Transaction, title: str) -> Run | None:
    """The run with *title*, deleted or not."""
    found = tx.runs.page(journal.EVERYTHING, Page(10), RunFilter(text=title))
    return next((run for run in found if run.title == title), None)


class _User:
    """Wants one run of each kind, and does for each what it needs next."""

    def __init__(self, engine: Engine, word: str, effects: Path) -> None:
        self._engine = engine
        self._word = word
        self._effects = effects

    async def work(self) -> None:
        await asyncio.gather(*[self._see_to(kind, f"{kind} {self._word}") for kind in KINDS])

    async def _see_to(self, kind: str, title: str) -> None:
        engine = self._engine
        while True:
            run = await engine.database.read(lambda tx: find(tx, title))
            if run is None:
                run = await self._begin(kind, title)
            if run.run_status not in SETTLED and kind in {CHAT, HANDOFF}:
                run = await engine.settled(run.id, SETTLED | {RunStatus.FAILED}, seconds=60)
            if run.run_status is RunStatus.FAILED:
                await engine.retry(run)
            elif run.run_status in ENDED and (kind != DELETED or run.deleted_at is not None):
                return
            else:
                # Whoever died may have done it just before.
                with suppress(IllegalMove, NotFound):
                    await self._go_on(kind, run)

    async def _begin(self, kind: str, title: str) -> Run:
        if kind == HANDOFF:
            return await self._engine.hand_off(runs.Handoff(title, "home", "button", draft=True))
        return await self._engine.chat(title)

    async def _go_on(self, kind: str, run: Run) -> None:
        engine = self._engine
        if kind == CANCELLED:
            await engine.cancel(run)
        elif kind == DELETED:
            await engine.write(session_deletion.delete, run.session_id)
        elif run.run_status is RunStatus.NEEDS_CONFIRMATION:
            await engine.confirm(run)
        elif run.run_status is RunStatus.BLOCKED and "calls" in run.blocked:
            calls = [c for c in await engine.calls(run.id) if c.state == "unknown"]
            is_done = all(c.idempotency_key in self._effects.read_text() for c in calls)
            await engine.resume(run, {"decision": "treat_as_done" if is_done else "run_again"})
        elif run.run_status is RunStatus.BLOCKED:
            await engine.resume(run, {"answer": "that one"})


async def _live(path: Path, base_url: str, effects: Path, point: str, word: str) -> None:
    options = Options(tools=effect_tools(effects), lease_seconds=5, sweep_seconds=0.1, synchronous="OFF")
    engine = Engine(path, base_url, options)
    FaultPoints(engine, point, _say_point if point == "?" else lambda _: None)
    # As a server does that holds its data folder: whoever held these leases is dead.
    await recovery.recover_all(engine.database, await engine.database.read(lambda tx: tx.runs.leased(VERSION)), "tests")
    engine.start()
    await _User(engine, word, effects).work()
    await engine.stop()
    sys.stdout.write("over\n")
    sys.stdout.flush()
    os._exit(0)


def _say_point(point: str) -> None:
    sys.stdout.write(f"point {point}\n")


def _main(path: Path, base_url: str, effects: Path, url: str) -> None:
    # The dead are not waited for.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        point, word = line.split()
        if os.fork() == 0:
            with stand_in(path, url) if url else nullcontext():
                asyncio.run(_live(path, base_url, effects, point, word))


if __name__ == "__main__":
    _main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), sys.argv[4] if len(sys.argv) > 4 else "")
