"""Where a worker process answers the questions of operators: its figures, and whether it is up and ready."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

import orjson
from aiohttp import web

from oneliner.domain.errors import Invalid, OneLinerError, Unauthenticated

if TYPE_CHECKING:
    from oneliner.app.readiness import Readiness

log = logging.getLogger("oneliner.worker")

_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-Ip")
_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_LAST_ANSWERS_SECONDS = 1.0


class Page(Protocol):
    """The figures."""

    def check(self, *, peer: str, authorization: str, is_forwarded: bool) -> None:
        """Let a reader in. Raises Unauthenticated, Forbidden."""
        ...

    async def page(self) -> bytes:
        """The figures, in Prometheus's text format."""
        ...


class WorkerDoor:
    """A small HTTP server with ``/metrics``, ``/healthz`` and ``/readyz``."""

    def __init__(self, page: Page, readiness: Readiness) -> None:
        self._page = page
        self._readiness = readiness
        app = web.Application()
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/healthz", self._health)
        app.router.add_get("/readyz", self._ready)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=_LAST_ANSWERS_SECONDS)

    async def open(self, host: str, port: int) -> None:
        """Begin to answer; 0 is a free port. Raises Invalid: the port is taken."""
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError as error:
            raise Invalid(
                f"port {port} on {host} is taken or not ours ({error.strerror}); give each worker its ONELINER_WORKER_PORT",
                setting="worker_port",
            ) from error
        log.info("worker.door_open", extra={"port": self._runner.addresses[0][1]})

    async def close(self) -> None:
        """Answer no more."""
        await self._runner.cleanup()

    async def _metrics(self, request: web.Request) -> web.Response:
        try:
            self._page.check(
                peer=request.remote or "",
                authorization=request.headers.get("Authorization", ""),
                is_forwarded=any(name in request.headers for name in _FORWARDED),
            )
        except OneLinerError as error:
            return web.Response(status=401 if isinstance(error, Unauthenticated) else 403, text=f"{error.message}\n")
        return web.Response(body=await self._page.page(), headers={"Content-Type": _METRICS_TYPE})

    async def _health(self, _: web.Request) -> web.Response:
        return _json({"status": "ok"})

    async def _ready(self, _: web.Request) -> web.Response:
        report = await self._readiness.report()
        return _json({"ready": report.ready, "parts": dict(report.parts)}, 200 if report.ready else 503)


def _json(answer: object, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(answer), status=status, content_type="application/json")
