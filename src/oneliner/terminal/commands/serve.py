"""``oneliner serve``."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from oneliner.domain.errors import Invalid
from oneliner.terminal.listening import listening
from oneliner.terminal.options import load, setting_options
from oneliner.terminal.several import serve_with_several
from oneliner.terminal.supervised import supervisor
from oneliner.terminal.taught import TaughtCommand

if TYPE_CHECKING:
    from oneliner.settings import Settings


@click.command(cls=TaughtCommand)
@click.argument("modules", nargs=-1, metavar="[MODULE]...")
@click.option("--demo", is_flag=True, help="Make a project in which everything can be tried. [ONELINER_DEMO=on]")
@click.option("--open", "opens", is_flag=True, help="Open the page in the browser, signed in.")
@setting_options(
    "host",
    "port",
    "workers",
    "data_dir",
    "database_url",
    "database_connections",
    "queue",
    "routes",
    "model",
    "model_fallbacks",
    "model_base_url",
    "prices",
    "executors",
    "executors_file",
    "mcp_file",
    "fetch_hosts",
    "cors_origins",
    "jwt_jwks_url",
    "jwt_issuer",
    "jwt_audience",
    "approve_users",
    "sign_in_ttl_seconds",
    "concurrency",
    "lease_seconds",
    "sweep_seconds",
    "grace_seconds",
    "sqlite_synchronous",
    "log_level",
    "log_format",
    "access_log",
    "otlp_url",
    "trace_content",
)
def command(modules: tuple[str, ...], demo: bool, opens: bool, **given: str | None) -> int:  # noqa: FBT001 - click calls it
    """Start the server: the API, the page and the agent, in one process or in several.

    Makes its data folder and a strong secret at the first start, brings the database up to date, and prints its address
    and a one-time sign-in link. MODULE names Python modules or files with your tools.

      oneliner serve                            at http://127.0.0.1:8000, with the demo model
      oneliner serve --port 0 --open            on a free port, opened in the browser
      oneliner serve --demo                     with a project to try everything in
      oneliner serve myapp.tools                with the tools of a module
      oneliner serve --workers 4                four processes behind one port; needs PostgreSQL and Redis
      ONELINER_MODEL=openai/gpt-5-mini ONELINER_MODEL_API_KEY=… oneliner serve

    Ctrl-C or SIGTERM stops it: runs under way get --grace-seconds to finish, the rest goes on at the next start. A second
    Ctrl-C ends it at once; nothing that was accepted is lost.
    """
    settings = load(tools=modules, demo="on" if demo else None, **given)
    above = supervisor()
    if above is not None and above.listener is not None:
        _service().serve(settings, above.listener, opens=opens, supervisor=above)
        return 0
    _refuse_several_alone(settings)
    with listening(settings.host, settings.port) as listener:
        if settings.workers > 1:
            return serve_with_several(settings, listener, opens=opens)
        _service().serve(settings, listener, opens=opens)
        return 0


def _service() -> Any:
    # Whoever only watches over others has no need of a server's parts.
    return import_module("oneliner.terminal.service")


def _refuse_several_alone(settings: Settings) -> None:
    if settings.workers == 1:
        return
    if settings.uses_sqlite:
        raise Invalid(
            f"--workers {settings.workers} needs ONELINER_DATABASE_URL to name a PostgreSQL database: "
            "an SQLite file belongs to one process. Set it, or leave --workers out",
            setting="workers",
        )
    if not settings.bus_url:
        raise Invalid(
            f"--workers {settings.workers} needs ONELINER_REDIS_URL: a page's requests reach any of the processes, and "
            "without Redis text and cancellations stay in the one that executes. Set it, or leave --workers out",
            setting="workers",
        )
