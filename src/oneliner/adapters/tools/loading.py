"""Finding the tools of a module that is named on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oneliner.adapters.tools.declaration import mark_of
from oneliner.domain.errors import Invalid
from oneliner.modules import import_target

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import ModuleType


def load_module(target: str, directory: Path | None = None) -> list[Callable[..., object]]:
    """The functions marked with ``@tool`` in *target*, in the order in which the module has them; see ``import_target``
    for where it is looked for. Raises Invalid: no such module or file, or no tools in it.
    """
    return _tools_of(import_target(target, directory), target)


def _tools_of(module: ModuleType, target: str) -> list[Callable[..., object]]:
    found = [value for value in vars(module).values() if mark_of(value) is not None]
    if not found:
        raise Invalid(f"{target!r} has no tools; put @oneliner.tool above a function in it", target=target)
    # One function under two names is one tool.
    return list(dict.fromkeys(found))
