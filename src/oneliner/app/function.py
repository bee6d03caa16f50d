"""Executors that are functions: one async function does the work itself, inside a durable run.

The function gets an :class:`ExecutorContext`, through which it asks models, calls tools and asks the user: by the rules,
on the bill, and stored. When its worker is lost, or the run has waited for a person, the function begins again from its
top and gets what it was given before, in the same order, without anything being done again. So it has to ask for the same
things in the same order each time; where it does not, the run fails with ``executor_diverged`` and nothing is done.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from oneliner.app.tools import ToolFailed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oneliner.app.model import Answer, ToolSpec, Turn
    from oneliner.domain.plan import Plan


class ToolDenied(ToolFailed):
    """The rules or a person did not allow the call; nothing was done."""

    code = "tool_denied"


class ExecutorContext(Protocol):
    """What the function of an executor is given: what it is to do, and the only ways to do something.

    What it asks for is carried out one after another, also where it asks for several things at once.
    """

    @property
    def run_id(self) -> str:
        """The run."""
        ...

    @property
    def session_id(self) -> str:
        """The session of the run."""
        ...

    @property
    def user_id(self) -> str:
        """Whose run it is."""
        ...

    @property
    def project_id(self) -> str:
        """The project of the run; empty where it has none."""
        ...

    @property
    def executor(self) -> str:
        """The name under which the function works."""
        ...

    @property
    def task(self) -> str:
        """What is to be done: what the user said, or what the executor that delegates to this one wrote."""
        ...

    @property
    def plan(self) -> Plan | None:
        """The plan as it was when the function began; None in work that was delegated."""
        ...

    @property
    def tools(self) -> Sequence[ToolSpec]:
        """The tools that may be called."""
        ...

    async def conversation(self) -> Sequence[Turn]:
        """What was said in the session until this run, and the task last."""
        ...

    async def ask_model(self, turns: Sequence[Turn] | str, *, tools: Sequence[ToolSpec] = ()) -> Answer:
        """The answer of the executor's model to *turns*. *tools* is what the model is told it may ask for; to call them
        is the function's to do. Where no answer is to be had, the work ends.
        """
        ...

    async def call_tool(self, name: str, arguments: Mapping[str, object]) -> str:
        """What the tool *name* returns. Waits for a person where a rule says so. Raises ToolDenied: it may not be called;
        ToolFailed: there is none, the arguments do not fit, or it did not succeed.
        """
        ...

    async def delegate(self, executor: str, task: str) -> str:
        """What another executor answers to *task*. Raises ToolDenied, ToolFailed."""
        ...

    async def ask_user(self, question: str, schema: Mapping[str, object] | None = None) -> Any:
        """The user's answer, which fits the JSON Schema *schema* (left out: ``{"answer": text}``); the run waits for it.
        Raises ToolFailed: that is no schema for a form.
        """
        ...

    async def report_step(self, step_id: str, status: str, note: str = "") -> None:
        """Report a step of the plan as ``done`` or ``skipped``. Raises ToolFailed: the plan has no such step."""
        ...

    async def step(self, key: str, function: Callable[[], Awaitable[Any]]) -> Any:
        """What *function* returns, a JSON value, kept: it is called again only when its worker was lost before it had
        returned. It must not use this context itself. What it raises passes through and is not kept.
        """
        ...

    async def say(self, text: str) -> None:
        """Tell the user what is going on, in one line."""
        ...


ExecutorFunction: TypeAlias = Callable[[ExecutorContext], Awaitable[str]]
