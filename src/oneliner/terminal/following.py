"""Following a run to its end: show what happens, and ask the person when the run waits for one.

The stream tells when to look, the run's row tells what is true: a question is put only while the run still asks it, so
that an answer given meanwhile on another device is never asked for again.
"""

from __future__ import annotations

import asyncio
from enum import IntEnum
from typing import TYPE_CHECKING, Any, assert_never

from oneliner.client.trouble import Refused
from oneliner.terminal import person
from oneliner.terminal.interrupts import Frames, Interrupts
from oneliner.terminal.person import Answer, Choice, Edit, Revise
from oneliner.terminal.transcript import LIVE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oneliner.terminal.api import Api
    from oneliner.terminal.screen import Screen

_CONFLICT, _UNPROCESSABLE = 409, 422


class Ending(IntEnum):
    """How following ended, as the exit code of the command."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    CANCELLED = 3
    WAITS = 4
    LEFT = 130


_ENDINGS = {"done": Ending.DONE, "failed": Ending.FAILED, "cancelled": Ending.CANCELLED}
_WAITING = frozenset({"needs_confirmation", "blocked"})


class Follower:
    """Follows one run. *asks*: there is a person to ask. *confirms*: plans are confirmed unasked. *goes_on*: the run
    goes on when nobody follows it."""

    def __init__(
        self, api: Api, screen: Screen, run_id: str, *, asks: bool, confirms: bool, goes_on: bool, is_new: bool
    ) -> None:
        self._api = api
        self._screen = screen
        self._path = f"/v2/oneliner/runs/{run_id}"
        self._run_id = run_id
        self._asks = asks
        self._confirms = confirms
        self._goes_on = goes_on
        self._is_new = is_new

    async def follow(self) -> Ending:
        """Show the run until it ends, or waits for somebody who is not here, or is left. Raises Refused, Unreachable."""
        began = asyncio.get_running_loop().time()
        with self._screen, Interrupts() as interrupts:
            frames = Frames(self._api.events(self._run_id), interrupts)
            try:
                ending = await self._show_all(frames, interrupts)
            finally:
                await frames.close()
            run = await self._run()
            if ending is None:
                seconds = asyncio.get_running_loop().time() - began
                self._screen.end(run, seconds if self._is_new else None)
                return _ENDINGS.get(str(run["run_status"]), Ending.WAITS)
            return ending

    async def _show_all(self, frames: Frames, interrupts: Interrupts) -> Ending | None:
        """How it ended for us, or None: the run has ended and everything is shown."""
        while True:
            try:
                frame = await frames.next()
            except InterruptedError:
                ending = await self._after_interrupt(interrupts)
            else:
                if frame is None:
                    return None
                self._screen.show(frame)
                ending = None if frame.get("type") in LIVE else await self._attend(frame, interrupts)
            if ending is not None:
                return ending

    async def _attend(self, frame: Mapping[str, Any], interrupts: Interrupts) -> Ending | None:
        """Deal with a run that waits after *frame*; how it ended for us, or None: go on."""
        if not _may_wait(frame):
            return None
        run = await self._run()
        while run["run_status"] in _WAITING and run["last_seq"] == frame["seq"]:
            if run["run_status"] == "needs_confirmation":
                self._screen.show_plan(run)
                if self._confirms:
                    await self._try("/confirm", {"reason": "", "plan_rev": run["plan"]["rev"]})
                    return None
            if not self._asks:
                return Ending.WAITS
            with self._screen.paused(), interrupts.asking():
                choice = _ask(run)
            if choice is Choice.LEAVE:
                return Ending.LEFT
            if await self._carry_out(choice, run):
                return None
            run = await self._run()
        return None

    async def _after_interrupt(self, interrupts: Interrupts) -> Ending | None:
        if not self._asks:
            return Ending.LEFT
        with self._screen.paused(), interrupts.asking():
            choice = person.after_interrupt(goes_on=self._goes_on)
        if choice is Choice.CANCEL:
            await self._try("/cancel", {"reason": ""})
        return Ending.LEFT if choice is Choice.LEAVE else None

    async def _carry_out(self, choice: Choice | Edit | Revise | Answer, run: Mapping[str, Any]) -> bool:
        """Do what the person wants; whether it was accepted."""
        rev = run["plan"]["rev"]
        match choice:
            case Edit(changes=changes):
                return await self._try("/plan", {**changes, "plan_rev": rev}, is_edit=True)
            case Revise(instruction=instruction):
                return await self._try("/plan/revise", {"instruction": instruction, "plan_rev": rev})
            case Answer(value=value):
                return await self._try("/resume", {"answer": value, "reason": ""})
            case Choice.CANCEL:
                return await self._try("/cancel", {"reason": ""})
            case Choice.CONFIRM:
                return await self._try("/confirm", {"reason": "", "plan_rev": rev})
            case Choice.GO_ON | Choice.LEAVE:
                return True
            case _:
                assert_never(choice)

    async def _try(self, move: str, body: Mapping[str, object], *, is_edit: bool = False) -> bool:
        """Make a move; False, and said why, when the run or the answer is not what the move needs."""
        call = self._api.patch if is_edit else self._api.post
        try:
            await call(self._path + move, body)
        except Refused as error:
            if error.status not in {_CONFLICT, _UNPROCESSABLE}:
                raise
            self._screen.say(str(error))
            return False
        return True

    async def _run(self) -> Mapping[str, Any]:
        return await self._api.get(self._path)


def _may_wait(frame: Mapping[str, Any]) -> bool:
    """Whether a run may be waiting for a person after *frame*: it says so, or does not say."""
    status = (frame.get("details") or {}).get("run_status")
    return status in _WAITING or frame.get("type") == "run.plan_edited"


def _ask(run: Mapping[str, Any]) -> Choice | Edit | Revise | Answer:
    try:
        if run["run_status"] == "needs_confirmation":
            return person.about_plan(run["plan"])
        return person.about_block(run.get("blocked") or {})
    except (KeyboardInterrupt, person.Aborted):
        return Choice.LEAVE
