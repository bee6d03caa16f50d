"""The PostgreSQL and the Redis that are there to be tried out with, or what to do so that they are."""

from __future__ import annotations

import asyncio
import getpass
import platform
import shutil
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import click

from oneliner.domain.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oneliner.settings import Settings

_ANSWER_SECONDS = 3.0
_DATABASE = "oneliner"
_DOCKER = {
    "PostgreSQL": "docker run -d -p 127.0.0.1:5432:5432 -e POSTGRES_HOST_AUTH_METHOD=trust postgres:17",
    "Redis": "docker run -d -p 127.0.0.1:6379:6379 redis:8",
}
_PACKAGES = {
    "PostgreSQL": {
        "apt-get": "sudo apt-get install postgresql",
        "brew": "brew install postgresql && brew services start postgresql",
    },
    "Redis": {
        "apt-get": "sudo apt-get install redis-server",
        "brew": "brew install redis && brew services start redis",
    },
}


async def found_services(settings: Settings, environ: Mapping[str, str]) -> Settings:
    """*settings* with a PostgreSQL and a Redis that answer: those they name, else those of this machine.

    Raises Invalid: one of them does not answer; the text says how to get it.
    """
    try:
        driver, client = import_module("asyncpg"), import_module("redis.asyncio")
    except ImportError as error:
        raise Invalid(
            f"this needs an extra that is not installed: pip install 'oneliner[distributed]' ({error})"
        ) from error
    missing: list[str] = []
    database_url = await _postgres(settings, environ, driver, missing)
    redis_url, broker_url = await _redis(settings, client, missing)
    if missing:
        raise Invalid("\n".join(["what this needs is not there:", *missing]))
    return replace(settings, database_url=database_url, redis_url=redis_url, broker_url=broker_url)


async def _postgres(settings: Settings, environ: Mapping[str, str], driver: Any, missing: list[str]) -> str:
    if not settings.uses_sqlite:
        # An address that was given is taken as it is: what is wrong with it, the first server says best.
        return settings.database_url
    host, port = environ.get("PGHOST", "127.0.0.1"), environ.get("PGPORT", "5432")
    refusals: list[str] = []
    for user in dict.fromkeys(filter(None, (environ.get("PGUSER"), getpass.getuser(), "postgres"))):
        password = environ.get("PGPASSWORD", "")
        try:
            await _make_database(driver, host, int(port), user, password)
        except (OSError, ValueError, TimeoutError, driver.PostgresError) as error:
            refusals.append(f"as {user}: {error or type(error).__name__}")
            continue
        login = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
        click.echo(f"PostgreSQL: {host}:{port}, database {_DATABASE}, user {user}", err=True)
        return f"postgresql+asyncpg://{login}@{host}:{port}/{_DATABASE}"
    missing += [
        f"  PostgreSQL: none lets us in at {host}:{port} ({'; '.join(refusals)})",
        *_ways("PostgreSQL"),
        "    or name one: ONELINER_DATABASE_URL=postgresql://USER:PASSWORD@HOST/NAME (or PGHOST, PGPORT, PGUSER, PGPASSWORD)",
    ]
    return ""


async def _make_database(driver: Any, host: str, port: int, user: str, password: str) -> None:
    """Have the database there. Raises what the driver does: no server, no entry, no right to make one."""
    login: dict[str, Any] = {"host": host, "port": port, "user": user, "password": password or None}
    try:
        connection = await driver.connect(**login, database=_DATABASE, timeout=_ANSWER_SECONDS)
    except driver.InvalidCatalogNameError:
        connection = await driver.connect(**login, database="postgres", timeout=_ANSWER_SECONDS)
        try:
            await connection.execute(f"CREATE DATABASE {_DATABASE}")
        finally:
            await connection.close()
        click.echo(f"PostgreSQL: made the database {_DATABASE}", err=True)
        return
    await connection.close()


async def _redis(settings: Settings, client: Any, missing: list[str]) -> tuple[str, str]:
    """The bus and the broker."""
    bus = settings.bus_url or "redis://127.0.0.1:6379/0"
    connection = client.Redis.from_url(bus, socket_connect_timeout=_ANSWER_SECONDS, socket_timeout=_ANSWER_SECONDS)
    try:
        await asyncio.wait_for(connection.ping(), _ANSWER_SECONDS)
    except (OSError, TimeoutError, client.RedisError) as error:
        parts = urlsplit(bus)
        where = f"{parts.hostname}:{parts.port or 6379}"
        missing += [
            f"  Redis: none answers at {where} ({error or type(error).__name__})",
            *_ways("Redis"),
            "    or name one: ONELINER_REDIS_URL=redis://HOST/0",
        ]
    finally:
        await connection.aclose()
    if not settings.bus_url:
        click.echo(f"Redis: {bus}", err=True)
    return bus, settings.broker_url or bus


def _ways(service: str) -> Sequence[str]:
    """How to get *service* on this machine."""
    by_package = [way for tool, way in _PACKAGES[service].items() if shutil.which(tool)]
    by_platform = [_PACKAGES[service]["brew"]] if platform.system() == "Darwin" else [_PACKAGES[service]["apt-get"]]
    return [f"    {way}" for way in (*(by_package or by_platform), _DOCKER[service])]
