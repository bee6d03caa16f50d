"""How this process was set up, as an administrator may see it: never a secret, and no address with what opens it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from oneliner.settings import SETTINGS, Settings, default_data_dir
from oneliner.web.services import Deployment, ShownSetting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oneliner.settings import Setting

#: Settings that begin somewhere else than at a fixed text.
_DERIVED = ("data_dir", "lease_seconds")


def deployment_of(settings: Settings, environ: Mapping[str, str], now_ms: int) -> Deployment:
    """What *settings* make of a process that starts at *now_ms*."""
    return Deployment(
        started_at_ms=now_ms,
        database="sqlite" if settings.uses_sqlite else "postgresql",
        bus=_kind(settings.bus_url),
        broker=_kind(settings.broker_url),
        token_keys="jwks" if settings.jwt_jwks_url else "secret",
        issuer=settings.jwt_issuer,
        audience=settings.jwt_audience,
        settings=shown(settings, environ),
    )


def shown(settings: Settings, environ: Mapping[str, str]) -> tuple[ShownSetting, ...]:
    """Every setting in its order. *environ* says where the platform keeps data, which is a default too."""
    untouched = Settings.load({}, **{name: getattr(settings, name) for name in _DERIVED})
    begins = {"data_dir": default_data_dir(environ), "lease_seconds": Settings.load({}).lease_seconds}
    return tuple(
        ShownSetting(
            name=one.name,
            variable=one.variable,
            group=one.group,
            value=_value(settings, one),
            is_default=getattr(settings, one.name) == begins.get(one.name, getattr(untouched, one.name)),
        )
        for one in SETTINGS
    )


def _kind(url: str) -> str:
    """Redis or AMQP, with or without encryption; ``process`` where no server is named."""
    scheme = url.partition(":")[0]
    return next((kind for kind in ("redis", "amqp") if kind in scheme), scheme or "process")


def _value(settings: Settings, one: Setting) -> str | None:
    if one.kind.is_secret:
        return None
    if one.name == "database_url":
        return settings.database_shown
    value = getattr(settings, one.name)
    texts = value if isinstance(value, tuple) else () if value is None else (value,)
    return ", ".join(_without_key(str(text)) for text in texts)


def _without_key(text: str) -> str:
    """An address without user, password and query, which may be what opens it; any other text as it is."""
    if "://" not in text:
        return text
    parts = urlsplit(text)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
