"""Engines as processes, to be killed: ``python -m tests.support.engine_process DATABASE MODEL_URL EFFECTS [URL]``.

Importing takes longer than a test wants to wait for each of many deaths, so this process imports everything once and
forks an engine for each line that it reads. The engine says its process id when it works, and ends on nothing but a
signal. It has a specialist and a function for executors. Its tools write their idempotency key to the file of effects. A PostgreSQL database at URL stands in for the file.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import oneliner
from oneliner.app import recovery
from oneliner.app.runs import VERSION
from tests.support.databases import stand_in
from tests.support.engine import Engine, Options

if TYPE_CHECKING:
    from collections.abc import Callable


def effect_tools(effects: Path) -> list[Callable[..., object]]:
    """Three tools, one of each kind, that leave a line in *effects*."""

    def leave(kind: str, key: str) -> None:
        with effects.open("a") as file:
            file.write(f"{kind} {key}\n")
            file.flush()
            os.fsync(file.fileno())

    def leave_once(kind: str, key: str) -> None:
        if key not in effects.read_text():
            leave(kind, key)

    @oneliner.tool
    async def once(context: oneliner.ToolContext) -> str:
        """Do something that must not be done twice."""
        leave("once", context.idempotency_key)
        await asyncio.sleep(0.005)
        return "done once"

    @oneliner.tool(idempotent=True)
    async def again(context: oneliner.ToolContext) -> str:
        """Do something unless it was done."""
        leave_once("again", context.idempotency_key)
        await asyncio.sleep(0.005)
        return "done"

    @oneliner.tool(read_only=True)
    async def look() -> str:
        """Look."""
        await asyncio.sleep(0.005)
        return "seen"

    return [once, again, look]


HELPER = oneliner.Executor(name="helper", description="helps", tools=("once", "again", "look"))


@oneliner.executor(tools=["once", "again"], delegates_to=["helper"])
async def worker(context: oneliner.ExecutorContext) -> str:
    """Does a little of everything that a function can do."""
    first = await context.ask_model("The worker asks.")
    await context.call_tool("once", {})
    kept = await context.step("kept", _slowly)
    await context.say("half of it is done")
    await asyncio.gather(context.call_tool("again", {}), context.delegate("helper", "help the worker"))
    last = await context.ask_model(f"The worker asks again: {first.text} {kept}")
    return last.text


async def _slowly() -> str:
    await asyncio.sleep(0.005)
    return "kept"


async def _work(path: Path, base_url: str, effects: Path) -> None:
    options = Options(tools=effect_tools(effects), executors=[HELPER, worker], lease_seconds=2, sweep_seconds=0.1)
    engine = Engine(path, base_url, options)
    # As a server does: it holds the data folder, so whoever held these leases is dead.
    await recovery.recover_all(engine.database, await engine.database.read(lambda tx: tx.runs.leased(VERSION)), "tests")
    engine.start()
    sys.stdout.write(f"{os.getpid()}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


def _main(path: Path, base_url: str, effects: Path, url: str) -> None:
    # The dead are not waited for.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while sys.stdin.readline():
        if os.fork() == 0:
            with stand_in(path, url) if url else nullcontext():
                asyncio.run(_work(path, base_url, effects))


if __name__ == "__main__":
    _main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), sys.argv[4] if len(sys.argv) > 4 else "")
