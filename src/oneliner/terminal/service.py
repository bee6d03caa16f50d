"""The server as a process: what it prints, and what signals mean to it."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

import click
import uvicorn.loops.auto

from oneliner.app.demo_texts import PROJECT
from oneliner.terminal.banner import Banner
from oneliner.terminal.durations import spoken
from oneliner.terminal.logs import log_to_stderr
from oneliner.terminal.serving import serve_until
from oneliner.terminal.supervising import ENDED_AT_ONCE

if TYPE_CHECKING:
    import socket
    from types import FrameType

    from oneliner.settings import Settings
    from oneliner.terminal.supervised import Supervisor
    from oneliner.wiring import Application


def serve(settings: Settings, listener: socket.socket, *, opens: bool, supervisor: Supervisor | None = None) -> None:
    """Serve on *listener* until a signal says to stop, or until *supervisor* is gone; *opens*: show the page in a
    browser. Raises Invalid: the settings do not work.
    """
    with asyncio.Runner(loop_factory=uvicorn.loops.auto.auto_loop_factory()) as runner:
        log_to_stderr(settings)
        service = _Service(settings, opens=opens, supervisor=supervisor)
        runner.run(service.run(listener))


class _Service:
    def __init__(self, settings: Settings, *, opens: bool, supervisor: Supervisor | None) -> None:
        self._settings = settings
        self._opens = opens
        self._supervisor = supervisor
        self._stop = asyncio.Event()
        self._is_stopping = False
        self._banner = None if supervisor else Banner()

    async def run(self, listener: socket.socket) -> None:
        """Serve until a signal says to stop."""
        loop = asyncio.get_running_loop()

        def take(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - what a signal handler is given
            if self._is_stopping and self._supervisor is None:
                # Whoever insists gets it: what is stored stays, and leases run out by themselves.
                os._exit(ENDED_AT_ONCE)
            self._is_stopping = True
            loop.call_soon_threadsafe(self._stop.set)

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, take)
        if self._supervisor:
            self._supervisor.follow()
        if self._banner:
            self._banner.starting()
        try:
            await serve_until(self._stop, self._settings, listener, self._on_ready, self._on_stopping)
        finally:
            if self._banner:
                self._banner.settled()
        if self._banner:
            self._banner.stopped()

    async def _on_ready(self, application: Application, url: str) -> None:
        speaks = self._supervisor is None or self._supervisor.speaks
        with_link = speaks and not (self._settings.jwt_jwks_url and not self._settings.jwt_secret)
        link = await application.sign_in_link(url) if with_link else None
        facts = self._facts(application, url, link) if speaks else []
        if self._supervisor:
            self._supervisor.tell_ready(facts)
        if self._banner:
            self._banner.ready(facts)
        if self._opens and speaks:
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
        if settings.has_demo:
            facts.append(("Demo", f"{url}/#/documents?project_id={PROJECT}  (project {PROJECT!r})"))
            facts.append(("", "documents, accounts, a budget, a schedule, and runs that wait for you to confirm them"))
        if settings.tools:
            facts.append(("Tools", ", ".join(settings.tools)))
        return [*facts, ("Data", str(settings.data_dir)), ("API", f"{url}/docs")]

    def _on_stopping(self) -> None:
        if self._banner:
            self._banner.stopping(self._settings.grace_seconds)
