"""One secret for each place that can hold one; none of them is anywhere afterwards.

Every secret has the same word in it. A provider gives the key back in every way there is, an MCP server and a tool hand
out what they were given, and then all that came out of the product is searched for the word: answers, streams, the
database's bytes, log lines, traces, metrics, the commands' output, the pages.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from oneliner.adapters.jwt_tokens import JwtTokens
from oneliner.domain.user import Authority
from tests.cli.command_kit import oneliner, serving_logged
from tests.observability.echoing_provider import WAYS, echoing
from tests.observability.kit import Deployed, attributes, collecting, until
from tests.support.databases import statement
from tests.support.proxy import proxied

if TYPE_CHECKING:
    from collections.abc import Mapping

WORD = "canary7f3a91"
BAD_MCP = Path(__file__).resolve().parents[1] / "support" / "bad_mcp_server.py"
TOOLS = Path(__file__).with_name("leaky_tools.py")


def secret(place: str) -> str:
    return f"{place}-{WORD}-0123456789abcdefghij"


def mcp_file(folder: Path, url: str) -> Path:
    servers = {
        "local": {"command": sys.executable, "args": [str(BAD_MCP)], "env": {"VARIABLE": "${MCP_LOCAL_KEY}"}},
        "remote": {"url": f"{url}/mcp", "headers": {"Authorization": "Bearer ${MCP_REMOTE_KEY}"}},
    }
    path = folder / "mcp.json"
    path.write_text(json.dumps({"mcpServers": servers}))
    return path


def everywhere(folder: Path, provider_url: str, collector_url: str) -> dict[str, str]:
    """The environment with a secret in each place."""
    return {
        "ONELINER_MODEL": "openai/test",
        "ONELINER_MODEL_BASE_URL": f"{provider_url}/v1",
        "ONELINER_MODEL_API_KEY": secret("sk"),
        "GROQ_API_KEY": secret("gsk"),
        "ONELINER_JWT_SECRET": secret("jwt-secret"),
        "ONELINER_METRICS_TOKEN": secret("metrics"),
        "ONELINER_MCP_FILE": str(mcp_file(folder, provider_url)),
        "MCP_LOCAL_KEY": secret("mcp-local"),
        "MCP_REMOTE_KEY": secret("mcp-remote"),
        "ONELINER_REDIS_URL": f"redis://:{secret('redis')}@127.0.0.1:1/0",
        "ONELINER_OTLP_URL": collector_url,
        "OTEL_EXPORTER_OTLP_HEADERS": f"x-api-key={secret('otlp')}",
        "ONELINER_WEBHOOK_NETWORKS": "127.0.0.0/8",
        "ONELINER_TRACE_CONTENT": "on",
        "ONELINER_TOOLS": str(TOOLS),
        "ONELINER_LOG_LEVEL": "debug",
        "ONELINER_LOG_FORMAT": "json",
        "ONELINER_LEASE_SECONDS": "3",
    }


async def everything_answered(server: Deployed, run_ids: list[str]) -> dict[str, bytes]:
    """What every reading route answers."""
    description = (await server.client.get("/openapi.json")).json()
    found = {"openapi": json.dumps(description).encode()}
    session_id = (await server.client.get(f"/v2/oneliner/runs/{run_ids[0]}")).json()["session_id"]
    places = [path for path, item in description["paths"].items() if "get" in item and not path.endswith("/stream")]
    for path in [*places, "/", "/docs", "/embed.js"]:
        for run_id in run_ids if "{run_id}" in path else run_ids[:1]:
            values = {"run_id": run_id, "session_id": session_id, "user_id": "ada", "name": "local"}
            filled = re.sub(r"{(\w+)}", lambda m, v=values: v.get(m[1], "none"), path)
            answer = await server.client.get(filled, params={"group_by": "model"} if path.endswith("/usage") else {})
            found[f"GET {filled}"] = answer.content + repr(answer.headers.raw).encode()
    return found


def leaks(found: Mapping[str, bytes], text: str = WORD) -> dict[str, bytes]:
    """Where *text* is, with what stands around it."""
    word = text.encode()
    return {place: told[max(told.find(word) - 80, 0) :][:200] for place, told in found.items() if word in told}


def database_bytes(data_dir: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(data_dir.glob("oneliner.db*")))


async def test_no_secret_of_the_configuration_or_the_provider_comes_out_anywhere(tmp_path: Path) -> None:
    async with echoing() as provider, collecting() as collector:
        variables = everywhere(tmp_path, provider.url, collector.url)
        data_dir, errors = tmp_path / "data", tmp_path / "errors.log"
        starting = serving_logged(data_dir, errors, variables)
        served = await asyncio.to_thread(starting.__enter__)
        try:
            tokens = JwtTokens(issuer="oneliner", audience="oneliner", secret=secret("jwt-secret"))
            bearer = tokens.issue("ada", authority=Authority.ADMIN)
            headers = {"Authorization": f"Bearer {bearer}"}
            async with httpx.AsyncClient(base_url=served.url, headers=headers, timeout=60) as client:
                server = Deployed(served.url, data_dir, errors, client, served)
                hook = {"url": f"{provider.url}/mcp", "project_id": None}
                webhook = await client.post("/v2/oneliner/webhooks", json=hook)
                assert webhook.is_success, webhook.text
                tools = ("read_environment", "raise_environment", "local__environment")
                ended = [await server.run(f"echo {way}") for way in WAYS]
                ended += [await server.run(f"call {name}") for name in tools]
                found = await everything_answered(server, [run["id"] for run in ended])
                figures = await client.get("/metrics", headers={"Authorization": f"Bearer {secret('metrics')}"})
                refused = await client.get("/metrics")
                cli = oneliner("runs", "list", "--json", "--server", served.url, "--token", bearer, data_dir=data_dir)
                asked = ("doctor", "--json", "--new-session", "--server", served.url, "--token", bearer)
                doctor = await asyncio.to_thread(oneliner, *asked, data_dir=data_dir, **variables)
                await until(lambda: "webhook.attempted" in server.log)
                await until(lambda: len(collector.named("invoke_agent main")) >= len(ended))
        finally:
            await asyncio.to_thread(starting.__exit__, None, None, None)

    # It was all real: the key was sent, each way ended as it should, and each tool was called.
    assert secret("sk") in provider.keys
    assert [run["run_status"] for run in ended] == ["failed"] * len(WAYS) + ["done"] * len(tools)
    assert {attributes(s)["gen_ai.tool.name"] for s in collector.spans if s.name.startswith("execute_tool")} == set(
        tools
    )
    assert {h.get("x-api-key") for h in collector.headers} == {secret("otlp")}
    assert (figures.status_code, refused.status_code) == (200, 401)
    assert "[redacted]" in json.dumps([run["result"] for run in ended])
    assert b"[redacted]" in database_bytes(data_dir)

    found |= {
        "metrics": figures.content,
        "metrics refused": refused.content,
        "log": errors.read_bytes(),
        "printed": served.printed.encode(),
        "traces": b"".join(collector.bodies),
        "database": database_bytes(data_dir),
        "runs list": (cli.stdout + cli.stderr).encode(),
        "doctor": (doctor.stdout + doctor.stderr).encode(),
    }
    assert len(found) > 40
    assert leaks(found) == {}
    # It was shown once, to whoever made the endpoint.
    assert leaks(found, webhook.json()["secret"]) == {}


async def test_the_database_s_password_comes_out_nowhere(tmp_path: Path, postgres_url: str) -> None:
    role, password = f"canary_{os.getpid()}", secret("pg")
    await statement(postgres_url, f"CREATE ROLE {role} LOGIN SUPERUSER PASSWORD '{password}'")
    rest = postgres_url.rpartition("@")[2]
    place, _, path = rest.partition("/")
    host, _, port = place.partition(":")
    async with proxied(host, int(port or 5432)) as proxy, echoing() as provider, collecting() as collector:
        variables = everywhere(tmp_path, provider.url, collector.url) | {
            "ONELINER_DATABASE_URL": f"postgresql+asyncpg://{role}:{password}@127.0.0.1:{proxy.port}/{path}",
        }
        data_dir, errors = tmp_path / "data", tmp_path / "errors.log"
        starting = serving_logged(data_dir, errors, variables)
        served = await asyncio.to_thread(starting.__enter__)
        found: dict[str, bytes] = {}
        try:
            tokens = JwtTokens(issuer="oneliner", audience="oneliner", secret=secret("jwt-secret"))
            headers = {"Authorization": f"Bearer {tokens.issue('ada', authority=Authority.ADMIN)}"}
            async with httpx.AsyncClient(base_url=served.url, headers=headers, timeout=60) as client:
                server = Deployed(served.url, data_dir, errors, client, served)
                assert (await server.run("echo body"))["run_status"] == "failed"
                proxy.refuse()
                proxy.cut_all()
                for path in ("/readyz", "/v2/oneliner/runs"):
                    answer = await client.get(path)
                    assert answer.status_code == 503
                    found[path] = answer.content
                figures = await client.get("/metrics", headers={"Authorization": f"Bearer {secret('metrics')}"})
                found["metrics"] = figures.content
                proxy.accept()
        finally:
            await asyncio.to_thread(starting.__exit__, None, None, None)
            everything = "SELECT query_to_xml(format('TABLE %I', tablename), true, false, '')::text FROM pg_tables WHERE schemaname = 'public'"
            rows = await statement(postgres_url, everything)
            await statement(postgres_url, f"DROP ROLE {role}")
    found |= {"log": errors.read_bytes(), "printed": served.printed.encode(), "rows": repr(rows).encode()}
    found["traces"] = b"".join(collector.bodies)
    assert b"transaction.repeated" in found["log"]
    assert b"message.completed" not in found["rows"]
    assert b"run.failed" in found["rows"]
    assert leaks(found) == {}


@pytest.mark.parametrize("name", ["ONELINER_MODEL_API_KEY", "ONELINER_JWT_SECRET", "ONELINER_METRICS_TOKEN"])
def test_a_setting_that_is_a_secret_is_not_shown_when_it_is_refused(tmp_path: Path, name: str) -> None:
    refused = oneliner("serve", data_dir=tmp_path / "data", **{name: f"{WORD}\x07"})
    assert refused.returncode == 2
    assert name in refused.stderr
    assert WORD not in refused.stdout + refused.stderr
