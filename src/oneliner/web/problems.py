"""What is refused, as HTTP: the one table from the product's errors to statuses, and the answers made of it.

Every refusal is problem details (RFC 9457): ``type``, ``title``, ``status``, ``detail``, a stable ``code``, and the
parameters of the error beside them.
"""

from __future__ import annotations

import logging
import math
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import orjson
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match, Route

from oneliner.app import log_fields
from oneliner.domain import errors
from oneliner.web.answer import ProblemAnswer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from fastapi import FastAPI
    from starlette.requests import Request
    from starlette.responses import Response

_log = logging.getLogger("oneliner.web")


class MalformedJson(errors.OneLinerError):
    """The body is no JSON."""

    code = "malformed_json"


class BodyTooLarge(errors.OneLinerError):
    """The body is larger than any request needs."""

    code = "body_too_large"


class NotJson(errors.OneLinerError):
    """The body is said to be something else than JSON."""

    code = "not_json"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of problem: its status and its title."""

    status: int
    title: str


#: The most special class of an error decides.
PROBLEMS: Mapping[type[errors.OneLinerError], Kind] = {
    MalformedJson: Kind(400, "The body is not JSON"),
    errors.Unauthenticated: Kind(401, "A valid bearer token is needed"),
    errors.Forbidden: Kind(403, "This caller may not do this"),
    errors.UserNotApproved: Kind(403, "This user may not work yet, or no longer"),
    errors.PolicyDenied: Kind(403, "A policy forbids this"),
    errors.NotFound: Kind(404, "There is no such thing for this caller"),
    errors.Conflict: Kind(409, "The thing has changed meanwhile"),
    errors.IllegalMove: Kind(409, "The run is in a state from which this move does not lead"),
    errors.PlanChanged: Kind(409, "The plan has changed since it was read"),
    errors.VersionChanged: Kind(409, "There is a newer version than the one that was read"),
    errors.SessionBusy: Kind(409, "A run is at work in the session"),
    errors.RequestInFlight: Kind(409, "A request with this idempotency key is being answered"),
    errors.Purged: Kind(409, "Its content is gone for good"),
    BodyTooLarge: Kind(413, "The body is too large"),
    NotJson: Kind(415, "The body must be application/json"),
    errors.Invalid: Kind(422, "The request is not valid"),
    errors.IdempotencyMismatch: Kind(422, "The idempotency key was used with another body"),
    errors.Unavailable: Kind(503, "The server cannot take this now"),
    errors.StorageFull: Kind(507, "The disk is full"),
}
#: What the framework refuses by itself, and what nobody expected: status → (code, title).
OTHERS: Mapping[int, tuple[str, str]] = {
    400: ("bad_request", "The request cannot be read"),
    404: ("no_such_route", "There is no such route"),
    405: ("method_not_allowed", "The route does not take this method"),
    500: ("internal_error", "Something went wrong here"),
}


def kind_of(error: type[errors.OneLinerError]) -> Kind | None:
    """The kind of *error*, by its most special class in the table; None for what no client should ever see."""
    return next((PROBLEMS[cls] for cls in error.__mro__ if cls in PROBLEMS), None)


def install(app: FastAPI) -> None:
    """Have *app* answer everything that is refused as problem details."""
    app.add_exception_handler(errors.OneLinerError, _refused)
    app.add_exception_handler(RequestValidationError, _not_valid)
    app.add_exception_handler(HTTPException, _not_routed)
    app.add_exception_handler(ClientDisconnect, _left)
    app.add_exception_handler(Exception, _unexpected)


def problem(
    status: int,
    code: str,
    title: str,
    detail: str,
    params: Mapping[str, object],
    headers: Iterable[tuple[bytes, bytes]] = (),
) -> Response:
    """The answer. Names that problem details themselves use win over *params*."""
    request_id = log_fields.current().get("request_id")
    body = {
        **params,
        **({"request_id": request_id} if request_id else {}),
        "type": f"/problems/{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
    }
    return ProblemAnswer(orjson.dumps(body, default=str), status, headers)


def as_problem(error: errors.OneLinerError) -> Response:
    """The answer to *error*."""
    kind = kind_of(type(error))
    if kind is None:
        return _internal(error)
    headers: list[tuple[bytes, bytes]] = []
    if isinstance(error, errors.Unauthenticated):
        headers.append((b"www-authenticate", b"Bearer"))
    if isinstance(error, errors.Unavailable):
        seconds = error.params.get("retry_after_seconds")
        headers.append((b"retry-after", b"%d" % (math.ceil(seconds) if isinstance(seconds, int | float) else 1)))
    return problem(kind.status, error.code, kind.title, error.message, error.params, headers)


def invalid_fields(found: Sequence[Mapping[str, object]]) -> errors.Invalid:
    """Pydantic's findings in our words: which field, and what is wrong with it."""
    fields = [{"field": _field_name(f), "message": str(f.get("msg", ""))} for f in found]
    said = "; ".join(f"{f['field']}: {f['message']}" if f["field"] else f["message"] for f in fields[:5])
    return errors.Invalid(said or "the request is not valid", errors=fields)


def _field_name(finding: Mapping[str, object]) -> str:
    where = cast("tuple[object, ...]", finding.get("loc", ()))
    return ".".join(str(part) for part in where if part not in {"body", "query", "path", "header"})


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.OneLinerError)
    return as_problem(error)


async def _not_valid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return as_problem(invalid_fields(error.errors()))


async def _not_routed(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code, title = OTHERS.get(error.status_code, ("bad_request", "The request cannot be answered"))
    told = {name.lower(): value for name, value in (error.headers or {}).items()}
    if "allow" in told:
        # The framework tells the methods of one of the routes that share the path.
        told["allow"] = ", ".join(sorted(_methods_at(request)))
    headers = [(name.encode(), value.encode()) for name, value in told.items()]
    return problem(error.status_code, code, title, title.lower(), {}, headers)


def _methods_at(request: Request) -> set[str]:
    """Every method that some route takes at the path of *request*."""
    routes = [r for r in request.app.routes if isinstance(r, Route) and r.matches(request.scope)[0] is not Match.NONE]
    return {method for route in routes for method in route.methods or ()}


async def _left(_request: Request, _error: Exception) -> Response:
    # Nobody reads this; without it, a client that leaves in the middle of its body would be logged as our fault.
    return problem(400, "bad_request", OTHERS[400][1], "the body was not sent to its end", {})


async def _unexpected(_request: Request, error: Exception) -> Response:
    return _internal(error)


def _internal(error: Exception) -> Response:
    # The id finds the log line; what went wrong is told there and to nobody outside.
    error_id = uuid.uuid4().hex
    _log.error("request.failed", exc_info=error, extra={"error_id": error_id})
    code, title = OTHERS[500]
    return problem(500, code, title, f"this is logged as error {error_id}", {"error_id": error_id})
