"""Pydantic AI agents inside a durable run: its models and tools are asked through the context of an executor.

``durable_model`` stands in for the agent's model and ``durable_tools`` gives it the tools of the executor; so what the
agent does goes by the rules, is on the bill, waits for approvals, and after a crash is given to it again instead of being
done again. Tools of the agent's own run as they are, once more after each crash: wrap what must not be repeated in
``ExecutorContext.step``, or make it a tool of the deployment. Needs the extra ``pydantic-ai``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic_ai import Tool
from pydantic_ai.exceptions import UserError
from pydantic_ai.messages import (
    ModelResponse,
    RetryFeedbackPart,
    SystemPromptPart,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models.function import FunctionModel
from pydantic_ai.toolsets import FunctionToolset
from pydantic_ai.usage import RequestUsage

from oneliner.app.model import ToolSpec, Turn
from oneliner.app.tools import ToolFailed
from oneliner.domain.message import AskedCall

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from pydantic_ai.messages import ModelMessage
    from pydantic_ai.models.function import AgentInfo

    from oneliner.app.function import ExecutorContext
    from oneliner.app.model import Answer

__all__ = ["durable_model", "durable_tools"]


def durable_model(context: ExecutorContext) -> FunctionModel:
    """The model of the executor, for ``agent.run(…, model=durable_model(context))``."""

    async def ask(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        turns = [turn for message in messages for turn in _turns(message)]
        if info.instructions:
            turns.insert(0, Turn("system", info.instructions))
        tools = [
            ToolSpec(tool.name, tool.description or "", tool.parameters_json_schema)
            for tool in (*info.function_tools, *info.output_tools)
        ]
        return _response(await context.ask_model(turns, tools=tools))

    return FunctionModel(ask, model_name=context.executor)


def durable_tools(context: ExecutorContext) -> FunctionToolset[Any]:
    """The tools of the executor, for ``agent.run(…, toolsets=[durable_tools(context)])``. What a tool refuses or fails
    with is told to the model.
    """
    return FunctionToolset([_tool(context, spec) for spec in context.tools])


def _tool(context: ExecutorContext, spec: ToolSpec) -> Tool[Any]:
    return Tool.from_schema(
        _caller(context, spec.name), spec.name, spec.description, dict(spec.parameters), sequential=True
    )


def _caller(context: ExecutorContext, name: str) -> Callable[..., Awaitable[str]]:
    async def call(**arguments: Any) -> str:
        try:
            return await context.call_tool(name, arguments)
        except ToolFailed as failed:
            return failed.message

    return call


def _turns(message: ModelMessage) -> Iterable[Turn]:
    """*message* as turns. Raises UserError: something in it is not text."""
    if isinstance(message, ModelResponse):
        calls = tuple(AskedCall(c.tool_call_id, c.tool_name, c.args_as_json_str()) for c in message.tool_calls)
        yield Turn("assistant", message.text or "", calls)
        return
    for part in message.parts:
        yield _turn(part)


def _turn(part: object) -> Turn:
    match part:
        case SystemPromptPart(content=content):
            return Turn("system", content)
        case UserPromptPart(content=str(content)):
            return Turn("user", content)
        case ToolReturnPart():
            return Turn("tool", part.model_response_str(), (), part.tool_call_id)
        case RetryFeedbackPart():
            return Turn("user", part.model_response())
        case _:
            raise UserError(f"an executor's model takes text, and no {type(part).__name__} with other content")


def _response(answer: Answer) -> ModelResponse:
    parts: list[TextPart | ToolCallPart] = [TextPart(answer.text)] if answer.text else []
    parts += [ToolCallPart(call.name, call.arguments, call.call_id) for call in answer.tool_calls]
    usage = RequestUsage(
        input_tokens=answer.usage.input_tokens,
        output_tokens=answer.usage.output_tokens,
        cache_read_tokens=answer.usage.cached_tokens,
    )
    return ModelResponse(parts, usage=usage)
