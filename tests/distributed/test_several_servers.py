"""``oneliner serve --workers``: several processes behind one port, as one command."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from tests.cli.command_kit import oneliner
from tests.distributed.conftest import Client, Deployment

from oneliner.testing import Held, Reply

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import aiohttp
    from tests.cli.command_kit import Served


@pytest.fixture
async def several(deployment: Deployment) -> Served:
    deployment.variables["ONELINER_BROKER_URL"] = ""
    return await deployment.serve(ONELINER_WORKERS="3")


def children(served: Served) -> set[int]:
    command = ["ps", "-o", "pid=", "--ppid", str(served.process.pid)]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return {int(pid) for pid in said.split()} - {0}


async def until(condition: Callable[[], bool], within_seconds: float = 60) -> None:
    async with asyncio.timeout(within_seconds):
        while not condition():  # noqa: ASYNC110 - what happens in other processes sets no event here
            await asyncio.sleep(0.05)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def takes_connections(served: Served) -> bool:
    parts = urlsplit(served.url)
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=1):
            return True
    except OSError:
        return False


async def test_they_print_one_link_and_every_run_streams_whichever_process_is_asked(
    several: Served, http: aiohttp.ClientSession
) -> None:
    assert several.printed.count("#code=") == 1
    client = Client(http, several.url)
    runs = await asyncio.gather(*[client.chat(f"number {n}") for n in range(12)])
    for frames in await asyncio.gather(*[client.frames(run["run_id"]) for run in runs]):
        assert frames[-1]["type"] == "run.completed"


async def test_one_that_is_killed_is_replaced(several: Served, http: aiohttp.ClientSession) -> None:
    await until(lambda: len(children(several)) == 3)
    before = children(several)
    killed = min(before)
    os.kill(killed, signal.SIGKILL)
    await until(lambda: len(children(several) - before) == 1 and len(children(several)) == 3)
    run = await Client(http, several.url).chat("hello")
    assert (await Client(http, several.url).frames(run["run_id"]))[-1]["type"] == "run.completed"


async def test_the_end_signal_lets_the_runs_of_all_of_them_finish(
    deployment: Deployment, several: Served, http: aiohttp.ClientSession
) -> None:
    await until(lambda: len(children(several)) == 3)
    gate = asyncio.Event()
    deployment.model.script(*[Held(gate, Reply("It took a while."), after_chunks=1) for _ in range(9)])
    client = Client(http, several.url)
    runs = [await client.chat(f"number {n}") for n in range(9)]
    await deployment.model.until(lambda: len(deployment.model.requests) == 9)
    several.process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(several.out.readline) == "\n"
    assert "Stopping" in await asyncio.to_thread(several.out.readline)
    gate.set()
    assert await asyncio.to_thread(several.process.wait, 60) == 0
    assert not takes_connections(several)
    again = Client(http, (await deployment.serve()).url)
    for run in runs:
        told = [frame["type"] for frame in await again.frames(run["run_id"])]
        assert told[-1] == "run.completed"
        assert "run.recovered" not in told


async def test_without_the_process_that_watches_over_them_they_end_too(several: Served) -> None:
    await until(lambda: len(children(several)) == 3)
    orphans = children(several)
    several.process.kill()
    await until(lambda: not any(is_alive(pid) for pid in orphans))
    assert not takes_connections(several)


def test_they_are_refused_on_sqlite_and_without_redis(tmp_path: Path, postgres_url: str) -> None:
    on_sqlite = oneliner("serve", "--port", "0", "--workers", "2", data_dir=tmp_path / "data")
    alone = oneliner(
        *("serve", "--port", "0", "--workers", "2"), data_dir=tmp_path / "data", ONELINER_DATABASE_URL=postgres_url
    )
    assert (on_sqlite.returncode, alone.returncode) == (2, 2)
    assert "needs ONELINER_DATABASE_URL" in on_sqlite.stderr
    assert "needs ONELINER_REDIS_URL" in alone.stderr
    assert not (tmp_path / "data").exists()


def test_when_the_first_cannot_start_the_command_says_why_and_ends(tmp_path: Path) -> None:
    refused = oneliner(
        *("serve", "--port", "0", "--workers", "2"),
        data_dir=tmp_path / "data",
        ONELINER_DATABASE_URL="postgresql+asyncpg://nobody@127.0.0.1:1/none",
        ONELINER_REDIS_URL="redis://127.0.0.1:1/0",
    )
    assert refused.returncode == 1
    assert "the database cannot be reached" in refused.stderr
    assert "Stopped" not in refused.stdout
