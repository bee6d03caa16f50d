"""What every log line of a piece of work carries: which request, run, session, user and trace it belongs to.

Bound once, where the work begins; whoever writes a line below that need not know. A task or a thread that is started
inherits the fields; a run does not keep those of the request or the run that happened to wake it, because its execution
begins with :func:`only`.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

_EMPTY: Mapping[str, str] = {}
_fields: ContextVar[Mapping[str, str]] = ContextVar("oneliner_log_fields", default=_EMPTY)


def current() -> Mapping[str, str]:
    """The fields of the work under way; empty outside of any."""
    return _fields.get()


@contextmanager
def only(**fields: str) -> Generator[None]:
    """Have lines from here on carry *fields*, those that are not empty, and nothing that was bound before."""
    token = _fields.set({name: value for name, value in fields.items() if value})
    try:
        yield
    finally:
        _fields.reset(token)


def add(name: str, value: str) -> None:
    """Have the lines of the work under way carry one field more, until the work ends."""
    _fields.set({**_fields.get(), name: value})
