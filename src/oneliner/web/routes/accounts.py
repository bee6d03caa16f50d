"""Who is calling, and who may call."""

import time
from importlib.metadata import version
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from oneliner.app import erasure, export, sign_in, users
from oneliner.app.ports import Page, Transaction
from oneliner.domain.errors import Forbidden, NotFound, Unauthenticated
from oneliner.domain.times import rfc3339
from oneliner.domain.user import User
from oneliner.web import shapes
from oneliner.web.answer import JsonAnswer
from oneliner.web.answer_schemas import Listed, Me, SignedIn, UserAnswer
from oneliner.web.body import read_json, validated
from oneliner.web.call import Incoming, services_of
from oneliner.web.care_schemas import ErasureAnswer
from oneliner.web.description import described, downloads
from oneliner.web.exports import MEDIA_TYPES, Download, Format
from oneliner.web.parameters import Before, Limit, UserId
from oneliner.web.routing import Endpoint
from oneliner.web.schemas import ExchangeRequest, UserStatusRequest

router = APIRouter(route_class=Endpoint)

VERSION = version("oneliner")

#: How long somebody who came by a sign-in link stays signed in: a working day. The link itself lives much shorter.
SIGNED_IN_SECONDS = 12 * 3_600


@router.post(
    "/v1/auth/exchange",
    response_model=SignedIn,
    operation_id="exchangeCode",
    tags=["users"],
    summary="Sign in with a one-time code",
    openapi_extra=described(ExchangeRequest, refuses=(Unauthenticated,), public=True),
)
async def exchange_code(request: Request) -> Response:
    """The code of a sign-in link, which works once, for a token."""
    body = validated(ExchangeRequest, await read_json(request))
    services = services_of(request)
    user_id, authority = await services.database.write(lambda tx: sign_in.exchange(tx, body.code))
    expires_at_ms = (int(time.time()) + SIGNED_IN_SECONDS) * 1000
    token = services.tokens.issue(user_id, authority=authority, ttl_seconds=SIGNED_IN_SECONDS)
    return JsonAnswer({"token": token, "expires_at": rfc3339(expires_at_ms)})


@router.get(
    "/v2/oneliner/me",
    response_model=Me,
    operation_id="getMe",
    tags=["users"],
    summary="Read who is calling",
    openapi_extra=described(),
)
async def get_me(call: Incoming) -> Response:
    """The caller's user and what this server is; also the cursor from which the stream of all runs tells what is new."""

    def found(tx: Transaction) -> tuple[User, int]:
        return call.recognise(tx), tx.events.cursor_of(call.caller.user_id)

    user, cursor = await call.read(found)
    models, caller = call.services.models, call.caller
    told = {
        "user": shapes.user_to_json(user),
        "role": caller.authority,
        "projects": None if caller.projects is None else sorted(caller.projects),
        "demo": call.services.demo_notice and models.is_demo,
        "default_model": models.default,
        "version": VERSION,
        "event_cursor": cursor,
    }
    return JsonAnswer(told)


@router.get(
    "/v2/oneliner/users",
    response_model=Listed[UserAnswer],
    operation_id="listUsers",
    tags=["users"],
    summary="List users by id (administrators)",
    openapi_extra=described(refuses=(Forbidden,)),
)
async def list_users(call: Incoming, limit: Limit = 50, before: Before = None) -> Response:
    """Everybody who ever called with a valid token."""
    found = await call.read(lambda tx: users.page(tx, call.caller, Page(limit + 1, before)))
    shown, cursor = shapes.page_of(found, limit, lambda u: u.id)
    return JsonAnswer(shapes.listed([shapes.user_to_json(u) for u in shown], cursor))


@router.put(
    "/v2/oneliner/users/{user_id}/status",
    response_model=UserAnswer,
    operation_id="setUserStatus",
    tags=["users"],
    summary="Approve or suspend a user (administrators)",
    openapi_extra=described(UserStatusRequest, refuses=(Forbidden, NotFound)),
)
async def set_user_status(call: Incoming, user_id: UserId) -> Response:
    """A suspended user is refused from the next request on."""
    body = await call.body(UserStatusRequest)
    changed = await call.write(lambda tx: users.set_status(tx, call.caller, user_id, body.status))
    return JsonAnswer(shapes.user_to_json(changed))


@router.get(
    "/v2/oneliner/users/{user_id}/export",
    response_class=Response,
    responses=downloads(MEDIA_TYPES.values()),
    operation_id="exportUser",
    tags=["data care"],
    summary="Export what is kept of a user",
    openapi_extra=described(refuses=(NotFound,)),
)
async def export_user(
    call: Incoming,
    user_id: UserId,
    written_as: Annotated[Format, Query(alias="format", description="Everything, or what there is to read.")] = (
        Format.JSONL
    ),
) -> Response:
    """Everybody may export himself, an administrator anybody: sessions with all they hold, documents with every version,
    saved views and the rules the user set for himself. What he deleted is not in it.
    """
    user = await call.write(lambda tx: export.begin_user(tx, call.caller, user_id))
    return Download(export.of_user(call.read, user), written_as, "user")


@router.delete(
    "/v2/oneliner/users/{user_id}",
    response_model=ErasureAnswer,
    operation_id="eraseUser",
    tags=["data care"],
    summary="Erase a user (administrators)",
    openapi_extra=described(refuses=(Forbidden, NotFound)),
)
async def erase_user(call: Incoming, user_id: UserId) -> Response:
    """All that the user said and wrote goes for good and his name with it; what he used and what it cost stays, under
    his id. He is refused from the next request on, until an administrator approves him to start anew.
    """
    await call.write(lambda tx: erasure.begin(tx, call.caller, user_id))
    return JsonAnswer(shapes.erasure_to_json(await erasure.carry_on(call.services.database, user_id)))
