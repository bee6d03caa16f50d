"""What a process counts and times, for Prometheus.

Counters of runs, tokens and money come from the events that this process committed, so over all processes each event
counts once. Every label takes its values from a closed set or from the deployment's configuration (models, tools,
routes): what a user or a model makes up never becomes a label. Sums of money are floats here; the books, which are
exact, are in the database.
"""

from __future__ import annotations

from contextlib import contextmanager
from decimal import Decimal
from time import perf_counter
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from oneliner.app.tools import NeedsAnswer, OutcomeUnknown, ToolFailed
from oneliner.domain.errors import ModelFailure
from oneliner.domain.event import EventType
from oneliner.domain.run import Reason, RunStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from oneliner.app.deliveries import Outcome
    from oneliner.app.telemetry import Exchange, ModelCall, Stint, ToolUse
    from oneliner.domain.event import RunEvent
    from oneliner.domain.run import Run

# A series more for each, which nobody reads.
disable_created_metrics()

_WAITS = (0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 1_800, 7_200)
_ANSWERS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_FIRSTS = (0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60)
_REQUESTS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_LAGS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)
_TOKENS = (("input", "input_tokens"), ("output", "output_tokens"), ("cached", "cached_tokens"))


class Metrics:
    """See ``app.telemetry.Telemetry``; the figures are in :attr:`registry`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._runs()
        self._models_and_tools()
        self._process()
        self._told: Mapping[str, Callable[[Mapping[str, Any]], None]] = {
            EventType.RUN_CREATED: lambda d: self.created.labels(d.get("source_type", "")).inc(),
            EventType.RUN_COMPLETED: lambda _: self.ended.labels(RunStatus.DONE, Reason.NONE).inc(),
            EventType.RUN_FAILED: self._failed,
            EventType.RUN_CANCELLED: lambda d: self.ended.labels(RunStatus.CANCELLED, d.get("code", "")).inc(),
            EventType.RUN_BLOCKED: lambda d: self.blocked.labels(d.get("code", "")).inc(),
            EventType.RUN_RECOVERED: lambda d: self.recovered.labels(d.get("cause", "")).inc(),
            EventType.MESSAGE_COMPLETED: self._answered,
            # A summary is paid for as any answer; one that was not usable has no event, and is in the bill alone.
            EventType.CONTEXT_COMPACTED: self._answered,
            EventType.MESSAGE_FALLBACK: lambda d: self.fallbacks.labels(d["from_model"], d["to_model"]).inc(),
            EventType.TOOL_DENIED: lambda _: self.denied.inc(),
        }

    def happened(self, events: Sequence[RunEvent]) -> None:
        """See ``Telemetry``."""
        for event in events:
            tell = self._told.get(event.event_type)
            if tell is not None:
                tell(event.details)

    def lease_lost(self) -> None:
        """See ``Telemetry``."""
        self.leases_lost.inc()

    def delivered(self, outcome: Outcome) -> None:
        """See ``Telemetry``."""
        status = outcome.status_code
        ended = "unreachable" if status is None else "delivered" if 200 <= status < 300 else "refused"  # noqa: PLR2004 - HTTP's success
        self.webhooks.labels(ended).observe(outcome.duration_ms / 1_000)

    @contextmanager
    def answering(self, exchange: Exchange) -> Generator[None]:
        """See ``Telemetry``."""
        began = perf_counter()
        try:
            yield
        finally:
            route = exchange.route or "none"
            self.requests.labels(exchange.method, route, exchange.status).inc()
            if not exchange.is_stream:
                self.request_seconds.labels(exchange.method, route).observe(perf_counter() - began)

    @contextmanager
    def executing(self, stint: Stint) -> Generator[None]:
        """See ``Telemetry``."""
        if (waited_ms := queued_ms(stint.run)) is not None:
            self.queue_wait.observe(waited_ms / 1_000)
        self.executions.inc()
        try:
            yield
        finally:
            self.executions.dec()

    @contextmanager
    def asking(self, call: ModelCall) -> Generator[None]:
        """See ``Telemetry``."""
        model, outcome, began = call.question.model, "cancelled", perf_counter()
        try:
            yield
            outcome = "answered"
        except ModelFailure as failure:
            outcome = failure.kind
            raise
        finally:
            self.model_seconds.labels(model, outcome).observe(perf_counter() - began)
            if call.answer is not None and call.answer.first_content_seconds is not None:
                self.first_content.labels(model).observe(call.answer.first_content_seconds)

    @contextmanager
    def calling(self, use: ToolUse) -> Generator[None]:
        """See ``Telemetry``."""
        outcome, began = "cancelled", perf_counter()
        try:
            yield
            outcome = "done"
        except ToolFailed as failure:
            outcome = outcome_of(failure)
            raise
        finally:
            self.tool_seconds.labels(use.tool, outcome).observe(perf_counter() - began)

    def _failed(self, details: Mapping[str, Any]) -> None:
        code = details.get("code", "")
        self.ended.labels(RunStatus.FAILED, code).inc()
        if code == Reason.WORKER_LOST:
            # Its last lease ran out too; there is no run.recovered for it.
            self.recovered.labels("worker_lost").inc()

    def _answered(self, details: Mapping[str, Any]) -> None:
        model, usage = details["model"], details["usage"]
        for kind, name in _TOKENS:
            if usage[name]:
                self.tokens.labels(model, kind).inc(usage[name])
        if usage["cost"] is None:
            self.unpriced.labels(model).inc()
        else:
            self.cost.labels(model).inc(float(Decimal(usage["cost"])))

    # What there is.

    def _runs(self) -> None:
        self.created = self._counter("runs_created", "Runs that were accepted.", "source")
        self.ended = self._counter("runs_ended", "Runs that ended, by how and why.", "status", "reason")
        self.blocked = self._counter("runs_blocked", "Times that a run began to wait, by for what.", "reason")
        self.recovered = self._counter(
            "runs_recovered", "Times that a run was taken from its worker, which was lost or handed it back.", "cause"
        )
        self.queue_wait = self._histogram("queue_wait_seconds", "From queued to claimed.", _WAITS)
        self.executions = self._gauge("executions", "Runs that this process carries out now.")
        self.leases_lost = self._counter("leases_lost", "Executions stopped because the lease was another worker's.")

    def _models_and_tools(self) -> None:
        self.model_seconds = self._histogram(
            "model_call_seconds", "Whole model calls, by how they ended.", _ANSWERS, "model", "outcome"
        )
        self.first_content = self._histogram(
            "model_first_content_seconds", "From the question to the first piece of the answer.", _FIRSTS, "model"
        )
        self.tokens = self._counter(
            "model_tokens", "Tokens of whole answers; cached ones are input too.", "model", "kind"
        )
        self.cost = self._counter("model_cost_usd", "What whole answers cost, in USD.", "model")
        self.unpriced = self._counter("model_unpriced_answers", "Whole answers whose price nobody knows.", "model")
        self.fallbacks = self._counter("model_fallbacks", "Changes to another model.", "from_model", "to_model")
        self.tool_seconds = self._histogram(
            "tool_call_seconds", "Tool calls, by how they ended.", _ANSWERS, "tool", "outcome"
        )
        self.webhooks = self._histogram(
            "webhook_attempt_seconds", "Attempts to deliver to webhooks, by how they ended.", _REQUESTS, "outcome"
        )
        self.denied = self._counter("tool_calls_denied", "Tool calls that a rule or a person refused.")

    def _process(self) -> None:
        self.requests = self._counter("http_requests", "Requests that were answered.", "method", "route", "status")
        self.request_seconds = self._histogram(
            "http_request_seconds",
            "Requests but for streams, from the first byte to the last.",
            _REQUESTS,
            "method",
            "route",
        )
        self.sse_clients = self._gauge("sse_clients", "Open event streams.")
        self.loop_lag = self._histogram("event_loop_lag_seconds", "How late the event loop was.", _LAGS)
        self.database_waiting = self._gauge("database_waiting", "Transactions that wait for the database or are in it.")
        self.bus_up = self._gauge("bus_up", "Whether the bus takes and gives messages.", mode="livemin")
        self.bus_dropped = self._counter(
            "bus_events_dropped", "Events that other processes find in the database instead."
        )
        self.spans = self._counter("spans", "Spans of traces, by what became of them.", "outcome")

    def _counter(self, name: str, said: str, *labels: str) -> Counter:
        return Counter(f"oneliner_{name}", said, labels, registry=self.registry)

    def _gauge(self, name: str, said: str, *, mode: str = "livesum") -> Gauge:
        return Gauge(f"oneliner_{name}", said, registry=self.registry, multiprocess_mode=mode)  # pyright: ignore[reportArgumentType] - one of a closed set of texts

    def _histogram(self, name: str, said: str, buckets: Sequence[float], *labels: str) -> Histogram:
        return Histogram(f"oneliner_{name}", said, labels, buckets=buckets, registry=self.registry)


def queued_ms(run: Run) -> int | None:
    """How long a run that was just claimed had been queued; None for one that comes back from another worker, whose
    time in the queue nobody has noted, and for a draft.
    """
    if run.run_status is not RunStatus.RUNNING or run.queued_at is None or run.started_at is None:
        return None
    is_first_claim = run.started_at == run.updated_at or run.queued_at > run.started_at
    return max(run.updated_at - run.queued_at, 0) if is_first_claim else None


def outcome_of(failure: ToolFailed) -> str:
    """How a tool call ended that raised *failure*."""
    if isinstance(failure, NeedsAnswer):
        return "asked"
    return "unknown" if isinstance(failure, OutcomeUnknown) else "failed"
