"""``oneliner worker``."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from oneliner.domain.errors import Invalid
from oneliner.terminal.logs import log_to_stderr
from oneliner.terminal.options import load, setting_options
from oneliner.terminal.supervised import supervisor
from oneliner.terminal.taught import TaughtCommand

if TYPE_CHECKING:
    from celery import Celery

    from oneliner.settings import Settings


@click.command(cls=TaughtCommand)
@click.argument("modules", nargs=-1, metavar="[MODULE]...")
@click.option("--queues", metavar="NAME,…", help="Queues to take runs from, separated by commas. [default: --queue]")
@click.option("--name", metavar="NAME", help="The name of this worker among all. [default: oneliner@HOST]")
@setting_options(
    "database_url",
    "database_connections",
    "queue",
    "routes",
    "data_dir",
    "model",
    "model_fallbacks",
    "model_base_url",
    "prices",
    "executors",
    "executors_file",
    "mcp_file",
    "fetch_hosts",
    "concurrency",
    "lease_seconds",
    "sweep_seconds",
    "grace_seconds",
    "worker_port",
    "log_level",
    "log_format",
    "otlp_url",
    "trace_content",
)
def command(modules: tuple[str, ...], queues: str | None, name: str | None, **given: str | None) -> int:
    """Execute runs that servers hand over through a broker.

    Start as many as you like, on as many machines. Needs ONELINER_BROKER_URL (Redis or RabbitMQ), a PostgreSQL database
    that `oneliner migrate` or a server has brought up to date, and ONELINER_REDIS_URL where the broker is not Redis.

      oneliner worker                                256 runs at a time
      oneliner worker --concurrency 50 --queues urgent,oneliner

    Ctrl-C or SIGTERM stops it: runs under way get --grace-seconds to finish, the rest goes on elsewhere at once.
    """
    settings = load(tools=modules, **given)
    above = supervisor()
    if above is not None:
        above.follow()
    try:
        app = import_module("oneliner.celery_worker").build(settings)
    except ImportError as error:
        raise Invalid(f"a worker needs an extra: pip install 'oneliner[distributed]' ({error})") from error
    log_to_stderr(settings)
    return _work(app, settings, queues or settings.queue, name)


def _work(app: Celery, settings: Settings, queues: str, name: str | None) -> int:
    worker: Any = app.Worker(
        hostname=name or "oneliner@%h",
        pool="threads",
        concurrency=settings.concurrency,
        queues=queues,
        loglevel="WARNING",
        without_gossip=True,
        without_mingle=True,
        quiet=True,
    )
    worker.start()
    return worker.exitcode or 0
