"""A server whose disk is full, or whose file another process holds: it says so, reads go on, and it recovers by itself."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
import sys
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from oneliner.settings import Settings
from oneliner.testing import ModelServer, Reply
from oneliner.wiring import issue_token
from tests.chaos.test_promises import until
from tests.cli.command_kit import Served, serving
from tests.support.invariants import check_database, check_ended

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="lowers the limits of another process")


class Person:
    """A caller of the server."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http = http
        self._url = url

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        async with self._http.request(method, self._url + path, json=body) as answer:
            told = await answer.json()
            assert answer.status not in {503, 507} or answer.headers["Retry-After"], told
            return answer.status, told

    async def chat(self, message: str) -> tuple[int, Any]:
        return await self.ask("POST", "/v1/agent/runs", {"message": message})

    async def status_of(self, run_id: str) -> str:
        return (await self.ask("GET", f"/v2/oneliner/runs/{run_id}"))[1]["run_status"]


@pytest.fixture
async def model() -> AsyncIterator[ModelServer]:
    async with ModelServer(lambda _: Reply("word " * 60, delay_seconds=0.02)) as server:
        yield server


@pytest.fixture
async def served(tmp_path: Path, model: ModelServer) -> AsyncIterator[Served]:
    context = serving(
        tmp_path / "data",
        ONELINER_MODEL="openai/test",
        ONELINER_MODEL_BASE_URL=model.base_url,
        ONELINER_MODEL_API_KEY="sk-test",
    )
    served = await asyncio.to_thread(context.__enter__)
    try:
        yield served
    finally:
        await asyncio.to_thread(context.__exit__, None, None, None)


@pytest.fixture
async def person(served: Served) -> AsyncIterator[Person]:
    token = issue_token(Settings.load({}, data_dir=served.data_dir), "ann", ttl_seconds=3_600)
    headers = {"authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=60)) as http:
        yield Person(http, served.url)


@contextmanager
def no_room(served: Served) -> Generator[None]:
    """No file of the server can grow any more."""
    pid = served.process.pid
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    wal = served.data_dir / "oneliner.db-wal"
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (wal.stat().st_size, hard))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def locked(served: Served) -> Generator[None]:
    """Another process is writing to the file."""
    with closing(sqlite3.connect(served.data_dir / "oneliner.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


@pytest.mark.parametrize(("trouble", "refusal"), [(no_room, 507), (locked, 503)], ids=["full", "locked"])
async def test_trouble_with_the_disk_is_said_and_passes_by_itself(
    served: Served,
    person: Person,
    model: ModelServer,
    say: Callable[[str], None],
    trouble: Callable[[Served], Any],
    refusal: int,
) -> None:
    _, first = await person.chat("talk")
    under_way = first["run_id"]

    async def is_asked() -> bool:
        return bool(model.requests)

    await until(is_asked)
    with trouble(served):
        refused, _ = await person.chat("in trouble " + "x" * 50_000)
        # What was there can be read, lists and histories too.
        assert (await person.ask("GET", f"/v2/oneliner/runs/{under_way}/events"))[0] == 200
        assert (await person.ask("GET", "/v1/agent/sessions"))[0] == 200
    assert refused == refusal

    async def has_ended() -> bool:
        return await person.status_of(under_way) == "done"

    back_seconds = await until(has_ended)
    status, after = await person.chat("after")
    assert status == 202

    async def is_done() -> bool:
        return await person.status_of(after["run_id"]) == "done"

    await until(is_done)
    assert len(model.requests) == 2, "an answer was asked for again"
    path = served.data_dir / "oneliner.db"
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    check_database(path)
    check_ended(path)
    say(
        f"{trouble.__name__}: refused with {refusal}; the run under way was done {back_seconds:.1f} s after it was over"
    )
