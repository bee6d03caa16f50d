"""``oneliner schedules``."""

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

from oneliner.terminal.api import Api
from oneliner.terminal.options import client_options, load
from oneliner.terminal.plain_text import one_line
from oneliner.terminal.reaching import reached
from oneliner.terminal.taught import TaughtGroup

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

_PATH = "/v2/oneliner/schedules"


@click.group(cls=TaughtGroup)
def command() -> None:
    """Hand work over again and again: list schedules, make one, pause and resume them, see what they did.

      oneliner schedules list
      oneliner schedules create "Review the accounts" --cron "0 9 * * MON-FRI" --timezone Europe/Berlin --step Read
      oneliner schedules fires 0198…

    Without --server it looks at the server that runs on the data folder, or at the folder itself.
    """


@command.command("list", short_help="List schedules.")
@click.option("--project", metavar="ID", help="Only those of this project.")
@click.option("--json", "is_json", is_flag=True, help="One JSON object a line.")
@client_options
def list_schedules(
    project: str | None,
    is_json: bool,  # noqa: FBT001 - click calls it
    server: str | None,
    token: str | None,
    **given: str | None,
) -> None:
    """List schedules, the newest first."""
    found = _with_api(server, token, given, lambda api: _all(api, _PATH, project_id=project))
    columns = ("id", "state", "next due", "cron", "time zone", "title")
    _show(found, is_json=is_json, columns=columns, cells=_schedule_cells)


@command.command("create", short_help="Make a schedule.")
@click.argument("title", metavar="TITLE")
@click.option(
    "--cron", required=True, metavar="FIELDS", help='Minute, hour, day, month, weekday, such as "0 9 * * MON".'
)
@click.option("--timezone", default="UTC", show_default=True, metavar="ZONE", help="Such as Europe/Berlin.")
@click.option("--goal", default="", metavar="TEXT", help="What is to come of it; the title otherwise.")
@click.option("--step", "steps", multiple=True, metavar="TEXT", help="A step of the plan; give it several times.")
@click.option("--project", default="", metavar="ID", help="The project it is for.")
@click.option("--ahead", is_flag=True, help="Confirm the plan for every run, where the rules allow it.")
@client_options
def create_schedule(  # one parameter for each option
    title: str,
    cron: str,
    timezone: str,
    goal: str,
    steps: tuple[str, ...],
    project: str,
    ahead: bool,  # noqa: FBT001 - click calls it
    server: str | None,
    token: str | None,
    **given: str | None,
) -> None:
    """Make a schedule, and print its id."""
    handoff = {
        "title": title,
        "source_screen": "terminal",
        "source_action_key": "schedule",
        "project_id": project,
        "plan_request": {"goal": goal, "steps": list(steps)},
    }
    body = {"cron": cron, "timezone": timezone, "confirmed_ahead": ahead, "handoff": handoff}
    made = _with_api(server, token, given, lambda api: api.post(_PATH, body))
    click.echo(made["id"])
    click.echo(f"next due {made['next_due_at']}", err=True)


@command.command("pause", short_help="Let a schedule fire no more for now.")
@click.argument("schedule_id", metavar="ID")
@client_options
def pause_schedule(schedule_id: str, server: str | None, token: str | None, **given: str | None) -> None:
    """Let a schedule fire no more until it is resumed."""
    _with_api(server, token, given, lambda api: api.post(f"{_PATH}/{schedule_id}/pause", {}))
    click.echo("paused")


@command.command("resume", short_help="Let a paused schedule fire again.")
@click.argument("schedule_id", metavar="ID")
@client_options
def resume_schedule(schedule_id: str, server: str | None, token: str | None, **given: str | None) -> None:
    """Let a paused schedule fire again, from now on."""
    resumed = _with_api(server, token, given, lambda api: api.post(f"{_PATH}/{schedule_id}/resume", {}))
    click.echo(f"next due {resumed['next_due_at']}")


@command.command("fires", short_help="Show what a schedule did.")
@click.argument("schedule_id", metavar="ID")
@click.option("--json", "is_json", is_flag=True, help="One JSON object a line.")
@client_options
def list_fires(
    schedule_id: str,
    is_json: bool,  # noqa: FBT001 - click calls it
    server: str | None,
    token: str | None,
    **given: str | None,
) -> None:
    """Show each due time of a schedule that was taken care of, and the run it made, the newest first."""
    found = _with_api(server, token, given, lambda api: _all(api, f"{_PATH}/{schedule_id}/fires"))
    columns = ("due", "fired", "outcome", "run")
    _show(found, is_json=is_json, columns=columns, cells=_fire_cells)


def _with_api(
    server: str | None,
    token: str | None,
    given: Mapping[str, str | None],
    work: Callable[[Api], Coroutine[Any, Any, Any]],
) -> Any:
    async def call(url: str, with_token: str) -> Any:
        async with Api(url, with_token) as api:
            return await work(api)

    with reached(load(**given), server, token, executes=False) as found:
        return asyncio.run(call(found.url, found.token))


async def _all(api: Api, path: str, **query: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    before: str | None = None
    while True:
        page = await api.get(path, **query, limit=100, before=before)
        found += page["items"]
        before = page["next_cursor"]
        if before is None:
            return found


def _show(
    rows: Sequence[Mapping[str, Any]],
    *,
    is_json: bool,
    columns: Sequence[str],
    cells: Callable[[Mapping[str, Any]], Sequence[str]],
) -> None:
    if is_json:
        for row in rows:
            click.echo(orjson.dumps(row).decode())
    elif not sys.stdout.isatty():
        for row in rows:
            click.echo("\t".join(cells(row)))
    else:
        table = Table(*columns, box=SIMPLE_HEAD, pad_edge=False)
        for row in rows:
            table.add_row(*(Text(cell) for cell in cells(row)))
        Console(highlight=False).print(table if rows else "none")


def _schedule_cells(schedule: Mapping[str, Any]) -> list[str]:
    state = "paused" if schedule["paused"] else "ahead" if schedule["confirmed_ahead"] else "asks"
    named = (schedule["id"], state, schedule["next_due_at"] or "–", schedule["cron"], schedule["timezone"])
    return [one_line(str(cell)) for cell in (*named, schedule["title"])]


def _fire_cells(fire: Mapping[str, Any]) -> list[str]:
    return [str(fire[name] or "–") for name in ("due_at", "fired_at", "outcome", "run_id")]
