"""``oneliner backup``."""

from __future__ import annotations

from pathlib import Path

import click

from oneliner.adapters.database.backup import back_up
from oneliner.domain.errors import Invalid
from oneliner.terminal.options import load, setting_options
from oneliner.terminal.taught import TaughtCommand


@click.command(cls=TaughtCommand)
@click.argument("file", type=click.Path(path_type=Path))
@setting_options("data_dir", "database_url")
def command(file: Path, **given: str | None) -> None:
    """Copy the SQLite database to a new file, as of one moment, while the server goes on.

    The file appears when it is whole and was found sound. The secrets in the data folder are not in it: keep `secret` and
    `webhook.key` with it. PostgreSQL has tools of its own; docs/backup.md says which.

      oneliner backup /var/backups/oneliner-$(date +%F).db
      oneliner backup before-upgrade.db --data-dir /var/lib/oneliner
    """
    settings = load(**given)
    if not settings.uses_sqlite:
        raise Invalid(f"{settings.database_shown} is no SQLite file; back it up with pg_dump, see docs/backup.md")
    facts = back_up(settings.database_path, file)
    rows = ", ".join(f"{count} {name.removeprefix('agent_').replace('_', ' ')}" for name, count in facts.rows.items())
    click.echo(f"{file}: {facts.size_bytes} bytes, revision {facts.revision}, sound; {rows}")
