"""Commands whose docstrings are their help, with examples as they stand there."""

from __future__ import annotations

import inspect
import re
from typing import Any

import click

# Click refills every paragraph that does not begin with a backspace.
_EXAMPLES = re.compile(r"(?<=\n\n)(?=  )")


def with_examples(text: str | None) -> str | None:
    """*text* with every indented paragraph marked to be left as it is. Below its first line it must have one that is
    not indented, to tell the docstring's own indentation by."""
    return None if text is None else _EXAMPLES.sub("\b\n", inspect.cleandoc(text))


class TaughtCommand(click.Command):
    """A command that keeps the examples of its help."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.help = with_examples(self.help)


class TaughtGroup(click.Group):
    """A group that keeps the examples of its help, as its commands do."""

    command_class = TaughtCommand

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.help = with_examples(self.help)
