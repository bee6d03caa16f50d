"""One request of a known caller: who asks, and the ways to answer.

Everything an endpoint does to the database goes through :class:`Call`, so that every transaction begins with admitting
the caller, and no endpoint can forget it.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Annotated, TypeVar, cast

import orjson
from fastapi import Depends
from starlette.requests import Request  # noqa: TC002 - FastAPI reads the annotation when it runs

from oneliner.app import idempotency, users
from oneliner.domain.errors import Invalid, RequestInFlight, Unauthenticated, UserNotApproved
from oneliner.web.answer import JsonAnswer
from oneliner.web.body import read_json, validated
from oneliner.web.exchange import CALLER, EXCHANGE
from oneliner.web.localise import Language, language_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pydantic import BaseModel

    from oneliner.app.ports import Transaction
    from oneliner.app.telemetry import Exchange
    from oneliner.domain.user import Caller, User
    from oneliner.web.services import Services

T = TypeVar("T")
ModelT = TypeVar("ModelT", bound="BaseModel")

REPLAYED = (b"idempotency-replayed", b"true")
_KEY = re.compile(r"[!-~]{1,255}")
_BEARER = "bearer "


class Call:
    """A request whose token was verified."""

    __slots__ = ("_asked", "caller", "request", "services")

    def __init__(self, request: Request, services: Services, caller: Caller) -> None:
        self.request = request
        self.services = services
        self.caller = caller
        self._asked: object = None

    @property
    def language(self) -> Language:
        """The language the caller wants to be told things in."""
        return language_of(self.request.headers.get("accept-language", ""))

    async def body(self, model: type[ModelT]) -> ModelT:
        """The body as *model*. Raises Invalid, MalformedJson, NotJson, BodyTooLarge."""
        self._asked = await read_json(self.request)
        return validated(model, self._asked)

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """What *work* finds in a reading transaction. Raises UserNotApproved, and what *work* raises."""

        def recognised(tx: Transaction) -> T:
            self.recognise(tx)
            return work(tx)

        return await self._known(self.services.database.read(recognised))

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """What *work* does in a writing transaction. Raises UserNotApproved, and what *work* raises."""
        exchange: Exchange | None = self.request.scope.get(EXCHANGE)

        def admitted(tx: Transaction) -> T:
            if exchange is not None:
                tx.traceparent = exchange.traceparent
            users.admit(tx, self.caller, approve_new=self.services.approve_new_users)
            return work(tx)

        return await self._known(self.services.database.write(admitted))

    async def _known(self, working: Awaitable[T]) -> T:
        try:
            return await working
        except UserNotApproved:
            # What was refused wrote nothing. But somebody who waits must be on the list of those who can be approved.
            approve_new = self.services.approve_new_users
            await self.services.database.write(lambda tx: users.register(tx, self.caller, approve_new=approve_new))
            raise

    def recognise(self, tx: Transaction) -> User:
        """The caller's user, in a reading transaction. Raises UserNotApproved."""
        return users.recognise(tx, self.caller, approve_new=self.services.approve_new_users)

    async def once(
        self, work: Callable[[Transaction], T], shape: Callable[[T], object], status: int = 200
    ) -> JsonAnswer:
        """The answer to a POST: *work* in a writing transaction, then *shape*; under an idempotency key only once.

        Read the body first. Raises what *work* raises; IdempotencyMismatch, RequestInFlight; Invalid: an odd key.
        """
        key = self.request.headers.get("idempotency-key")
        if key is None:
            return JsonAnswer(shape(await self.write(work)), status)
        if _KEY.fullmatch(key) is None:
            raise Invalid("Idempotency-Key must be 1 to 255 visible ASCII characters", field="Idempotency-Key")
        asked = self._asked_with(key)
        in_flight = self.services.in_flight
        mark = (asked.user_id, asked.route, asked.key)
        if mark in in_flight:
            raise RequestInFlight("a request with this Idempotency-Key is still being answered; try again shortly")
        in_flight.add(mark)
        try:
            given = await self.write(
                lambda tx: idempotency.once(tx, asked, status, lambda tx: orjson.dumps(shape(work(tx))).decode())
            )
        finally:
            in_flight.discard(mark)
        return JsonAnswer(given.text.encode(), given.status, [REPLAYED] if given.replayed else [])

    async def once_found(self, work: Callable[[Transaction], T], shape: Callable[[T], object]) -> JsonAnswer:
        """As :meth:`once`, to a POST that only looks: *work* runs in a reading transaction, and no writer waits for it."""
        found = await self.read(work)
        if "idempotency-key" in self.request.headers:
            return await self.once(lambda _: found, shape)
        return JsonAnswer(shape(found))

    def _asked_with(self, key: str) -> idempotency.Asked:
        # Of the parsed body, so that a client may write the same JSON in another way.
        told = orjson.dumps(self._asked, option=orjson.OPT_SORT_KEYS)
        route = f"{self.request.method} {self.request.url.path}"
        return idempotency.Asked(self.caller.user_id, route, key, hashlib.sha256(told).hexdigest())


async def incoming(request: Request) -> Call:
    """The call that *request* makes. Raises Unauthenticated: it carries no acceptable token."""
    given = request.headers.get("authorization", "")
    if given[: len(_BEARER)].lower() != _BEARER:
        raise Unauthenticated("a valid bearer token is needed")
    services = services_of(request)
    caller = await services.tokens.verify(given[len(_BEARER) :].strip())
    request.scope[CALLER] = caller.user_id
    return Call(request, services, caller)


def services_of(request: Request) -> Services:
    """The parts that the application of *request* works with."""
    return cast("Services", request.app.state.services)


Incoming = Annotated[Call, Depends(incoming)]
