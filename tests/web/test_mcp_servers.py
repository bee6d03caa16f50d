"""MCP servers over the API: who may configure which, what is never stored or shown, and that processes follow."""

from __future__ import annotations

import asyncio
import re
import sys
from typing import TYPE_CHECKING, Any

import pytest

from oneliner.adapters.tools.mcp.addresses import ANY_PORT
from oneliner.adapters.tools.mcp.servers import McpTools
from oneliner.app.mcp import McpAdmin, McpState
from oneliner.domain.address import AddressRefused, check_address
from oneliner.domain.mcp_server import server_from_json
from tests.adapters.mcp.conftest import BAD_SERVER

if TYPE_CHECKING:
    import httpx

    from tests.support.front import Front

PATH = "/v2/oneliner/mcp/servers"
TICKETS: dict[str, Any] = {
    "url": "https://mcp.example.com/mcp",
    "headers": {"Authorization": "Bearer ${MCP_TOKEN}"},
    "read_only": ["search_*"],
}
COMMAND = {"command": sys.executable, "args": [str(BAD_SERVER)]}


async def test_a_server_is_added_changed_and_removed(admin: httpx.AsyncClient) -> None:
    added = await admin.put(f"{PATH}/tickets", json={**TICKETS, "seen_version": 0})
    assert added.status_code == 200, added.text
    told = added.json()
    assert (told["name"], told["source"], told["version"], told["updated_by"]) == ("tickets", "api", 1, "root")
    assert told["headers"] == {"Authorization": "Bearer ${MCP_TOKEN}"}
    assert told["health"]["state"] == "connecting"
    conflict = await admin.put(f"{PATH}/tickets", json={**TICKETS, "seen_version": 0})
    assert (conflict.status_code, conflict.json()["code"]) == (409, "version_changed")
    changed = await admin.put(f"{PATH}/tickets", json={**TICKETS, "enabled": False, "seen_version": 1})
    assert (changed.json()["version"], changed.json()["enabled"]) == (2, False)
    assert [s["name"] for s in (await admin.get(PATH)).json()["items"]] == ["tickets"]
    assert (await admin.get(f"{PATH}/tickets/tools")).json() == {"items": [], "next_cursor": None}
    assert (await admin.delete(f"{PATH}/tickets")).status_code == 204
    assert (await admin.delete(f"{PATH}/tickets")).status_code == 404
    assert (await admin.get(PATH)).json()["items"] == []
    logged = (await admin.get("/v2/oneliner/audit", params={"target": "mcp_server"})).json()["items"]
    assert [(e["actor"], e["action"], e["target_id"], e["details"].get("version")) for e in logged] == [
        ("root", "mcp_server.removed", "tickets", None),
        ("root", "mcp_server.set", "tickets", 2),
        ("root", "mcp_server.set", "tickets", 1),
    ]
    assert "MCP_TOKEN" not in str(logged)


@pytest.mark.parametrize(
    ("name", "body", "status", "why"),
    [
        ("tickets", {"url": "https://x.example", "headers": {"Key": "sk-12345"}}, 422, "must refer to a variable"),
        ("tickets", {"url": "https://x.example/${ONELINER_JWT_SECRET}"}, 422, "may not be referred to"),
        ("tickets", {"url": "https://x.example", "headers": {"Key": "${PATH}"}}, 422, "may not be referred to"),
        ("tickets", {"url": "https://me:pw@x.example"}, 422, "without a user name"),
        ("tickets", {"url": "file:///etc/passwd"}, 422, "http:// or https://"),
        ("tickets", {}, 422, "command or url"),
        ("tickets", {"url": "https://x.example", "nonsense": 1}, 422, "nonsense"),
        ("Tic__kets", {"url": "https://x.example"}, 422, "no name for an MCP server"),
        ("tickets", COMMAND, 403, "commands may not be configured"),
    ],
)
async def test_what_may_not_be_configured_is_refused_and_changes_nothing(
    admin: httpx.AsyncClient, name: str, body: dict[str, object], status: int, why: str
) -> None:
    refused = await admin.put(f"{PATH}/{name}", json=body)
    assert (refused.status_code, why in refused.text) == (status, True), refused.text
    assert (await admin.get(PATH)).json()["items"] == []


async def test_the_operator_says_how_far_administrators_may_go(front: Front, admin: httpx.AsyncClient) -> None:
    for may, url, command in ((McpAdmin.OFF, 403, 403), (McpAdmin.PUBLIC, 200, 403), (McpAdmin.ALL, 200, 200)):
        _tools(front).may = may
        assert (await admin.put(f"{PATH}/one", json=TICKETS)).status_code == url
        assert (await admin.put(f"{PATH}/two", json=COMMAND)).status_code == command


async def test_servers_of_the_file_are_shown_without_what_may_be_secret(front: Front, admin: httpx.AsyncClient) -> None:
    secret = "canary-91c3"
    _tools(front).of_file = [
        server_from_json("web", {"url": f"https://x.example/mcp?key={secret}", "headers": {"Key": secret}}),
        server_from_json("git", {"command": "git-mcp", "args": ["--token", secret], "env": {"TOKEN": secret}}),
    ]
    listed = await admin.get(PATH)
    assert secret not in listed.text
    web, git = listed.json()["items"]
    assert (web["source"], web["url"], web["headers"]) == ("file", "https://x.example/mcp", {"Key": None})
    assert (git["args"], git["env"], git["version"]) == (None, {"TOKEN": None}, None)
    for refused in (await admin.put(f"{PATH}/web", json=TICKETS), await admin.delete(f"{PATH}/git")):
        assert (refused.status_code, refused.json()["code"]) == (409, "conflict")


async def test_every_process_follows_what_is_stored(front: Front, admin: httpx.AsyncClient) -> None:
    _tools(front).may = McpAdmin.ALL
    elsewhere = McpTools({}, may=McpAdmin.ALL)
    following = asyncio.ensure_future(elsewhere.keep_following(front.database, 0.05))
    try:
        await admin.put(f"{PATH}/bad", json=COMMAND)
        await _until(lambda: elsewhere.health("bad").state is McpState.READY)
        assert "bad__echo" in {spec.name for spec in elsewhere.tools_of("bad")}
        await admin.put(f"{PATH}/bad", json={**COMMAND, "tools": ["echo"]})
        await _until(lambda: [spec.name for spec in elsewhere.specs()] == ["bad__echo"])
        await admin.delete(f"{PATH}/bad")
        await _until(lambda: not elsewhere.specs())
    finally:
        following.cancel()
        await asyncio.wait([following])
        await elsewhere.close()


async def test_an_administrators_server_reaches_no_address_of_this_network(
    front: Front, admin: httpx.AsyncClient
) -> None:
    knocked: list[object] = []

    async def knock(reader: object, writer: asyncio.StreamWriter) -> None:
        knocked.append(reader)
        writer.close()

    listening = await asyncio.start_server(knock, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    for name, host in (("a", "127.0.0.1"), ("b", "localhost"), ("c", "[::ffff:127.0.0.1]"), ("d", "2130706433")):
        added = await admin.put(f"{PATH}/{name}", json={"url": f"http://{host}:{port}/mcp"})
        assert added.status_code == 200, added.text
    tools = _tools(front)
    try:
        await tools.follow(front.database)
        for name in "abcd":
            await tools.settled(name)
            assert tools.health(name).state is McpState.FAILED
            assert re.search(r"not on the public internet|only hides what it stands for", tools.health(name).error)
    finally:
        await tools.close()
        listening.close()
    assert knocked == []


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
def test_an_address_of_the_internet_is_public(address: str) -> None:
    check_address(address, 8443, ANY_PORT)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "::ffff:10.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "168.63.129.16",
        "::7f00:1",
        "2002:7f00:1::",
        "no address",
    ],
)
def test_every_other_address_is_not(address: str) -> None:
    with pytest.raises(AddressRefused):
        check_address(address, 443, ANY_PORT)


def _tools(front: Front) -> McpTools:
    tools = front.services.mcp
    assert isinstance(tools, McpTools)
    return tools


async def _until(condition: Any) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(0.02)
