"""``oneliner migrate``."""

from __future__ import annotations

from enum import IntEnum

import click
from rich.console import Console

from oneliner.adapters.database.schema_version import Schema
from oneliner.terminal.options import load, setting_options
from oneliner.terminal.taught import TaughtCommand
from oneliner.wiring import migrate, schema


class Found(IntEnum):
    """The exit codes of ``--check``, besides 1 (the database cannot be reached) and 2 (wrong usage or settings)."""

    USABLE = 0
    BEHIND = 3
    TOO_NEW = 4


_SAID = {
    Schema.UP_TO_DATE: (Found.USABLE, "is up to date"),
    Schema.NEWER: (Found.USABLE, "was migrated by a newer version; this one works on it too"),
    Schema.BEHIND: (Found.BEHIND, "is not up to date; run `oneliner migrate`"),
    Schema.TOO_NEW: (Found.TOO_NEW, "is too new for this version; upgrade OneLiner here too"),
}


@click.command(cls=TaughtCommand)
@click.option("--check", is_flag=True, help="Change nothing; exit with 3 when the database is behind, 4 when too new.")
@setting_options("data_dir", "database_url")
def command(check: bool, **given: str | None) -> int:  # noqa: FBT001 - click calls it
    """Bring the database up to date.

    `oneliner serve` does so by itself when it starts. On a database that a newer version has migrated, nothing is done.

      oneliner migrate --check && echo usable
      oneliner migrate --data-dir /var/lib/oneliner
    """
    settings = load(**given)
    if check:
        code, said = _SAID[schema(settings)]
        click.echo(f"{settings.database_shown} {said}", err=code is not Found.USABLE)
        return code
    with Console(stderr=True).status("Bringing the database up to date …"):
        was_behind = migrate(settings)
    click.echo(f"{settings.database_shown} {'is now' if was_behind else 'was already'} up to date")
    return 0
