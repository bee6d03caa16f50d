"""The front door over a real database and bus, without a worker: what is queued stays queued until a test moves it."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import httpx
import uvicorn

from oneliner.adapters.database.sqlite import SqliteDatabase
from oneliner.adapters.jwt_tokens import JwtTokens
from oneliner.adapters.local_bus import LocalBus
from oneliner.adapters.models.registry import ConfiguredModels
from oneliner.adapters.telemetry.exposition import Exposition
from oneliner.adapters.telemetry.metrics import Metrics
from oneliner.adapters.tools.builtin import BUILTIN_TOOLS
from oneliner.adapters.tools.mcp.servers import McpTools
from oneliner.adapters.tools.python_tools import PythonTools
from oneliner.adapters.webhook_secrets import SealedSecrets
from oneliner.app import journal
from oneliner.app.mcp import McpAdmin
from oneliner.app.ports import Lease
from oneliner.app.readiness import Report
from oneliner.app.webhooks import WebhookTerms
from oneliner.domain.address import AddressRules
from oneliner.domain.event import Draft, EventType
from oneliner.domain.executor import Roster
from oneliner.domain.user import Authority
from oneliner.web.app import create_app
from oneliner.web.services import Deployment, Services
from tests.support.engine import new_database

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Collection, Mapping

    from oneliner.app.ports import Effects, Transaction
    from oneliner.domain.address import Network
    from oneliner.domain.run import Run, Trigger

SECRET = "a-Secret-for-tests-0123456789-abcdefghij"
HANDOFF: dict[str, Any] = {
    "project_id": "p1",
    "source_screen": "dashboard",
    "source_action_key": "homepage-primary-action",
    "title": "跟进重点账号",
    "summary": "先由主 Agent 评估优先级",
    "intent_key": "track_account",
    "platform": "douyin",
    "platform_scope": "single_platform",
    "plan_request": {
        "goal": "跟进重点账号",
        "steps": ["读取当前项目上下文", "检查重点账号变化", "决定下一步"],
    },
}


@cache
def _migrated() -> bytes:
    with TemporaryDirectory() as folder:
        return new_database(Path(folder) / "template.db").read_bytes()


def fresh_database(path: Path) -> Path:
    """A migrated database file at *path*, copied: migrating takes longer than most tests."""
    path.write_bytes(_migrated())
    return path


class Front:
    """An application and what it works with."""

    def __init__(
        self,
        path: Path,
        *,
        approve_new_users: bool = True,
        heartbeat_seconds: float = 12.0,
        cors_origins: tuple[str, ...] = (),
        demo_base_url: str = "http://127.0.0.1:9",
        webhook_networks: tuple[Network, ...] = (),
        metrics_token: str = "",
        roster: Roster | None = None,
    ) -> None:
        metrics = Metrics()
        self.parts: dict[str, str] = {"database": "ok"}
        self.bus = LocalBus()
        self.bell = asyncio.Event()
        self.database = SqliteDatabase(fresh_database(path), self._leave, synchronous="OFF")
        self.tokens = JwtTokens(issuer="tests", audience="tests", secret=SECRET)
        self.services = Services(
            database=self.database,
            bus=self.bus,
            tokens=self.tokens,
            models=ConfiguredModels(environment={}, demo_base_url=demo_base_url),
            tools=PythonTools(BUILTIN_TOOLS),
            roster=roster or Roster(),
            approve_new_users=approve_new_users,
            heartbeat_seconds=heartbeat_seconds,
            cors_origins=cors_origins,
            demo_notice=True,
            is_ready=self._is_ready,
            mcp=McpTools({}, may=McpAdmin.PUBLIC),
            deployment=Deployment(0, "sqlite", "process", "process", "secret", "tests", "tests", ()),
            webhooks=WebhookTerms(SealedSecrets(SECRET), AddressRules(webhook_networks)),
            metrics=Exposition(metrics, self.database, version="tests", token=metrics_token, shared=None),
            telemetry=metrics,
        )
        self.app = create_app(self.services)

    def client(
        self,
        user_id: str = "",
        *,
        admin: bool = False,
        projects: Collection[str] | None = None,
        headers: Mapping[str, str] | None = None,
        base_url: str = "",
    ) -> httpx.AsyncClient:
        """A client of *user_id* (of nobody when empty), inside this process or of *base_url*."""
        sent = dict(headers or {})
        if user_id:
            authority = Authority.ADMIN if admin else Authority.MEMBER
            sent["Authorization"] = f"Bearer {self.tokens.issue(user_id, authority=authority, projects=projects)}"
        if base_url:
            return httpx.AsyncClient(base_url=base_url, headers=sent, timeout=20)
        # A refusal by the last resort is an answer to look at, not an exception of the test.
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://front", headers=sent)

    async def move(self, run_id: str, trigger: Trigger, **changes: object) -> Run:
        """Do what a worker or somebody else would do to a run."""
        return await self.database.write(lambda tx: journal.move(tx, run_id, trigger, changes=changes))

    async def claim(self, run_id: str) -> Lease:
        """Take the lease of a queued run."""

        def claimed(tx: Transaction) -> Lease:
            run = tx.runs.claim(run_id, "tests", 60_000, 1)
            assert run is not None
            lease = Lease(run.id, run.fence)
            journal.note(tx, lease, [Draft(EventType.RUN_STARTED, {"run_status": str(run.run_status)})])
            return lease

        return await self.database.write(claimed)

    async def close(self) -> None:
        """Let go of the database."""
        await self.database.close()

    def _leave(self, effects: Effects) -> None:
        self.bus.publish_events(effects.events)
        if effects.has_deliveries:
            self.bell.set()

    async def _is_ready(self) -> Report:
        return Report(self.parts, all(said == "ok" for said in self.parts.values()))


async def until(is_true: Callable[[], object], seconds: float = 15.0) -> None:
    """Wait for a condition of which nobody tells. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not is_true():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)


@asynccontextmanager
async def served(front: Front) -> AsyncGenerator[str]:
    """*front* behind a real socket; its address."""
    # Named as TCP: for any other the event loop leaves Nagle's algorithm on, and each answer takes 40 ms.
    with socket.socket(proto=socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(front.app, log_level="warning", lifespan="off", timeout_graceful_shutdown=2)
        server = uvicorn.Server(config)
        serving = asyncio.ensure_future(server.serve([listener]))
        try:
            await until(lambda: server.started)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            front.bus.close()
            server.should_exit = True
            await serving
