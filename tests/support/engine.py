"""An engine without a web server: database, worker, queue and bus as the wiring puts them together."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from sqlalchemy import create_engine

from oneliner.adapters.database import migrate
from oneliner.adapters.executors.declaration import definition_of
from oneliner.adapters.local_bus import LocalBus
from oneliner.adapters.local_queue import LocalQueue
from oneliner.adapters.models.registry import ConfiguredModels
from oneliner.adapters.tools.builtin import BUILTIN_TOOLS
from oneliner.adapters.tools.combined import CombinedTools
from oneliner.adapters.tools.python_tools import PythonTools
from oneliner.adapters.tools.recall import recall_tools
from oneliner.app import runs
from oneliner.app.execution import Surroundings
from oneliner.app.journal import EVERYTHING
from oneliner.app.ports import Page
from oneliner.app.worker import Worker
from oneliner.domain.executor import MAIN_EXECUTOR, Executor, Roster
from oneliner.domain.run import ENDED, RunStatus
from oneliner.domain.user import Caller, UserStatus
from tests.support.databases import is_stood_in, open_database

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
    from typing import Any

    from oneliner.adapters.models.limits import Limits
    from oneliner.app.function import ExecutorFunction
    from oneliner.app.ports import Effects, Transaction
    from oneliner.app.tools import Tools
    from oneliner.domain.event import RunEvent
    from oneliner.domain.message import Message, ToolCall
    from oneliner.domain.run import Run
    from oneliner.testing import ModelServer

ALICE = Caller("alice")
BOB = Caller("bob")
KEY = "sk-test-key-0123456789"
MODEL = "openai/test"
OTHER_MODEL = "openai/other"
PRICES: Mapping[str, Mapping[str, str]] = {
    MODEL: {"input": "1.0", "cached": "0.1", "output": "2.0"},
    OTHER_MODEL: {"input": "10.0", "cached": "1.0", "output": "20.0"},
}
SETTLED = ENDED | {RunStatus.BLOCKED, RunStatus.NEEDS_CONFIRMATION}
TASK = runs.Handoff(title="a task", source_screen="home", source_action_key="button")


@dataclass(frozen=True, slots=True)
class Options:
    """How an engine differs from the usual."""

    tools: Sequence[Callable[..., object]] = ()
    fallbacks: Sequence[str] = ()
    more_tools: Sequence[Tools] = ()
    lease_seconds: float = 30.0
    sweep_seconds: float = 0.2
    concurrency: int = 64
    limits: Limits | None = None
    context_tokens: int = 48_000
    busy_timeout_ms: int = 10_000
    synchronous: str = "FULL"
    executors: Sequence[Executor | ExecutorFunction] = ()


class Engine:
    """One process's worth of engine over a database file."""

    def __init__(self, path: Path, base_url: str, options: Options | None = None) -> None:
        options = options or Options()
        self.path = path
        self.bus = LocalBus()
        self.database = open_database(
            path, self._leave, busy_timeout_ms=options.busy_timeout_ms, synchronous=options.synchronous
        )
        self.models = ConfiguredModels(
            default=MODEL,
            fallbacks=options.fallbacks,
            base_url=base_url,
            api_key=KEY,
            environment={},
            prices=PRICES,
            limits=options.limits,
        )
        built_in = [*BUILTIN_TOOLS, *recall_tools(self.database)]
        self.tools = CombinedTools([PythonTools(built_in), PythonTools(options.tools), *options.more_tools])
        self.woken: list[str] = []
        self.worker_id = secrets.token_hex(4)
        self.roster, functions = roster_of(options.executors)
        self.worker = Worker(
            Surroundings(
                self.database,
                self.bus,
                self.models,
                self.tools,
                context_tokens=options.context_tokens,
                roster=self.roster,
                functions=functions,
            ),
            worker_id=self.worker_id,
            lease_seconds=options.lease_seconds,
            sweep_seconds=options.sweep_seconds,
        )
        self.queue = LocalQueue(self.worker.execute, self.worker.interrupt, concurrency=options.concurrency)
        self._background: list[asyncio.Task[None]] = []

    def _leave(self, effects: Effects) -> None:
        for run_id in effects.interrupts:
            self.queue.interrupt(run_id)
        self.bus.publish_events(effects.events)
        self.woken += effects.wakes
        for run_id in effects.wakes:
            self.queue.wake(run_id)

    def start(self, *, renews: bool = True, sweeps: bool = True) -> None:
        """Begin the background work of a worker."""
        loops: list[Coroutine[Any, Any, None]] = []
        if renews:
            loops.append(self.worker.keep_leases())
        if sweeps:
            loops.append(self.worker.keep_sweeping(self.queue))
        self._background += [asyncio.ensure_future(loop) for loop in loops]

    async def stop_background(self) -> None:
        """Neither renew nor sweep any more."""
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        self._background = []

    async def stop(self, grace_seconds: float = 0.0) -> None:
        """Shut down as a server does."""
        await self.stop_background()
        await self.worker.shut_down(grace_seconds)
        await self.queue.drain()
        await self.database.close()
        await self.models.close()
        await self.tools.close()

    async def freeze(self) -> None:
        """Neither renew nor sweep, until every lease has run out; that is now, so that nobody need wait for it."""
        await self.stop_background()
        await self.database.write(
            lambda tx: tx.runs.renew(self.worker_id, -1, [run.id for run in tx.runs.leased(runs.VERSION)])
        )

    async def abandon(self) -> None:
        """Disappear as a process does that is killed: whatever it was about to write, it does not."""
        await self.freeze()
        await self.database.close()
        await self.stop()

    async def write(self, use_case: Callable[..., Any], *arguments: Any, caller: Caller = ALICE) -> Any:
        """The use case *use_case* of *caller* as one transaction."""
        return await self.database.write(lambda tx: use_case(tx, caller, *arguments))

    async def admit(self, *callers: Caller) -> None:
        def work(tx: Transaction) -> None:
            for caller in callers:
                tx.users.admit(caller, UserStatus.APPROVED)

        await self.database.write(work)

    async def chat(
        self, text: str, *, caller: Caller = ALICE, session_id: str | None = None, executor: str = MAIN_EXECUTOR
    ) -> Run:
        started: runs.Started = await self.write(runs.start_chat, text, session_id, "", executor, caller=caller)
        return started.run

    async def hand_off(self, handoff: runs.Handoff = TASK, *, caller: Caller = ALICE) -> Run:
        started: runs.Started = await self.write(runs.hand_off, handoff, caller=caller)
        return started.run

    async def confirm(self, run: Run, plan_rev: int | None = None) -> Run:
        return await self.write(runs.confirm, run.id, plan_rev, "")

    async def cancel(self, run: Run) -> Run:
        return await self.write(runs.cancel, run.id, "")

    async def resume(self, run: Run, answer: object) -> Run:
        return await self.write(runs.resume, run.id, answer, "")

    async def retry(self, run: Run) -> Run:
        return await self.write(runs.retry, run.id, "")

    async def get(self, run_id: str) -> Run:
        return await self.database.read(lambda tx: tx.runs.get(run_id, EVERYTHING))

    async def settled(self, run_id: str, statuses: frozenset[RunStatus] = SETTLED, seconds: float = 20.0) -> Run:
        """The run, once it is in one of *statuses*. Raises TimeoutError."""
        found: list[Run] = []

        async def is_settled() -> bool:
            found[:] = [await self.get(run_id)]
            return found[0].run_status in statuses

        await self.until(is_settled, run_id, seconds)
        return found[0]

    async def until(
        self, condition: Callable[[], Coroutine[Any, Any, bool]], run_id: str, seconds: float = 20.0
    ) -> None:
        """Wait until *condition* holds; it is asked whenever something happens to the run, and now and then."""
        subscription = self.bus.follow_run(run_id, heartbeat_seconds=0.05)
        try:
            async with asyncio.timeout(seconds):
                if await condition():
                    return
                async for _ in subscription.frames():
                    if await condition():
                        return
        finally:
            subscription.close()

    async def until_told(self, run_id: str, event_type: str, seconds: float = 20.0) -> RunEvent:
        """The first event of *event_type*, once it is there."""
        found: list[RunEvent] = []

        async def is_told() -> bool:
            found[:] = [e for e in await self.events(run_id) if e.event_type == event_type]
            return bool(found)

        await self.until(is_told, run_id, seconds)
        return found[0]

    async def until_writing(self, run_id: str, seconds: float = 20.0) -> str:
        """The text so far, once some of an answer has come."""

        async def is_writing() -> bool:
            return any(s.text for s in self.bus.snapshots({run_id}))

        await self.until(is_writing, run_id, seconds)
        return self.bus.snapshots({run_id})[0].text

    async def events(self, run_id: str) -> list[RunEvent]:
        return await self.database.read(lambda tx: tx.events.after(run_id, 0, 10_000))

    async def types(self, run_id: str) -> list[str]:
        return [e.event_type for e in await self.events(run_id)]

    async def messages(self, session_id: str) -> list[Message]:
        found = await self.database.read(lambda tx: tx.messages.page(session_id, Page(1000)))
        return found[::-1]

    async def calls(self, run_id: str) -> list[ToolCall]:
        return await self.database.read(lambda tx: tx.tool_calls.of_run(run_id))


def roster_of(executors: Sequence[Executor | ExecutorFunction]) -> tuple[Roster, dict[str, ExecutorFunction]]:
    """Everybody in *executors*, and the functions among them."""
    definitions: list[Executor] = []
    functions: dict[str, ExecutorFunction] = {}
    for one in executors:
        definition = one if isinstance(one, Executor) else definition_of(one)
        assert definition is not None
        definitions.append(definition)
        if not isinstance(one, Executor):
            functions[definition.name] = one
    return Roster(definitions, frozenset(functions)), functions


@cache
def _empty_database() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder, "empty.db")
        engine = create_engine(f"sqlite:///{path}")
        with engine.begin() as connection:
            migrate.upgrade(connection)
        engine.dispose()
        return path.read_bytes()


def new_database(path: Path) -> Path:
    """A migrated database file at *path*."""
    if not is_stood_in(path):
        path.write_bytes(_empty_database())
    return path


@asynccontextmanager
async def running(path: Path, server: ModelServer, options: Options | None = None) -> AsyncGenerator[Engine]:
    """A started engine over a fresh database, answered by *server*."""
    engine = Engine(new_database(path), server.base_url, options)
    await engine.admit(ALICE, BOB)
    engine.start()
    try:
        yield engine
    finally:
        await engine.stop()
