"""Importing a module of the deployment that is named in a setting: ``myapp.tools`` or ``path/to/tools.py``."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from oneliner.domain.errors import Invalid

if TYPE_CHECKING:
    from types import ModuleType


def import_target(target: str, directory: Path | None = None) -> ModuleType:
    """The module or file *target*, imported; the same module for the same target.

    It is looked for in *directory* (by default the current one) first, which stays on ``sys.path`` so that it can import
    its neighbours. Raises Invalid: no such module or file. What the module itself raises while it is imported passes
    through, with its traceback.
    """
    base = Path.cwd() if directory is None else directory
    return _from_file(target, base) if _is_path(target) else _from_name(target, base)


def _is_path(target: str) -> bool:
    return target.endswith(".py") or "/" in target or "\\" in target


def _from_name(target: str, base: Path) -> ModuleType:
    if not all(part.isidentifier() for part in target.split(".")):
        raise Invalid(f"{target!r} is neither a module name such as myapp.tools nor a file such as tools.py")
    _search(base)
    # The file may be younger than the import system's listing of its folder.
    importlib.invalidate_caches()
    try:
        return importlib.import_module(target)
    except ModuleNotFoundError as error:
        if error.name is None or not (target == error.name or target.startswith(f"{error.name}.")):
            # The module is there; one that it imports is not.
            raise
        raise Invalid(
            f"there is no module {error.name!r} in {str(base)!r} or among the installed packages", target=target
        ) from error


def _from_file(target: str, base: Path) -> ModuleType:
    path = (base / target).resolve()
    if not path.is_file():
        raise Invalid(f"there is no file {str(path)!r}", target=target)
    _search(path.parent)
    # Named by its place: a file called json.py must not stand in for the module json.
    name = f"tools_{path.stem}_{hashlib.sha256(bytes(path)).hexdigest()[:12]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise Invalid(f"{str(path)!r} is no Python file; its name must end in .py", target=target)
    module = importlib.util.module_from_spec(spec)
    # Before it is executed, as every import does: what it defines is looked up under this name.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        # Half a module must not be found by the next one who asks; what was raised goes on.
        del sys.modules[name]
        raise
    return module


def _search(directory: Path) -> None:
    if str(directory) not in sys.path:
        sys.path.insert(0, str(directory))
