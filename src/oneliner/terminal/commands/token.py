"""``oneliner token``."""

from __future__ import annotations

import click

from oneliner.domain.user import Authority
from oneliner.terminal.options import Duration, load, setting_options
from oneliner.terminal.taught import TaughtCommand
from oneliner.wiring import issue_token


@click.command(cls=TaughtCommand)
@click.option("--user", required=True, metavar="ID", help="Whose token: the user's id in your product.")
@click.option(
    "--role",
    type=click.Choice([str(a) for a in Authority]),
    default=str(Authority.MEMBER),
    show_default=True,
    help="Administrators see everything and set the rules.",
)
@click.option(
    "--ttl",
    type=Duration(),
    default="12h",
    show_default=True,
    metavar="TIME",
    help="How long it is good for: 90s, 15m, 12h, 30d.",
)
@click.option("--name", default="", metavar="TEXT", help="The name to show for the user.")
@click.option(
    "--project",
    "projects",
    multiple=True,
    metavar="ID",
    help="A project the user may use; may be given several times. Without any: every project.",
)
@setting_options("data_dir", "jwt_issuer", "jwt_audience")
def command(user: str, role: str, ttl: int, name: str, projects: tuple[str, ...], **given: str | None) -> None:
    """Print a token for a user, and nothing else.

    It is signed with the secret of the data folder (made there when there is none), or with ONELINER_JWT_SECRET; a server
    with the same one accepts it.

      TOKEN=$(oneliner token --user ada)
      oneliner token --user ada --role admin --ttl 30d
      oneliner token --user ada --project alpha --project beta
    """
    click.echo(
        issue_token(
            load(**given),
            user,
            authority=Authority(role),
            ttl_seconds=ttl,
            name=name,
            projects=frozenset(projects) if projects else None,
        )
    )
