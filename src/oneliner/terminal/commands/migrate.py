"""``oneliner migrate``."""

from __future__ import annotations

import click
from rich.console import Console

from oneliner.terminal.options import load, setting_options
from oneliner.terminal.taught import TaughtCommand
from oneliner.wiring import is_migrated, migrate

_BEHIND = 1


@click.command(cls=TaughtCommand)
@click.option("--check", is_flag=True, help="Change nothing; exit with 1 when the database is not up to date.")
@setting_options("data_dir", "database_url")
def command(check: bool, **given: str | None) -> int:  # noqa: FBT001 - click calls it
    """Bring the database up to date.

    `oneliner serve` does so by itself when it starts.

      oneliner migrate --check && echo up to date
      oneliner migrate --data-dir /var/lib/oneliner
    """
    settings = load(**given)
    if check:
        if is_migrated(settings):
            click.echo(f"{settings.database_shown} is up to date")
            return 0
        click.echo(f"{settings.database_shown} is not up to date; run `oneliner migrate`", err=True)
        return _BEHIND
    with Console(stderr=True).status("Bringing the database up to date …"):
        was_behind = migrate(settings)
    click.echo(f"{settings.database_shown} {'is now' if was_behind else 'was already'} up to date")
    return 0
