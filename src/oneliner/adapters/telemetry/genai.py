"""The names of OpenTelemetry's conventions for generative AI, as far as they are used here, and how what was said is
written down in them. The conventions are in development; the names are those of 2026.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oneliner.app.model import Answer, Turn
    from oneliner.domain.message import AskedCall

OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
AGENT = "gen_ai.agent.name"
CONVERSATION = "gen_ai.conversation.id"
MODEL = "gen_ai.request.model"
MAX_TOKENS = "gen_ai.request.max_tokens"
STREAM = "gen_ai.request.stream"
FINISH_REASONS = "gen_ai.response.finish_reasons"
FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
CACHED_TOKENS = "gen_ai.usage.cache_read.input_tokens"
TOOL = "gen_ai.tool.name"
TOOL_TYPE = "gen_ai.tool.type"
CALL = "gen_ai.tool.call.id"
ERROR = "error.type"
# What was said; on no span unless the operator wants it there.
INSTRUCTIONS = "gen_ai.system_instructions"
INPUT = "gen_ai.input.messages"
OUTPUT = "gen_ai.output.messages"
ARGUMENTS = "gen_ai.tool.call.arguments"
RESULT = "gen_ai.tool.call.result"

#: Providers that the conventions call otherwise than the names of models do; any other goes by its own name.
_PROVIDERS: Mapping[str, str] = {
    "azure": "azure.ai.openai",
    "azure_ai": "azure.ai.inference",
    "bedrock": "aws.bedrock",
    "gemini": "gcp.gemini",
    "mistral": "mistral_ai",
    "moonshot": "moonshot_ai",
    "vertex_ai": "gcp.vertex_ai",
    "watsonx": "ibm.watsonx.ai",
    "xai": "x_ai",
}


def provider_of(model: str) -> str:
    """The provider of a model that is named as in ``openai/gpt-5-mini``."""
    prefix = model.partition("/")[0]
    return _PROVIDERS.get(prefix, prefix)


def as_json(value: object) -> str:
    """*value* as JSON text; what JSON has no form for, as its text."""
    return json.dumps(value, ensure_ascii=False, default=str)


def instructions(turns: Sequence[Turn]) -> str:
    """The system's part of a conversation."""
    return as_json([{"type": "text", "content": turn.content} for turn in turns if turn.role == "system"])


def messages(turns: Sequence[Turn]) -> str:
    """The rest of a conversation."""
    return as_json([_message(turn) for turn in turns if turn.role != "system"])


def answered(answer: Answer) -> str:
    """What the model said."""
    parts = [*_text(answer.text), *map(_call, answer.tool_calls)]
    return as_json([{"role": "assistant", "parts": parts, "finish_reason": answer.finish_reason}])


def _message(turn: Turn) -> Mapping[str, Any]:
    if turn.role == "tool":
        parts = [{"type": "tool_call_response", "id": turn.tool_call_id, "response": turn.content}]
    else:
        parts = [*_text(turn.content), *map(_call, turn.tool_calls)]
    return {"role": turn.role, "parts": parts}


def _text(text: str) -> list[dict[str, str]]:
    return [{"type": "text", "content": text}] if text else []


def _call(call: AskedCall) -> dict[str, str]:
    return {"type": "tool_call", "id": call.call_id, "name": call.name, "arguments": call.arguments}
