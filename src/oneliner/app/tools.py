"""The port to tools: what the agent can do besides talking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from oneliner.domain.errors import OneLinerError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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


class NeedsAnswer(ToolFailed):
    """The tool asks the user something before it goes on: *question*, with a JSON Schema for the answer.

    The call is made again with the answer, and with what the tool wants *kept* until then (see ``CallContext``). Where
    nobody can be asked it is a failure as any other.
    """

    code = "needs_answer"

    def __init__(self, question: str, schema: Mapping[str, object], kept: Mapping[str, object]) -> None:
        super().__init__(f"the tool asks the user, who cannot be asked here: {question}")
        self.question = question
        self.schema = schema
        self.kept = kept


@dataclass(frozen=True, slots=True)
class CallContext:
    """For whom and for which run a tool is called. ``idempotency_key`` is the same at every attempt of one call.

    ``resumed`` is there when an earlier attempt raised NeedsAnswer: ``kept``, as it was raised, and the ``answer``.
    """

    run_id: str
    session_id: str
    user_id: str
    project_id: str
    idempotency_key: str
    executor: str
    #: Networks beyond the public internet that this deployment lets its tools reach, such as ``10.1.0.0/16``.
    networks: tuple[str, ...] = ()
    resumed: Mapping[str, Any] | None = None


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
