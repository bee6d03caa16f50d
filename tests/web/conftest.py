from __future__ import annotations

from typing import TYPE_CHECKING

import pytest_asyncio

from tests.support.front import Front

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx


@pytest_asyncio.fixture
async def front(tmp_path: Path) -> AsyncIterator[Front]:
    opened = Front(tmp_path / "front.db", heartbeat_seconds=0.2)
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def ann(front: Front) -> AsyncIterator[httpx.AsyncClient]:
    async with front.client("ann") as client:
        yield client


@pytest_asyncio.fixture
async def bob(front: Front) -> AsyncIterator[httpx.AsyncClient]:
    async with front.client("bob") as client:
        yield client


@pytest_asyncio.fixture
async def admin(front: Front) -> AsyncIterator[httpx.AsyncClient]:
    async with front.client("root", admin=True) as client:
        yield client
