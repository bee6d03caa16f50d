"""An endpoint on loopback, and both clients pointed at it."""

from __future__ import annotations

import asyncio
import warnings
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from wire_kit import KEY, MakeClient, Wire, question

from oneliner.adapters.models.connections import Connections
from oneliner.adapters.models.litellm_client import LiteLLMClient
from oneliner.adapters.models.openai_wire import Endpoint, OpenAIWire
from oneliner.adapters.models.redaction import Redactor
from oneliner.domain.errors import ModelFailure

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from oneliner.adapters.models.limits import Limits
    from oneliner.app.model import Model


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    endpoint = Wire()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", endpoint.handle)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    endpoint.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    yield endpoint
    await runner.cleanup()


@pytest.fixture
async def direct(wire: Wire) -> AsyncIterator[MakeClient]:
    connections = Connections({})

    def make(limits: Limits | None = None, key: str = KEY, base_url: str = "") -> Model:
        endpoint = Endpoint(base_url or wire.base_url, key, prefix="openai/")
        return OpenAIWire(endpoint, connections, Redactor({key}), limits)

    yield make
    await connections.close()


@pytest.fixture(scope="session")
def litellm_loaded() -> None:
    """Its import and its first call take seconds, which no test of time limits should measure."""

    async def call() -> None:
        client = LiteLLMClient(Redactor(), api_key=KEY, base_url="http://127.0.0.1:9/v1")
        with pytest.raises(ModelFailure):
            await client.answer(question(), lambda _: None)
        await client.close()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        asyncio.run(call())


@pytest.fixture
async def through_litellm(wire: Wire, litellm_loaded: None) -> AsyncIterator[MakeClient]:
    assert litellm_loaded is None
    clients: list[LiteLLMClient] = []

    def make(limits: Limits | None = None, key: str = KEY, base_url: str = "") -> Model:
        clients.append(LiteLLMClient(Redactor({key}), api_key=key, base_url=base_url or wire.base_url, limits=limits))
        return clients[-1]

    yield make
    for client in clients:
        await client.close()


@pytest.fixture(params=["direct", "litellm"])
def client(request: pytest.FixtureRequest, direct: MakeClient, through_litellm: MakeClient) -> MakeClient:
    """Both clients: what a caller sees must not depend on which one answered."""
    return direct if request.param == "direct" else through_litellm
