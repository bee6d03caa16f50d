"""Addresses: however one is written, looked up or redirected to, nothing is sent to where the server may not go."""

from __future__ import annotations

import socket
from ipaddress import ip_network
from typing import TYPE_CHECKING

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from oneliner import http
from oneliner.adapters.tools.outbound import fetch_text, guarded_session
from oneliner.adapters.tools.python_tools import PythonTools
from oneliner.adapters.tools.web_pages import MAX_BYTES, web_tools
from oneliner.app import control
from oneliner.app.tools import CallContext, ToolFailed
from oneliner.domain.address import AddressRefused, AddressRules, check_address, parse_network
from oneliner.domain.errors import Invalid
from oneliner.testing import call_tool

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

HERE = ip_network("127.0.0.1/32")


class Site:
    """A real server on this machine, and what has reached it."""

    def __init__(self) -> None:
        self.port = 0
        self.reached: list[str] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.reached.append(str(request.rel_url))
        to = request.query.get("to")
        if to is not None:
            raise web.HTTPFound(to)
        return web.Response(text="x" * int(request.query.get("size", "5")))

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"


@pytest.fixture
async def site() -> AsyncGenerator[Site]:
    site = Site()
    app = web.Application()
    app.router.add_get("/{anything:.*}", site.answer)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    # Every address of this machine, so that whatever a trick comes to would be answered.
    listener = web.TCPSite(runner, "0.0.0.0", 0)  # noqa: S104 - a test's own server
    await listener.start()
    site.port = runner.addresses[0][1]
    yield site
    await runner.cleanup()


class Names(AbstractResolver):
    """A name server that gives one address after the other, whatever it is asked."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = list(addresses)
        self.asked = 0

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 - aiohttp names it
    ) -> list[ResolveResult]:
        self.asked += 1
        address = self._addresses[min(self.asked, len(self._addresses)) - 1]
        found = socket.AF_INET6 if ":" in address else socket.AF_INET
        flags = socket.AI_NUMERICHOST
        return [ResolveResult(hostname=host, host=address, port=port, family=found, proto=0, flags=flags)]

    async def close(self) -> None:
        pass


WRITTEN = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "0",
    "0.0.0.0",  # noqa: S104 - nothing listens there; it is asked for
    "2130706433",
    "017700000001",
    "0x7f000001",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "127.0.0.1.",
    "127.000.000.001",
    "localhost",
    "LOCALHOST",
    "trusted.example@127.0.0.1",
    "trusted.example:pw@localhost",
    "①②⑦.⓪.⓪.①",
    "127。0。0。1",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:7f00:0001]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "[fe80::1%25lo]",
    "169.254.169.254",
    "[fd00:ec2::254]",
    "168.63.129.16",
    "10.0.0.1",
]


@pytest.mark.parametrize("host", WRITTEN)
async def test_no_way_to_write_an_address_leads_to_this_machine_or_its_network(site: Site, host: str) -> None:
    async with guarded_session() as session:
        with pytest.raises((AddressRefused, aiohttp.InvalidURL)):
            await session.get(f"http://{host}:{site.port}/")
        with pytest.raises((AddressRefused, aiohttp.InvalidURL)):
            await session.get(f"http://{host}/")
    assert site.reached == []


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "10.1.2.3", "::1", "::ffff:10.0.0.1", "fd12::1"])
async def test_a_name_that_stands_for_a_private_address_is_refused(address: str) -> None:
    names = Names(address)
    async with guarded_session(resolver=names) as session:
        with pytest.raises(AddressRefused):
            await session.get("http://metadata.google.internal/computeMetadata/v1/")


async def test_a_name_is_looked_up_once_and_what_it_gave_is_what_is_connected_to(site: Site) -> None:
    # The second answer is this machine, for whoever looks again between the check and the connection.
    names = Names("10.0.0.1", "127.0.0.1")
    async with guarded_session([HERE], resolver=names) as session:
        with pytest.raises(AddressRefused, match=r"10\.0\.0\.1"):
            await session.get(f"http://rebinding.example:{site.port}/")
    assert (names.asked, site.reached) == (1, [])


@pytest.mark.parametrize("to", ["http://127.0.0.2:{port}/", "http://[::1]:{port}/", "http://2130706434:{port}/"])
async def test_a_redirect_is_judged_like_any_address(site: Site, to: str) -> None:
    async with guarded_session([HERE]) as session:
        with pytest.raises(AddressRefused):
            await session.get(site.url("/first"), params={"to": to.format(port=site.port)})
    assert len(site.reached) == 1


@pytest.mark.parametrize("to", ["file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1/"])
async def test_a_redirect_to_another_scheme_leads_nowhere(site: Site, to: str) -> None:
    async with guarded_session([HERE]) as session:
        with pytest.raises((AddressRefused, aiohttp.ClientError)):
            await session.get(site.url("/first"), params={"to": to})
    assert len(site.reached) == 1


async def test_a_deployment_can_let_its_tools_into_a_network_of_its_own(site: Site) -> None:
    async with guarded_session([HERE]) as session, session.get(site.url()) as answer:
        assert await answer.text() == "xxxxx"


def test_of_the_public_internet_only_the_ports_of_the_web_are_reached() -> None:
    rules = AddressRules()
    check_address("93.184.215.14", 443, rules)
    check_address("2606:4700::1111", 80, rules)
    for port in (22, 25, 5432, 6379, 8080):
        with pytest.raises(AddressRefused, match="allowed: 80, 443"):
            check_address("93.184.215.14", port, rules)


async def test_a_tool_gets_a_session_that_knows_what_its_deployment_allows(site: Site) -> None:
    from oneliner import tool

    async def look(url: str, context: CallContext) -> str:
        """Look."""
        async with http.session(context) as session, session.get(url) as answer:
            return await answer.text()

    allowed = PythonTools([tool(look)], networks=[HERE])
    assert await call_tool(allowed, "look", url=site.url()) == "xxxxx"
    with pytest.raises(ToolFailed, match="not on the public internet"):
        await call_tool(PythonTools([tool(look)]), "look", url=site.url())


async def test_pages_are_fetched_from_the_hosts_that_are_named_and_no_others(site: Site) -> None:
    assert web_tools([], [HERE]) == []
    tools = PythonTools(web_tools(["127.0.0.1", "*.example.com"], [parse_network("127.0.0.0/8")]))
    assert "xxxxx" in await call_tool(tools, "fetch_page", url=site.url())
    for url in (site.url(host="127.0.0.2"), site.url(f"/?to={site.url(host='127.0.0.2')}")):
        with pytest.raises(ToolFailed, match="not one that this deployment fetches from"):
            await call_tool(tools, "fetch_page", url=url)


async def test_a_page_that_is_too_large_or_not_there_is_an_error_of_the_tool(site: Site) -> None:
    async with guarded_session([HERE]) as session:
        with pytest.raises(ToolFailed, match="larger than"):
            await fetch_text(session, site.url(f"/?size={MAX_BYTES + 1}"), MAX_BYTES)
        _, text = await fetch_text(session, site.url(f"/?size={MAX_BYTES}"), MAX_BYTES)
        assert len(text) == MAX_BYTES
        with pytest.raises(ToolFailed, match="could not be fetched"):
            await fetch_text(session, "no address", MAX_BYTES)


def test_a_schema_that_refers_elsewhere_is_never_fetched() -> None:
    schema = {"type": "object", "properties": {"x": {"$ref": "http://127.0.0.1:9/schema.json"}}}
    with pytest.raises(Invalid, match="elsewhere"):
        control.check_against(schema, {"x": 1}, "the arguments")
    within = {"$defs": {"n": {"type": "integer"}}, "properties": {"x": {"$ref": "#/$defs/n"}}}
    control.check_against(within, {"x": 1}, "the arguments")
    with pytest.raises(Invalid, match="not of type 'integer'"):
        control.check_against(within, {"x": "1"}, "the arguments")
