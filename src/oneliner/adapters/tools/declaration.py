"""``@tool``: a mark on a typed function that says how the agent may call it.

The function itself stays as it is, so that it can be called and tested without a server. Nothing is looked at here:
schema and checks are made when the functions are registered, and importing this module costs nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeVar, overload

if TYPE_CHECKING:
    from collections.abc import Callable

_MARK = "__oneliner_tool__"
# What every provider accepts as the name of a function.
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")

FunctionT = TypeVar("FunctionT", bound="Callable[..., Any]")


@dataclass(frozen=True, slots=True)
class ToolMark:
    """What ``@tool`` was told."""

    name: str
    read_only: bool
    idempotent: bool
    timeout_seconds: float


@overload
def tool(function: FunctionT, /) -> FunctionT: ...
@overload
def tool(
    *, name: str | None = None, read_only: bool = False, idempotent: bool = False, timeout_seconds: float = 60.0
) -> Callable[[FunctionT], FunctionT]: ...
def tool(
    function: FunctionT | None = None,
    /,
    *,
    name: str | None = None,
    read_only: bool = False,
    idempotent: bool = False,
    timeout_seconds: float = 60.0,
) -> FunctionT | Callable[[FunctionT], FunctionT]:
    """Make a typed function (sync or async) a tool of the agent; used bare or with options.

    *read_only*: it changes nothing. *idempotent*: a second call with the same ``ToolContext.idempotency_key`` has no
    second effect. A tool that is neither is never run twice by itself. A parameter annotated ``ToolContext`` is filled
    in by the runtime. Raises ValueError: a name that no model accepts, a time limit that is not positive. Raises
    TypeError: this is no function.
    """

    def mark(marked: FunctionT) -> FunctionT:
        if type(marked) is not FunctionType:
            raise TypeError(f"@tool goes on a function, not on {marked!r}")
        chosen = marked.__name__ if name is None else name
        if _NAME.fullmatch(chosen) is None:
            raise ValueError(f"{chosen!r} is no name for a tool: use 1 to 64 of a-z, A-Z, 0-9, _ and -")
        if not timeout_seconds > 0:
            raise ValueError(f"timeout_seconds of tool {chosen!r} is {timeout_seconds!r}; it must be positive")
        setattr(marked, _MARK, ToolMark(chosen, read_only, idempotent, timeout_seconds))
        return marked

    return mark if function is None else mark(function)


def mark_of(value: object) -> ToolMark | None:
    """The mark that ``@tool`` left on *value*, or None when it is no such function."""
    mark = vars(value).get(_MARK) if isinstance(value, FunctionType) else None
    return mark if isinstance(mark, ToolMark) else None
