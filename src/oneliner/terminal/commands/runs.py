"""``oneliner runs``."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

import click
import orjson
from rich.console import Console

from oneliner.domain.run import RunStatus
from oneliner.terminal.api import Api
from oneliner.terminal.commands.run import report, screen_for
from oneliner.terminal.following import Follower
from oneliner.terminal.options import client_options, is_interactive, load
from oneliner.terminal.reaching import reached
from oneliner.terminal.run_tables import run_line, run_table, run_text
from oneliner.terminal.taught import TaughtGroup

if TYPE_CHECKING:
    from collections.abc import Mapping

_PATH = "/v2/oneliner/runs"


@click.group(cls=TaughtGroup)
def command() -> None:
    """Look at runs: list them, show one, follow one.

      oneliner runs list --status running --status queued
      oneliner runs show 0198…
      oneliner runs follow 0198…        and answer what it asks

    Without --server it looks at the server that runs on the data folder, or at the folder itself.
    """


@command.command("list")
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice([str(s) for s in RunStatus]),
    help="Only these; may be given several times.",
)
@click.option("--project", metavar="ID", help="Only those of this project.")
@click.option("--session", metavar="ID", help="Only those of one session.")
@click.option("--text", metavar="TEXT", help="Only those with this in their title or summary.")
@click.option("--limit", type=click.IntRange(1, 1_000), default=20, show_default=True, help="At most so many.")
@click.option("--json", "is_json", is_flag=True, help="One JSON object a line.")
@client_options
def list_runs(  # one parameter for each option
    statuses: tuple[str, ...],
    project: str | None,
    session: str | None,
    text: str | None,
    limit: int,
    is_json: bool,  # noqa: FBT001 - click calls it
    server: str | None,
    token: str | None,
    **given: str | None,
) -> None:
    """List runs, the newest first.

    In a pipe: a line for each, with tabs between id, status, user, time, cost and title.

      oneliner runs list
      oneliner runs list --status failed --limit 100 --json | jq -r .id
    """
    query: dict[str, object] = {"status": statuses, "project_id": project, "session_id": session, "q": text}
    with reached(load(**given), server, token, executes=False) as found:
        runs = asyncio.run(_listed(found.url, found.token, query, limit))
    if is_json:
        for run in runs:
            click.echo(orjson.dumps(run).decode())
    elif sys.stdout.isatty():
        Console(highlight=False).print(run_table(runs) if runs else "no runs")
    else:
        for run in runs:
            click.echo(run_line(run))


@command.command("show", short_help="Show one run.")
@click.argument("run_id", metavar="ID")
@click.option("--json", "is_json", is_flag=True, help="The run as the API has it.")
@client_options
def show_run(
    run_id: str,
    is_json: bool,  # noqa: FBT001 - click calls it
    server: str | None,
    token: str | None,
    **given: str | None,
) -> None:
    """Show one run: its plan, where it stands, what came of it, and what it cost."""
    with reached(load(**given), server, token, executes=False) as found:
        run = asyncio.run(_shown(found.url, found.token, run_id))
    click.echo(orjson.dumps(run, option=orjson.OPT_INDENT_2).decode() if is_json else run_text(run))


@command.command("follow", short_help="Show a run and watch it to its end.")
@click.argument("run_id", metavar="ID")
@click.option("--json", "is_json", is_flag=True, help="One JSON object a line: every event, and at the end the run.")
@click.option("--yes", "confirms", is_flag=True, help="Confirm the plan unasked.")
@client_options
def follow_run(
    run_id: str,
    is_json: bool,  # noqa: FBT001 - click calls it
    confirms: bool,  # noqa: FBT001
    server: str | None,
    token: str | None,
    **given: str | None,
) -> int:
    """Show a run from its beginning and watch it to its end; in a terminal, answer what it asks.

    Exit code as of `oneliner run`.
    """
    with reached(load(**given), server, token, executes=True) as found:
        screen = screen_for(is_json=is_json)

        async def follow() -> int:
            async with Api(found.url, found.token, on_trouble=screen.say) as api:
                await api.get(f"{_PATH}/{run_id}")  # says at once when there is no such run
                follower = Follower(
                    api,
                    screen,
                    run_id,
                    asks=is_interactive() and not is_json,
                    confirms=confirms,
                    goes_on=not found.is_own,
                    is_new=False,
                )
                return report(await follower.follow(), run_id, found, screen)

        return asyncio.run(follow())


async def _listed(url: str, token: str, query: Mapping[str, object], limit: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    before: str | None = None
    async with Api(url, token) as api:
        while len(found) < limit:
            page = await api.get(_PATH, **query, before=before)
            found += page["items"]
            before = page["next_cursor"]
            if before is None:
                break
    return found[:limit]


async def _shown(url: str, token: str, run_id: str) -> dict[str, Any]:
    async with Api(url, token) as api:
        return await api.get(f"{_PATH}/{run_id}")
