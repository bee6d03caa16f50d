"""What this server is made of, on the wire."""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from oneliner.domain.times import rfc3339
from oneliner.web.answer_schemas import Answer, Time

if TYPE_CHECKING:
    from oneliner.app.readiness import Report
    from oneliner.web.services import Services

_PerMillion = Annotated[str, Field(description="USD for a million tokens.", examples=["0.25"])]
_PICOS_PER_USD_AND_MILLION = 1_000_000


class ModelPriceAnswer(Answer):
    """What a model costs."""

    input: _PerMillion
    cached: _PerMillion
    output: _PerMillion
    source: Annotated[str, Field(description="Where the figures come from.")]


class SystemModelAnswer(Answer):
    """A model that is asked, in the order in which they are tried. `price` is null when nobody knows it."""

    name: str
    role: Literal["default", "fallback"]
    is_demo: bool
    price: ModelPriceAnswer | None


class SystemToolAnswer(Answer):
    """A tool that the agent has; `read_only` and `idempotent` are what is held to be true of it."""

    name: str
    description: str
    read_only: bool
    idempotent: bool


class TokensAnswer(Answer):
    """How callers prove who they are."""

    keys: Literal["secret", "jwks"]
    issuer: str
    audience: str
    new_users: Literal["automatic", "manual"]


class SettingAnswer(Answer):
    """A setting that holds. `value` is null for a secret, and an address is shown without user, password and query."""

    name: str
    variable: Annotated[str, Field(examples=["ONELINER_PORT"])]
    group: str
    value: str | None
    is_default: Annotated[bool, Field(description="Nobody has set it otherwise.")]


class SystemAnswer(Answer):
    """This process: what it is, what it works with, and whether each part is there.

    `bus` and `broker` are `process` where this process does without.
    """

    version: str
    python: str
    started_at: Time
    ready: bool
    parts: Annotated[dict[str, str], Field(description="As `/readyz` says: `ok`, or what is wrong.")]
    database: Annotated[str, Field(examples=["sqlite", "postgresql"])]
    bus: Annotated[str, Field(examples=["process", "redis"])]
    broker: Annotated[str, Field(examples=["process", "redis", "amqp"])]
    mcp_admin: Annotated[str, Field(description="Which MCP servers administrators may configure.", examples=["public"])]
    tokens: TokensAnswer
    models: list[SystemModelAnswer]
    tools: list[SystemToolAnswer]
    settings: list[SettingAnswer]


def system_to_json(services: Services, report: Report) -> dict[str, object]:
    """The server with its parts as they were found."""
    deployment = services.deployment
    return {
        "version": version("oneliner"),
        "python": platform.python_version(),
        "started_at": rfc3339(deployment.started_at_ms),
        "ready": report.ready,
        "parts": dict(report.parts),
        "database": deployment.database,
        "bus": deployment.bus,
        "broker": deployment.broker,
        "mcp_admin": services.mcp.may,
        "tokens": {
            "keys": deployment.token_keys,
            "issuer": deployment.issuer,
            "audience": deployment.audience,
            "new_users": "automatic" if services.approve_new_users else "manual",
        },
        "models": _models(services),
        "tools": [
            {"name": t.name, "description": t.description, "read_only": t.read_only, "idempotent": t.idempotent}
            for t in services.tools.specs()
        ],
        "settings": [
            {"name": s.name, "variable": s.variable, "group": s.group, "value": s.value, "is_default": s.is_default}
            for s in deployment.settings
        ],
    }


def _models(services: Services) -> list[dict[str, object]]:
    models = services.models
    roles = [(models.default, "default"), *((name, "fallback") for name in models.fallbacks)]
    return [
        {"name": name, "role": role, "is_demo": role == "default" and models.is_demo, "price": _price(services, name)}
        for name, role in roles
    ]


def _price(services: Services, name: str) -> dict[str, object] | None:
    price = services.models.price(name)
    if price is None:
        return None
    picos = {"input": price.input_picos, "cached": price.cached_picos, "output": price.output_picos}
    return {**{what: _per_million(each) for what, each in picos.items()}, "source": price.source}


def _per_million(picos: int) -> str:
    """Pico-USD for a token as USD for a million tokens, exact and without idle zeros."""
    whole, rest = divmod(picos, _PICOS_PER_USD_AND_MILLION)
    part = f"{rest:06d}".rstrip("0")
    return f"{whole}.{part}" if part else str(whole)
