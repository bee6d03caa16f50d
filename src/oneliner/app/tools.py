"""The port to tools: what the agent can do besides talking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from oneliner.domain.errors import OneLinerError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oneliner.app.model import ToolSpec
    from oneliner.domain.permits import Arguments, CallPermit


class ToolFailed(OneLinerError):
    """The tool was called and did not succeed; the message is for the model and the user."""

    code = "tool_failed"


class UnknownTool(ToolFailed):
    """No tool of that name is registered."""

    code = "unknown_tool"


class BadArguments(ToolFailed):
    """The arguments are no JSON object or do not fit the tool's schema; nothing was called."""

    code = "bad_arguments"


class OutcomeUnknown(ToolFailed):
    """The tool was called, what came of it was lost, and it is none that may be called again: only a person can say."""

    code = "outcome_unknown"


@dataclass(frozen=True, slots=True)
class CallContext:
    """For whom and for which run a tool is called. ``idempotency_key`` is the same at every attempt of one call."""

    run_id: str
    session_id: str
    user_id: str
    project_id: str
    idempotency_key: str
    executor: str
    #: Networks beyond the public internet that this deployment lets its tools reach, such as ``10.1.0.0/16``.
    networks: tuple[str, ...] = ()


class Tools(Protocol):
    """The tools of this deployment."""

    def specs(self) -> Sequence[ToolSpec]:
        """Every tool, in the order they were registered."""
        ...

    def spec(self, name: str) -> ToolSpec:
        """The tool called *name*. Raises UnknownTool: there is none."""
        ...

    def parse(self, name: str, arguments: str) -> Arguments:
        """The JSON text *arguments* as checked arguments of *name*. Raises UnknownTool, BadArguments."""
        ...

    async def call(self, permit: CallPermit, context: CallContext) -> str:
        """What the tool that *permit* is for returns, as text for the model, within its time limit. Raises ToolFailed:
        it did not succeed (it raised, ran out of time, returned too much).
        """
        ...

    async def close(self) -> None:
        """Let go of threads and connections."""
        ...
