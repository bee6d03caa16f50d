"""Traces for OpenTelemetry: one from the request over the queue to the execution, its model calls and its tools.

A run keeps the trace of the request that created it, so it does not matter which process executes it, nor when. Nothing
here waits for the collector: a span that ends is put into a bounded queue, a thread of its own sends what has gathered,
and what the collector does not take is counted and let go.
"""

from __future__ import annotations

import logging
import os
import time
from contextlib import contextmanager
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from oneliner.adapters.telemetry import genai
from oneliner.adapters.telemetry.metrics import outcome_of, queued_ms
from oneliner.app import log_fields
from oneliner.app.runs import MAIN_EXECUTOR
from oneliner.app.telemetry import trace_id
from oneliner.app.tools import NeedsAnswer, ToolFailed
from oneliner.domain.errors import ModelFailure
from oneliner.domain.run import RunStatus

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from prometheus_client import Counter

    from oneliner.app.deliveries import Outcome
    from oneliner.app.telemetry import Exchange, ModelCall, Stint, ToolUse
    from oneliner.domain.event import RunEvent
    from oneliner.domain.run import Run

log = logging.getLogger("oneliner.traces")

MAX_QUEUED_SPANS = 4_096
MAX_SENT_AT_ONCE = 512
SEND_EVERY_MS = 2_000
SEND_SECONDS = 5.0
#: For the last spans of a process that ends.
CLOSE_SECONDS = 3.0
_CANCELLED = "cancelled"
_PROPAGATOR = TraceContextTextMapPropagator()
_SERVER_ERROR = 500


def open_traces(url: str, counter: Counter, *, version: str, with_content: bool) -> Traces:
    """Traces that go to the collector at *url*; *counter* counts what becomes of their spans. *with_content*: they hold
    what was said.
    """
    # It logs what the collector answers, and once for every batch.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL + 1)
    exporter = OTLPSpanExporter(url.rstrip("/") + "/v1/traces", timeout=SEND_SECONDS)
    about = {
        "service.name": os.environ.get("OTEL_SERVICE_NAME", "oneliner"),
        "service.version": version,
        "service.instance.id": f"{os.uname().nodename}:{os.getpid()}",
    }
    provider = TracerProvider(resource=Resource.create(about), shutdown_on_exit=False)
    provider.add_span_processor(BoundedSpans(exporter, counter))
    return Traces(provider, with_content=with_content)


class Traces:
    """See ``app.telemetry.Telemetry``."""

    def __init__(self, provider: TracerProvider, *, with_content: bool) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("oneliner")
        self._with_content = with_content

    def happened(self, events: Sequence[RunEvent]) -> None:
        """Nothing: spans tell of what takes time."""

    def lease_lost(self) -> None:
        """Nothing: the span of the execution ends."""

    def delivered(self, outcome: Outcome) -> None:
        """Nothing: a delivery is beside every run, and belongs to no trace."""

    @contextmanager
    def answering(self, exchange: Exchange) -> Generator[None]:
        """A span for each request to the API, in the trace of whoever asks."""
        if not exchange.path.startswith(("/v1/", "/v2/")):
            yield
            return
        attributes = {"http.request.method": exchange.method, "url.path": exchange.path}
        with self._span(exchange.method, SpanKind.SERVER, attributes, _outer(exchange.traceparent)) as span:
            exchange.traceparent = _traceparent(span)
            try:
                yield
            finally:
                if exchange.route:
                    span.update_name(f"{exchange.method} {exchange.route}")
                    span.set_attribute("http.route", exchange.route)
                span.set_attribute("http.response.status_code", exchange.status)
                if exchange.status >= _SERVER_ERROR:
                    _fail(span, str(exchange.status))

    @contextmanager
    def executing(self, stint: Stint) -> Generator[None]:
        """A span for the time in the queue, and one for the agent's work."""
        run = stint.run
        agent = run.active_executor_key or MAIN_EXECUTOR
        attributes = {
            genai.OPERATION: "invoke_agent",
            genai.AGENT: agent,
            genai.CONVERSATION: run.session_id,
            "oneliner.run.id": run.id,
            "oneliner.run.fence": run.fence,
            "user.id": run.user_id,
        }
        outer = _outer(run.traceparent)
        self._queued(run, outer)
        with self._span(f"invoke_agent {agent}", SpanKind.INTERNAL, attributes, outer) as span:
            log_fields.add("trace_id", trace_id(_traceparent(span)))
            try:
                yield
            finally:
                _conclude(span, stint)

    @contextmanager
    def asking(self, call: ModelCall) -> Generator[None]:
        """A span for each model call."""
        question = call.question
        provider, _, model = question.model.partition("/")
        attributes: dict[str, Any] = {
            genai.OPERATION: "chat",
            genai.PROVIDER: genai.provider_of(provider),
            genai.MODEL: model,
            genai.STREAM: True,
            **_conversation(),
        }
        if question.max_output_tokens is not None:
            attributes[genai.MAX_TOKENS] = question.max_output_tokens
        if self._with_content:
            attributes[genai.INSTRUCTIONS] = genai.instructions(question.turns)
            attributes[genai.INPUT] = genai.messages(question.turns)
        with self._span(f"chat {model}", SpanKind.CLIENT, attributes) as span:
            try:
                yield
            except ModelFailure as failure:
                _fail(span, failure.kind)
                raise
            self._answered(span, call)

    @contextmanager
    def calling(self, use: ToolUse) -> Generator[None]:
        """A span for each tool call."""
        attributes: dict[str, Any] = {
            genai.OPERATION: "execute_tool",
            genai.TOOL: use.tool,
            genai.TOOL_TYPE: "function",
            genai.CALL: use.context.idempotency_key,
            genai.AGENT: use.context.executor,
            **_conversation(),
        }
        if self._with_content:
            attributes[genai.ARGUMENTS] = genai.as_json(use.arguments)
        with self._span(f"execute_tool {use.tool}", SpanKind.INTERNAL, attributes) as span:
            try:
                yield
            except NeedsAnswer:
                # No failure: the run waits for the user, and the call is made again with the answer.
                raise
            except ToolFailed as failure:
                _fail(span, outcome_of(failure))
                raise
            if self._with_content and use.result is not None:
                span.set_attribute(genai.RESULT, use.result)

    def close(self) -> None:
        """Send what is left, as far as the collector takes it within :data:`CLOSE_SECONDS`; blocks for so long."""
        # On a thread that nobody waits for at the end of the process: a collector that hangs would hold it up.
        closing = Thread(target=self._provider.shutdown, name="oneliner-last-spans", daemon=True)
        closing.start()
        closing.join(CLOSE_SECONDS)

    @contextmanager
    def _span(
        self, name: str, kind: SpanKind, attributes: Mapping[str, Any], outer: Context | None = None
    ) -> Generator[trace.Span]:
        """A span under *outer*, or under the one of the work under way; what is begun within it goes below it."""
        span = self._tracer.start_span(name, outer, kind, attributes)
        token = contexts.attach(trace.set_span_in_context(span, outer))
        try:
            yield span
        except Exception:
            raise
        except BaseException:
            _fail(span, _CANCELLED)
            raise
        finally:
            contexts.detach(token)
            span.end()

    def _queued(self, run: Run, outer: Context) -> None:
        waited_ms = queued_ms(run)
        if waited_ms is None:
            return
        # By this process's clock, as its other spans are; how long it was is by the database's.
        now_ns = time.time_ns()
        attributes = {"oneliner.run.id": run.id, "oneliner.lane": run.lane.partition(":")[0]}
        span = self._tracer.start_span(
            "queue", outer, SpanKind.INTERNAL, attributes, start_time=now_ns - waited_ms * 1_000_000
        )
        span.end(now_ns)

    def _answered(self, span: trace.Span, call: ModelCall) -> None:
        answer = call.answer
        if answer is None:
            return
        usage = answer.usage
        span.set_attributes(
            {
                genai.FINISH_REASONS: [answer.finish_reason],
                genai.INPUT_TOKENS: usage.input_tokens,
                genai.OUTPUT_TOKENS: usage.output_tokens,
                genai.CACHED_TOKENS: usage.cached_tokens,
            }
        )
        if answer.first_content_seconds is not None:
            span.set_attribute(genai.FIRST_CHUNK, answer.first_content_seconds)
        if self._with_content:
            span.set_attribute(genai.OUTPUT, genai.answered(answer))


class BoundedSpans(SpanProcessor):
    """Gathers spans for *exporter*, at most so many, and counts what becomes of each."""

    def __init__(self, exporter: SpanExporter, counter: Counter) -> None:
        self._counter = counter
        self._inner = BatchSpanProcessor(
            _Counted(exporter, self._settled),
            max_queue_size=MAX_QUEUED_SPANS,
            schedule_delay_millis=SEND_EVERY_MS,
            max_export_batch_size=MAX_SENT_AT_ONCE,
        )
        self._waiting = 0
        self._lock = Lock()
        self._loses = False

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Nothing yet."""

    def on_end(self, span: ReadableSpan) -> None:
        """Gather *span*, or let it go when too many wait."""
        if span.context is None or not span.context.trace_flags.sampled:
            return
        with self._lock:
            has_room = self._waiting < MAX_QUEUED_SPANS
            self._waiting += has_room
        if has_room:
            self._inner.on_end(span)
        else:
            self._counter.labels("dropped").inc()

    def shutdown(self) -> None:
        """Send what is left."""
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what there is."""
        return self._inner.force_flush(timeout_millis)

    def _settled(self, count: int, *, sent: bool) -> None:
        """On the thread that sends."""
        with self._lock:
            self._waiting -= count
        self._counter.labels("sent" if sent else "refused").inc(count)
        if sent == self._loses:
            self._loses = not sent
            if sent:
                log.info("traces.back")
            else:
                log.warning("traces.lost", extra={"count": count})


class _Counted(SpanExporter):
    def __init__(self, exporter: SpanExporter, settled: Any) -> None:
        self._exporter = exporter
        self._settled = settled

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = SpanExportResult.FAILURE
        try:
            result = self._exporter.export(spans)
        finally:
            self._settled(len(spans), sent=result is SpanExportResult.SUCCESS)
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


def _outer(traceparent: str) -> Context:
    """The context to begin in: that of *traceparent*, or none. Never the one that happens to be current: what wakes a
    run is not what it belongs to.
    """
    return _PROPAGATOR.extract({"traceparent": traceparent}, Context())


def _traceparent(span: trace.Span) -> str:
    c = span.get_span_context()
    return f"00-{c.trace_id:032x}-{c.span_id:016x}-{c.trace_flags:02x}"


def _conversation() -> Mapping[str, str]:
    session_id = log_fields.current().get("session_id")
    return {genai.CONVERSATION: session_id} if session_id else {}


def _conclude(span: trace.Span, stint: Stint) -> None:
    before, after = stint.run, stint.after
    if after is None:
        return
    used, had = after.totals, before.totals
    span.set_attributes(
        {
            "oneliner.run.status": str(after.run_status),
            genai.INPUT_TOKENS: used.input_tokens - had.input_tokens,
            genai.OUTPUT_TOKENS: used.output_tokens - had.output_tokens,
        }
    )
    if after.reason:
        span.set_attribute("oneliner.run.reason", str(after.reason))
    if after.run_status is RunStatus.FAILED:
        _fail(span, str(after.reason))


def _fail(span: trace.Span, kind: str) -> None:
    """Mark *span* as failed; the kind alone, for the texts of errors may hold what was said."""
    span.set_attribute(genai.ERROR, kind)
    span.set_status(Status(StatusCode.ERROR))
