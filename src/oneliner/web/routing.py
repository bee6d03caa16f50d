"""Routes with less between the socket and the endpoint.

FastAPI describes an endpoint from its signature, and that description is used. But working the signature out anew for
every request, in two exit stacks and two handlers of errors, is most of what a request costs before its transaction.
An endpoint here takes the call and what stands in the path and the query, and nothing else; so its request is bound
and answered at once, and what it refuses with becomes a problem on the spot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi.dependencies.utils import request_params_to_args
from fastapi.routing import APIRoute
from starlette.requests import Request

from oneliner.domain.errors import OneLinerError
from oneliner.web.call import incoming
from oneliner.web.problems import as_problem, invalid_fields

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fastapi import APIRouter, FastAPI
    from fastapi.dependencies.models import Dependant
    from starlette.types import ASGIApp, Receive, Scope, Send

_CALL = "call"


class Endpoint(APIRoute):
    """An API route; see the module."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        wanted = self.dependant
        if [d.name for d in wanted.dependencies] == [_CALL] and not (
            wanted.body_params or wanted.header_params or wanted.cookie_params or wanted.request_param_name
        ):
            self.app = _straight(endpoint, wanted)


def add_routes(app: FastAPI, routers: Iterable[APIRouter]) -> None:
    """Put the routes of *routers* into one flat list: an included router would match each path twice."""
    for router in routers:
        app.router.routes.extend(router.routes)


def _straight(endpoint: Callable[..., Any], wanted: Dependant) -> ASGIApp:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        try:
            call = await incoming(request)
            response = await endpoint(**{_CALL: call}, **_bound(request, wanted))
            await response(scope, receive, send)
        except OneLinerError as error:
            await as_problem(error)(scope, receive, send)

    return answer


def _bound(request: Request, wanted: Dependant) -> dict[str, Any]:
    """What the path and the query hold, checked. Raises Invalid, with every parameter that is wrong."""
    values: dict[str, Any] = {}
    errors: list[Any] = []
    for fields, received in ((wanted.path_params, request.path_params), (wanted.query_params, request.query_params)):
        if fields:
            found, wrong = request_params_to_args(fields, received)
            values |= found
            errors += wrong
    if errors:
        raise invalid_fields(errors)
    return values
