"""Finding the executors of a deployment: in modules, and in a TOML file."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

from oneliner.adapters.executors.declaration import definition_of
from oneliner.domain.errors import Invalid
from oneliner.domain.executor import Executor, Roster, executors_from_document
from oneliner.modules import import_target

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from oneliner.app.function import ExecutorFunction

_MAX_BYTES = 1_000_000


def load(file: Path | None, targets: Iterable[str]) -> tuple[Roster, dict[str, ExecutorFunction]]:
    """The executors of *file* and of the modules *targets*, and the functions of those that have one.

    Raises Invalid: a file or module that cannot be read, something wrong in it, two executors of one name.
    """
    found = [] if file is None else _of_file(file)
    functions: dict[str, ExecutorFunction] = {}
    for target in targets:
        of_module = _of_module(target)
        found += [definition for definition, _ in of_module]
        functions |= {definition.name: function for definition, function in of_module if function is not None}
    try:
        return Roster(found, frozenset(functions)), functions
    except Invalid as error:
        raise Invalid(error.message, setting="executors", **error.params) from error


def _of_file(path: Path) -> list[Executor]:
    label = f"the file of executors {str(path)!r}"
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise Invalid(f"{label} is larger than {_MAX_BYTES} bytes", setting="executors_file")
        document = tomllib.loads(content.decode())
    except OSError as error:
        raise Invalid(f"{label} cannot be read: {error.strerror}", setting="executors_file") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Invalid(f"{label} is no TOML: {error}", setting="executors_file") from error
    try:
        return executors_from_document(document)
    except Invalid as error:
        raise Invalid(f"{label}: {error.message}", setting="executors_file", **error.params) from error


def _of_module(target: str) -> list[tuple[Executor, ExecutorFunction | None]]:
    found: dict[int, tuple[Executor, ExecutorFunction | None]] = {}
    for value in vars(import_target(target)).values():
        marked = definition_of(value)
        # One under two names is one.
        if isinstance(value, Executor):
            found[id(value)] = (value, None)
        elif marked is not None:
            found[id(marked)] = (marked, value)
    if not found:
        raise Invalid(
            f"{target!r} has no executors; make an oneliner.Executor, or put @oneliner.executor() above a function in it",
            target=target,
        )
    return list(found.values())
