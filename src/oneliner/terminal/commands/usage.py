"""``oneliner usage``."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

import click
import orjson
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from oneliner.app.usage import GroupBy
from oneliner.terminal.api import Api
from oneliner.terminal.options import client_options, load
from oneliner.terminal.plain_text import one_line
from oneliner.terminal.reaching import reached
from oneliner.web.csv_answer import csv_text
from oneliner.web.routes.usage import CSV_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PATH = "/v2/oneliner/usage"
_PAGE = 1_000


@click.command(short_help="Show what was used, and what it cost.")
@click.option(
    "--by",
    "group_by",
    type=click.Choice([str(g) for g in GroupBy]),
    default="day",
    show_default=True,
    help="A line for each.",
)
@click.option("--since", metavar="TIME", help="From here on, such as 2026-03-05 (UTC). [default: 30 days ago]")
@click.option("--until", metavar="TIME", help="Until here.")
@click.option("--project", metavar="ID", help="Only of this project.")
@click.option("--user", metavar="ID", help="Only of this user (administrators).")
@click.option("--model", metavar="NAME", help="Only of this model.")
@click.option("--csv", "is_csv", is_flag=True, help="As CSV.")
@click.option("--json", "is_json", is_flag=True, help="One JSON object a line, and the total at the end.")
@client_options
def command(  # one parameter for each option
    group_by: str,
    since: str | None,
    until: str | None,
    project: str | None,
    user: str | None,
    model: str | None,
    is_csv: bool,  # noqa: FBT001 - click calls it
    is_json: bool,  # noqa: FBT001
    server: str | None,
    token: str | None,
    **given: str | None,
) -> None:
    """Show what was used and what it cost, by day or by what else one asks. An administrator sees everybody's.

    oneliner usage --by model --since 2026-03-01
    oneliner usage --by user --csv > march.csv
    """
    asked: dict[str, object] = {"group_by": group_by, "since": since, "until": until}
    asked |= {"project_id": project, "user_id": user, "model": model}
    with reached(load(**given), server, token, executes=False) as found:
        lines, total = asyncio.run(_read(found.url, found.token, asked))
    if is_csv:
        click.echo(csv_text(CSV_COLUMNS, lines), nl=False)
    elif is_json:
        for line in (*lines, {**total, "is_total": True}):
            click.echo(orjson.dumps(line).decode())
    else:
        # In a pipe as wide as it needs to be: nothing of a bill is left out.
        width = None if sys.stdout.isatty() else 200
        Console(highlight=False, width=width).print(
            usage_table(group_by, lines, total) if lines else "nothing was used"
        )


def usage_table(group_by: str, lines: Sequence[Mapping[str, Any]], total: Mapping[str, Any]) -> Table:
    """A line for each of *lines*, and the *total*."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_footer=True)
    named = [one_line(str(line["key"]), 60) or "(none)" for line in lines]
    columns = [(group_by, named, "total")]
    columns += [
        (title, [_figure(line, name) for line in lines], _figure(total, name))
        for title, name in (
            ("calls", "message_count"),
            ("tokens in", "input_tokens"),
            ("cached", "cached_tokens"),
            ("out", "output_tokens"),
            ("cost", "cost"),
        )
    ]
    for n, (title, _, footer) in enumerate(columns):
        table.add_column(title, Text(footer), justify="right" if n else "left", no_wrap=True)
    for row in zip(*(cells for _, cells, _ in columns), strict=True):
        table.add_row(*(Text(cell) for cell in row))
    return table


def _figure(line: Mapping[str, Any], name: str) -> str:
    if name != "cost":
        return f"{line[name]:,}"
    if line["cost"] is None:
        return "?"
    # Some of it has no price, or was counted by us.
    return f"${line['cost']}" + ("+?" if line["unpriced_messages"] else "") + ("~" if line["estimated"] else "")


async def _read(url: str, token: str, asked: Mapping[str, object]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    before: str | None = None
    async with Api(url, token) as api:
        while True:
            page = await api.get(_PATH, **asked, limit=_PAGE, before=before)
            lines += page["items"]
            before = page["next_cursor"]
            if before is None:
                return lines, page["total"]
