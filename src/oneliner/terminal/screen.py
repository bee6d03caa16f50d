"""Where a run is shown: plain lines for a pipe, JSON lines for a program. The moving one is in ``live_screen``."""

from __future__ import annotations

from contextlib import nullcontext
from typing import IO, TYPE_CHECKING, Any, Protocol, Self

import orjson

from oneliner.terminal.bill import last_line
from oneliner.terminal.event_words import Line
from oneliner.terminal.plain_text import one_line
from oneliner.terminal.transcript import LIVE, TextEnded, TextGrew, Transcript

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager
    from types import TracebackType


class Screen(Protocol):
    """Shows one run. Entered while it is followed."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def show(self, frame: Mapping[str, Any]) -> None:
        """Show what one frame of the stream tells."""
        ...

    def say(self, text: str) -> None:
        """Say something that is not part of the run."""
        ...

    def show_plan(self, run: Mapping[str, Any]) -> None:
        """Show the plan of *run* as it stands."""
        ...

    def end(self, run: Mapping[str, Any], seconds: float | None) -> None:
        """Show how *run* ended, after so many seconds (None: it was not followed from its start)."""
        ...

    def paused(self) -> AbstractContextManager[object]:
        """A context in which a person is asked; nothing is drawn meanwhile."""
        ...


def plan_lines(run: Mapping[str, Any]) -> Iterator[str]:
    """The plan of *run*: the goal, then a line for each step."""
    plan: Mapping[str, Any] = run.get("plan") or {}
    yield f"Plan: {one_line(str(plan.get('goal') or run.get('title') or ''), 2_000)}"
    for number, step in enumerate(plan.get("steps") or (), 1):
        yield f"  {number}. {one_line(str(step['title']), 1_000)}"


class _StillScreen:
    """What the screens that write line by line have in common."""

    def __init__(self, out: IO[str], err: IO[str]) -> None:
        self._out = out
        self._err = err

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._out.flush()

    def say(self, text: str) -> None:
        self._err.write(f"{text}\n")
        self._err.flush()

    def paused(self) -> AbstractContextManager[object]:
        return nullcontext()


class PlainScreen(_StillScreen):
    """Lines of text, each event as it comes, the answer as it grows."""

    def __init__(self, out: IO[str], err: IO[str]) -> None:
        super().__init__(out, err)
        self._transcript = Transcript()
        self._is_in_line = False

    def show(self, frame: Mapping[str, Any]) -> None:
        """See ``Screen``."""
        for shown in self._transcript.take(frame):
            match shown:
                case TextGrew(new=new):
                    self._write(new)
                case TextEnded(new=new, is_complete=is_complete, is_other=is_other):
                    if is_other:
                        self._end_line()
                    self._write(new)
                    self._end_line()
                    if not is_complete:
                        self._out.write("· (the answer was cut off here)\n")
                case Line(text=text):
                    self._end_line()
                    self._out.write(f"· {text}\n")
        self._out.flush()

    def show_plan(self, run: Mapping[str, Any]) -> None:
        """See ``Screen``."""
        self._end_line()
        self._out.writelines(f"{line}\n" for line in plan_lines(run))
        self._out.flush()

    def end(self, run: Mapping[str, Any], seconds: float | None) -> None:
        """See ``Screen``."""
        self._end_line()
        self._out.write(f"· {last_line(run, seconds)}\n· run {run['id']}, session {run['session_id']}\n")
        self._out.flush()

    def _write(self, text: str) -> None:
        if text:
            self._out.write(text)
            self._is_in_line = not text.endswith("\n")

    def _end_line(self) -> None:
        if self._is_in_line:
            self._out.write("\n")
            self._is_in_line = False


class JsonScreen(_StillScreen):
    """One JSON object a line: each event as the stream has it, and at the end the run, as ``{"type": "run", …}``."""

    def show(self, frame: Mapping[str, Any]) -> None:
        """See ``Screen``."""
        if frame.get("type") not in LIVE:
            self._write(frame)

    def show_plan(self, run: Mapping[str, Any]) -> None:
        """Nothing: the plan is in the events and in the run."""

    def end(self, run: Mapping[str, Any], seconds: float | None) -> None:  # noqa: ARG002 - the run has its times
        """See ``Screen``."""
        self._write({"type": "run", "run": run})

    def _write(self, value: object) -> None:
        self._out.write(orjson.dumps(value).decode() + "\n")
        self._out.flush()
