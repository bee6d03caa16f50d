"""``oneliner db``."""

from __future__ import annotations

import os
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from oneliner.adapters.data_dir import running_server
from oneliner.domain.errors import Invalid
from oneliner.settings import setting
from oneliner.terminal.taught import TaughtCommand, TaughtGroup

if TYPE_CHECKING:
    from collections.abc import Callable, Generator


@click.group(cls=TaughtGroup)
def command() -> None:
    """Look after the database as a whole.

      oneliner db copy --from sqlite:////var/lib/oneliner/oneliner.db --to postgresql://oneliner@db.example.com/oneliner

    `oneliner db copy --help` says what can be copied where.
    """


@command.command(cls=TaughtCommand)
@click.option("--from", "source", required=True, metavar="URL", help="The database to copy; it is not changed.")
@click.option("--to", "target", metavar="URL", help="The empty database to fill. [default: ONELINER_DATABASE_URL]")
def copy(source: str, target: str | None) -> None:
    """Copy everything from one database into an empty one: SQLite to PostgreSQL, or back.

    Stop the servers first; the command refuses while one uses either database. All of it happens in one transaction, and
    what was written is read back and compared before that is committed: afterwards the target holds every row, or none.

      oneliner db copy --from sqlite:////var/lib/oneliner/oneliner.db --to postgresql://oneliner@db.example.com/oneliner
      ONELINER_DATABASE_URL=postgresql://… oneliner db copy --from sqlite:///oneliner.db
    """
    about = setting("database_url")
    given = target or os.environ.get(about.variable, "").strip()
    if not given:
        raise Invalid("say with --to, or with ONELINER_DATABASE_URL, where to copy to")
    urls = about.parse(source, "--from"), about.parse(given, "--to" if target else about.variable)
    for url in urls:
        _refuse_served(url)
    try:
        copying: Any = import_module("oneliner.adapters.database.copying")
    except ImportError as error:
        raise Invalid(
            f"this needs an extra that is not installed: pip install 'oneliner[postgres]' ({error})"
        ) from error
    with _shown() as progress:
        copied = copying.copy_database(*urls, progress)
    for done in copied:
        click.echo(f"{done.contents.rows:>10}  {done.table}")
    click.echo(f"{sum(done.contents.rows for done in copied):>10}  rows copied, read back and found equal")


def _refuse_served(url: str) -> None:
    """Say which server uses a file. The copy itself refuses every other program too, without a name for it."""
    if url.startswith("sqlite:"):
        path = Path(url.removeprefix("sqlite:///"))
        server = running_server(path.parent)
        if server:
            raise Invalid(f"a server uses {str(path)!r}: {server}. Stop it first")


@contextmanager
def _shown() -> Generator[Callable[[Any, str, int], None]]:
    columns = TextColumn("{task.description:<9}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[table]}")
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True) as bars:
        total = 0
        tasks: dict[Any, Any] = {}

        def progress(phase: Any, table: str, rows: int) -> None:
            nonlocal total
            if not table:
                total = rows
                return
            if phase not in tasks:
                tasks[phase] = bars.add_task(phase.value, total=total, table=table)
            bars.update(tasks[phase], advance=rows, table=table)

        yield progress
