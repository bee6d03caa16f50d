"""``oneliner run``."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from oneliner.terminal.api import Api
from oneliner.terminal.following import Ending, Follower
from oneliner.terminal.live_screen import LiveScreen
from oneliner.terminal.options import client_options, is_interactive, load, setting_options
from oneliner.terminal.plain_text import one_line
from oneliner.terminal.reaching import reached
from oneliner.terminal.screen import JsonScreen, PlainScreen
from oneliner.terminal.taught import TaughtCommand

if TYPE_CHECKING:
    from oneliner.terminal.reaching import Reached
    from oneliner.terminal.screen import Screen

_TITLE_CHARS = 80


@click.command(cls=TaughtCommand)
@click.argument("text", nargs=-1, required=True)
@click.option(
    "--plan", "plans", is_flag=True, help="Have the agent draft a plan first, and confirm it before it begins."
)
@click.option("--yes", "confirms", is_flag=True, help="Confirm the plan unasked.")
@click.option("--session", metavar="ID", help="Go on in the session with this id.")
@click.option("--project", default="", metavar="ID", help="Work in this project.")
@click.option("--json", "is_json", is_flag=True, help="One JSON object a line: every event, and at the end the run.")
@client_options
@setting_options("model", "model_base_url")
def command(
    text: tuple[str, ...],
    plans: bool,  # noqa: FBT001 - click calls it
    confirms: bool,  # noqa: FBT001
    session: str | None,
    project: str,
    is_json: bool,  # noqa: FBT001
    server: str | None,
    token: str | None,
    **given: str | None,
) -> int:
    """Give the agent something to do, and watch it.

    Shows the steps, tool calls and text as they come, asks what the agent asks, and ends with the cost. TEXT `-` is read
    from standard input.

      oneliner run "What is 17 times 23?"
      oneliner run --plan "Review our documents and write a summary"
      oneliner run --session 0198… "And by 24?"
      git diff | oneliner run --yes -

    Ctrl-C asks whether to cancel the run or only to stop watching it.

    Exit code: 0 done, 1 failed, 2 wrong usage, 3 cancelled, 4 it waits for an answer or a confirmation and nobody is here
    to give it (`oneliner runs follow ID` in a terminal asks), 130 left running.
    """
    said = sys.stdin.read() if text == ("-",) else " ".join(text)
    if not said.strip():
        raise click.UsageError("there is nothing to do: TEXT is empty")
    settings = load(**given)
    with reached(settings, server, token, executes=True) as found:
        start = _handoff(said, session, project) if plans else _chat(said, session, project)
        return asyncio.run(_run(found, start, is_json=is_json, confirms=confirms))


def screen_for(*, is_json: bool) -> Screen:
    """The screen that fits where standard output goes."""
    if is_json:
        return JsonScreen(sys.stdout, sys.stderr)
    return LiveScreen(Console(highlight=False)) if sys.stdout.isatty() else PlainScreen(sys.stdout, sys.stderr)


def report(ending: Ending, run_id: str, found: Reached, screen: Screen) -> int:
    """Say what becomes of a run that was not followed to its end; the exit code."""
    if ending is Ending.WAITS:
        screen.say(f"run {run_id} waits for you: `oneliner runs follow {run_id}` in a terminal asks")
    elif ending is Ending.LEFT and found.is_own:
        screen.say(f"run {run_id} goes on with `oneliner serve` or `oneliner runs follow {run_id}`")
    elif ending is Ending.LEFT:
        screen.say(f"run {run_id} goes on; `oneliner runs follow {run_id}` shows it")
    return int(ending)


def _chat(text: str, session: str | None, project: str) -> tuple[str, dict[str, Any]]:
    return "/v1/agent/runs", {"message": text, "session_id": session, "project_id": project}


def _handoff(text: str, session: str | None, project: str) -> tuple[str, dict[str, Any]]:
    return "/v2/oneliner/runs", {
        "title": one_line(text, _TITLE_CHARS),
        "source_screen": "terminal",
        "source_action_key": "oneliner-run",
        "project_id": project,
        "session_id": session,
        "plan_request": {"goal": text, "draft": True},
    }


async def _run(found: Reached, start: tuple[str, dict[str, Any]], *, is_json: bool, confirms: bool) -> int:
    screen = screen_for(is_json=is_json)
    path, body = start
    async with Api(found.url, found.token, on_trouble=screen.say) as api:
        begun = await api.post(path, body)
        run_id = str(begun.get("run_id") or begun["id"])
        follower = Follower(
            api,
            screen,
            run_id,
            asks=is_interactive() and not is_json,
            confirms=confirms,
            goes_on=not found.is_own,
            is_new=True,
        )
        return report(await follower.follow(), run_id, found, screen)
