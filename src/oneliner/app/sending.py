"""Sending deliveries, beside everything else: a receiver that is slow, down or hostile costs its own queue and no run.

Each endpoint that has something due gets a task of its own, so that one that hangs keeps nobody waiting; the database
decides which process makes an attempt.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Protocol

from oneliner.app import deliveries
from oneliner.domain.errors import OneLinerError, Unavailable

if TYPE_CHECKING:
    from oneliner.app.deliveries import Outcome, Parcel, Secrets
    from oneliner.app.ports import Database

log = logging.getLogger("oneliner.webhooks")

#: How many deliveries of one endpoint are under way at once.
AT_ONCE = 8
#: How many endpoints a process sends to at once.
MAX_ENDPOINTS_AT_ONCE = 32
#: Longer than an attempt can take.
LEASE_MS = 60_000
#: How soon is noticed what other processes wrote, and what is due again.
LOOK_SECONDS = 1.0


class Courier(Protocol):
    """Carries a parcel to its address, and says what came of it; never raises."""

    async def carry(self, parcel: Parcel) -> Outcome:
        """Make one attempt."""
        ...


class Sender:
    """Sends for one process what is due, for ever; *bell* rings when there may be something new."""

    def __init__(self, database: Database, courier: Courier, secrets: Secrets, bell: asyncio.Event) -> None:
        self._database = database
        self._courier = courier
        self._secrets = secrets
        self._bell = bell
        self._under_way: dict[str, asyncio.Task[None]] = {}

    async def keep_sending(self) -> None:
        """Send what is due, until cancelled; attempts that are under way then are made again by somebody."""
        try:
            while True:
                self._bell.clear()
                await self._look()
                # Not wait_for: on Python 3.11 it loses a cancellation that comes together with the bell.
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_SECONDS):
                        await self._bell.wait()
        finally:
            for task in self._under_way.values():
                task.cancel()

    async def _look(self) -> None:
        free = MAX_ENDPOINTS_AT_ONCE - len(self._under_way)
        try:
            due = await self._database.read(lambda tx: tx.webhooks.due(self._secrets.key_id))
        except Unavailable as error:
            log.warning("webhook.not_looked", extra={"error": error.message})
            return
        for endpoint_id in [id_ for id_ in due if id_ not in self._under_way][:free]:
            task = asyncio.ensure_future(self._drain(endpoint_id))
            self._under_way[endpoint_id] = task
            task.add_done_callback(partial(self._drained, endpoint_id))

    def _drained(self, endpoint_id: str, task: asyncio.Task[None]) -> None:
        del self._under_way[endpoint_id]
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            # There may be another that waited for its place.
            self._bell.set()
        elif isinstance(error, OneLinerError):
            # Attempts that were begun are made again when their lease is over.
            log.warning("webhook.stopped", extra={"endpoint_id": endpoint_id, "error": error.message})
        else:
            log.error("webhook.broke", exc_info=error, extra={"endpoint_id": endpoint_id})

    async def _drain(self, endpoint_id: str) -> None:
        while parcels := await self._database.write(
            partial(deliveries.claim, endpoint_id=endpoint_id, secrets=self._secrets, limit=AT_ONCE, lease_ms=LEASE_MS)
        ):
            async with asyncio.TaskGroup() as group:
                for parcel in parcels:
                    group.create_task(self._send(parcel))

    async def _send(self, parcel: Parcel) -> None:
        outcome = await self._courier.carry(parcel)
        try:
            await self._database.write(
                partial(deliveries.settle, parcel=parcel, outcome=outcome), patience_seconds=LEASE_MS / 4000
            )
        except Unavailable as error:
            # It is sent again when the lease is over; the receiver knows it by its id.
            log.warning("webhook.not_settled", extra={"delivery_id": parcel.delivery.id, "error": error.message})
            return
        facts = {
            "delivery_id": parcel.delivery.id,
            "endpoint_id": parcel.endpoint.id,
            "attempt": parcel.delivery.attempts,
            "status": outcome.status_code,
            "duration_ms": outcome.duration_ms,
            "error": outcome.error,
        }
        log.info("webhook.attempted", extra=facts)
