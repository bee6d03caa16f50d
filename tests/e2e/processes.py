"""The processes of the end-to-end tests: a server to be killed, and the model that it talks to."""

from __future__ import annotations

import asyncio
import re
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cli.command_kit import COMMAND, environment

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncGenerator

    import aiohttp

ROOT = Path(__file__).parents[2]
TOOLS = Path(__file__).parent / "effect_tools.py"
START_SECONDS = 60
PIPE = asyncio.subprocess.PIPE


@asynccontextmanager
async def model_process() -> AsyncGenerator[str]:
    """A scripted model in a process of its own; its base URL."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.e2e.scripted_model", cwd=ROOT, stdin=PIPE, stdout=PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(START_SECONDS):
            url = (await process.stdout.readline()).decode().strip()
        yield url
    finally:
        process.kill()
        await process.communicate()


class Server:
    """``oneliner serve`` on one data folder, again and again. What it logs is kept in *log*."""

    def __init__(self, data_dir: Path, model_url: str, effects: Path) -> None:
        self.data_dir = data_dir
        self.log = data_dir.parent / "server.log"
        self._environment = environment(
            data_dir,
            ONELINER_MODEL="openai/scripted",
            ONELINER_MODEL_BASE_URL=model_url,
            ONELINER_MODEL_API_KEY="sk-for-tests",
            ONELINER_SWEEP_SECONDS="0.5",
            E2E_EFFECTS=str(effects),
        )
        self._process: Process | None = None
        self._url = ""
        self._up = asyncio.Event()
        #: When each life began, and when it first took requests; in milliseconds since 1970.
        self.lives: list[tuple[int, int]] = []

    @property
    def is_up(self) -> bool:
        """Whether it takes requests, as far as anybody knows."""
        return self._up.is_set()

    async def url(self) -> str:
        """Where it is, once it is there."""
        await self._up.wait()
        return self._url

    async def start(self, http: aiohttp.ClientSession) -> None:
        """Begin another life; back when it takes requests."""
        began_ms = _now_ms()
        with self.log.open("a") as log:
            self._process = await asyncio.create_subprocess_exec(
                *COMMAND,
                *("serve", "--port", "0", str(TOOLS)),
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=PIPE,
                stderr=log,
            )
        async with asyncio.timeout(START_SECONDS):
            self._url = await self._address(self._process)
            async with http.get(f"{self._url}/healthz") as answer:
                assert answer.status == 200
        self.lives.append((began_ms, _now_ms()))
        self._up.set()

    async def kill(self) -> None:
        """End it without a word."""
        self._up.clear()
        if self._process is not None:
            self._process.kill()
            await self._process.communicate()
            self._process = None

    async def _address(self, process: Process) -> str:
        assert process.stdout is not None
        async for line in process.stdout:
            if found := re.match(rb" +Address +(\S+)", line):
                return found[1].decode()
        raise AssertionError(f"the server did not start; see its log:\n{self.log.read_text()}")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
