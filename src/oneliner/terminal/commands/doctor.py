"""``oneliner doctor``."""

from __future__ import annotations

import os

import click
import orjson

from oneliner.domain.errors import Invalid
from oneliner.settings import Settings
from oneliner.terminal.doctor.judging import Fault
from oneliner.terminal.doctor.walk import DEFAULT_RUN_SECONDS, Doctor, Outcome, Stage, diagnose
from oneliner.terminal.options import client_options
from oneliner.terminal.taught import TaughtCommand


@click.command(cls=TaughtCommand)
@click.option("--new-session", is_flag=True, help="Also carry out one run in a new session, which is deleted again.")
@click.option("--json", "is_json", is_flag=True, help="One JSON object a line, one for each stage.")
@click.option(
    "--timeout",
    "run_seconds",
    type=click.FloatRange(1, 3_600),
    default=DEFAULT_RUN_SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="How long the run may take.",
)
@client_options
def command(
    new_session: bool,  # noqa: FBT001 - click calls it
    is_json: bool,  # noqa: FBT001
    run_seconds: float,
    server: str | None,
    token: str | None,
    **given: str | None,
) -> int:
    """Find out whether everything works, and if not, why.

    It walks from stage to stage and stops at the first that fails, with the cause and the next thing to do:
    configuration, database, migrations, broker, worker, bus, model, server, auth; and with --new-session one whole run:
    enqueue, events, rows, totals, delete. That run asks the configured model one short question, which may cost.

      oneliner doctor                         what the settings of this machine name
      oneliner doctor --new-session           and a whole run
      oneliner doctor --new-session --server https://agent.example.com --token …

    Exit code: 0 all is well, 1 something is wrong, 2 wrong usage or settings.
    """

    def tell(stage: Stage) -> None:
        click.echo(orjson.dumps(stage.to_json()).decode() if is_json else stage.to_text())

    try:
        settings = Settings.load(os.environ, **given)
    except Invalid as error:
        Doctor(tell).fail("configuration", Fault(error.message, "set right what it names"))
        return 2
    stages = diagnose(
        settings,
        os.environ,
        server=server,
        token=token,
        new_session=new_session,
        run_seconds=run_seconds,
        tell=tell,
    )
    return 1 if any(stage.outcome is Outcome.FAILED for stage in stages) else 0
