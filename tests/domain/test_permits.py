"""No way to a model or a tool but through the rules: permits come from their checks alone."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import oneliner
from oneliner.app.steps import Assignment
from oneliner.domain import permits
from oneliner.domain.permits import CallPermit, ModelPermit
from oneliner.testing import model_permit

SOURCE = Path(oneliner.__file__).parent
PERMITS = frozenset({"CallPermit", "ModelPermit"})


def test_nobody_can_make_a_permit_himself() -> None:
    with pytest.raises(TypeError, match="check_model or check_call"):
        ModelPermit(object(), "openai/gpt-5")
    with pytest.raises(TypeError, match="check_model or check_call"):
        CallPermit(object(), "send", {})


def test_a_permit_stays_what_was_checked() -> None:
    permit = model_permit("openai/gpt-5")
    with pytest.raises(AttributeError):
        permit.model = "openai/other"  # pyright: ignore[reportAttributeAccessIssue] - that is the test


def _reaches(path: Path) -> set[str]:
    """The names in *path* that make a permit, or that take the seal one is made with."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            found |= {called} & PERMITS
        if (isinstance(node, ast.Attribute) and node.attr == "_SEAL") or (
            isinstance(node, ast.Name) and node.id == "_SEAL"
        ):
            found.add("_SEAL")
        if isinstance(node, ast.ImportFrom) and any(alias.name == "_SEAL" for alias in node.names):
            found.add("_SEAL")
    return found


def test_no_module_but_the_checks_makes_permits() -> None:
    makers = {path for path in SOURCE.rglob("*.py") if _reaches(path)}
    assert makers == {Path(permits.__file__)}


def test_no_module_hands_work_to_an_executor_but_the_one_that_asks_for_the_permit() -> None:
    makers = {
        path.name
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Assignment"
    }
    assert makers == {"delegation.py"}
    assert Assignment.__annotations__["permit"] == "CallPermit"


def test_no_module_asks_a_model_but_with_the_permit_of_its_step() -> None:
    asking = {
        path.name: [keyword.value for keyword in node.keywords if keyword.arg == "permit"]
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Question"
    }
    # A function that does an executor's work has none: what it asks for becomes a step like any other.
    assert set(asking) == {"execution.py", "drafting.py"}
    assert all(
        isinstance(value, ast.Attribute) and value.attr == "permit" for found in asking.values() for value in found
    )
