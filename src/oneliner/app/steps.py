"""What an execution does next, as values: a checkpoint ends in one of them, and the execution carries it out.

Each names the :class:`Work` it is part of: what the run's own executor does, or a task that was delegated to another.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oneliner.app.history import Fold
    from oneliner.app.model import ToolSpec, Turn
    from oneliner.app.staff import Terms
    from oneliner.domain.budget import Held
    from oneliner.domain.message import ToolCall
    from oneliner.domain.permits import CallPermit, ModelPermit
    from oneliner.domain.policy import EffectivePolicy


@dataclass(frozen=True, slots=True)
class Assignment:
    """A task that was delegated: by which call, and with the permit to ask that executor for it."""

    call: ToolCall
    permit: CallPermit

    @property
    def executor(self) -> str:
        """Who is asked."""
        return str(self.permit.arguments["executor"])

    @property
    def task(self) -> str:
        """What is asked of it."""
        return str(self.permit.arguments["task"])


@dataclass(frozen=True, slots=True)
class Work:
    """A piece of work: the run itself, or a task that was delegated in the work *above* it.

    ``scope`` marks the rows of its conversation: nothing for the conversation of the run, else the id of the call that
    delegated it. What a function does for a run of its own is no conversation with the user; its scope is the run's id.
    """

    terms: Terms
    scope: str = ""
    assignment: Assignment | None = None
    above: Work | None = None

    @property
    def line(self) -> tuple[str, ...]:
        """The executors of the work above it and of this, the run's own first."""
        return (*(self.above.line if self.above else ()), self.terms.executor)

    def with_terms(self, terms: Terms) -> Work:
        """The same on other terms."""
        return replace(self, terms=terms)


@dataclass(frozen=True, slots=True)
class Ask:
    """Next: call the model that *permit* names. The message for its answer is begun, at *position* of its session.

    *place* is that of the question in the work of a function, whose own *tools* the model is told of.
    """

    permit: ModelPermit
    message_id: str
    position: int
    turns: Sequence[Turn]
    policy: EffectivePolicy
    estimated_input: int
    work: Work
    tools: Sequence[ToolSpec]
    reminder: str = ""
    held: Held | None = None
    place: str = ""


@dataclass(frozen=True, slots=True)
class Summarise:
    """Next: have the model that *permit* names summarise what *fold* says; then ask it, with *reminder*."""

    permit: ModelPermit
    message_id: str
    fold: Fold
    policy: EffectivePolicy
    work: Work
    reminder: str = ""
    held: Held | None = None


@dataclass(frozen=True, slots=True)
class Carry:
    """Next: carry out these tool calls, which *policy* allows. Their intent is stored. *approved* has, for each that a
    rule asks for, the hash of the arguments that a person has approved.
    """

    calls: Sequence[ToolCall]
    policy: EffectivePolicy
    approved: Mapping[str, str]
    work: Work


@dataclass(frozen=True, slots=True)
class Perform:
    """Next: let the function of *work* go on; where it is not at work, from its beginning."""

    work: Work


@dataclass(frozen=True, slots=True)
class Stop:
    """Next: nothing. The run has ended, or waits for a person."""


Next = Ask | Summarise | Carry | Perform | Stop
