"""Servers and workers started together by ``oneliner up --distributed``."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.cli.command_kit import COMMAND, READY, environment
from tests.distributed.conftest import Client, Deployment, end

from oneliner.testing import Held, Reply

if TYPE_CHECKING:
    from pathlib import Path

    import aiohttp


class Up:
    """The command, with what it has written so far."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self._log = log

    @property
    def said(self) -> str:
        return self._log.read_text()

    @property
    def url(self) -> str:
        found = re.search(r"^ +Address +(\S+)", self.said, re.MULTILINE)
        assert found, self.said
        return found[1]

    async def until(self, pattern: str, times: int = 1) -> list[str]:
        """What *pattern* finds, once it is there so often."""
        async with asyncio.timeout(60):
            while len(found := re.findall(pattern, self.said, re.MULTILINE)) < times:
                assert self.process.poll() is None, self.said
                await asyncio.sleep(0.05)
        return found


@pytest.fixture
async def up(deployment: Deployment) -> Up:
    """One server and two workers, ready."""
    log = deployment.folder / "up.log"
    with log.open("wb") as out:
        process = subprocess.Popen(  # noqa: ASYNC220 - starting it takes a moment, waiting for it does not block
            [*COMMAND, "up", "--distributed", "--port", "0"],
            env=environment(deployment.folder / "up" / "data", **deployment.variables, ONELINER_GRACE_SECONDS="30"),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    deployment.stack.callback(end, process)
    started = Up(process, log)
    await started.until(re.escape(READY))
    await started.until("worker.ready", times=2)
    return started


async def test_a_run_goes_through_and_every_line_says_whose_it_is(up: Up, http: aiohttp.ClientSession) -> None:
    client = Client(http, up.url)
    run = await client.chat("hello")
    assert (await client.frames(run["run_id"]))[-1]["type"] == "run.completed"
    assert up.said.count("#code=") == 1
    assert re.search(r"^worker-1 +│ .*worker\.ready", up.said, re.MULTILINE)
    assert re.search(r"^worker-2 +│ .*worker\.ready", up.said, re.MULTILINE)


async def test_a_process_that_crashes_is_told_of_and_started_again(up: Up, http: aiohttp.ClientSession) -> None:
    pids = subprocess.run(  # noqa: ASYNC221 - a moment
        ["ps", "-o", "pid=,args=", "--ppid", str(up.process.pid)], capture_output=True, text=True, check=True
    ).stdout
    victim = next(int(line.split()[0]) for line in pids.splitlines() if "worker-2" in line)
    os.kill(victim, signal.SIGKILL)
    await up.until(r"^worker-2 +│ was ended by a signal .*started again")
    await up.until(r"^worker-2 +│ .*worker\.ready", times=2)
    client = Client(http, up.url)
    run = await client.chat("hello")
    assert (await client.frames(run["run_id"]))[-1]["type"] == "run.completed"


async def test_ctrl_c_lets_runs_finish_while_they_are_watched(
    deployment: Deployment, up: Up, http: aiohttp.ClientSession
) -> None:
    gate = asyncio.Event()
    deployment.model.script(Held(gate, Reply("It took a while."), after_chunks=1))
    client = Client(http, up.url)
    run = await client.chat("hello")
    watching = asyncio.ensure_future(client.frames(run["run_id"]))
    await deployment.model.until(lambda: bool(deployment.model.requests))
    up.process.send_signal(signal.SIGINT)
    await up.until("Stopping")
    gate.set()
    # The servers are stopped after the workers, so whoever watches sees the end.
    assert (await watching)[-1]["type"] == "run.completed"
    assert await asyncio.to_thread(up.process.wait, 60) == 0
    assert up.said.rstrip().endswith("Stopped.")
