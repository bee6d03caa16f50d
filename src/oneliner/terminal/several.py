"""One server as several processes that accept from one socket.

They share nothing but the database and the bus, as servers on several machines do. The first to start is the one that
people hear of; all of them are the same.
"""

from __future__ import annotations

import asyncio
import logging
import os
from typing import TYPE_CHECKING

from oneliner.terminal.banner import Banner
from oneliner.terminal.logs import log_to_stderr
from oneliner.terminal.supervising import Program, Supervision, shared_figures

if TYPE_CHECKING:
    import socket

    from oneliner.settings import Settings
    from oneliner.terminal.supervising import Facts

log = logging.getLogger("oneliner.processes")


def serve_with_several(settings: Settings, listener: socket.socket, *, opens: bool) -> int:
    """Serve on *listener* with as many processes as the settings say, until a signal says to stop; the exit code."""
    log_to_stderr(settings)
    arguments = ("serve", *(("--open",) if opens else ()))
    with shared_figures() as figures:
        environment = {**os.environ, **settings.as_variables(), **figures}
        programs = [Program(f"server-{n + 1}", arguments, environment, listener) for n in range(settings.workers)]
        return asyncio.run(Supervision(programs, _Teller(settings)).run())


class _Teller:
    """See ``supervising.Audience``."""

    takes_lines = False

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._banner = Banner()
        self._banner.starting()

    def ready(self, facts: Facts) -> None:
        self._banner.ready([*facts, ("Workers", f"{self._settings.workers} processes")])

    def line(self, name: str, text: str) -> None:
        raise AssertionError(f"{name} writes for itself: {text!r}")

    def died(self, name: str, how: str, again_in_seconds: float) -> None:
        facts = {"process_name": name, "how": how, "again_in_seconds": again_in_seconds}
        log.error("process.died", extra=facts)

    def stopping(self) -> None:
        self._banner.settled()
        self._banner.stopping(self._settings.grace_seconds)

    def ended(self, *, stopped: bool) -> None:
        self._banner.settled()
        if stopped:
            self._banner.stopped()
