"""The port to a language model: one question, one answer, text as it comes.

Owns the shapes that the executor and the model adapters share. It knows no provider, no HTTP and no price.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from oneliner.domain.message import AskedCall
    from oneliner.domain.permits import ModelPermit
    from oneliner.domain.usage import Price, Usage


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of the conversation as the model is shown it. ``role``: system, user, assistant or tool."""

    role: str
    content: str
    tool_calls: tuple[AskedCall, ...] = ()
    tool_call_id: str = ""


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """What a model and the rules are told about a tool. ``parameters`` is a JSON Schema of type object.

    ``read_only``: it changes nothing. ``idempotent``: a second call with the same idempotency key has no second
    effect. A tool that is neither is never run twice by itself.
    """

    name: str
    description: str
    parameters: Mapping[str, object]
    read_only: bool = False
    idempotent: bool = False
    timeout_seconds: float = 60.0

    @property
    def repeatable(self) -> bool:
        """Whether a call whose outcome is unknown may be run again."""
        return self.read_only or self.idempotent


@dataclass(frozen=True, slots=True)
class Question:
    """One call of a model, which *permit* names: a LiteLLM-style name such as ``openai/gpt-5-mini``."""

    permit: ModelPermit
    turns: Sequence[Turn]
    tools: Sequence[ToolSpec] = ()
    max_output_tokens: int | None = None
    total_seconds: float = 600.0

    @property
    def model(self) -> str:
        """The model that is asked."""
        return self.permit.model


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model said, whole. ``finish_reason``: stop, tool_calls, length or content_filter.

    ``first_content_seconds`` passed from the question to the first piece of text or of a tool call; None: unknown.
    """

    text: str
    tool_calls: tuple[AskedCall, ...]
    finish_reason: str
    usage: Usage
    first_content_seconds: float | None = None


class Model(Protocol):
    """Something that answers questions."""

    async def answer(self, question: Question, on_text: Callable[[str], None]) -> Answer:
        """The whole answer; *on_text* gets each piece of text as it arrives (cleaned, never empty).

        Makes exactly one attempt: retrying is the executor's, so that it is visible and counted. Raises ModelFailure:
        no usable answer, also when the stream ended without a finish reason or a limit on first token, silence, total
        time or size was met. Cancelling the task closes the connection.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class Models(Protocol):
    """The models of this deployment."""

    @property
    def default(self) -> str:
        """The name of the model that is used when nobody names another."""
        ...

    @property
    def fallbacks(self) -> Sequence[str]:
        """The models that are asked, in this order, when the default one is out of service."""
        ...

    @property
    def is_demo(self) -> bool:
        """Whether the default model is the built-in demo."""
        ...

    def find(self, name: str) -> Model:
        """The client for *name*. Raises ModelFailure (kind ``rejected``): nothing here can serve that name."""
        ...

    def price(self, name: str) -> Price | None:
        """What *name* costs, or None when nobody knows."""
        ...

    def window(self, name: str) -> int | None:
        """How many tokens a call of *name* may send, or None when nobody knows."""
        ...

    async def close(self) -> None:
        """Let go of every connection."""
        ...
