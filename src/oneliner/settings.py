"""Every setting, once: its variable, its option, what it accepts, its default and what it does.

The command line builds its options from this table, and ``docs/settings.md`` is written from it. :meth:`Settings.load`
is the only way to a :class:`Settings`; whatever it refuses, it names the variable or option, what is accepted, and what
was given, but never a secret.
"""

from __future__ import annotations

import difflib
import json
import sys
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from oneliner.domain import secret
from oneliner.domain.errors import Invalid
from oneliner.setting_kinds import (
    BROKER_URL,
    CHOICE,
    COUNT,
    DATABASE_URL,
    HOSTS,
    LIST,
    NAME,
    NETWORKS,
    ORIGINS,
    PATH,
    PORT,
    REDIS_URL,
    ROUTES,
    SECONDS,
    SECRET,
    URL,
    WHOLE_SECONDS,
    Kind,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oneliner.domain.address import Network
    from oneliner.domain.route import Route

PREFIX = "ONELINER_"
FOR_TESTS = "ONELINER_TEST_"
#: Variables that belong to the product and are no settings of a server.
OTHER_VARIABLES = frozenset(
    {
        "ONELINER_EXTRAS",
        "ONELINER_SERVER",
        "ONELINER_SUPERVISOR",
        "ONELINER_TOKEN",
        "ONELINER_CHROMIUM",
        "ONELINER_NODE",
    }
)
_SIMILAR = 0.8
_SWEEP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Setting:
    """What is known of one setting. *default* is text, as a variable would hold it; *default_shown* says it in words
    where it depends on the machine."""

    name: str
    group: str
    kind: Kind
    default: str
    default_shown: str
    help: str
    has_option: bool

    @property
    def variable(self) -> str:
        """Its environment variable."""
        return PREFIX + self.name.upper()

    @property
    def option(self) -> str | None:
        """Its command-line option, where it has one: a secret on a command line is there for all to see."""
        return "--" + self.name.replace("_", "-") if self.has_option and not self.kind.is_secret else None

    def parse(self, text: str, source: str) -> Any:
        """The value of *text*, which came from *source*. Raises Invalid, naming the source."""
        try:
            return self.kind.parse(text)
        except ValueError:
            given = "what is given is not that" if self.kind.is_secret else f"not {text!r}"
            raise Invalid(f"{source} must be {self.kind.accepts}; {given}", setting=self.name) from None


def _about(
    group: str, kind: Kind, default: str, help_text: str, *, shown: str = "", has_option: bool = True
) -> dict[str, Any]:
    return {
        "group": group,
        "kind": kind,
        "default": default,
        "default_shown": shown or f"`{default}`",
        "help": help_text,
        "has_option": has_option,
    }


_PLACE, _HTTP, _MODEL, _IDENTITY, _WORK, _DATA = "Place", "HTTP", "Model", "Identity", "Work", "Data"
_WATCHING = "Watching"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one process. Made by :meth:`load` only. A secret stays out of the representation, so that no log
    of the settings can hold it."""

    data_dir: Path = field(
        metadata=_about(
            _PLACE,
            PATH,
            "",
            "Folder for the database, the token secret and what else must survive a restart.",
            shown="`~/.local/share/oneliner`, or where the platform keeps such data",
        )
    )
    database_url: str = field(
        repr=False,
        metadata=_about(
            _PLACE,
            DATABASE_URL,
            "",
            "The database: an SQLite file for one server, PostgreSQL for as many as you like.",
            shown="`oneliner.db` in the data folder",
        ),
    )
    database_connections: int = field(
        metadata=_about(
            _PLACE,
            COUNT(1, 1_000),
            "10",
            "How many connections to PostgreSQL this process opens at most; one more renews leases when all are in use.",
        )
    )
    redis_url: str = field(
        repr=False,
        metadata=_about(
            _PLACE,
            REDIS_URL,
            "",
            "Redis that carries live text and interrupts between processes; needed as soon as there are several.",
            shown="the broker, where that is Redis; else none",
        ),
    )
    broker_url: str = field(
        repr=False,
        metadata=_about(
            _PLACE,
            BROKER_URL,
            "",
            "Broker that hands runs to `oneliner worker` processes. Without one, each server executes runs itself.",
            shown="none",
        ),
    )
    queue: str = field(
        metadata=_about(
            _PLACE,
            NAME,
            "oneliner",
            "Queue at the broker that this process sends runs to, and a worker takes them from.",
        )
    )
    routes: tuple[Route, ...] = field(
        metadata=_about(
            _PLACE,
            ROUTES,
            "",
            "Runs of a project or an executor that go to a queue of their own; the first route that fits decides. The same "
            "for every server and worker.",
            shown="none",
        )
    )
    sqlite_synchronous: str = field(
        metadata=_about(
            _PLACE,
            CHOICE("FULL", "NORMAL"),
            "FULL",
            "`FULL` survives a power cut with everything that was acknowledged; `NORMAL` is faster and may lose the last "
            "moments then, never after a mere crash.",
        )
    )
    tools: tuple[str, ...] = field(
        metadata=_about(
            _PLACE,
            LIST,
            "",
            "Modules or files with your tools, separated by commas. `oneliner serve MODULE…` says the same.",
            shown="none",
            has_option=False,
        )
    )
    executors: tuple[str, ...] = field(
        metadata=_about(
            _PLACE,
            LIST,
            "",
            "Modules or files with your executors in Python, separated by commas; see [Executors](executors.md). The same "
            "for every server and worker.",
            shown="none",
        )
    )
    executors_file: Path | None = field(
        metadata=_about(
            _PLACE,
            PATH,
            "",
            "TOML file with your executors; see [Executors](executors.md). The same for every server and worker.",
            shown="none",
        )
    )
    fetch_hosts: tuple[str, ...] = field(
        metadata=_about(
            _PLACE,
            HOSTS,
            "",
            "Hosts that the agent may fetch web pages from, such as `*.example.com`; without any it has no tool for that.",
            shown="none",
        )
    )
    networks: tuple[Network, ...] = field(
        metadata=_about(
            _PLACE,
            NETWORKS,
            "",
            "Networks beyond the public internet that tools may reach over HTTP, such as `10.1.0.0/16`.",
            shown="none",
        )
    )
    webhook_networks: tuple[Network, ...] = field(
        metadata=_about(
            _PLACE,
            NETWORKS,
            "",
            "Networks beyond the public internet that webhooks may be sent to, there also over plain `http`.",
            shown="none",
        )
    )
    webhook_key: str = field(
        repr=False,
        metadata=_about(
            _PLACE,
            SECRET,
            "",
            "What seals the secrets of webhooks in the database: 32 random bytes, the same on every server; see "
            "[Webhooks](webhooks.md).",
            shown="a generated one, in the data folder",
        ),
    )
    mcp_file: Path | None = field(
        metadata=_about(
            _PLACE,
            PATH,
            "",
            "JSON file with the MCP servers whose tools the agent gets; see [MCP servers](mcp.md).",
            shown="none",
        )
    )
    mcp_admin: str = field(
        metadata=_about(
            _PLACE,
            CHOICE("off", "public", "all"),
            "public",
            "Which MCP servers administrators may configure over the API: none, those at public addresses, or any, also "
            "commands, which run on this machine.",
        )
    )

    host: str = field(
        metadata=_about(
            _HTTP, NAME, "127.0.0.1", "Address to listen on. `0.0.0.0` means every IPv4 network of the machine."
        )
    )
    port: int = field(metadata=_about(_HTTP, PORT, "8000", "Port to listen on; 0 takes a free one, which is printed."))
    workers: int = field(
        metadata=_about(
            _HTTP,
            COUNT(1, 256),
            "1",
            "How many processes `oneliner serve` starts behind the port, each with limits of its own. More than one need "
            "PostgreSQL and Redis.",
        )
    )
    cors_origins: tuple[str, ...] = field(
        metadata=_about(
            _HTTP,
            ORIGINS,
            "",
            "Origins whose pages may call the API from a browser, separated by commas.",
            shown="none",
        )
    )

    model: str = field(
        metadata=_about(
            _MODEL,
            NAME,
            "",
            "Provider and model, for example `openai/gpt-5-mini` or `ollama/llama3.2`.",
            shown="the demo model",
        )
    )
    model_fallbacks: tuple[str, ...] = field(
        metadata=_about(
            _MODEL,
            LIST,
            "",
            "Models to ask instead, in this order, when the model is out of service or limits its rate.",
            shown="none",
        )
    )
    demo: str = field(
        metadata=_about(
            _MODEL,
            CHOICE("off", "on"),
            "off",
            "With `on`, or `oneliner serve --demo`, a project `demo` is made at the first start in which everything can be "
            "tried: documents, accounts with tools, rules that ask, a budget, a schedule and runs to confirm.",
        )
    )
    context_tokens: int = field(
        metadata=_about(
            _MODEL,
            COUNT(4_000, 2_000_000),
            "48000",
            "How many tokens a call of the model sends at most, and less where the model's window is smaller. The older "
            "part of a session that is longer than that is summarised.",
        )
    )
    model_base_url: str = field(
        metadata=_about(
            _MODEL,
            URL,
            "",
            "Endpoint of the model, when it is not the provider's own: any that speaks the OpenAI wire format.",
            shown="the provider's",
        )
    )
    model_api_key: str = field(
        repr=False,
        metadata=_about(
            _MODEL,
            SECRET,
            "",
            "Key for the model; the providers' usual variables, such as `OPENAI_API_KEY`, work too.",
            shown="none",
        ),
    )
    prices: Path | None = field(
        metadata=_about(
            _MODEL,
            PATH,
            "",
            "JSON file with prices that come before the built-in table: "
            '`{"openai/gpt-5-mini": {"input": "0.25", "cached": "0.025", "output": "2"}}`, in USD per million tokens.',
            shown="none",
        )
    )

    jwt_secret: str = field(
        repr=False,
        metadata=_about(
            _IDENTITY,
            SECRET,
            "",
            "Secret that tokens are signed and checked with (HS256), at least 32 random bytes.",
            shown="a random one, kept in the data folder",
        ),
    )
    jwt_jwks_url: str = field(
        metadata=_about(
            _IDENTITY,
            URL,
            "",
            "Address of the keys (JWKS) of who issues your tokens (RS256, ES256, EdDSA).",
            shown="none",
        )
    )
    jwt_issuer: str = field(metadata=_about(_IDENTITY, NAME, "oneliner", "What the `iss` claim of a token must be."))
    jwt_audience: str = field(metadata=_about(_IDENTITY, NAME, "oneliner", "What the `aud` claim of a token must be."))
    approve_users: str = field(
        metadata=_about(
            _IDENTITY,
            CHOICE("automatic", "manual"),
            "automatic",
            "Whether a user may work from the first valid token on, or after an administrator has approved.",
        )
    )
    sign_in_ttl_seconds: int = field(
        metadata=_about(
            _IDENTITY,
            WHOLE_SECONDS(10, 86_400),
            "900",
            "How long the one-time sign-in link works that `oneliner serve` prints.",
        )
    )

    concurrency: int = field(
        metadata=_about(_WORK, COUNT(1, 10_000), "256", "How many runs this process executes at a time.")
    )
    lease_seconds: float = field(
        metadata=_about(
            _WORK,
            SECONDS(0.5, 3_600),
            "30",
            "How long a worker may be silent before its run is given to another. It renews at every third of this.",
        )
    )
    sweep_seconds: float = field(
        metadata=_about(
            _WORK,
            SECONDS(0.1, 3_600),
            "",
            "How often lost runs and forgotten wake-ups are looked for.",
            shown="`5`, or the lease where that is shorter",
        )
    )
    grace_seconds: float = field(
        metadata=_about(
            _WORK,
            SECONDS(0, 3_600),
            "20",
            "How long a server that is stopped lets running steps finish before it hands the rest back.",
        )
    )
    log_format: str = field(
        metadata=_about(
            _WATCHING,
            CHOICE("text", "json"),
            "text",
            "How lines on standard error are written: for people, or one JSON object each.",
        )
    )
    log_level: str = field(
        metadata=_about(
            _WATCHING,
            CHOICE("debug", "info", "warning", "error"),
            "info",
            "The least severe lines written to standard error.",
        )
    )
    access_log: str = field(
        metadata=_about(
            _WATCHING,
            CHOICE("on", "off"),
            "on",
            "Whether each request gets a line; looks at `/healthz`, `/readyz`, `/metrics` and the page's files get theirs at "
            "the level `debug`.",
        )
    )
    metrics_token: str = field(
        repr=False,
        metadata=_about(
            _WATCHING,
            SECRET,
            "",
            "Bearer token that `/metrics` asks for; without one it answers to the server's own machine alone.",
            shown="none",
        ),
    )
    worker_port: int | None = field(
        metadata=_about(
            _WATCHING,
            PORT,
            "",
            "Port at `ONELINER_HOST` where `oneliner worker` answers `/metrics`, `/healthz` and `/readyz`; 0 takes a free one, "
            "which is logged.",
            shown="none",
        )
    )
    otlp_url: str = field(
        repr=False,
        metadata=_about(
            _WATCHING,
            URL,
            "",
            "OpenTelemetry collector that traces are sent to over HTTP, such as `http://127.0.0.1:4318`; needs the extra "
            "`otel`.",
            shown="none, no traces",
        ),
    )
    trace_content: str = field(
        metadata=_about(
            _WATCHING,
            CHOICE("off", "on"),
            "off",
            "Whether traces hold what was said: messages, and the arguments and results of tools.",
        )
    )

    purge_after_days: int = field(
        metadata=_about(
            _DATA,
            COUNT(0, 36_500),
            "30",
            "For how many days a deleted session can still be restored. After that its content is gone for good; its "
            "tokens and costs stay in the bills.",
        )
    )

    @classmethod
    def load(cls, environ: Mapping[str, str], **overrides: object) -> Settings:
        """The settings of *environ*, with those of *overrides* that are not None (typed, or as text) before them.

        An empty variable counts as not set. Raises Invalid: a value that is not accepted, or two that do not fit
        together.
        """
        values = {setting.name: _value(setting, environ, overrides.get(setting.name)) for setting in SETTINGS}
        data_dir: Path = values["data_dir"] or default_data_dir(environ)
        values["data_dir"] = data_dir
        values["database_url"] = values["database_url"] or f"sqlite:///{data_dir / 'oneliner.db'}"
        values["sweep_seconds"] = values["sweep_seconds"] or min(_SWEEP_SECONDS, values["lease_seconds"])
        settings = cls(**values)
        _check_together(settings)
        return settings

    def as_variables(self) -> dict[str, str]:
        """These settings as the environment of another process, from which it loads the same ones."""
        return {setting.variable: _text(getattr(self, setting.name)) for setting in SETTINGS}

    @property
    def uses_sqlite(self) -> bool:
        """Whether the database is a file that one server has to itself."""
        return self.database_url.startswith("sqlite:")

    @property
    def secrets(self) -> frozenset[str]:
        """What no log line may hold: secrets, and the passwords in addresses."""
        own = frozenset(s for s in (self.model_api_key, self.jwt_secret, self.metrics_token) if s)
        addresses = (self.database_url, self.redis_url, self.broker_url, self.otlp_url, self.model_base_url)
        return own.union(*(secret.in_address(a) for a in (*addresses, self.jwt_jwks_url)))

    @property
    def database_shown(self) -> str:
        """The database, as it may be shown: without a password."""
        if self.uses_sqlite:
            return str(self.database_path)
        parts = urlsplit(self.database_url)
        return f"{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"

    @property
    def has_demo(self) -> bool:
        """Whether there is a demo workspace."""
        return self.demo == "on"

    @property
    def bus_url(self) -> str:
        """The Redis that carries what is live between processes, or nothing."""
        return self.redis_url or (self.broker_url if self.broker_url.startswith("redis") else "")

    @property
    def database_path(self) -> Path:
        """The file of the SQLite database."""
        return Path(self.database_url.removeprefix("sqlite:///"))

    @property
    def beat_seconds(self) -> float:
        """How often a worker renews its leases: two beats may be lost before a lease is."""
        return self.lease_seconds / 3

    @property
    def approves_new_users(self) -> bool:
        """Whether a user is approved by his first valid token."""
        return self.approve_users == "automatic"

    def price_overrides(self) -> dict[str, dict[str, str]]:
        """What the price file says: model to ``input``, ``output`` and perhaps ``cached``, as decimal strings.

        Raises Invalid: it cannot be read, or is no such file.
        """
        if self.prices is None:
            return {}
        label = f"the price file {str(self.prices)!r}"
        try:
            # Numbers as they are written: a float would not be exact.
            table = json.loads(self.prices.read_text(encoding="utf-8"), parse_float=str, parse_int=str)
        except OSError as error:
            raise Invalid(f"{label} cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise Invalid(f"{label} is no JSON: {error}") from error
        if not isinstance(table, dict) or not all(isinstance(row, dict) for row in table.values()):
            raise Invalid(f"{label} must hold an object with one object for each model")
        return {model: {key: str(value) for key, value in row.items()} for model, row in table.items()}


def _described() -> tuple[Setting, ...]:
    return tuple(Setting(name=f.name, **f.metadata) for f in fields(Settings))


#: Every setting, in the order of their definition.
SETTINGS: tuple[Setting, ...] = _described()


def setting(name: str) -> Setting:
    """What is known of the setting *name*, which exists."""
    return next(s for s in SETTINGS if s.name == name)


def default_data_dir(environ: Mapping[str, str]) -> Path:
    """Where the platform keeps the data of a user's programs."""
    home = Path(environ.get("HOME") or Path.home())
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "oneliner"
    if sys.platform == "win32":
        return Path(environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "oneliner"
    base = environ.get("XDG_DATA_HOME", "")
    # The XDG specification has relative paths ignored.
    return (Path(base) if base.startswith("/") else home / ".local" / "share") / "oneliner"


def misspelt_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Variables that look like a setting and are none, with the setting that each was probably meant to be."""
    known = {s.variable for s in SETTINGS}
    found: dict[str, str] = {}
    for name in environ:
        if name.startswith(PREFIX) and not name.startswith(FOR_TESTS) and name not in known | OTHER_VARIABLES:
            similar = difflib.get_close_matches(name, known, 1, _SIMILAR)
            if similar:
                found[name] = similar[0]
    return found


def _value(setting: Setting, environ: Mapping[str, str], override: object) -> Any:
    """The value of one setting: from the option, else from the variable, else the default."""
    if override is not None and override != ():
        text = ",".join(map(str, override)) if isinstance(override, tuple) else str(override)
        return setting.parse(text.strip(), setting.option or setting.name)
    text = environ.get(setting.variable, "").strip()
    if text:
        return setting.parse(text, setting.variable)
    return setting.parse(setting.default, setting.variable) if setting.default else setting.kind.empty


def _text(value: object) -> str:
    """*value* as a variable holds it; empty for a setting that is not set."""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return "" if value is None else str(value)


def _check_together(settings: Settings) -> None:
    if settings.broker_url and settings.uses_sqlite:
        raise Invalid(
            "ONELINER_BROKER_URL is set and ONELINER_DATABASE_URL names no PostgreSQL database; workers need one to share",
            setting="database_url",
        )
    needing = ("model_base_url", "model_api_key", "model_fallbacks")
    given = next((f"ONELINER_{name.upper()}" for name in needing if getattr(settings, name)), "")
    if not settings.model and given:
        raise Invalid(f"{given} is set and ONELINER_MODEL is not; say which model, for example openai/gpt-5-mini")
