"""What the model of a campaign says, and the account of what it said.

What a user wants is the word in his message: ``talk 7`` gets an answer, ``work 7`` rounds of tools, ``ask 7`` a
question first, ``flaky 7`` an error that passes, ``doomed 7`` one that ends the run until somebody retries it. Every
answer begins with the number of its call, so that what is stored can be held against what was served.
"""

from __future__ import annotations

import re
from itertools import count
from typing import TYPE_CHECKING

from oneliner.testing import Call, Refusal, Reply

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oneliner.testing import Request

KINDS = ("talk", "work", "ask", "flaky", "doomed")
ROUNDS = (("once",), ("again", "look"), ("once", "again"))
STEPS = ("look around", "do it")
_WANTED = re.compile(rf"\b({'|'.join(KINDS)}) (\d+)\b")
_NUMBER = re.compile(r"#(\d+) ")


def wanted_in(text: str) -> str | None:
    """The work that *text* asks for, such as ``work 7``."""
    found = _WANTED.search(text)
    return None if found is None else found[0]


def number_in(text: str) -> int | None:
    """The number of the call that began to answer with *text*."""
    found = _NUMBER.match(text)
    return None if found is None else int(found[1])


class Conversation:
    """The handler of a scripted model server. *pace_seconds* lies between two pieces of an answer."""

    def __init__(self, pace_seconds: float) -> None:
        self._pace_seconds = pace_seconds
        self._numbers = count(1)
        self._refused: set[str] = set()
        #: By the identity of the request: the number of the call, and the work it belongs to.
        self.calls: dict[int, tuple[int, str]] = {}

    def __call__(self, request: Request) -> Reply | Refusal:
        """What is said next."""
        wanted, taken = _place(request.messages)
        kind = wanted.partition(" ")[0]
        if kind in {"flaky", "doomed"} and wanted not in self._refused:
            self._refused.add(wanted)
            return Refusal(500) if kind == "flaky" else Refusal(400, "no", "invalid_request_error")
        number = next(self._numbers)
        self.calls[id(request)] = (number, wanted)
        if any(tool.name == "propose_plan" for tool in request.tools):
            plan = Call("propose_plan", {"goal": wanted, "steps": list(STEPS)})
            return self._paced(f"#{number} 我想一想 how to go about it.", plan)
        if kind == "ask" and taken == 0:
            return self._paced(f"#{number} I have to know.", Call("ask_user", {"question": "which one?"}))
        if kind == "work" and taken < len(ROUNDS):
            calls = [Call(name) for name in ROUNDS[taken]]
            if taken == len(ROUNDS) - 1 and "[s1]" in request.system_text:
                calls += [Call("mark_step", {"step_id": f"s{n}", "status": "done"}) for n in (1, 2)]
            return self._paced(f"#{number} 第 {taken + 1} 步 👩‍🔬: now for the next thing.", *calls)
        return self._paced(f"#{number} All of it is done 🎉, 全部完成, as was asked: {wanted}.")

    def _paced(self, text: str, *calls: Call) -> Reply:
        return Reply(text, calls, chunk_chars=4, delay_seconds=self._pace_seconds)


def _place(messages: Sequence[Mapping[str, object]]) -> tuple[str, int]:
    """The work that is asked for last, and how many answers it has had."""
    for n in range(len(messages) - 1, -1, -1):
        if messages[n]["role"] == "user" and (wanted := wanted_in(str(messages[n].get("content")))):
            return wanted, sum(1 for m in messages[n:] if m["role"] == "assistant")
    raise AssertionError(f"nothing is asked for in {messages}")
