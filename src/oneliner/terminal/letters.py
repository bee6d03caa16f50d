"""Choosing one of a few things by a letter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Mapping


def letter_of(question: str, letters: Mapping[str, str], default: str) -> str:
    """The chosen one of *letters*, in lower case; *default* for a mere Enter. Raises click.Abort: Ctrl-C."""
    shown = ", ".join(f"[{letter}] {word}" for letter, word in letters.items())
    click.echo(question, err=True)
    choice = click.Choice(list(letters), case_sensitive=False)
    return str(click.prompt(shown, type=choice, default=default, show_choices=False, err=True)).lower()
