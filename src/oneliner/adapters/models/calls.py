"""Tool calls, put together from their fragments.

Endpoints disagree on the details: an index may be missing or always 0, an id may be missing, repeated in each fragment
or used twice, arguments may come as an object. What leaves here has a unique id, a name and an argument text each;
whether the arguments are JSON is for the executor, who can tell the model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import orjson

from oneliner.domain.errors import ModelFailure
from oneliner.domain.message import AskedCall

if TYPE_CHECKING:
    from collections.abc import Callable

_LONGEST_ID = 128


class _Pieces:
    __slots__ = ("arguments", "call_id", "index", "name")

    def __init__(self, index: int | None) -> None:
        self.index = index
        self.call_id = ""
        self.name = ""
        self.arguments: list[str] = []


class CallFragments:
    """The calls of one answer in the order they began, at most *most*."""

    __slots__ = ("_most", "_pieces")

    def __init__(self, most: int) -> None:
        self._most = most
        self._pieces: list[_Pieces] = []

    def take(self, fragment: dict[str, Any]) -> int:
        """Adds one fragment; says how many characters it brought. Raises ModelFailure: too many calls."""
        function = fragment.get("function") or {}
        call_id, name = str(fragment.get("id") or ""), str(function.get("name") or "")
        pieces = self._meant(fragment.get("index"), call_id, name)
        pieces.call_id = pieces.call_id or call_id
        pieces.name = pieces.name or name
        arguments = function.get("arguments")
        if arguments is None:
            return len(name)
        text = arguments if isinstance(arguments, str) else orjson.dumps(arguments).decode()
        pieces.arguments.append(text)
        return len(name) + len(text)

    def whole(self, mended: Callable[[str], str]) -> tuple[AskedCall, ...]:
        """The calls, their texts passed through *mended*. Raises ModelFailure: one has no name."""
        used: set[str] = set()
        calls: list[AskedCall] = []
        for pieces in self._pieces:
            if not pieces.name:
                raise ModelFailure("the model asked for a tool without a name", kind="malformed", retryable=True)
            call_id = mended(pieces.call_id)[:_LONGEST_ID]
            if not call_id or call_id in used:
                call_id = f"call_{uuid4().hex[:24]}"
            used.add(call_id)
            calls.append(AskedCall(call_id, mended(pieces.name), mended("".join(pieces.arguments)) or "{}"))
        return tuple(calls)

    def _meant(self, index: object, call_id: str, name: str) -> _Pieces:
        """The call that a fragment belongs to; a new one when it begins one."""
        number = index if isinstance(index, int) else None
        for pieces in reversed(self._pieces):
            if pieces.index != number:
                continue
            # Another id with a name is another call, whatever the index says.
            is_another = bool(call_id and name and pieces.call_id and call_id != pieces.call_id)
            # Without an index, a name begins a call: the fragments that follow have none.
            if not is_another and (number is not None or not name):
                return pieces
            break
        if len(self._pieces) >= self._most:
            raise ModelFailure(
                f"the model asked for more than {self._most} tools at once", kind="output_limit", retryable=False
            )
        self._pieces.append(_Pieces(number))
        return self._pieces[-1]
