from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

import pytest_asyncio

from oneliner.adapters.tools.outbound import guarded_session
from oneliner.adapters.webhook_courier import HttpCourier
from oneliner.app.sending import Sender
from tests.support.front import Front
from tests.webhooks.receiver import Receiver

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator
    from pathlib import Path

    import httpx

LOOPBACK = ip_network("127.0.0.1/32")
WEBHOOKS = "/v2/oneliner/webhooks"


@pytest_asyncio.fixture
async def front(tmp_path: Path) -> AsyncIterator[Front]:
    opened = Front(tmp_path / "front.db", webhook_networks=(LOOPBACK,))
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def ann(front: Front) -> AsyncIterator[httpx.AsyncClient]:
    async with front.client("ann") as client:
        yield client


@pytest_asyncio.fixture
async def admin(front: Front) -> AsyncIterator[httpx.AsyncClient]:
    async with front.client("root", admin=True) as client:
        yield client


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    started = Receiver()
    await started.start()
    yield started
    await started.stop()


@asynccontextmanager
async def sending(
    front: Front, *, timeout_seconds: float = 15.0, networks: tuple[Any, ...] = (LOOPBACK,)
) -> AsyncGenerator[None]:
    """What a server does beside its front door: send."""
    courier = HttpCourier(lambda: guarded_session(networks), timeout_seconds)
    sender = Sender(front.database, courier, front.services.webhooks.secrets, front.bell)
    task = asyncio.ensure_future(sender.keep_sending())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def endpoint(admin: httpx.AsyncClient, url: str, **asked: object) -> dict[str, Any]:
    """A new endpoint, with its secret."""
    answer = await admin.post(WEBHOOKS, json={"url": url, "project_id": None, **asked})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def log(admin: httpx.AsyncClient, made: dict[str, Any], delivery_id: str = "") -> dict[str, Any]:
    """The newest delivery of an endpoint (or one of them) with its attempts."""
    path = f"{WEBHOOKS}/{made['id']}/deliveries"
    if not delivery_id:
        delivery_id = (await admin.get(path)).json()["items"][0]["id"]
    return (await admin.get(f"{path}/{delivery_id}")).json()
