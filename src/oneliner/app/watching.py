"""The models, the tools and the couriers of a deployment, watched: each call is told to the telemetry, and nothing else
is changed.

Being the ports themselves, they stand between an execution and what it calls, so that neither knows of the watching
and none of the ways to a model or a tool can leave it out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from oneliner.app.telemetry import ModelCall, ToolUse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from oneliner.app.deliveries import Outcome, Parcel
    from oneliner.app.model import Answer, Model, Models, Question, ToolSpec
    from oneliner.app.sending import Courier
    from oneliner.app.telemetry import Telemetry
    from oneliner.app.tools import CallContext, Tools
    from oneliner.domain.permits import Arguments, CallPermit
    from oneliner.domain.usage import Price


class _WatchedModel:
    def __init__(self, model: Model, telemetry: Telemetry) -> None:
        self._model = model
        self._telemetry = telemetry

    async def answer(self, question: Question, on_text: Callable[[str], None]) -> Answer:
        call = ModelCall(question)
        with self._telemetry.asking(call):
            call.answer = await self._model.answer(question, on_text)
        return call.answer

    async def close(self) -> None:
        await self._model.close()


class WatchedModels:
    """See ``app.model.Models``."""

    def __init__(self, models: Models, telemetry: Telemetry) -> None:
        self._models = models
        self._telemetry = telemetry

    @property
    def default(self) -> str:
        """The name of the model that is used when nobody names another."""
        return self._models.default

    @property
    def fallbacks(self) -> Sequence[str]:
        """The models that are asked, in this order, when the default one is out of service."""
        return self._models.fallbacks

    @property
    def is_demo(self) -> bool:
        """Whether the default model is the built-in demo."""
        return self._models.is_demo

    def find(self, name: str) -> Model:
        """The client for *name*. Raises ModelFailure: nothing here can serve that name."""
        return _WatchedModel(self._models.find(name), self._telemetry)

    def price(self, name: str) -> Price | None:
        """What *name* costs, or None when nobody knows."""
        return self._models.price(name)

    def window(self, name: str) -> int | None:
        """How many tokens a call of *name* may send, or None when nobody knows."""
        return self._models.window(name)

    async def close(self) -> None:
        """Let go of every connection."""
        await self._models.close()


class WatchedTools:
    """See ``app.tools.Tools``."""

    def __init__(self, tools: Tools, telemetry: Telemetry) -> None:
        self._tools = tools
        self._telemetry = telemetry

    def specs(self) -> Sequence[ToolSpec]:
        """Every tool, in the order they were registered."""
        return self._tools.specs()

    def spec(self, name: str) -> ToolSpec:
        """The tool called *name*. Raises UnknownTool."""
        return self._tools.spec(name)

    def parse(self, name: str, arguments: str) -> Arguments:
        """The JSON text *arguments* as checked arguments of *name*. Raises UnknownTool, BadArguments."""
        return self._tools.parse(name, arguments)

    async def call(self, permit: CallPermit, context: CallContext) -> str:
        """What the tool that *permit* is for returns. Raises ToolFailed."""
        use = ToolUse(permit.tool, permit.arguments, context)
        with self._telemetry.calling(use):
            use.result = await self._tools.call(permit, context)
        return use.result

    async def close(self) -> None:
        """Let go of threads and connections."""
        await self._tools.close()


class WatchedCourier:
    """See ``app.sending.Courier``."""

    def __init__(self, courier: Courier, telemetry: Telemetry) -> None:
        self._courier = courier
        self._telemetry = telemetry

    async def carry(self, parcel: Parcel) -> Outcome:
        """Make one attempt."""
        outcome = await self._courier.carry(parcel)
        self._telemetry.delivered(outcome)
        return outcome
