"""The ``oneliner`` command: which commands there are, and how what goes wrong is told.

Exit codes: 0 done, 1 failed, 2 wrong usage or settings; ``oneliner run`` has more, see its help.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING, Any

import click

from oneliner.client.trouble import Refused, Unreachable
from oneliner.domain.errors import Invalid, OneLinerError
from oneliner.terminal.taught import TaughtGroup

if TYPE_CHECKING:
    from collections.abc import Mapping

_COMMANDS: Mapping[str, tuple[str, str]] = {
    "serve": ("oneliner.terminal.commands.serve", "Start the server."),
    "worker": ("oneliner.terminal.commands.worker", "Execute runs that servers hand over."),
    "up": ("oneliner.terminal.commands.up", "Try out servers and workers together."),
    "run": ("oneliner.terminal.commands.run", "Give the agent something to do, and watch it."),
    "runs": ("oneliner.terminal.commands.runs", "List runs, show one, follow one."),
    "usage": ("oneliner.terminal.commands.usage", "Show what was used, and what it cost."),
    "schedules": ("oneliner.terminal.commands.schedules", "Hand work over again and again."),
    "token": ("oneliner.terminal.commands.token", "Print a token for a user."),
    "db": ("oneliner.terminal.commands.db", "Copy a whole database into another."),
    "doctor": ("oneliner.terminal.commands.doctor", "Find out whether everything works, and if not, why."),
    "smoke": ("oneliner.terminal.commands.smoke", "Try out a deployment from outside."),
    "backup": ("oneliner.terminal.commands.backup", "Copy the database while the server runs."),
    "restore": ("oneliner.terminal.commands.restore", "Put a backup in the place of the database."),
    "export": ("oneliner.terminal.commands.export", "Write a session or a user to a file."),
    "migrate": ("oneliner.terminal.commands.migrate", "Bring the database up to date."),
}
_FAILED, _USAGE, _INTERRUPTED = 1, 2, 130


class _Commands(TaughtGroup):
    """Imports a command's module when it is called: the server's parts take a second that ``--help`` need not wait."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - the base class's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(_COMMANDS[cmd_name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in _COMMANDS.items()])


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="oneliner", prog_name="oneliner", message="%(prog)s %(version)s")
def commands() -> None:
    """A main-agent runtime: confirmable, durable, accounted agent runs.

      oneliner serve                          start the server and open its sign-in link
      oneliner run "What is 17 times 23?"     or talk to the agent right here

    Every option of a setting has a variable of the same meaning, shown in brackets; an option comes before its variable.
    `oneliner COMMAND --help` explains a command and shows examples.
    """


def main() -> None:
    """Run the command line and end the process with its exit code."""
    sys.exit(_exit_code())


def _exit_code() -> int:
    try:
        result: Any = commands.main(prog_name="oneliner", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return _INTERRUPTED
    except OneLinerError as error:
        click.echo(f"oneliner: {error.message}", err=True)
        return _USAGE if isinstance(error, Invalid) else _FAILED
    except (Refused, Unreachable) as error:
        click.echo(f"oneliner: {error}", err=True)
        return _FAILED
    except BrokenPipeError:
        # Whoever read has enough. Python would complain once more when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _FAILED
    return result if isinstance(result, int) else 0
