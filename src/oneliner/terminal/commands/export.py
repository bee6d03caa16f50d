"""``oneliner export``."""

from __future__ import annotations

import asyncio
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import quote

import click

from oneliner.terminal.api import Api
from oneliner.terminal.options import client_options, load
from oneliner.terminal.reaching import reached
from oneliner.terminal.taught import TaughtCommand
from oneliner.web.exports import Format

if TYPE_CHECKING:
    from collections.abc import Generator

_PATHS = {"session": "/v1/agent/sessions/{}/export", "user": "/v2/oneliner/users/{}/export"}


@click.command(cls=TaughtCommand)
@click.argument("what", type=click.Choice(list(_PATHS)))
@click.argument("key", metavar="ID")
@click.option(
    "--format",
    "written_as",
    type=click.Choice([str(f) for f in Format]),
    default=str(Format.JSONL),
    show_default=True,
    help="Everything, one JSON object a line; or what there is to read.",
)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Otherwise standard output."
)
@client_options
def command(
    what: str,
    key: str,
    written_as: str,
    output: Path | None,
    server: str | None,
    token: str | None,
    **given: str | None,
) -> None:
    """Write a session, or all that is kept of a user, to a file.

    The file appears when it is whole; what breaks off on the way leaves none. The audit log notes who exported what.

      oneliner export session 0199f0c2-7c1e-7bb0-a3a5-6f2f5a1d0c11 --format markdown
      oneliner export user ada -o ada.jsonl
    """
    settings = load(**given)
    path = _PATHS[what].format(quote(key, safe=""))
    with reached(settings, server, token, executes=False) as found, _written(output) as file:
        asyncio.run(_copy(found.url, found.token, path, written_as, file))


async def _copy(url: str, token: str, path: str, written_as: str, file: BinaryIO) -> None:
    async with Api(url, token) as api:
        async for chunk in api.chunks(path, query={"format": written_as}):
            file.write(chunk)


@contextmanager
def _written(output: Path | None) -> Generator[BinaryIO]:
    """A file that takes the place of *output* once it is whole."""
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    draft = output.with_name(f".{output.name}.part")
    try:
        with draft.open("wb") as file:
            yield file
        draft.replace(output)
    finally:
        draft.unlink(missing_ok=True)
