"""The direct client: any endpoint that speaks the OpenAI chat-completions format over HTTP.

The hot path of the product. One attempt per call, no hidden retry, no redirect followed (a redirect would carry the
key along). What fails leaves as one ModelFailure whose text holds no key; the original error is not chained to it,
because its text may.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp
import orjson
from yarl import URL

from oneliner.adapters.models import conversation, failures
from oneliner.adapters.models.assembly import AnswerAssembly
from oneliner.adapters.models.event_lines import EventLines
from oneliner.adapters.models.limits import Limits, Watchdog
from oneliner.domain.errors import ModelFailure

if TYPE_CHECKING:
    from collections.abc import Callable

    from oneliner.adapters.models.connections import Connections
    from oneliner.adapters.models.redaction import Redactor
    from oneliner.app.model import Answer, Question

_ERROR_BODY_BYTES = 65_536
_CLOSE_SECONDS = 0.25  # after the last byte of an answer: long enough to see it end and keep the connection
_FIRST_NOT_OK = 300
_BAD_REQUEST = 400


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where models are asked.

    ``base_url`` ends before ``/chat/completions``; ``prefix`` is cut off a model's name before it is sent;
    ``length_field`` is the endpoint's name for the limit on output tokens.
    """

    base_url: str
    api_key: str = field(default="", repr=False)
    prefix: str = ""
    length_field: str = "max_tokens"


class OpenAIWire:
    """A Model for one endpoint."""

    def __init__(
        self, endpoint: Endpoint, connections: Connections, redactor: Redactor, limits: Limits | None = None
    ) -> None:
        self._endpoint = endpoint
        self._connections = connections
        self._redacted = redactor
        self._limits = limits or Limits()
        self._url = URL(endpoint.base_url.rstrip("/") + "/chat/completions")
        self._proxy = connections.proxy_for(self._url)
        self._headers = {
            "Content-Type": "application/json",
            "Accept": "text/event-stream, application/json",
            "Accept-Encoding": "identity",  # a compressor holds tokens back until its block is full
            "User-Agent": "oneliner",
        }
        if endpoint.api_key:
            self._headers["Authorization"] = f"Bearer {endpoint.api_key}"
        # What the endpoint has refused once. Not asked again; the attempt that taught it was a visible failure.
        self._asks_usage = True
        self._length_field = endpoint.length_field

    async def answer(self, question: Question, on_text: Callable[[str], None]) -> Answer:
        """See :class:`oneliner.app.model.Model`."""
        assembly = AnswerAssembly(on_text, self._limits)
        watchdog = Watchdog(self._limits, question.total_seconds)
        try:
            try:
                async with watchdog:
                    await self._converse(question, assembly, watchdog)
            except (TimeoutError, aiohttp.ClientError, OSError) as error:
                # Once the model has said why it stopped, a connection that hangs or breaks takes nothing away.
                if not assembly.finished:
                    raise _lost(error, watchdog) from None
            return assembly.answer(question, watchdog.first_content_seconds)
        except ModelFailure as error:
            failure = self._told(error, assembly.text)
        # Outside of the except blocks, so that nothing unredacted is chained to it.
        raise failure

    async def close(self) -> None:
        """The connections are the registry's to close."""

    async def _converse(self, question: Question, assembly: AnswerAssembly, watchdog: Watchdog) -> None:
        body = self._body(question)
        response = await self._connections.session.post(
            self._url, data=body, headers=self._headers, proxy=self._proxy, allow_redirects=False
        )
        try:
            if response.status >= _FIRST_NOT_OK:
                raise await self._refusal(response)
            await self._receive(response.content, assembly, watchdog)
        except aiohttp.ClientError as error:
            if assembly.finished:
                raise
            raise ModelFailure(
                f"the answer was cut: {error or type(error).__name__}", kind="truncated", retryable=True
            ) from None
        finally:
            # A connection is only good for another call when this answer was read to its end.
            if response.content.at_eof():
                response.release()
            else:
                response.close()

    async def _receive(self, content: aiohttp.StreamReader, assembly: AnswerAssembly, watchdog: Watchdog) -> None:
        lines = EventLines(assembly, self._limits.line_bytes)
        finished = False
        while not lines.done:
            data = await content.readany()
            if not data:
                lines.end()
                return
            if lines.feed(data):
                watchdog.touch()
                if not finished and assembly.finished:
                    finished = True
                    watchdog.settle(self._limits.settle_seconds)
        if assembly.finished:
            watchdog.settle(_CLOSE_SECONDS)
            while not content.at_eof():
                await content.readany()

    def _body(self, question: Question) -> bytes:
        """The request as JSON. Raises ModelFailure: a tool's schema holds what JSON cannot."""
        body: dict[str, Any] = {
            "model": question.model.removeprefix(self._endpoint.prefix),
            "messages": conversation.messages(question),
            "stream": True,
        }
        if self._asks_usage:
            body["stream_options"] = {"include_usage": True}
        if question.tools:
            body["tools"] = conversation.tools(question)
        if question.max_output_tokens is not None:
            body[self._length_field] = question.max_output_tokens
        try:
            return orjson.dumps(body)
        except TypeError as error:
            raise ModelFailure(f"the request is no JSON: {error}", kind="rejected", retryable=False) from None

    async def _refusal(self, response: aiohttp.ClientResponse) -> ModelFailure:
        """The failure that a response without an answer stands for."""
        text = _explained(await _beginning(response.content), response)
        failure = failures.of_status(response.status, text, response.headers)
        if response.status == _BAD_REQUEST and self._learns(text):
            failure.retryable = True
        return failure

    def _learns(self, text: str) -> bool:
        """Whether a refusal names an optional field that the next attempt can do without."""
        if self._asks_usage and "stream_options" in text:
            self._asks_usage = False
            return True
        if self._length_field == "max_tokens" and "max_completion_tokens" in text:
            self._length_field = "max_completion_tokens"
            return True
        return False

    def _told(self, failure: ModelFailure, partial_text: str) -> ModelFailure:
        """The same failure with nothing in it that must not be kept."""
        return ModelFailure(
            self._redacted(failure.message),
            kind=failure.kind,
            retryable=failure.retryable,
            retry_after_seconds=failure.retry_after_seconds,
            partial_text=partial_text,
        )


async def _beginning(content: aiohttp.StreamReader) -> bytes:
    """At most the first 64 kB of a body, also of one that breaks off."""
    parts: list[bytes] = []
    size = 0
    try:
        while size < _ERROR_BODY_BYTES and (data := await content.readany()):
            parts.append(data)
            size += len(data)
    except aiohttp.ClientError:
        pass  # the status has said what matters; what came of the explanation is used
    return b"".join(parts)


def _explained(body: bytes, response: aiohttp.ClientResponse) -> str:
    """The provider's words in *body*; its status line when the body is a page for people or empty."""
    try:
        text = failures.explanation(orjson.loads(body))
    except orjson.JSONDecodeError:
        text = body.decode("utf-8", "replace").strip()
    if 300 <= response.status < 400:  # noqa: PLR2004 - redirects
        return f"redirects are not followed; it points to {response.headers.get('Location', 'nowhere')!r}"
    return text if text and not text.startswith("<") else response.reason or ""


def _lost(error: Exception, watchdog: Watchdog) -> ModelFailure:
    """The failure of a call that no answer came back from."""
    if watchdog.expired:
        return ModelFailure(f"the model {watchdog.expired}", kind="timed_out", retryable=True)
    if isinstance(error, TimeoutError):
        return ModelFailure("the model provider could not be reached in time", kind="timed_out", retryable=True)
    if isinstance(error, (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError)):
        return ModelFailure(f"the model's address is not usable: {error}", kind="rejected", retryable=False)
    return ModelFailure(
        f"the model provider could not be reached: {error or type(error).__name__}", kind="unavailable", retryable=True
    )
