"""Which server a command talks to: the one that is named, the one that runs on the data folder, or its own."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rich.console import Console

from oneliner.adapters.data_dir import running_server
from oneliner.domain.errors import Invalid
from oneliner.domain.user import Authority
from oneliner.terminal.own_server import own_server
from oneliner.wiring import LOCAL_USER, issue_token

if TYPE_CHECKING:
    from collections.abc import Generator

    from oneliner.settings import Settings

_TOKEN_SECONDS = 12 * 3_600


@dataclass(frozen=True, slots=True)
class Reached:
    """A server that can be talked to. *is_own*: it ends with this process."""

    url: str
    token: str
    is_own: bool = False


@contextmanager
def reached(settings: Settings, server: str | None, token: str | None, *, executes: bool) -> Generator[Reached]:
    """The server to talk to, for as long as the context lasts.

    A server of its own carries out runs only if *executes*: looking at a list must not set work going. Raises Invalid:
    a server is named without a token, or none can be started.
    """
    if server is not None:
        if token is None:
            raise Invalid(
                f"{server!r} wants a token: give --token, or set ONELINER_TOKEN. "
                "On the server's machine `oneliner token --user NAME` prints one"
            )
        yield Reached(server, token)
        return
    own_token = token or issue_token(
        settings, LOCAL_USER, authority=Authority.ADMIN, ttl_seconds=_TOKEN_SECONDS, name=""
    )
    running = running_server(settings.data_dir)
    if running is not None:
        yield Reached(running, own_token)
        return
    # Nobody waits for runs that are under way when this command ends: what it left is handed back at once.
    limits = replace(settings, grace_seconds=0.0, concurrency=settings.concurrency if executes else 0)
    starting = Console(stderr=True).status("Starting …")
    starting.start()
    try:
        with own_server(limits) as url:
            starting.stop()
            yield Reached(url, own_token, is_own=True)
    finally:
        starting.stop()
