"""The OpenAI chat-completions wire format, from the serving side.

Owns how a request is read and how an answer becomes bytes, streamed or whole, and how tokens are counted for it. It
knows no HTTP server and decides no answer: the demo model and the test kit's scripted server both do that with it.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

import orjson

from oneliner.domain.usage import Usage, estimate_tokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

DONE = b"data: [DONE]\n\n"
_TOKENS_PER_MESSAGE = 3
_ARGUMENT_CHARS_PER_CHUNK = 12
# About what a tokeniser makes of text: one or two wide characters, or up to twelve others with the space before them.
_PIECE = re.compile(r"\s*(?:[\u2e80-\uffff]{1,2}|[^\s\u2e80-\uffff]{1,12})|\s+")


class BadRequest(ValueError):
    """The body is no chat-completions request; the message says why."""


@dataclass(frozen=True, slots=True)
class OfferedTool:
    """A tool as the request describes it. ``parameters`` is its JSON Schema."""

    name: str
    parameters: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came in. ``messages`` and ``body`` are the JSON as sent; ``headers`` have lower-case names."""

    model: str
    messages: tuple[Mapping[str, object], ...]
    tools: tuple[OfferedTool, ...]
    stream: bool
    include_usage: bool
    body: Mapping[str, object]
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def api_key(self) -> str:
        """The bearer token that was sent, or an empty string."""
        return self.headers.get("authorization", "").removeprefix("Bearer ")

    @property
    def system_text(self) -> str:
        """Every system and developer message, joined."""
        return "\n".join(text_of(m) for m in self.messages if m.get("role") in ("system", "developer"))

    @property
    def last_user_text(self) -> str:
        """What the user said last, or an empty string."""
        return next((text_of(m) for m in reversed(self.messages) if m.get("role") == "user"), "")


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call to answer with. ``arguments`` as text are sent as they are, JSON or not; an empty ``id`` is filled."""

    name: str
    arguments: Mapping[str, object] | str = field(default_factory=dict[str, object])
    id: str = ""

    @property
    def arguments_text(self) -> str:
        """The arguments as they go over the wire."""
        return self.arguments if isinstance(self.arguments, str) else encode(self.arguments).decode()


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer to give.

    ``usage``: (input, output, cached) tokens, or None to have them counted; ``sends_usage``: whether the answer tells.
    ``chunk_chars``: characters per streamed chunk, or None for about a token each. ``delay_seconds``: before each
    chunk. An empty ``finish_reason`` follows from the tool calls.
    """

    text: str = ""
    tool_calls: Sequence[Call] = ()
    usage: tuple[int, int, int] | None = None
    sends_usage: bool = True
    chunk_chars: int | None = None
    delay_seconds: float = 0.0
    finish_reason: str = ""


class Piece(NamedTuple):
    """One streamed chunk: its bytes on the wire and the characters of the answer in it (text, name or arguments)."""

    data: bytes
    text: str


def read_request(raw: bytes, headers: Mapping[str, str]) -> Request:
    """*raw* as a request. Raises BadRequest: it is no JSON object with a model and a list of messages."""
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"the body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise BadRequest("the body is not a JSON object")
    model, messages = body.get("model"), body.get("messages")
    if not isinstance(model, str) or not model:
        raise BadRequest("you must provide a model parameter")
    if not isinstance(messages, list) or not messages or not all(isinstance(m, dict) for m in messages):
        raise BadRequest("'messages' must be a list of objects, at least one")
    options = body.get("stream_options")
    return Request(
        model=model,
        messages=tuple(messages),
        tools=tuple(_offered_tools(body.get("tools"))),
        stream=body.get("stream") is True,
        include_usage=isinstance(options, dict) and options.get("include_usage") is True,
        body=body,
        headers={name.lower(): value for name, value in headers.items()},
    )


def text_of(message: Mapping[str, object]) -> str:
    """The text of a request's message, whether its content is a string or a list of parts."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    return "".join(str(part.get("text") or "") for part in content if isinstance(part, dict))


def calls_of(message: Mapping[str, object]) -> list[Call]:
    """The tool calls in a request's assistant message, with their arguments as the text they were sent as."""
    asked = message.get("tool_calls")
    if not isinstance(asked, list):
        return []
    calls = [(c, c.get("function")) for c in asked if isinstance(c, dict)]
    return [
        Call(str(function.get("name", "")), str(function.get("arguments", "")), str(call.get("id", "")))
        for call, function in calls
        if isinstance(function, dict)
    ]


def encode(value: object) -> bytes:
    """*value* as JSON, with lone surrogates and integers past 64 bits as they are, which orjson refuses."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


def error_body(message: str, kind: str, code: str | None = None) -> bytes:
    """The provider's error object."""
    return encode({"error": {"message": message, "type": kind, "param": None, "code": code}})


def models_body(*names: str) -> bytes:
    """The answer to ``GET /v1/models``."""
    return encode(
        {"object": "list", "data": [{"id": n, "object": "model", "created": 0, "owned_by": "oneliner"} for n in names]}
    )


def count_prompt(request: Request) -> int:
    """The tokens of everything the request shows the model: messages, tool calls and tool descriptions."""
    tokens = sum(_TOKENS_PER_MESSAGE + estimate_tokens(text_of(m)) for m in request.messages)
    calls = (call for message in request.messages for call in calls_of(message))
    tokens += sum(estimate_tokens(c.name) + estimate_tokens(c.arguments_text) for c in calls)
    return tokens + estimate_tokens(encode(request.body["tools"]).decode() if request.tools else "")


def usage_of(reply: Reply, request: Request) -> Usage:
    """What *reply* is charged as: the usage it was given, or the count of what was asked and said."""
    if reply.usage is not None:
        return Usage(*reply.usage)
    said = estimate_tokens(reply.text)
    said += sum(estimate_tokens(c.name) + estimate_tokens(c.arguments_text) for c in reply.tool_calls)
    return Usage(count_prompt(request), said)


class Wire:
    """The bytes of one answer. The same conversation gives the same ids, another one others."""

    def __init__(self, reply: Reply, request: Request) -> None:
        self.reply = reply
        self.request = request
        self.usage = usage_of(reply, request)
        fingerprint = sha256(encode([request.messages, reply.text])).hexdigest()
        self._id = f"chatcmpl-{fingerprint[:24]}"
        self._call_prefix = f"call_{fingerprint[:16]}"
        self._created = int(time.time())
        self._usage_field = b',"usage":null}\n\n' if request.include_usage else b"}\n\n"
        self._head = b'data: {"id":"%b","object":"chat.completion.chunk","created":%d,"model":%b,"choices":' % (
            self._id.encode(),
            self._created,
            encode(request.model),
        )

    @property
    def finish_reason(self) -> str:
        """Why the answer ends."""
        return self.reply.finish_reason or ("tool_calls" if self.reply.tool_calls else "stop")

    def opening(self) -> bytes:
        """The first chunk: the role, no text."""
        return self._chunk(b'{"role":"assistant","content":""}')

    def pieces(self) -> Iterator[Piece]:
        """The answer itself, chunk by chunk: the text, then each tool call with its arguments in fragments."""
        for text in _split(self.reply.text, self.reply.chunk_chars):
            yield Piece(self._chunk(b'{"content":%b}' % encode(text)), text)
        for index, call in enumerate(self.reply.tool_calls):
            yield from self._call_pieces(index, call)

    def finish(self) -> bytes:
        """The chunk with the finish reason."""
        return self._chunk(b"{}", encode(self.finish_reason))

    def closing(self) -> bytes:
        """What follows the finish reason: the usage where it was asked for and is sent, and the end mark."""
        if not (self.request.include_usage and self.reply.sends_usage):
            return DONE
        return self._head + b'[],"usage":%b}\n\n' % encode(self._usage_json()) + DONE

    def whole(self, *, is_finished: bool = True) -> bytes:
        """The answer to a request that does not stream; one that is not finished has a null finish reason."""
        calls = [
            {"id": self._call_id(n, c), "type": "function", "function": {"name": c.name, "arguments": c.arguments_text}}
            for n, c in enumerate(self.reply.tool_calls)
        ]
        message = {"role": "assistant", "content": self.reply.text or (None if calls else "")}
        answer: dict[str, object] = {
            "id": self._id,
            "object": "chat.completion",
            "created": self._created,
            "model": self.request.model,
            "choices": [
                {
                    "index": 0,
                    "message": message | ({"tool_calls": calls} if calls else {}),
                    "finish_reason": self.finish_reason if is_finished else None,
                }
            ],
        }
        return encode(answer | ({"usage": self._usage_json()} if self.reply.sends_usage else {}))

    def _chunk(self, delta: bytes, finish_reason: bytes = b"null") -> bytes:
        choice = b'[{"index":0,"delta":%b,"finish_reason":%b}]' % (delta, finish_reason)
        return self._head + choice + self._usage_field

    def _call_pieces(self, index: int, call: Call) -> Iterator[Piece]:
        opening = {
            "index": index,
            "id": self._call_id(index, call),
            "type": "function",
            "function": {"name": call.name, "arguments": ""},
        }
        yield Piece(self._chunk(encode({"tool_calls": [opening]})), call.name)
        for text in _split(call.arguments_text, self.reply.chunk_chars or _ARGUMENT_CHARS_PER_CHUNK):
            fragment = {"index": index, "function": {"arguments": text}}
            yield Piece(self._chunk(encode({"tool_calls": [fragment]})), text)

    def _call_id(self, index: int, call: Call) -> str:
        return call.id or f"{self._call_prefix}{index:02d}"

    def _usage_json(self) -> dict[str, object]:
        return {
            "prompt_tokens": self.usage.input_tokens,
            "completion_tokens": self.usage.output_tokens,
            "total_tokens": self.usage.input_tokens + self.usage.output_tokens,
            "prompt_tokens_details": {"cached_tokens": self.usage.cached_tokens},
        }


def _split(text: str, chars: int | None) -> Iterator[str]:
    if chars is None:
        return (match[0] for match in _PIECE.finditer(text))
    return (text[start : start + chars] for start in range(0, len(text), chars))


def _offered_tools(value: object) -> Iterator[OfferedTool]:
    for tool in value if isinstance(value, list) else []:
        function = tool.get("function") if isinstance(tool, dict) else None
        if isinstance(function, dict) and isinstance(function.get("name"), str):
            parameters = function.get("parameters")
            yield OfferedTool(function["name"], parameters if isinstance(parameters, dict) else {})
