"""What the front door is given: the parts that are in use, and the few figures it needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from oneliner.app.telemetry import NoTelemetry
from oneliner.domain.user import Authority

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from oneliner.app.mcp import McpServers
    from oneliner.app.model import Models
    from oneliner.app.ports import Bus, Database
    from oneliner.app.readiness import Report
    from oneliner.app.telemetry import Telemetry
    from oneliner.app.tools import Tools
    from oneliner.app.webhooks import WebhookTerms
    from oneliner.domain.executor import Roster
    from oneliner.domain.user import Caller


class Tokens(Protocol):
    """Verifies bearer tokens, and issues them where there is a secret to sign with."""

    async def verify(self, token: str) -> Caller:
        """Who is calling. Raises Unauthenticated: the token is not acceptable, whatever the cause."""
        ...

    def issue(
        self,
        user_id: str,
        *,
        authority: Authority = Authority.MEMBER,
        ttl_seconds: int = 3_600,
        name: str = "",
        projects: Collection[str] | None = None,
    ) -> str:
        """A token for *user_id*. Raises Invalid: tokens come from elsewhere."""
        ...


class MetricsPage(Protocol):
    """The figures that operators collect."""

    def check(self, *, peer: str, authorization: str, is_forwarded: bool) -> None:
        """Let a reader in, who comes from the address *peer*. Raises Unauthenticated, Forbidden."""
        ...

    async def page(self) -> bytes:
        """The figures, in Prometheus's text format."""
        ...


@dataclass(frozen=True, slots=True)
class ShownSetting:
    """A setting as it may be shown. ``value`` is None for a secret; ``is_default``: nobody has set it otherwise."""

    name: str
    variable: str
    group: str
    value: str | None
    is_default: bool


@dataclass(frozen=True, slots=True)
class Deployment:
    """How this process was set up, without any secret.

    ``database`` is its kind. ``bus`` and ``broker`` are the kind of what carries live text and what hands runs on;
    ``process``: this process itself does. ``token_keys``: whether tokens are signed with a ``secret`` or checked with
    the keys of an address (``jwks``).
    """

    started_at_ms: int
    database: str
    bus: str
    broker: str
    token_keys: str
    issuer: str
    audience: str
    settings: tuple[ShownSetting, ...]


@dataclass(frozen=True, slots=True)
class Services:
    """The parts an endpoint works with.

    ``approve_new_users``: a new user may work at once. ``heartbeat_seconds``: how long a stream is silent at most.
    ``demo_notice``: the page says that the answers come from the demo model. ``is_ready`` tells of each part ``ok`` or
    what is wrong with it. ``in_flight`` are the idempotency keys that this process is answering right now.
    """

    database: Database
    bus: Bus
    tokens: Tokens
    models: Models
    tools: Tools
    roster: Roster
    approve_new_users: bool
    heartbeat_seconds: float
    cors_origins: tuple[str, ...]
    demo_notice: bool
    is_ready: Callable[[], Awaitable[Report]]
    mcp: McpServers
    deployment: Deployment
    webhooks: WebhookTerms
    metrics: MetricsPage
    telemetry: Telemetry = field(default_factory=NoTelemetry)
    in_flight: set[tuple[str, str, str]] = field(default_factory=set[tuple[str, str, str]])
