"""The example of a host page as a process of its own, on another origin than OneLiner."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tests.browser.stage import ROOT, Server, Stage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from playwright.async_api import Browser

    from oneliner.testing import ModelServer

SECRET = "a secret that the host and the agent share, 48 bytes long"


@asynccontextmanager
async def hosted(
    browser: Browser, data_dir: Path, models: ModelServer, *modules: str
) -> AsyncGenerator[tuple[Stage, str]]:
    """A stage, and the address of a host page beside it; checked at its end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    host_url = f"http://127.0.0.1:{port}"
    shared = {"ONELINER_CORS_ORIGINS": host_url, "ONELINER_JWT_SECRET": SECRET}
    async with Server(data_dir, models, *modules, variables=shared) as server:
        variables = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "ONELINER_URL": server.url, **shared}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "uvicorn",
            "tests.browser.plain_page:app",
            "--port",
            str(port),
            "--log-level",
            "error",
            env=variables,
        )
        try:
            await _until_listening(port)
            stage = Stage(browser, server)
            yield stage, host_url
            await stage.check()
        finally:
            process.send_signal(signal.SIGKILL)
            await process.wait()


async def _until_listening(port: int) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return
