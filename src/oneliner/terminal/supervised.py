"""A process that another one of this product started and watches over: what the two tell each other.

Between them is a pair of sockets. The process says over it that it is ready; when the other side ends without a word,
the process stops by itself, so that none is left behind that nobody watches.
"""

from __future__ import annotations

import json
import os
import signal
import socket
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

VARIABLE = "ONELINER_SUPERVISOR"


@dataclass(frozen=True, slots=True)
class Supervisor:
    """Who started this process, as the process sees it.

    *listener* is a bound socket to serve on, *speaks* whether this process is the one whose facts are shown to people.
    """

    line: socket.socket
    listener: socket.socket | None
    speaks: bool

    def follow(self) -> None:
        """Have this process stopped as soon as its supervisor is gone."""
        Thread(target=self._stop_at_its_end, name="oneliner-supervisor", daemon=True).start()

    def tell_ready(self, facts: Sequence[tuple[str, str]] = ()) -> None:
        """Say that work is taken, with the *facts* that people are shown, each a label and a text."""
        try:
            self.line.sendall(json.dumps(facts).encode() + b"\n")
        except OSError:
            # It is gone; the thread that listens for that stops this process.
            return

    def _stop_at_its_end(self) -> None:
        with suppress(OSError):
            self.line.recv(1)
        os.kill(os.getpid(), signal.SIGTERM)


def supervisor() -> Supervisor | None:
    """Who started this process; None when nobody watches over it. Asked once: what this process starts is its own."""
    given = os.environ.pop(VARIABLE, "")
    if not given:
        return None
    told = json.loads(given)
    listener = told["listener"]
    return Supervisor(
        line=socket.socket(fileno=told["line"]),
        listener=None if listener is None else socket.socket(fileno=listener),
        speaks=told["speaks"],
    )


def variable_for(line: socket.socket, listener: socket.socket | None, *, speaks: bool) -> str:
    """The value of :data:`VARIABLE` for a process that inherits *line* and *listener*."""
    return json.dumps(
        {"line": line.fileno(), "listener": None if listener is None else listener.fileno(), "speaks": speaks}
    )
