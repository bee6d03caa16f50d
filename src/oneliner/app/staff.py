"""Who can carry out work in this process, and what each of them works with.

A :class:`Staff` is made of the tools and models as they are when an execution begins, which keeps it: what comes and goes
meanwhile changes nothing for it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from oneliner.app import context, history
from oneliner.app.control import ASK_USER, MARK_STEP, delegate_spec
from oneliner.app.exchanges import RECALL
from oneliner.domain.executor import MAIN_EXECUTOR, Roster

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oneliner.app.function import ExecutorFunction
    from oneliner.app.model import Models, ToolSpec
    from oneliner.domain.executor import Executor
    from oneliner.domain.policy import EffectivePolicy
    from oneliner.domain.usage import Price


@dataclass(frozen=True)
class Terms:
    """What a piece of work needs to know of its deployment: who does it, with which model, at what price (None: nobody
    knows), and with which tools.
    """

    executor: str
    model: str
    price: Price | None
    tools: Sequence[ToolSpec]
    #: About how many tokens the tools take in a call; the same for every call.
    tools_tokens: int
    #: The models that are asked, in this order, when *model* is out of service; each with its price.
    fallbacks: tuple[tuple[str, Price | None], ...] = ()
    #: How many tokens a call may send, whichever of the models is asked.
    context_tokens: int = 48_000
    #: What the agent reads again with what it is not shown whole; offered only then.
    recall: ToolSpec | None = None
    #: The definition of a specialist; None: the main agent.
    specialist: Executor | None = None
    #: The function that does the work itself, in place of a model that is asked.
    function: ExecutorFunction | None = None

    @cached_property
    def names(self) -> frozenset[str]:
        """The names of the tools."""
        return frozenset(tool.name for tool in self.offered(recall=True))

    def offered(self, *, recall: bool) -> Sequence[ToolSpec]:
        """The tools for a call; with *recall* also the one that reads again what is not shown whole."""
        return [*self.tools, self.recall] if recall and self.recall is not None else self.tools

    def fallen_back(self, policy: EffectivePolicy) -> Terms | None:
        """The same with the next model that *policy* allows; None when there is none."""
        for n, (model, price) in enumerate(self.fallbacks, 1):
            if policy.allows_model(model):
                return replace(self, model=model, price=price, fallbacks=self.fallbacks[n:])
        return None

    def fallen_back_to(self, model: str) -> Terms:
        """The same with the fallback *model*; unchanged where that is none of them (any more)."""
        for n, (name, price) in enumerate(self.fallbacks, 1):
            if name == model:
                return replace(self, model=name, price=price, fallbacks=self.fallbacks[n:])
        return self


class Staff:
    """The executors of *roster*, with the *models* and *tools* of now; *functions* do the work of some of them."""

    def __init__(
        self,
        roster: Roster,
        models: Models,
        tools: Sequence[ToolSpec],
        functions: Mapping[str, ExecutorFunction] | None = None,
        *,
        context_tokens: int = 48_000,
    ) -> None:
        self.roster = roster
        self.tools = tools
        self._models = models
        self._functions = functions or {}
        self._context_tokens = context_tokens
        self._terms: dict[tuple[str, tuple[str, ...]], Terms] = {}

    def terms(self, executor: str, above: tuple[str, ...] = ()) -> Terms:
        """The terms of *executor* in the work of those *above* it, the run's own executor first; none: the run is its.

        Raises Invalid: nobody is called so.
        """
        key = (executor, above)
        if key not in self._terms:
            self._terms[key] = self._made(executor, above)
        return self._terms[key]

    def drafting_terms(self, executor: str) -> Terms:
        """The terms on which a plan for *executor* is drafted: its own, where it has a model that can. Raises Invalid."""
        return self.terms(MAIN_EXECUTOR if executor in self._functions else executor)

    def _made(self, executor: str, above: tuple[str, ...]) -> Terms:
        definition = self.roster.find(executor)
        steering = [ASK_USER] if above else [ASK_USER, MARK_STEP]
        asked = self.roster.asked_by(executor, above)
        if asked:
            steering.append(delegate_spec(asked))
        own = (tool for tool in self.tools if tool.name != RECALL and definition.has_tool(tool.name))
        tools = [*steering, *own]
        models = self._models
        model = definition.model or models.default
        fallbacks = definition.fallbacks if definition.model else models.fallbacks
        return Terms(
            executor=executor,
            model=model,
            price=models.price(model),
            tools=tools,
            tools_tokens=context.estimate_tools(tools),
            fallbacks=tuple((name, models.price(name)) for name in fallbacks),
            context_tokens=history.bound_tokens(models, (model, *fallbacks), self._context_tokens),
            # Of the session, which belongs to whoever carries out the run; delegated work begins with its task.
            recall=None if above else next((tool for tool in self.tools if tool.name == RECALL), None),
            specialist=None if executor == MAIN_EXECUTOR else definition,
            function=self._functions.get(executor),
        )
