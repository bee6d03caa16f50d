"""The port to whoever watches: metrics, traces.

A watcher is told what happens and changes nothing: it never waits, never raises, and a run goes the same way whether
anybody looks or not. What a deployment counts it derives from the events that were committed, each told by the one
process that committed it; what takes time (a request, an execution, a model call, a tool call) is a context manager
around it, given a record that is filled in on the way and read at the end.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from oneliner.app.deliveries import Outcome
    from oneliner.app.model import Answer, Question
    from oneliner.app.tools import CallContext
    from oneliner.domain.event import RunEvent
    from oneliner.domain.run import Run


@dataclass(slots=True)
class Exchange:
    """A request from outside and its answer.

    ``route`` is the path's template, empty for what no route took; ``status`` is 0 while nothing was answered.
    ``traceparent`` is the caller's (W3C Trace Context), or empty; a watcher that traces puts its own there, so that what
    the request brings about continues from it.
    """

    method: str
    path: str
    traceparent: str = ""
    route: str = ""
    status: int = 0
    is_stream: bool = False
    run_id: str = ""


@dataclass(slots=True)
class Stint:
    """What one worker does for a run from claiming it on. ``after`` is the run as it left it; None: it did not get to
    an end, because the run was taken from it or its work broke off.
    """

    run: Run
    after: Run | None = None


@dataclass(slots=True)
class ModelCall:
    """One question to a model, and the answer if one came."""

    question: Question
    answer: Answer | None = None


@dataclass(slots=True)
class ToolUse:
    """One call of a tool that exists and that the rules allow, and what it returned if it did."""

    tool: str
    arguments: Mapping[str, object]
    context: CallContext
    result: str | None = None


class Telemetry(Protocol):
    """Watches. Each context manager lets through whatever is raised within it, and reads from it how things ended."""

    def happened(self, events: Sequence[RunEvent]) -> None:
        """These events were just committed by this process."""
        ...

    def lease_lost(self) -> None:
        """This process found a run that it executes in another worker's hands."""
        ...

    def delivered(self, outcome: Outcome) -> None:
        """This came of one attempt to deliver to a webhook."""
        ...

    def answering(self, exchange: Exchange) -> AbstractContextManager[None]:
        """Around the answering of a request."""
        ...

    def executing(self, stint: Stint) -> AbstractContextManager[None]:
        """Around a stint; entered in the task that does the work."""
        ...

    def asking(self, call: ModelCall) -> AbstractContextManager[None]:
        """Around one attempt at one model call."""
        ...

    def calling(self, use: ToolUse) -> AbstractContextManager[None]:
        """Around one attempt at one tool call."""
        ...


class NoTelemetry:
    """Nobody watches."""

    def happened(self, events: Sequence[RunEvent]) -> None:
        """See :class:`Telemetry`."""

    def lease_lost(self) -> None:
        """See :class:`Telemetry`."""

    def delivered(self, outcome: Outcome) -> None:
        """See :class:`Telemetry`."""

    def answering(self, exchange: Exchange) -> AbstractContextManager[None]:  # noqa: ARG002 - the port gives it
        """See :class:`Telemetry`."""
        return nullcontext()

    def executing(self, stint: Stint) -> AbstractContextManager[None]:  # noqa: ARG002 - the port gives it
        """See :class:`Telemetry`."""
        return nullcontext()

    def asking(self, call: ModelCall) -> AbstractContextManager[None]:  # noqa: ARG002 - the port gives it
        """See :class:`Telemetry`."""
        return nullcontext()

    def calling(self, use: ToolUse) -> AbstractContextManager[None]:  # noqa: ARG002 - the port gives it
        """See :class:`Telemetry`."""
        return nullcontext()


class Several:
    """Several watchers as one; each later one works within the earlier ones."""

    def __init__(self, watchers: Sequence[Telemetry]) -> None:
        self._watchers = tuple(watchers)

    def happened(self, events: Sequence[RunEvent]) -> None:
        """See :class:`Telemetry`."""
        for watcher in self._watchers:
            watcher.happened(events)

    def lease_lost(self) -> None:
        """See :class:`Telemetry`."""
        for watcher in self._watchers:
            watcher.lease_lost()

    def delivered(self, outcome: Outcome) -> None:
        """See :class:`Telemetry`."""
        for watcher in self._watchers:
            watcher.delivered(outcome)

    def answering(self, exchange: Exchange) -> AbstractContextManager[None]:
        """See :class:`Telemetry`."""
        return _all(watcher.answering(exchange) for watcher in self._watchers)

    def executing(self, stint: Stint) -> AbstractContextManager[None]:
        """See :class:`Telemetry`."""
        return _all(watcher.executing(stint) for watcher in self._watchers)

    def asking(self, call: ModelCall) -> AbstractContextManager[None]:
        """See :class:`Telemetry`."""
        return _all(watcher.asking(call) for watcher in self._watchers)

    def calling(self, use: ToolUse) -> AbstractContextManager[None]:
        """See :class:`Telemetry`."""
        return _all(watcher.calling(use) for watcher in self._watchers)


@contextmanager
def _all(managers: Generator[AbstractContextManager[None]]) -> Generator[None]:
    with ExitStack() as stack:
        for manager in managers:
            stack.enter_context(manager)
        yield


def trace_id(traceparent: str) -> str:
    """The trace that a *traceparent* belongs to; empty for an empty one."""
    return traceparent[3:35]
