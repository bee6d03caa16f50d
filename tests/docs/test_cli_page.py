from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from oneliner import cli
from oneliner.terminal.following import Ending

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")


def command_named(name: str) -> click.Command:
    command = cli.commands.get_command(click.Context(cli.commands), name)
    assert command is not None
    return command


NAMES = cli.commands.list_commands(click.Context(cli.commands))


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_its_section_and_its_examples(name: str) -> None:
    assert f"\n## {name}\n" in PAGE
    assert f"oneliner {name}" in PAGE
    assert "  oneliner " in (command_named(name).help or "")


def test_every_option_in_the_examples_exists() -> None:
    for line in re.findall(
        r"^(?:.*\b)?oneliner (\w+.*)$", "\n".join(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)), re.MULTILINE
    ):
        name, *words = line.split("#")[0].split("|")[0].rstrip(")").split()
        command = command_named(name)
        if isinstance(command, click.Group):
            command = command.commands[words[0]]
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known, line


def test_every_exit_code_is_explained() -> None:
    assert set(re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)) == {str(int(ending)) for ending in Ending}
