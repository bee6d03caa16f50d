"""What is noted of every request: its id, its trace, how it was answered and how long that took.

The caller's ``X-Request-Id`` is taken where it is a plain word, otherwise there is a new one; every answer carries it,
and so does each log line that is written on the way. The access line names the path without its query, and nothing
that was sent.
"""

from __future__ import annotations

import logging
import re
import secrets
from time import perf_counter
from typing import TYPE_CHECKING

from oneliner.app import log_fields
from oneliner.app.telemetry import Exchange, trace_id

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from oneliner.app.telemetry import Telemetry

log = logging.getLogger("oneliner.access")

#: Where the exchange and the caller's id are found in a request's scope.
EXCHANGE = "oneliner.exchange"
CALLER = "oneliner.caller"
_STREAM = b"text/event-stream"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
#: Asked again and again by machines: told where somebody wants to know everything.
_CHATTER = ("/healthz", "/readyz", "/metrics", "/static/")


async def answer(app: ASGIApp, telemetry: Telemetry, scope: Scope, receive: Receive, send: Send) -> None:
    """Have *app* answer a request, and note what becomes of it."""
    told = {name: value for name, value in scope["headers"] if name in (b"x-request-id", b"traceparent")}
    request_id = _matching(_REQUEST_ID, told.get(b"x-request-id")) or secrets.token_hex(16)
    traceparent = _matching(_TRACEPARENT, told.get(b"traceparent"))
    exchange = scope[EXCHANGE] = Exchange(scope["method"], scope["path"], traceparent)
    header = (b"x-request-id", request_id.encode())

    async def onward(message: Message) -> None:
        if message["type"] == "http.response.start":
            exchange.status = message["status"]
            exchange.route = _route(scope)
            headers = message["headers"] = [*message.get("headers", ()), header]
            exchange.is_stream = any(n == b"content-type" and v.startswith(_STREAM) for n, v in headers)
        await send(message)

    began = perf_counter()
    with log_fields.only(request_id=request_id), telemetry.answering(exchange):
        if exchange.traceparent:
            log_fields.add("trace_id", trace_id(exchange.traceparent))
        try:
            await app(scope, receive, onward)
        finally:
            _log(exchange, scope, perf_counter() - began)


def _log(exchange: Exchange, scope: Scope, seconds: float) -> None:
    level = logging.DEBUG if exchange.path.startswith(_CHATTER) and exchange.status < 500 else logging.INFO  # noqa: PLR2004 - a fault is no chatter
    if log.isEnabledFor(level):
        fields = {
            "method": exchange.method,
            "path": exchange.path,
            "status": exchange.status,
            "seconds": round(seconds, 4),
            "user_id": scope.get(CALLER, ""),
        }
        log.log(level, "request.answered", extra=fields)


def _route(scope: Scope) -> str:
    """The template of the path that was asked for, empty where no route took it."""
    return getattr(scope.get("route"), "path", "")


def _matching(pattern: re.Pattern[str], value: bytes | None) -> str:
    text = "" if value is None else value.decode("latin-1").strip()
    return text if pattern.fullmatch(text) else ""
