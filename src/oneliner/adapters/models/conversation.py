"""A question in the words of the OpenAI chat format, which LiteLLM takes as well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from oneliner.domain.usage import Usage, estimate_tokens

if TYPE_CHECKING:
    from oneliner.app.model import Question, ToolSpec, Turn
    from oneliner.domain.message import AskedCall

_TOKENS_PER_TURN = 4  # role and separators, which every chat template adds


def messages(question: Question) -> list[dict[str, Any]]:
    """The turns as ``messages``."""
    return [_message(turn) for turn in question.turns]


def tools(question: Question) -> list[dict[str, Any]]:
    """The tools as ``tools``; empty when there are none."""
    return [_tool(spec) for spec in question.tools]


def estimated_usage(question: Question, output: str) -> Usage:
    """A count of our own, for a provider that sends none; *output* is text and tool calls of the answer."""
    said = [t.content + "".join(c.name + c.arguments for c in t.tool_calls) for t in question.turns]
    offered = [orjson.dumps(_tool(spec), default=str).decode() for spec in question.tools]
    tokens = sum(map(estimate_tokens, said)) + sum(map(estimate_tokens, offered))
    return Usage(
        input_tokens=tokens + _TOKENS_PER_TURN * len(said), output_tokens=estimate_tokens(output), estimated=True
    )


def _message(turn: Turn) -> dict[str, Any]:
    message: dict[str, Any] = {"role": turn.role, "content": turn.content}
    if turn.role == "tool":
        message["tool_call_id"] = turn.tool_call_id
    if turn.tool_calls:
        message["content"] = turn.content or None
        message["tool_calls"] = [_call(call) for call in turn.tool_calls]
    return message


def _call(call: AskedCall) -> dict[str, Any]:
    arguments = call.arguments if _is_object(call.arguments) else _quoted(call.arguments)
    return {"id": call.call_id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _is_object(text: str) -> bool:
    try:
        return isinstance(orjson.loads(text), dict)
    except orjson.JSONDecodeError:
        return False


def _quoted(arguments: str) -> str:
    """Arguments that are no JSON object, as one: servers parse the history and refuse the conversation otherwise."""
    return orjson.dumps({"invalid_arguments": arguments}).decode()


def _tool(spec: ToolSpec) -> dict[str, Any]:
    described = {"name": spec.name, "description": spec.description, "parameters": dict(spec.parameters)}
    return {"type": "function", "function": described}
