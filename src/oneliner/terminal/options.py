"""Options from the table of settings, and what else several commands take."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, TypeVar

import click

from oneliner.adapters.jwt_tokens import check_secret
from oneliner.domain.errors import Invalid
from oneliner.settings import Settings, misspelt_variables, setting
from oneliner.terminal.durations import parse_duration

if TYPE_CHECKING:
    from collections.abc import Callable

    from oneliner.settings import Setting

F = TypeVar("F", bound="Callable[..., Any]")


class Duration(click.ParamType[int]):
    """A length of time such as ``12h``, as seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The seconds of *value*."""
        if isinstance(value, int):
            return value
        try:
            return parse_duration(str(value))
        except ValueError:
            self.fail(f"{value!r} is no length of time; write for example 90s, 15m, 12h or 30d", param, ctx)


def setting_options(*names: str) -> Callable[[F], F]:
    """Gives a command the options of the settings *names*; it gets them as text or None, for :func:`load`."""

    def decorate(command: F) -> F:
        for name in reversed(names):
            command = _option(setting(name))(command)
        return command

    return decorate


def client_options(command: F) -> F:
    """Gives a command the options that say which server it talks to."""
    for decorate in (
        setting_options("data_dir"),
        click.option(
            "--token", envvar="ONELINER_TOKEN", metavar="TOKEN", help="Who you are, at --server. [ONELINER_TOKEN]"
        ),
        click.option(
            "--server",
            envvar="ONELINER_SERVER",
            metavar="URL",
            help="The server to talk to. Otherwise the one that runs on the data folder, or one of its own for as long "
            "as the command lasts. [ONELINER_SERVER]",
        ),
    ):
        command = decorate(command)
    return command


def load(**given: object) -> Settings:
    """The settings of this process. Raises Invalid. A variable that looks misspelt is told on standard error."""
    for name, meant in misspelt_variables(os.environ).items():
        click.echo(f"oneliner: {name} is no setting and is not used; did you mean {meant}?", err=True)
    settings = Settings.load(os.environ, **given)
    if settings.jwt_secret:
        try:
            check_secret(settings.jwt_secret)
        except Invalid as error:
            raise Invalid(f"ONELINER_JWT_SECRET: {error.message}", setting="jwt_secret") from error
    return settings


def is_interactive() -> bool:
    """Whether there is a person who can be asked."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def _option(about: Setting) -> Callable[[F], F]:
    assert about.option is not None, f"{about.name} has no option"
    default = about.default_shown.replace("`", "")
    text = f"{about.help.replace('`', '')} [{about.variable}; default: {default}]"
    return click.option(about.option, about.name, metavar=about.kind.metavar, help=text)
