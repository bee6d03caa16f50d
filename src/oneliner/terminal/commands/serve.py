"""``oneliner serve``."""

from __future__ import annotations

import asyncio
import os
import signal
from importlib.metadata import version
from typing import TYPE_CHECKING

import click
import uvicorn.loops.auto
from rich.console import Console

from oneliner.terminal.durations import spoken
from oneliner.terminal.logs import log_to_stderr
from oneliner.terminal.options import load, setting_options
from oneliner.terminal.serving import listening, serve_until
from oneliner.terminal.taught import TaughtCommand

if TYPE_CHECKING:
    import socket
    from types import FrameType

    from oneliner.settings import Settings
    from oneliner.wiring import Application

_ENDED_AT_ONCE = 130


@click.command(cls=TaughtCommand)
@click.argument("modules", nargs=-1, metavar="[MODULE]...")
@click.option("--open", "opens", is_flag=True, help="Open the page in the browser, signed in.")
@setting_options(
    "host",
    "port",
    "data_dir",
    "database_url",
    "database_connections",
    "queue",
    "model",
    "model_base_url",
    "prices",
    "cors_origins",
    "jwt_jwks_url",
    "jwt_issuer",
    "jwt_audience",
    "approve_users",
    "sign_in_ttl_seconds",
    "concurrency",
    "lease_seconds",
    "sweep_seconds",
    "grace_seconds",
    "sqlite_synchronous",
    "log_level",
)
def command(modules: tuple[str, ...], opens: bool, **given: str | None) -> None:  # noqa: FBT001 - click calls it
    """Start the server: the API, the page and the agent, in one process.

    Makes its data folder and a strong secret at the first start, brings the database up to date, and prints its address
    and a one-time sign-in link. MODULE names Python modules or files with your tools.

      oneliner serve                            at http://127.0.0.1:8000, with the demo model
      oneliner serve --port 0 --open            on a free port, opened in the browser
      oneliner serve myapp.tools                with the tools of a module
      ONELINER_MODEL=openai/gpt-5-mini ONELINER_MODEL_API_KEY=… oneliner serve

    Ctrl-C or SIGTERM stops it: runs under way get --grace-seconds to finish, the rest goes on at the next start. A second
    Ctrl-C ends it at once; nothing that was accepted is lost.
    """
    settings = load(tools=modules, **given)
    with (
        listening(settings.host, settings.port) as listener,
        asyncio.Runner(loop_factory=uvicorn.loops.auto.auto_loop_factory()) as runner,
    ):
        log_to_stderr(settings.log_level)
        service = _Service(settings, opens=opens)
        runner.run(service.run(listener))


class _Service:
    """The server as a process: what it prints, and what signals mean to it."""

    def __init__(self, settings: Settings, *, opens: bool) -> None:
        self._settings = settings
        self._opens = opens
        self._stop = asyncio.Event()
        self._is_stopping = False
        self._console = Console(highlight=False, soft_wrap=True)
        self._starting = self._console.status("Starting …")

    async def run(self, listener: socket.socket) -> None:
        """Serve until a signal says to stop."""
        loop = asyncio.get_running_loop()

        def take(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - what a signal handler is given
            if self._is_stopping:
                # Whoever insists gets it: what is stored stays, and leases run out by themselves.
                os._exit(_ENDED_AT_ONCE)
            self._is_stopping = True
            loop.call_soon_threadsafe(self._stop.set)

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, take)
        self._starting.start()
        try:
            await serve_until(self._stop, self._settings, listener, self._on_ready, self._on_stopping)
        finally:
            self._starting.stop()
        self._console.print("Stopped.")

    async def _on_ready(self, application: Application, url: str) -> None:
        link = (
            None
            if self._settings.jwt_jwks_url and not self._settings.jwt_secret
            else await application.sign_in_link(url)
        )
        self._starting.stop()
        self._console.print(f"[bold]OneLiner {version('oneliner')}[/bold]\n")
        for label, text in self._facts(application, url, link):
            self._console.print(f"  {label:<9}", end="")
            self._console.print(text, markup=False)
        self._console.print("\nCtrl-C stops it.")
        if self._opens:
            await asyncio.to_thread(click.launch, link or url)

    def _facts(self, application: Application, url: str, link: str | None) -> list[tuple[str, str]]:
        settings = self._settings
        lasts = spoken(settings.sign_in_ttl_seconds)
        facts = [
            ("Address", url),
            ("Sign in", f"{link}  (once, within {lasts})" if link else "with a token of your issuer"),
            ("Model", application.model_name),
        ]
        if application.is_demo:
            facts.append(("", "the built-in demo: its answers are not a real model's. For one of those set"))
            facts.append(("", "ONELINER_MODEL and ONELINER_MODEL_API_KEY, and start again"))
        if settings.tools:
            facts.append(("Tools", ", ".join(settings.tools)))
        return [*facts, ("Data", str(settings.data_dir)), ("API", f"{url}/docs")]

    def _on_stopping(self) -> None:
        grace = spoken(self._settings.grace_seconds)
        self._console.print(f"\nStopping: runs under way get {grace} to finish. Ctrl-C again ends at once.")
