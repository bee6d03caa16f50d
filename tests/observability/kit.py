"""A server process with a scripted model, looked at from outside: its API, its figures, its log, its traces."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from oneliner.settings import Settings
from oneliner.wiring import issue_token
from tests.cli.command_kit import Served, serving_logged

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from pathlib import Path

    from opentelemetry.proto.trace.v1.trace_pb2 import Span

    from oneliner.testing import ModelServer

_SAMPLE = re.compile(r"^(?P<name>[a-z_]+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)$")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass
class Deployed:
    """A running server and who talks to it. *errors* is the file of its log lines."""

    url: str
    data_dir: Path
    errors: Path
    client: httpx.AsyncClient
    served: Served

    @property
    def log(self) -> str:
        return self.errors.read_text(encoding="utf-8")

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Its log, where that is JSON."""
        return [json.loads(line) for line in self.log.splitlines()]

    async def run(self, message: str = "hello", **headers: str) -> dict[str, Any]:
        """A chat run, when it has ended or waits."""
        begun = await self.client.post("/v1/agent/runs", json={"message": message}, headers=headers)
        assert begun.status_code == 202, begun.text
        return await self.settled(begun.json()["run_id"])

    async def settled(self, run_id: str) -> dict[str, Any]:
        """A run, when it has ended or waits for somebody."""
        await self.client.get(f"/v1/agent/runs/{run_id}/events", params={"after": 0}, timeout=60)
        return (await self.client.get(f"/v2/oneliner/runs/{run_id}")).json()

    async def figures(self) -> Figures:
        """What its metrics say now."""
        page = await self.client.get("/metrics")
        assert page.status_code == 200, page.text
        return Figures(page.text)


@dataclass
class Figures:
    """A page of metrics."""

    text: str
    samples: list[tuple[str, dict[str, str], float]] = field(init=False)

    def __post_init__(self) -> None:
        found = [_SAMPLE.match(line) for line in self.text.splitlines() if not line.startswith("#")]
        self.samples = [(m["name"], dict(_LABEL.findall(m["labels"] or "")), float(m["value"])) for m in found if m]

    def sum(self, name: str, **labels: str) -> float:
        """All samples of *name* with these labels together."""
        return sum(v for n, ls, v in self.samples if n == name and labels.items() <= ls.items())

    @property
    def families(self) -> set[str]:
        return set(re.findall(r"^# TYPE (\S+)", self.text, re.MULTILINE))


@asynccontextmanager
async def deployed(folder: Path, model: ModelServer, **variables: str) -> AsyncGenerator[Deployed]:
    """A server whose model is *model*, and a client of its user ada."""
    data_dir, errors = folder / "data", folder / "errors.log"
    environment = {
        "ONELINER_MODEL": "openai/test",
        "ONELINER_MODEL_BASE_URL": model.base_url,
        "ONELINER_MODEL_API_KEY": "sk-test-0123456789",
        **variables,
    }
    starting = serving_logged(data_dir, errors, environment)
    served = await asyncio.to_thread(starting.__enter__)
    try:
        settings = Settings.load({"ONELINER_DATA_DIR": str(data_dir), **environment})
        headers = {"Authorization": f"Bearer {issue_token(settings, 'ada', ttl_seconds=3_600)}"}
        async with httpx.AsyncClient(base_url=served.url, headers=headers, timeout=60) as client:
            yield Deployed(served.url, data_dir, errors, client, served)
    finally:
        await asyncio.to_thread(starting.__exit__, None, None, None)


async def until(is_true: Callable[[], Any], seconds: float = 60.0) -> None:
    """Wait for what another process brings about. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while True:
            found = is_true()
            if await found if asyncio.iscoroutine(found) else found:
                return
            await asyncio.sleep(0.05)


class Collector:
    """A receiver of traces that keeps what it gets; *answers* with another status if it is told to."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.answers = 200
        self.url = ""

    @property
    def spans(self) -> list[Span]:
        requests = [ExportTraceServiceRequest.FromString(body) for body in self.bodies]
        return [
            s for r in requests for resource in r.resource_spans for scope in resource.scope_spans for s in scope.spans
        ]

    def named(self, name: str) -> list[Span]:
        return [span for span in self.spans if span.name == name]

    async def take(self, request: web.Request) -> web.Response:
        """Keep what was sent."""
        self.bodies.append(await request.read())
        self.headers.append(dict(request.headers))
        return web.Response(status=self.answers, content_type="application/x-protobuf")


@asynccontextmanager
async def collecting() -> AsyncGenerator[Collector]:
    """A collector that takes OTLP over HTTP."""
    collector = Collector()
    app = web.Application()
    app.router.add_post("/v1/traces", collector.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    collector.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield collector
    finally:
        await runner.cleanup()


def attributes(span: Span) -> dict[str, Any]:
    """Its attributes as plain values."""
    return {a.key: _plain(a.value) for a in span.attributes}


def _plain(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_plain(v) for v in value.array_value.values]
    return getattr(value, kind)
