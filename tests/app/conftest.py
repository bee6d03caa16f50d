"""A model server and engines on one database file, whose rows are checked when the test is over."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Protocol

import pytest
from tests.support.databases import stand_in
from tests.support.engine import ALICE, BOB, Engine, Options, new_database, running
from tests.support.invariants import check_database

from oneliner.app import retries
from oneliner.testing import ModelServer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator
    from pathlib import Path


class Start(Protocol):
    """Starts the engine of a test, with what it needs to be different."""

    async def __call__(self, options: Options | None = None) -> Engine: ...


class Open(Protocol):
    async def __call__(self, options: Options | None = None, *, starts: bool = True) -> Engine: ...


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with ModelServer() as server:
        yield server


@pytest.fixture
def path(tmp_path: Path, database_kind: str, request: pytest.FixtureRequest) -> Iterator[Path]:
    """Where the database is: a file, or what stands in for one."""
    path = tmp_path / "oneliner.db"
    if database_kind == "sqlite":
        yield path
    else:
        with stand_in(path, request.getfixturevalue("postgres_url")):
            yield path


@pytest.fixture
async def start(path: Path, server: ModelServer) -> AsyncIterator[Start]:
    async with AsyncExitStack() as stack:

        async def start(options: Options | None = None) -> Engine:
            return await stack.enter_async_context(running(path, server, options))

        yield start
    check_database(path)


@pytest.fixture
async def open_engine(path: Path, server: ModelServer) -> AsyncGenerator[Open]:
    """Opens engines on one database, as processes do that share it or follow each other."""
    opened: list[Engine] = []
    new_database(path)

    async def open_engine(options: Options | None = None, *, starts: bool = True) -> Engine:
        engine = Engine(path, server.base_url, options or Options(sweep_seconds=0.05))
        opened.append(engine)
        await engine.admit(ALICE, BOB)
        if starts:
            engine.start()
        return engine

    yield open_engine
    for engine in opened:
        await engine.stop()
    check_database(path)


@pytest.fixture
async def engine(start: Start) -> Engine:
    return await start()


@pytest.fixture
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries wait a hundredth of their time."""
    monkeypatch.setattr(retries, "FIRST_DELAY_SECONDS", 0.005)
