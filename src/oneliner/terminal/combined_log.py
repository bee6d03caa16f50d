"""What several processes say, as one log: each line behind the name and in the colour of who said it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from oneliner.terminal.banner import Banner

if TYPE_CHECKING:
    from oneliner.settings import Settings
    from oneliner.terminal.supervising import Facts

_COLOURS = ("cyan", "green", "magenta", "blue", "yellow", "bright_cyan", "bright_green", "bright_magenta")
_NAME_WIDTH = 10


class CombinedLog:
    """Those lines on standard error, and what people are to know on standard output; see ``supervising.Audience``."""

    takes_lines = True

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._banner = Banner()
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._colours: dict[str, str] = {}
        self._banner.starting()

    def ready(self, facts: Facts) -> None:
        """Say where the server is, and which database it uses."""
        self._banner.ready([*facts, ("Database", self._settings.database_shown)])

    def line(self, name: str, text: str) -> None:
        """Write a line that *name* wrote."""
        colour = self._colours.setdefault(name, _COLOURS[len(self._colours) % len(_COLOURS)])
        self._console.print(Text.assemble((f"{name:<{_NAME_WIDTH}}│ ", colour), text))

    def died(self, name: str, how: str, again_in_seconds: float) -> None:
        """Say that *name* ended, and when it comes again."""
        pause = f"in {again_in_seconds:g} s" if again_in_seconds else "now"
        self._console.print(Text(f"{name:<{_NAME_WIDTH}}│ {how}; it is started again {pause}", style="bold red"))

    def stopping(self) -> None:
        """Say that all are being stopped."""
        self._banner.settled()
        self._banner.stopping(self._settings.grace_seconds)

    def ended(self, *, stopped: bool) -> None:
        """Say that it is over, when that was asked for."""
        self._banner.settled()
        if stopped:
            self._banner.stopped()
