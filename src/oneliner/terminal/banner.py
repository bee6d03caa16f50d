"""What a server says to the person who started it: that it starts, where it is, that it stops."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from rich.console import Console

from oneliner.terminal.durations import spoken

if TYPE_CHECKING:
    from collections.abc import Sequence


class Banner:
    """Those words, on standard output."""

    def __init__(self) -> None:
        self.console = Console(highlight=False, soft_wrap=True)
        self._starting = self.console.status("Starting …")

    def starting(self) -> None:
        """It has been asked for."""
        self._starting.start()

    def settled(self) -> None:
        """It starts no longer, whether it runs or not."""
        self._starting.stop()

    def ready(self, facts: Sequence[tuple[str, str]]) -> None:
        """It takes requests; *facts* are labels and texts."""
        self.settled()
        self.console.print(f"[bold]OneLiner {version('oneliner')}[/bold]\n")
        for label, text in facts:
            self.console.print(f"  {label:<9}", end="")
            self.console.print(text, markup=False)
        self.console.print("\nCtrl-C stops it.")

    def stopping(self, grace_seconds: float) -> None:
        """It has been told to stop."""
        self.console.print(
            f"\nStopping: runs under way get {spoken(grace_seconds)} to finish. Ctrl-C again ends at once."
        )

    def stopped(self) -> None:
        """It is over."""
        self.console.print("Stopped.")
