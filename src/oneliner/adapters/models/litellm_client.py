"""The client for every provider that does not speak the OpenAI format: through LiteLLM.

LiteLLM is an extra and slow to import (seconds, and more memory than the rest of the server), so it is loaded at the
first call that needs it, in a thread, in one place. What it leaves to its callers is done here: an answer without the
provider's own finish reason counts as cut (LiteLLM says "stop" and invents usage), time is limited on content (its
stream timeout is not enforced), its exceptions are classified and redacted (they quote keys), and it never retries.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import os
import re
import warnings
from typing import TYPE_CHECKING, Any

from oneliner.adapters.models import conversation, failures
from oneliner.adapters.models.assembly import AnswerAssembly
from oneliner.adapters.models.limits import Limits, Watchdog
from oneliner.domain.errors import ModelFailure

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from oneliner.adapters.models.redaction import Redactor
    from oneliner.app.model import Answer, Question

_MISSING = "this model needs LiteLLM, which is not installed: pip install 'oneliner[litellm]'"
_SAME_CHUNKS = 1_000_000_000  # LiteLLM calls a hundred equal chunks an error; a table of dashes is none
_LOGGERS = ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy")
_SILENT = logging.CRITICAL + 1  # it logs requests and provider errors with the keys in them
_CLASS_PREFIX = re.compile(r"^(?:litellm\.\w+:\s*|\w+Error:\s*)+")
_DEEPEST_CAUSE = 10


class LiteLLMClient:
    """A Model for every name that LiteLLM knows. ``api_key``: empty lets LiteLLM find the provider's variable."""

    def __init__(
        self, redactor: Redactor, *, api_key: str = "", base_url: str = "", limits: Limits | None = None
    ) -> None:
        self._redacted = redactor
        self._limits = limits or Limits()
        self._where = {name: value for name, value in (("api_key", api_key), ("base_url", base_url)) if value}
        self._litellm: Any = None

    async def answer(self, question: Question, on_text: Callable[[str], None]) -> Answer:
        """See :class:`oneliner.app.model.Model`."""
        assembly = AnswerAssembly(on_text, self._limits)
        try:
            # In a thread: an import of seconds would stop every other run and stream of the process.
            self._litellm = self._litellm or await asyncio.to_thread(load)
            watchdog = Watchdog(self._limits, question.total_seconds)
            try:
                async with watchdog:
                    await self._converse(self._litellm, question, assembly, watchdog)
            except TimeoutError:
                if not assembly.finished:
                    raise ModelFailure(f"the model {watchdog.expired}", kind="timed_out", retryable=True) from None
            return assembly.answer(question, watchdog.first_content_seconds)
        except ModelFailure as error:
            failure = ModelFailure(
                self._redacted(error.message),
                kind=error.kind,
                retryable=error.retryable,
                retry_after_seconds=error.retry_after_seconds,
                partial_text=assembly.text,
            )
        # Outside of the except block, so that nothing unredacted is chained to it.
        raise failure

    async def close(self) -> None:
        """Let go of LiteLLM's own connections, if it was ever loaded."""
        if self._litellm is not None:
            await self._litellm.close_litellm_async_clients()
            self._litellm = None

    async def _converse(self, litellm: Any, question: Question, assembly: AnswerAssembly, watchdog: Watchdog) -> None:
        stream = await _attempt(litellm.acompletion(**self._request(question)))
        try:
            while (chunk := await _attempt(anext(stream, None), begun=True)) is not None:
                finish = _told_finish(stream)
                if assembly.take(_plain(chunk, finish)):
                    watchdog.touch()
                assembly.flush()
                if assembly.finished:
                    watchdog.settle(self._limits.settle_seconds)
            if usage := _sent_usage(stream):
                assembly.take({"usage": usage})
        finally:
            if (close := getattr(stream, "aclose", None)) is not None:
                await close()

    def _request(self, question: Question) -> dict[str, Any]:
        request: dict[str, Any] = {
            "model": question.model,
            "messages": conversation.messages(question),
            "stream": True,
            "stream_options": {"include_usage": True},
            "timeout": question.total_seconds,
            "max_retries": 0,
            "num_retries": 0,
            "no-log": True,
            "_skip_mcp_handler": True,  # with tools it would import MCP, which its own dependencies lack
            **self._where,
        }
        if question.tools:
            request["tools"] = conversation.tools(question)
        if question.max_output_tokens is not None:
            request["max_tokens"] = question.max_output_tokens
        return request


def load() -> Any:
    """LiteLLM, imported and quietened. Raises ModelFailure: it is not installed."""
    # Without these it asks a web site for its price and header tables while it is imported.
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    os.environ.setdefault("LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS", "True")
    try:
        litellm: Any = importlib.import_module("litellm")
    except ModuleNotFoundError as error:
        if error.name != "litellm":
            raise
        raise ModelFailure(_MISSING, kind="rejected", retryable=False) from None
    litellm.suppress_debug_info = True
    litellm.turn_off_message_logging = True
    litellm.REPEATED_STREAMING_CHUNK_LIMIT = _SAME_CHUNKS
    # Its own types trip over its validation library, in mid-answer and at every process.
    warnings.filterwarnings("ignore", message=r"Item .* using the `ReadOnly` qualifier", category=UserWarning)
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(_SILENT)
    return litellm


async def _attempt(step: Awaitable[Any], *, begun: bool = False) -> Any:
    """What *step* of LiteLLM's gives. Raises ModelFailure in place of whatever it raises; *begun*: in mid-answer."""
    try:
        return await step
    except TimeoutError:
        raise
    except Exception as error:  # noqa: BLE001 - its hundred providers raise all kinds, and each means: no answer
        failure = _classified(error, begun=begun)
    raise failure


def _classified(error: Exception, *, begun: bool) -> ModelFailure:
    """What an exception of LiteLLM's means. Known by class name, so that this module does not need the import."""
    original = getattr(error, "original_exception", None) or error
    names = {kind.__name__ for kind in type(original).__mro__}
    text = _CLASS_PREFIX.sub("", str(getattr(original, "message", "") or original))
    if "Timeout" in names or "APITimeoutError" in names:
        return ModelFailure(f"the model provider took too long: {text}", kind="timed_out", retryable=True)
    for cause in _causes(error):
        if isinstance(cause, json.JSONDecodeError):
            said = f"the model provider sent a chunk that is no JSON: {text}"
            return ModelFailure(said, kind="malformed", retryable=True)
        if told := getattr(cause, "body", None):  # the provider's own error object
            if type(cause).__name__ == "APIError":
                return failures.of_error(told)
            text = failures.explanation(told) or text
    if "APIConnectionError" in names:
        said = "the answer was cut" if begun else "the model provider could not be reached"
        return ModelFailure(f"{said}: {text}", kind="truncated" if begun else "unavailable", retryable=True)
    status = getattr(original, "status_code", None)
    headers = getattr(original, "litellm_response_headers", None) or {}
    if isinstance(status, int):
        return failures.of_status(status, text, headers)
    return ModelFailure(f"the model provider failed: {text}", kind="unavailable", retryable=True)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """*error* and what led to it, nearest first."""
    cause: BaseException | None = error
    for _ in range(_DEEPEST_CAUSE):
        if cause is None:
            return
        yield cause
        cause = getattr(cause, "original_exception", None) or cause.__cause__ or cause.__context__


def _told_finish(stream: object) -> str:
    """The finish reason that the provider itself has sent so far; LiteLLM's own "stop" is not one."""
    told = getattr(stream, "received_finish_reason", None) or getattr(stream, "intermittent_finish_reason", None)
    return str(told) if told else ""


def _plain(chunk: Any, finish: str) -> dict[str, Any]:
    """A chunk as the dict it was made from, with the finish reason only if the provider gave one."""
    plain: dict[str, Any] = chunk.model_dump(exclude_none=True, warnings=False)
    plain.pop("usage", None)  # counted by LiteLLM where the provider sent none; the real one is read at the end
    for choice in plain.get("choices") or ():
        if choice.get("finish_reason"):
            choice["finish_reason"] = finish
    return plain


def _sent_usage(stream: object) -> dict[str, Any] | None:
    """The provider's own figures, from the chunks that LiteLLM keeps: they carry usage only where it was sent."""
    found = [usage for chunk in getattr(stream, "chunks", ()) if (usage := getattr(chunk, "usage", None)) is not None]
    return found[-1].model_dump(exclude_none=True, warnings=False) if found else None
