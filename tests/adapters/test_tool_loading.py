"""Finding tools in a module or a file that is named on the command line."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from oneliner.adapters.tools.loading import load_module
from oneliner.domain.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TWO_TOOLS = """
import oneliner
from dataclasses import dataclass

@dataclass
class Thing:
    name: str

@oneliner.tool
def second(thing: Thing) -> str:
    return thing.name

@oneliner.tool
def first() -> str:
    return "first"

def helper() -> None: ...

alias = first
"""


@pytest.fixture(autouse=True)
def clean_imports(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.fixture
def package(tmp_path: Path) -> str:
    """The name of an empty package in *tmp_path* that no other test uses."""
    name = f"app_{uuid4().hex}"
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text("")
    return name


def names(target: str, directory: Path) -> list[str]:
    return [function.__name__ for function in load_module(target, directory)]


def test_a_module_is_found_by_its_name(tmp_path: Path, package: str) -> None:
    (tmp_path / package / "tools.py").write_text(TWO_TOOLS)
    assert names(f"{package}.tools", tmp_path) == ["second", "first"]


def test_a_module_is_found_in_the_current_directory(
    tmp_path: Path, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / package / "tools.py").write_text(TWO_TOOLS)
    monkeypatch.chdir(tmp_path)
    assert [f.__name__ for f in load_module(f"{package}.tools")] == ["second", "first"]


def test_a_package_may_collect_tools_from_its_modules(tmp_path: Path, package: str) -> None:
    (tmp_path / package / "accounts.py").write_text(TWO_TOOLS)
    (tmp_path / package / "__init__.py").write_text("from .accounts import first")
    assert names(package, tmp_path) == ["first"]


@pytest.mark.parametrize("target", ["tools.py", "./tools.py"])
def test_a_file_is_found_by_its_path(tmp_path: Path, target: str) -> None:
    (tmp_path / "tools.py").write_text(TWO_TOOLS)
    assert names(target, tmp_path) == ["second", "first"]


def test_a_file_may_import_its_neighbour_and_have_any_name(tmp_path: Path) -> None:
    neighbour = f"neighbour_{uuid4().hex}"
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / f"{neighbour}.py").write_text(TWO_TOOLS)
    (tmp_path / "sub" / "json.py").write_text(f"from {neighbour} import second")
    assert names("sub/json.py", tmp_path) == ["second"]
    assert sys.modules["json"].__name__ == "json"


def test_a_file_named_twice_is_loaded_once(tmp_path: Path) -> None:
    (tmp_path / "tools.py").write_text(TWO_TOOLS)
    assert load_module("tools.py", tmp_path) == load_module(str(tmp_path / "tools.py"), tmp_path)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("no_such_package.tools", "there is no module 'no_such_package'"),
        ("no_such_module", "there is no module 'no_such_module'"),
        ("{package}.tools", "there is no module '{package}.tools'"),
        ("missing.py", "there is no file"),
        ("not a module", "neither a module name"),
        ("", "neither a module name"),
        ("..", "neither a module name"),
        ("{package}", "has no tools; put @oneliner.tool above a function"),
    ],
)
def test_a_target_without_tools_is_refused_with_what_to_do(
    tmp_path: Path, package: str, target: str, said: str
) -> None:
    with pytest.raises(Invalid) as refused:
        load_module(target.format(package=package), tmp_path)
    assert said.format(package=package) in refused.value.message


def test_what_the_module_itself_cannot_import_is_told_by_its_own_error(tmp_path: Path, package: str) -> None:
    (tmp_path / package / "tools.py").write_text("import no_such_dependency")
    with pytest.raises(ModuleNotFoundError, match="no_such_dependency"):
        load_module(f"{package}.tools", tmp_path)


def test_a_file_that_fails_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "tools.py").write_text("raise RuntimeError('not yet')")
    with pytest.raises(RuntimeError, match="not yet"):
        load_module("tools.py", tmp_path)
    (tmp_path / "tools.py").write_text(TWO_TOOLS + "# now\n")
    assert names("tools.py", tmp_path) == ["second", "first"]
