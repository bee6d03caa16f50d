"""``@executor``: what a deployment says of a function that does the work of an executor."""

from __future__ import annotations

import inspect
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeVar

from oneliner.domain.executor import Executor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_MARK = "__oneliner_executor__"

FunctionT = TypeVar("FunctionT", bound="Callable[..., Any]")


def executor(
    *,
    name: str | None = None,
    description: str | None = None,
    model: str = "",
    fallbacks: Sequence[str] = (),
    tools: Sequence[str] = (),
    delegates_to: Sequence[str] = (),
    max_steps: int | None = None,
    max_tool_calls: int | None = None,
    max_output_tokens: int | None = None,
) -> Callable[[FunctionT], FunctionT]:
    """Make an async function, which takes an ``ExecutorContext`` and returns text, an executor of its name.

    The options are those of :class:`oneliner.Executor`; the description is the first line of the docstring unless it is
    given. Raises Invalid: a name, pattern or limit that is none. Raises TypeError: this is no async function.
    """

    def mark(marked: FunctionT) -> FunctionT:
        if type(marked) is not FunctionType or not inspect.iscoroutinefunction(marked):
            raise TypeError(f"@executor goes on an async function, not on {marked!r}")
        first_line = next(iter((inspect.getdoc(marked) or "").splitlines()), "")
        definition = Executor(
            name=marked.__name__ if name is None else name,
            description=first_line if description is None else description,
            model=model,
            fallbacks=tuple(fallbacks),
            tools=tuple(tools),
            delegates_to=tuple(delegates_to),
            max_steps=max_steps,
            max_tool_calls=max_tool_calls,
            max_output_tokens=max_output_tokens,
        )
        setattr(marked, _MARK, definition)
        return marked

    return mark


def definition_of(value: object) -> Executor | None:
    """What ``@executor`` was told of *value*, or None when it is no such function."""
    found = vars(value).get(_MARK) if isinstance(value, FunctionType) else None
    return found if isinstance(found, Executor) else None
