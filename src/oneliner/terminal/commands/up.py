"""``oneliner up``."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import click

from oneliner.domain.errors import Invalid
from oneliner.terminal.combined_log import CombinedLog
from oneliner.terminal.listening import listening
from oneliner.terminal.options import load, setting_options
from oneliner.terminal.supervising import Program, Supervision, shared_figures
from oneliner.terminal.surroundings import found_services
from oneliner.terminal.taught import TaughtCommand

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

    from oneliner.settings import Settings

_MOST = 64


@click.command(cls=TaughtCommand)
@click.argument("modules", nargs=-1, metavar="[MODULE]...")
@click.option("--distributed", is_flag=True, help="Servers and workers as processes of their own.")
@click.option(
    "--servers", type=click.IntRange(1, _MOST), default=1, show_default=True, metavar="N", help="How many servers."
)
@click.option(
    "--workers", type=click.IntRange(1, _MOST), default=2, show_default=True, metavar="N", help="How many workers."
)
@setting_options(
    "host",
    "port",
    "data_dir",
    "database_url",
    "queue",
    "routes",
    "model",
    "model_base_url",
    "prices",
    "concurrency",
    "grace_seconds",
    "worker_port",
    "log_level",
    "log_format",
    "otlp_url",
)
def command(modules: tuple[str, ...], distributed: bool, servers: int, workers: int, **given: str | None) -> int:  # noqa: FBT001 - click calls it
    """Try out the distributed mode on this machine: servers and workers together, with one log.

    Uses the PostgreSQL of ONELINER_DATABASE_URL, or else the one of this machine, in which it makes the database oneliner
    when it is not there; and the Redis of ONELINER_REDIS_URL or ONELINER_BROKER_URL, or else the one of this machine. What
    is missing is told, with the way to get it.

      oneliner up --distributed                           one server, two workers
      oneliner up --distributed --servers 2 --workers 4 --port 0

    A process that dies is told of and started again. Ctrl-C stops the workers, which get --grace-seconds for their runs,
    then the servers; a second Ctrl-C ends all at once.
    """
    if not distributed:
        raise Invalid("say --distributed; for everything in one process there is `oneliner serve`")
    settings = asyncio.run(found_services(load(tools=modules, **given), os.environ))
    with listening(settings.host, settings.port) as listener, shared_figures() as figures:
        log = CombinedLog(settings)
        return asyncio.run(Supervision(_programs(settings, listener, servers, workers, figures), log).run())


def _programs(
    settings: Settings, listener: socket.socket, servers: int, workers: int, figures: Mapping[str, str]
) -> list[Program]:
    environment = {**os.environ, **settings.as_variables(), "PYTHONUNBUFFERED": "1"}
    return [
        *(Program(f"server-{n + 1}", ("serve",), {**environment, **figures}, listener) for n in range(servers)),
        *(
            # Each by a name of its own: Celery takes two workers of one name for the same.
            Program(
                f"worker-{n + 1}",
                ("worker", "--name", f"worker-{n + 1}@{_host()}"),
                {**environment, "ONELINER_WORKER_PORT": _port(settings, n)},
                stage=1,
            )
            for n in range(workers)
        ),
    ]


def _port(settings: Settings, number: int) -> str:
    """Where the worker with this *number* answers: ports side by side, from the one that was given on."""
    first = settings.worker_port
    return "" if first is None else str(first and first + number)


def _host() -> str:
    return os.uname().nodename
