"""The screen for people: what is finished scrolls up, and the last lines move: the answer as it grows, and what the agent
does, for how long already."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

from rich.live import Live
from rich.markdown import Markdown
from rich.padding import Padding
from rich.spinner import Spinner
from rich.text import Text

from oneliner.terminal.bill import last_line
from oneliner.terminal.durations import spoken
from oneliner.terminal.event_words import Line
from oneliner.terminal.plain_text import one_line
from oneliner.terminal.screen import plan_lines
from oneliner.terminal.transcript import TextEnded, TextGrew, Transcript

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from types import TracebackType

    from rich.console import Console, ConsoleOptions, RenderResult

_STYLES = {"calm": "dim", "good": "green", "warning": "yellow", "bad": "bold red"}
_MARKS = {"calm": "·", "good": "✓", "warning": "!", "bad": "✗"}
_ROOM_BELOW = 4  # lines kept free for the activity and the prompt
_REFRESHES_PER_SECOND = 12


class LiveScreen:
    """Shows a run on a terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._transcript = Transcript()
        self._growing = ""
        self._since = time.monotonic()
        self._live = self._new_live()

    def __enter__(self) -> Self:
        self._since = time.monotonic()
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, frame: Mapping[str, Any]) -> None:
        """See ``Screen``."""
        for shown in self._transcript.take(frame):
            match shown:
                case TextGrew(whole=whole):
                    self._growing = whole
                case TextEnded(whole=whole, is_complete=is_complete):
                    self._growing = ""
                    self._print_answer(whole, is_complete=is_complete)
                case Line(text=text, tone=tone):
                    self._console.print(_line(text, tone))

    def say(self, text: str) -> None:
        """See ``Screen``."""
        self._console.print(Text(text, "yellow"))

    def show_plan(self, run: Mapping[str, Any]) -> None:
        """See ``Screen``."""
        goal, *steps = plan_lines(run)
        self._console.print(Text(f"\n{goal}", "bold"))
        for step in steps:
            self._console.print(Text(step))

    def end(self, run: Mapping[str, Any], seconds: float | None) -> None:
        """See ``Screen``."""
        tone = {"done": "good", "failed": "bad"}.get(str(run["run_status"]), "warning")
        self._live.stop()
        self._console.print(_line(last_line(run, seconds), tone))
        self._console.print(_line(f"go on here with --session {run['session_id']}", "calm"))

    @contextmanager
    def paused(self) -> Generator[None]:
        """See ``Screen``."""
        self._live.stop()
        try:
            yield
        finally:
            self._live = self._new_live()
            self._live.start()

    def _new_live(self) -> Live:
        return Live(
            _Moving(self),
            console=self._console,
            transient=True,
            refresh_per_second=_REFRESHES_PER_SECOND,
            vertical_overflow="crop",
        )

    def _print_answer(self, text: str, *, is_complete: bool) -> None:
        self._console.print(Padding(Markdown(text, hyperlinks=False), (1, 0)))
        if not is_complete:
            self._console.print(_line("the answer was cut off here", "warning"))

    def moving_lines(self, options: ConsoleOptions) -> RenderResult:
        """The lines at the bottom, as they are now."""
        room = max(3, options.size.height - _ROOM_BELOW)
        if self._growing:
            lines = Text(self._growing).wrap(self._console, options.max_width)[-room:]
            yield Text("\n").join(lines)
        activity = one_line(self._transcript.activity, max(10, options.max_width - 16))
        seconds = spoken(time.monotonic() - self._since)
        yield _spinner(f"{activity} · {seconds}")


class _Moving:
    """Renders anew at each refresh, which a text that is made once would not."""

    def __init__(self, screen: LiveScreen) -> None:
        self._screen = screen

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        return self._screen.moving_lines(options)


_SPINNER = Spinner("dots", style="cyan")


def _spinner(text: str) -> Spinner:
    _SPINNER.update(text=Text(text, "dim"))
    return _SPINNER


def _line(text: str, tone: str) -> Text:
    return Text.assemble((f"{_MARKS[tone]} ", _STYLES[tone]), (text, "dim" if tone == "calm" else ""))
