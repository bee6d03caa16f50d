"""``oneliner restore``."""

from __future__ import annotations

from pathlib import Path

import click

from oneliner.adapters.data_dir import DataDirLock, prepared
from oneliner.adapters.database.backup import restore
from oneliner.domain.errors import Invalid
from oneliner.terminal.options import load, setting_options
from oneliner.terminal.taught import TaughtCommand
from oneliner.wiring import migrate


@click.command(cls=TaughtCommand)
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--replace", "may_replace", is_flag=True, help="Also where there is a database; it is kept beside it.")
@setting_options("data_dir", "database_url")
def command(file: Path, may_replace: bool, **given: str | None) -> None:  # noqa: FBT001 - click calls it
    """Put a backup in the place of the SQLite database, and bring it up to date.

    Refused while a server runs on the data folder. What was there is kept beside it under another name. Runs that were
    under way when the backup was made go on from their last step when the server starts.

      oneliner restore /var/backups/oneliner-2026-03-05.db --data-dir /var/lib/oneliner
      oneliner restore before-upgrade.db --replace
    """
    settings = load(**given)
    if not settings.uses_sqlite:
        raise Invalid(f"{settings.database_shown} is no SQLite file; restore it with pg_restore, see docs/backup.md")
    path = settings.database_path
    lock = DataDirLock(prepared(settings.data_dir))
    try:
        if path.exists() and not may_replace:
            raise Invalid(f"there is a database at {str(path)!r}; give --replace to put the backup in its place")
        prepared(path.parent)
        kept = restore(file, path)
        migrate(settings)
    finally:
        lock.release()
    if kept is not None:
        click.echo(f"what was there is now {kept}")
    click.echo(f"{path} is the backup {file}; start the server")
