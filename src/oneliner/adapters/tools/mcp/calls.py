"""The calls of one MCP server's tools: made, given up when the server asks something, and their results checked."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import mcp_types as types
from mcp.shared.exceptions import MCPError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import TypeAdapter

from oneliner.adapters.tools.mcp.questions import Progress, key_of, returned
from oneliner.app.tools import OutcomeUnknown, ToolFailed
from oneliner.domain.text import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mcp.client import ClientRequestContext
    from mcp.client.client import Client

    from oneliner.adapters.tools.mcp.listing import Offered
    from oneliner.domain.mcp_server import McpServer

MAX_SAID_CHARS = 500
_MAX_ROUNDS = 10
_PAUSE_SECONDS = 0.25
_RESULT: TypeAdapter[types.CallToolResult | types.InputRequiredResult] = TypeAdapter(
    types.CallToolResult | types.InputRequiredResult
)


@dataclass(eq=False, slots=True)
class _UnderWay:
    """A call that a server is carrying out; *asked* is set when it asks something, *given_up* when it is over."""

    tool: Offered
    progress: Progress
    asked: asyncio.Future[Progress]
    given_up: asyncio.Event = field(default_factory=asyncio.Event)


class Calls:
    """The calls of *server*. *redact* takes its secrets out of a text; *on_trouble* is told that its list may have
    changed, or its session ended.
    """

    def __init__(self, server: McpServer, redact: Callable[[str], str], on_trouble: Callable[[], None]) -> None:
        self._server = server
        self._redact = redact
        self._on_trouble = on_trouble
        self._under_way: list[_UnderWay] = []

    async def make(
        self, client: Client, tool: Offered, arguments: Mapping[str, object], progress: Progress
    ) -> types.CallToolResult:
        """What the server returns, checked. Raises ToolFailed, NeedsAnswer, OutcomeUnknown, TimeoutError."""
        is_modern = client.protocol_version in MODERN_PROTOCOL_VERSIONS
        for _ in range(_MAX_ROUNDS):
            parameters = types.CallToolRequestParams(name=tool.remote, arguments=dict(arguments))
            if is_modern:
                parameters.input_responses = progress.responses() or None
                parameters.request_state = progress.state
            result = await self._interruptible(client, tool, types.CallToolRequest(params=parameters), progress)
            if isinstance(result, types.CallToolResult):
                _check(tool, result, self._redact)
                return result
            progress = returned(result)
            if progress.open_key is not None:
                raise progress.asking(self._server.name)
            # It only wants to be called again.
            await asyncio.sleep(_PAUSE_SECONDS)
        raise failed(tool, f"the server wanted to be called again {_MAX_ROUNDS} times")

    async def _interruptible(
        self, client: Client, tool: Offered, request: types.CallToolRequest, progress: Progress
    ) -> types.CallToolResult | types.InputRequiredResult:
        """The answer to *request*, unless the server asks something meanwhile: then the call is given up for now."""
        under_way = _UnderWay(tool, progress, asyncio.get_running_loop().create_future())
        sending = asyncio.ensure_future(self._sent(client, tool, request))
        self._under_way.append(under_way)
        try:
            await asyncio.wait({sending, under_way.asked}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                return sending.result()
            raise under_way.asked.result().asking(self._server.name)
        finally:
            self._under_way.remove(under_way)
            sending.cancel()
            await asyncio.wait({sending})
            under_way.given_up.set()

    async def elicit(
        self, context: ClientRequestContext, params: types.ElicitRequestParams
    ) -> types.ElicitResult | types.ErrorData:
        """What a server is told that asks while a call is open. It does not say which call it asks for."""
        _ = context
        under_way = self._under_way[0] if len(self._under_way) == 1 else None
        if under_way is None:
            return types.ElicitResult(action="cancel")
        answers = under_way.progress.responses()
        key = key_of(params)
        if key in answers:
            return cast("types.ElicitResult", answers[key])
        may_repeat = under_way.tool.spec.repeatable or self._server.repeat_after_question
        if may_repeat and not under_way.asked.done():
            under_way.asked.set_result(under_way.progress.with_question(key, params))
            await under_way.given_up.wait()
        return types.ElicitResult(action="cancel")

    async def _sent(
        self, client: Client, tool: Offered, request: types.CallToolRequest
    ) -> types.CallToolResult | types.InputRequiredResult:
        try:
            # Not by the client's own way, which checks the result with patterns that the server chose.
            return await client.session.send_request(
                request, _RESULT, request_read_timeout_seconds=tool.spec.timeout_seconds
            )
        except MCPError as error:
            if error.code == types.CONNECTION_CLOSED:
                raise self._lost_call(tool) from error
            if error.code == types.REQUEST_TIMEOUT:
                raise TimeoutError from error
            # A session that ended, or a tool that is no more: a look at the list finds out.
            self._on_trouble()
            raise failed(tool, self._redact(clean(error.message))[:MAX_SAID_CHARS]) from error
        except (ValueError, RuntimeError) as error:
            raise failed(tool, f"the server's answer is not what the protocol says ({type(error).__name__})") from error

    def _lost_call(self, tool: Offered) -> ToolFailed:
        what = f"the MCP server {self._server.name!r} went away during the call"
        if tool.spec.repeatable:
            return failed(tool, what)
        return OutcomeUnknown(f"tool {tool.spec.name!r} failed: {what}", tool=tool.spec.name)


def failed(tool: Offered, what: str) -> ToolFailed:
    """The failure of *tool*, in words for the model."""
    return ToolFailed(f"tool {tool.spec.name!r} failed: {what}", tool=tool.spec.name)


def _check(tool: Offered, result: types.CallToolResult, redact: Callable[[str], str]) -> None:
    """Raises ToolFailed: *result* is not what the tool's own schema promises."""
    if tool.result is None or result.is_error:
        return
    if result.structured_content is None:
        raise failed(tool, "it promised structured content and returned none")
    why = _misfit(tool, result.structured_content)
    if why:
        raise failed(tool, f"what it returned does not fit its own schema: {redact(why)}")


def _misfit(tool: Offered, value: Any) -> str:
    if tool.result is None:
        return ""
    try:
        error = next(iter(tool.result.iter_errors(value)), None)
    except Exception as broken:  # noqa: BLE001 - a schema that refers to itself or to nothing shows only when used
        return f"the schema cannot be used ({type(broken).__name__})"
    return "" if error is None else error.message[:MAX_SAID_CHARS]
