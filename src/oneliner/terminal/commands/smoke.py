"""``oneliner smoke``."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import click
import orjson

from oneliner.domain.errors import Invalid
from oneliner.terminal.doctor.walk import DEFAULT_RUN_SECONDS, Doctor, Stage
from oneliner.terminal.options import load, setting_options
from oneliner.terminal.taught import TaughtCommand
from oneliner.wiring import issue_token

_OK, _BROKEN, _AWAY = 0, 1, 3
_USER = "smoke"
_TOKEN_SECONDS = 3_600


@click.command(cls=TaughtCommand)
@click.argument("url")
@click.option(
    "--token",
    envvar="ONELINER_TOKEN",
    metavar="TOKEN",
    help="Who runs the test. Otherwise the user `smoke`, with a token of the data folder's secret. [ONELINER_TOKEN]",
)
@click.option(
    "--wait",
    "wait_seconds",
    type=click.FloatRange(0, 3_600),
    default=0.0,
    metavar="SECONDS",
    help="How long a server that is just starting may take until it is ready.",
)
@click.option(
    "--timeout",
    "run_seconds",
    type=click.FloatRange(1, 3_600),
    default=DEFAULT_RUN_SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="How long the run may take.",
)
@click.option("--json", "is_json", is_flag=True, help="One JSON object a line, one for each stage.")
@setting_options("data_dir")
def command(
    url: str,
    token: str | None,
    wait_seconds: float,
    run_seconds: float,
    is_json: bool,  # noqa: FBT001 - click calls it
    **given: str | None,
) -> int:
    """Try out a deployment from outside, as its users do.

    The server and whether it is ready, its pages with every file they load, the token, and one whole run: accepted,
    streamed to its end, stored, accounted, and deleted again. It stops at the first stage that fails, with the cause. The
    run asks the configured model one short question, which may cost.

      oneliner smoke https://agent.example.com --token "$TOKEN"
      oneliner smoke http://127.0.0.1:8000 --data-dir /var/lib/oneliner --wait 60

    Exit code: 0 all is well, 1 a stage failed, 2 wrong usage or settings, 3 no server answers, or it is not ready.
    """
    if urlsplit(url).scheme not in {"http", "https"}:
        raise Invalid(f"{url!r} is no address of a server; it begins with http:// or https://")
    used = token or issue_token(load(**given), _USER, ttl_seconds=_TOKEN_SECONDS)

    def tell(stage: Stage) -> None:
        click.echo(orjson.dumps(stage.to_json()).decode() if is_json else stage.to_text())

    doctor = Doctor(tell, run_seconds)
    asyncio.run(doctor.smoke(url, used, wait_seconds=wait_seconds))
    if doctor.fault is None:
        return _OK
    return _AWAY if len(doctor.stages) == 1 else _BROKEN
