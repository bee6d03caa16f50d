"""The API's description: what FastAPI sees, completed with what endpoints do by themselves.

Bodies are read by hand and answers are shaped by hand, for speed; so their models are put in here, with the headers
every request may carry and every refusal each route can answer with. A test sends real requests and holds the answers
to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from oneliner.domain import errors
from oneliner.web import answer_schemas, exchange, problems, schemas
from oneliner.web.description import PUBLIC, REFERENCE, REFUSES, STREAM
from oneliner.web.sse import DIRECT_SEND

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pydantic import BaseModel
    from starlette.types import Receive, Scope, Send

    from oneliner.web.services import Services

TITLE = "OneLiner"
SUMMARY = "A self-hosted main-agent runtime: confirmable, durable, accounted agent runs."
DESCRIPTION = """\
Every route of `/v1` and `/v2` needs a bearer token (JWT). A foreign id is answered as an unknown one: 404.
What is refused is answered as problem details (RFC 9457) with a stable `code`.
Lists answer `items` and `next_cursor`. Times are RFC 3339 in UTC; money is a decimal string in USD, null when no price
is known; ids are UUIDs."""
TAGS = [
    {"name": "chat", "description": "Saying something to the agent."},
    {"name": "sessions", "description": "Conversations, with their messages and totals."},
    {"name": "runs", "description": "Work that is handed over, confirmed, watched and accounted."},
    {"name": "executors", "description": "Who can carry out work: the main agent, and the specialists it asks."},
    {"name": "schedules", "description": "Work that is handed over again and again."},
    {"name": "governance", "description": "The policy layers and what they add up to."},
    {"name": "mcp", "description": "The MCP servers whose tools the agent has."},
    {"name": "documents", "description": "Versioned Markdown that a user and the agent share."},
    {"name": "usage", "description": "Tokens and money."},
    {"name": "users", "description": "Who is calling, and who may."},
    {"name": "data care", "description": "What is kept, for how long, and who did what."},
    {"name": "webhooks", "description": "Who is told of run events at an address of his own."},
    {"name": "operations", "description": "For whoever runs the server."},
]
_METHODS = ("get", "post", "put", "patch", "delete")
_PROBLEM_TYPE = "application/problem+json"
_HEADERS: dict[str, dict[str, Any]] = {
    "AcceptLanguage": {
        "name": "Accept-Language",
        "in": "header",
        "description": "The language of `status_summary`: `en` or `zh`.",
        "schema": {"type": "string"},
        "example": "zh-CN",
    },
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "The same key and body are answered as the first time, with `Idempotency-Replayed: true`.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    },
    "RequestId": {
        "name": "X-Request-Id",
        "in": "header",
        "description": "The answer and the server's log lines carry it; without it they carry a new one.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[A-Za-z0-9._:-]+$"},
    },
    "Traceparent": {
        "name": "traceparent",
        "in": "header",
        "description": "The caller's trace (W3C Trace Context), which the run that is created goes on in.",
        "schema": {"type": "string"},
    },
    "LastEventId": {
        "name": "Last-Event-ID",
        "in": "header",
        "description": "The `id` of the last event that was received, digits; the stream goes on after it.",
        "schema": {"type": "string"},
    },
}
_EVERYWHERE = (errors.Unauthenticated, errors.UserNotApproved, errors.Invalid, errors.Unavailable)
_WITH_BODY = (problems.MalformedJson, problems.BodyTooLarge, problems.NotJson)
_WITH_KEY = (errors.RequestInFlight, errors.IdempotencyMismatch)
_STATUS_OF_CODE = {cls.code: kind for cls, kind in problems.PROBLEMS.items()}


class Api(FastAPI):
    """FastAPI whose description is completed, and whose streams have a way around its middleware."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; what a stream sends after its beginning needs to pass through none of the layers."""
        scope[DIRECT_SEND] = send
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        services: Services = self.state.services
        await exchange.answer(super().__call__, services.telemetry, scope, receive, send)

    def openapi(self) -> dict[str, Any]:
        """The description, made once."""
        if self.openapi_schema is None:
            self.openapi_schema = completed(super().openapi())
        return self.openapi_schema


def completed(description: dict[str, Any]) -> dict[str, Any]:
    """*description* with bodies, headers, security and refusals."""
    components = cast("dict[str, Any]", description.setdefault("components", {}))
    components["schemas"] = {**components.get("schemas", {}), **_models(), "Problem": _problem_schema()}
    components["parameters"] = dict(_HEADERS)
    components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
    for unused in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(unused, None)
    for method, operation in operations(description):
        _complete(method, operation)
    return description


def operations(description: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every operation of *description* with its method."""
    for item in description["paths"].values():
        for method in _METHODS:
            if method in item:
                yield method, item[method]


def _models() -> dict[str, Any]:
    wanted: list[type[BaseModel]] = [
        *schemas.Body.__subclasses__(),
        answer_schemas.EventFrame,
        answer_schemas.DeltaFrame,
        answer_schemas.SnapshotFrame,
    ]
    _, described = models_json_schema([(model, "validation") for model in wanted], ref_template=REFERENCE)
    return described["$defs"]


def _problem_schema() -> dict[str, Any]:
    codes = sorted({*_STATUS_OF_CODE, *(code for code, _ in problems.OTHERS.values())})
    texts = {name: {"type": "string"} for name in ("type", "title", "detail")}
    field = {
        "type": "object",
        "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
        "required": ["field", "message"],
    }
    return {
        "title": "Problem",
        "description": "Why something was refused (RFC 9457). Beside these there are parameters, by the code.",
        "type": "object",
        "properties": {
            **texts,
            "status": {"type": "integer"},
            "code": {"type": "string", "enum": codes},
            "request_id": {"type": "string", "description": "As in `X-Request-Id`; the server's log has it too."},
            "errors": {"type": "array", "items": field, "description": "For `invalid`: every field that is wrong."},
        },
        "required": ["type", "title", "status", "detail", "code"],
        "additionalProperties": True,
    }


def _complete(method: str, operation: dict[str, Any]) -> None:
    public = operation.pop(PUBLIC, False)
    codes = list(operation.pop(REFUSES, ()))
    answers = operation["responses"]
    parameters = cast("list[dict[str, Any]]", operation.setdefault("parameters", []))
    if not public:
        operation["security"] = [{"bearer": []}]
        codes += [error.code for error in _EVERYWHERE]
        parameters.append({"$ref": "#/components/parameters/AcceptLanguage"})
    if "requestBody" in operation:
        codes += [error.code for error in (*_WITH_BODY, errors.Invalid)]
    if method != "get" and "503" not in answers:
        codes += [errors.Unavailable.code, errors.StorageFull.code]
    if method == "post" and not public:
        codes += [error.code for error in _WITH_KEY]
        parameters.append({"$ref": "#/components/parameters/IdempotencyKey"})
    if STREAM in answers.get("200", {}).get("content", {}):
        parameters.append({"$ref": "#/components/parameters/LastEventId"})
    if not parameters:
        del operation["parameters"]
    answers.pop("422", None)
    answers.update(_refusals(codes))
    answers["500"] = _refusal(["internal_error"], problems.OTHERS[500][1])


def _refusals(codes: Iterable[str]) -> dict[str, Any]:
    by_status: dict[int, list[str]] = {}
    for code in dict.fromkeys(codes):
        by_status.setdefault(_STATUS_OF_CODE[code].status, []).append(code)
    return {
        str(status): _refusal(found, "; ".join(_STATUS_OF_CODE[code].title for code in found))
        for status, found in sorted(by_status.items())
    }


def _refusal(codes: list[str], said: str) -> dict[str, Any]:
    names = ", ".join(f"`{code}`" for code in codes)
    content = {_PROBLEM_TYPE: {"schema": {"$ref": REFERENCE.format(model="Problem")}}}
    return {"description": f"{said} ({names})", "content": content}
