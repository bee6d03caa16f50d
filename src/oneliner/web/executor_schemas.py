"""Executors as the API tells of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from oneliner.app.control import NAMES
from oneliner.domain.executor import MAIN_EXECUTOR
from oneliner.web.answer_schemas import Answer

if TYPE_CHECKING:
    from oneliner.app.staff import Staff
    from oneliner.domain.executor import Executor


class ExecutorAnswer(Answer):
    """Who can carry out work. The limits are its own, for one piece of work; the rules hold besides."""

    name: Annotated[str, Field(examples=["researcher"])]
    description: str
    kind: Annotated[
        Literal["main", "agent", "function"],
        Field(
            description="The main agent, a specialist with a model, or one whose work a function of the deployment does."
        ),
    ]
    model: str
    fallbacks: list[str]
    tools: Annotated[list[str], Field(description="The tools that it has at the moment.")]
    delegates_to: Annotated[list[str], Field(description="Whom it may ask.")]
    max_steps: int | None
    max_tool_calls: int | None
    max_output_tokens: int | None


def executor_to_json(executor: Executor, staff: Staff) -> dict[str, object]:
    """*executor* with what it works with in *staff*."""
    terms, roster = staff.terms(executor.name), staff.roster
    kind = "main" if executor.name == MAIN_EXECUTOR else "function" if executor.name in roster.functions else "agent"
    return {
        "name": executor.name,
        "description": executor.description,
        "kind": kind,
        "model": terms.model,
        "fallbacks": [model for model, _ in terms.fallbacks],
        "tools": sorted(terms.names - NAMES),
        "delegates_to": [one.name for one in roster.asked_by(executor.name)],
        "max_steps": executor.max_steps,
        "max_tool_calls": executor.max_tool_calls,
        "max_output_tokens": executor.max_output_tokens,
    }
