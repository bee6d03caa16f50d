"""One answer, put together from the chunks of a stream in the OpenAI chat format.

Knows the shapes that real endpoints send and nothing of HTTP: both clients feed it chunks. The text goes out cleaned,
once per ``flush``, so that many chunks of one network read cost one call. An answer exists only when the provider
said why it stopped; everything else is a ModelFailure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oneliner.adapters.models.calls import CallFragments
from oneliner.adapters.models.conversation import estimated_usage
from oneliner.adapters.models.failures import of_error
from oneliner.app.model import Answer
from oneliner.domain.errors import ModelFailure
from oneliner.domain.text import clean, is_clean
from oneliner.domain.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Callable

    from oneliner.adapters.models.limits import Limits
    from oneliner.app.model import Question

_FINISH = {
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "tool_use": "tool_calls",
    "length": "length",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_length": "length",
    "content_filter": "content_filter",
    "safety": "content_filter",
    "recitation": "content_filter",
    "refusal": "content_filter",
}

#: No call has more; sums over many calls stay far within 64 bits.
_MOST_TOKENS = 1_000_000_000


class AnswerAssembly:
    """Takes chunks, gives text to *on_text*, ends as an Answer."""

    __slots__ = ("_calls", "_characters", "_finish", "_fresh", "_held", "_limits", "_on_text", "_texts", "_usage")

    def __init__(self, on_text: Callable[[str], None], limits: Limits) -> None:
        self._on_text = on_text
        self._limits = limits
        self._texts: list[str] = []
        self._fresh: list[str] = []
        self._held = ""
        self._characters = 0
        self._calls = CallFragments(limits.tool_calls)
        self._finish = ""
        self._usage: dict[str, Any] | None = None

    @property
    def finished(self) -> bool:
        """Whether the provider has said why it stopped."""
        return bool(self._finish)

    @property
    def text(self) -> str:
        """What was given out so far."""
        return "".join(self._texts)

    def take(self, chunk: Any) -> bool:
        """Adds one chunk; says whether the model said something in it. Raises ModelFailure: an error, or nonsense.

        This runs for every token: the common chunk, one piece of text, must stay on the short way.
        """
        try:
            if usage := chunk.get("usage"):
                self._usage = usage
            choices = chunk.get("choices")
            if not choices:
                return self._take_bare(chunk)
            choice = choices[0]
            delta = choice.get("delta") or choice.get("message") or {}
            content = delta.get("content")
            finish = choice.get("finish_reason")
            said = False
            if content.__class__ is str and content:
                self._fresh.append(content)
                said = True
            if len(delta) > 1 or not said:
                said = self._take_rest(delta) or said
            if finish:
                self._take_finish(str(finish), chunk)
        except (AttributeError, KeyError, IndexError, TypeError):
            raise _malformed("a chunk of another shape") from None
        return said or bool(finish)

    def flush(self) -> None:
        """Gives out what was taken since the last time. Raises ModelFailure: the answer is too long."""
        if not self._fresh:
            return
        text = self._held + "".join(self._fresh) if self._held else "".join(self._fresh)
        self._fresh.clear()
        self._held = ""
        if not is_clean(text):
            if "\ud800" <= text[-1] <= "\udbff":  # the first half of a pair: the second may come in the next chunk
                text, self._held = text[:-1], text[-1]
            text = _mended(text)
        self._give(text)

    def answer(self, question: Question, first_content_seconds: float | None = None) -> Answer:
        """The whole answer, which began after *first_content_seconds*. Raises ModelFailure: the stream ended before the
        model did.
        """
        self.flush()
        if self._held:
            self._held = ""
            self._give("\ufffd")
        if not self._finish:
            raise ModelFailure(
                "the answer was cut: the stream ended without a finish reason", kind="truncated", retryable=True
            )
        calls = self._calls.whole(_mended)
        text = self.text
        usage = self._counted() or estimated_usage(question, text + "".join(c.name + c.arguments for c in calls))
        return Answer(
            text=text,
            tool_calls=calls,
            finish_reason=self._reason(bool(calls)),
            usage=usage,
            first_content_seconds=first_content_seconds,
        )

    def _give(self, text: str) -> None:
        if not text:
            return
        self._count(len(text))
        self._texts.append(text)
        self._on_text(text)

    def _count(self, characters: int) -> None:
        self._characters += characters
        if self._characters > self._limits.output_characters:
            raise ModelFailure(
                f"the answer is longer than {self._limits.output_characters} characters",
                kind="output_limit",
                retryable=False,
            )

    def _take_bare(self, chunk: dict[str, Any]) -> bool:
        """A chunk without choices: the usage at the end, an error, or an endpoint's own business."""
        if error := chunk.get("error"):
            raise of_error(error)
        if chunk.get("object") == "error":
            raise of_error(chunk)
        return False

    def _take_rest(self, delta: dict[str, Any]) -> bool:
        """Everything in a delta that is not a plain piece of text; says whether the model said something in it."""
        said = False
        content = delta.get("content")
        if isinstance(content, list):
            for part in content:
                text = part.get("text")
                said = bool(text) or bool(part.get("thinking")) or said
                if isinstance(text, str):
                    self._fresh.append(text)
        elif content is not None and not isinstance(content, str):
            raise _malformed("text that is no text")
        if refusal := delta.get("refusal"):
            self._fresh.append(str(refusal))
            said = True
        # Thinking is not shown and not kept, but it is the model at work, and it must end some day.
        if isinstance(thought := delta.get("reasoning_content") or delta.get("reasoning"), str):
            self._count(len(thought))
            said = True
        for fragment in delta.get("tool_calls") or ():
            self._count(self._calls.take(fragment))
            said = True
        if call := delta.get("function_call"):
            self._count(self._calls.take({"index": 0, "function": call}))
            said = True
        return said

    def _take_finish(self, finish: str, chunk: dict[str, Any]) -> None:
        if finish == "error":
            raise of_error(chunk.get("error"))
        self._finish = finish
        if not self._usage and (elsewhere := chunk.get("x_groq")):
            self._usage = elsewhere.get("usage")

    def _reason(self, has_calls: bool) -> str:  # noqa: FBT001 - one fact, one caller
        reason = _FINISH.get(self._finish.lower(), "stop")
        if reason in {"stop", "tool_calls"}:
            return "tool_calls" if has_calls else "stop"
        return reason

    def _counted(self) -> Usage | None:
        """The provider's figures, or None where they are missing or make no sense."""
        usage = self._usage
        if not isinstance(usage, dict):
            return None
        counted, produced = _figure(usage.get("prompt_tokens")), _figure(usage.get("completion_tokens"))
        if not counted and not produced:
            return None
        details = usage.get("prompt_tokens_details")
        cached = details.get("cached_tokens") if isinstance(details, dict) else usage.get("prompt_cache_hit_tokens")
        return Usage(counted, produced, cached_tokens=min(_figure(cached), counted))


def _figure(value: object) -> int:
    """A token count as it was sent, or 0 for anything that is none."""
    fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_TOKENS
    return value if fits and isinstance(value, int) else 0


def _malformed(what: str) -> ModelFailure:
    return ModelFailure(f"the model provider sent {what}", kind="malformed", retryable=True)


def _mended(text: str) -> str:
    """*text* with the halves of surrogate pairs joined, and cleaned."""
    if is_clean(text):
        return text
    return clean(text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace"))
