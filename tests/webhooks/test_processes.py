"""Webhooks over both databases, with several senders at once, and in a server as the wiring puts it together."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from oneliner.adapters.tools.outbound import guarded_session
from oneliner.adapters.webhook_courier import HttpCourier
from oneliner.adapters.webhook_secrets import SealedSecrets
from oneliner.app import runs, webhooks
from oneliner.app.ports import Page
from oneliner.app.sending import Sender
from oneliner.app.webhooks import Asked, WebhookTerms
from oneliner.domain.address import AddressRules
from oneliner.domain.user import Authority, Caller, UserStatus
from oneliner.domain.webhook import DeliveryStatus
from oneliner.settings import Settings
from oneliner.wiring import issue_token, open_application
from tests.support.databases import open_database, stand_in
from tests.support.engine import TASK, new_database
from tests.support.front import HANDOFF
from tests.webhooks.conftest import LOOPBACK, endpoint
from tests.webhooks.receiver import Receiver, verifies

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from oneliner.app.ports import Database, Effects, Transaction

ANN, ROOT = Caller("ann"), Caller("root", Authority.ADMIN)
TERMS = WebhookTerms(SealedSecrets("a key of the tests, which is long enough"), AddressRules((LOOPBACK,)))
RUNS = 40


@pytest.fixture
def path(tmp_path: Path, database_kind: str, request: pytest.FixtureRequest) -> Iterator[Path]:
    path = tmp_path / "oneliner.db"
    if database_kind == "sqlite":
        yield new_database(path)
        return
    with stand_in(path, request.getfixturevalue("postgres_url")):
        yield path


class Process:
    """What a process has of webhooks: a database of its own, and a sender."""

    def __init__(self, path: Path, stack: AsyncExitStack) -> None:
        self.bell = asyncio.Event()
        self.database: Database = open_database(path, self._leave)
        courier = HttpCourier(lambda: guarded_session((LOOPBACK,)))
        sending = asyncio.ensure_future(
            Sender(self.database, courier, TERMS.secrets, self.bell).keep_sending(),
        )
        stack.push_async_callback(self.database.close)
        stack.push_async_callback(_ended, sending)

    def _leave(self, effects: Effects) -> None:
        if effects.has_deliveries:
            self.bell.set()


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])


async def test_however_many_processes_send_each_delivery_is_attempted_once(path: Path, receiver: Receiver) -> None:
    async with AsyncExitStack() as stack:
        processes = [Process(path, stack) for _ in range(3)]
        database = processes[0].database

        def begin(tx: Transaction) -> webhooks.WithSecret:
            for caller in (ANN, ROOT):
                tx.users.admit(caller, UserStatus.APPROVED)
            return webhooks.create(tx, ROOT, TERMS, None, receiver.url, Asked(event_types=["run.created"]))

        made = await database.write(begin)
        for n in range(RUNS):
            await processes[n % 3].database.write(lambda tx: runs.hand_off(tx, ANN, TASK))
        received = await receiver.until(RUNS)

        def pending(tx: Transaction) -> list[Any]:
            return tx.deliveries.page(made.endpoint.id, Page(RUNS), DeliveryStatus.PENDING)

        async with asyncio.timeout(20):
            while await database.read(pending):  # noqa: ASYNC110 - what is waited for has no event
                await asyncio.sleep(0.01)
        log = await database.read(lambda tx: tx.deliveries.page(made.endpoint.id, Page(2 * RUNS), None))
    assert [delivery.attempts for delivery in log] == [1] * RUNS
    assert {r.id for r in received} == {delivery.id for delivery in log}
    assert all(verifies(made.secret, r) for r in received)


async def test_a_server_sends(tmp_path: Path, receiver: Receiver) -> None:
    settings = Settings.load({}, data_dir=tmp_path, webhook_networks="127.0.0.1")
    async with open_application(settings) as application, AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(
                httpx.AsyncClient(
                    transport=httpx.ASGITransport(application.asgi),
                    base_url="http://server",
                    headers={"Authorization": f"Bearer {issue_token(settings, 'root', authority=who, ttl_seconds=60)}"},
                )
            )
            for who in (Authority.ADMIN, Authority.MEMBER)
        ]
        made = await endpoint(clients[0], receiver.url)
        await clients[1].post("/v2/oneliner/runs", json=HANDOFF)
        (received,) = await receiver.until(1)
        assert verifies(made["secret"], received)
    assert (tmp_path / "webhook.key").stat().st_mode & 0o777 == 0o600
    # The secret is sealed with the key in that file, so another start has it too.
    async with open_application(settings) as application:
        transport = httpx.ASGITransport(application.asgi)
        token = issue_token(settings, "root", authority=Authority.ADMIN, ttl_seconds=60)
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://server", headers=headers) as admin:
            await admin.post(f"/v2/oneliner/webhooks/{made['id']}/test")
            assert verifies(made["secret"], (await receiver.until(2))[1])
