"""Whoever receives figures and traces may be gone, hang or refuse: no run notices, and no stop waits for them."""

from __future__ import annotations

import asyncio
import signal
import socket
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

import pytest

from oneliner.testing import ModelServer, Reply
from tests.observability.kit import collecting, deployed, until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator
    from pathlib import Path

RUNS = 20


@contextmanager
def black_hole() -> Generator[str]:
    """An address that takes connections and whatever comes over them, and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@asynccontextmanager
async def receiver(kind: str) -> AsyncGenerator[str]:
    if kind == "hangs":
        with black_hole() as url:
            yield url
    elif kind == "is gone":
        with black_hole() as url:
            pass
        yield url
    else:
        async with collecting() as collector:
            collector.answers = 500
            yield collector.url


@pytest.mark.parametrize("kind", ["is gone", "hangs", "answers 500"])
async def test_a_collector_that_takes_nothing_touches_no_run_and_no_stop(tmp_path: Path, kind: str) -> None:
    async with (
        ModelServer(lambda _: Reply("well")) as model,
        receiver(kind) as url,
        deployed(tmp_path, model, ONELINER_OTLP_URL=url) as server,
    ):
        ended = await asyncio.gather(*(server.run(f"run {n}") for n in range(RUNS)))
        assert {run["run_status"] for run in ended} == {"done"}
        assert (await server.client.get("/readyz")).json()["ready"]

        async def is_noted() -> bool:
            figures = await server.figures()
            return figures.sum("oneliner_spans_total", outcome="refused") > 0

        await until(is_noted)
        assert server.log.count("traces.lost") == 1
        assert "Traceback" not in server.log
        server.served.process.send_signal(signal.SIGTERM)
        # It gives the last spans a moment, and not the half minute that the library would.
        assert await asyncio.to_thread(server.served.process.wait, 20) == 0


async def test_a_collector_that_comes_back_gets_what_happens_then(tmp_path: Path) -> None:
    async with ModelServer(lambda _: Reply("well")) as model, collecting() as collector:
        collector.answers = 400
        async with deployed(tmp_path, model, ONELINER_OTLP_URL=collector.url) as server:
            await server.run()
            await until(lambda: "traces.lost" in server.log)
            collector.answers = 200
            collector.bodies.clear()
            await server.run()
            await until(lambda: "traces.back" in server.log)
            await until(lambda: collector.named("invoke_agent main"))


async def test_spans_that_nobody_takes_are_let_go_when_too_many_wait() -> None:
    import threading

    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

    from oneliner.adapters.telemetry.metrics import Metrics
    from oneliner.adapters.telemetry.traces import MAX_QUEUED_SPANS, BoundedSpans

    let_go = threading.Event()

    class Hanging(SpanExporter):
        def export(self, spans: object) -> SpanExportResult:  # noqa: ARG002
            let_go.wait(60)
            return SpanExportResult.SUCCESS

    metrics = Metrics()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BoundedSpans(Hanging(), metrics.spans))
    tracer = provider.get_tracer("tests")
    for _ in range(MAX_QUEUED_SPANS + 100):
        tracer.start_span("one").end()
    dropped = metrics.registry.get_sample_value("oneliner_spans_total", {"outcome": "dropped"})
    let_go.set()
    await asyncio.to_thread(provider.shutdown)
    assert dropped == 100
    assert metrics.registry.get_sample_value("oneliner_spans_total", {"outcome": "sent"}) == MAX_QUEUED_SPANS


async def test_a_reader_of_metrics_that_takes_nothing_touches_no_run(tmp_path: Path) -> None:
    async with ModelServer(lambda _: Reply("well")) as model, deployed(tmp_path, model) as server:
        host, _, port = server.url.removeprefix("http://").partition(":")
        writers: list[asyncio.StreamWriter] = []
        for _ in range(50):
            _, writer = await asyncio.open_connection(host, int(port))
            # Asked again and again over each connection, and never read.
            writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 20)
            writers.append(writer)
        ended = await asyncio.gather(*(server.run(f"run {n}") for n in range(RUNS)))
        assert {run["run_status"] for run in ended} == {"done"}
        for writer in writers:
            writer.close()
