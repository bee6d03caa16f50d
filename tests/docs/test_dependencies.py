from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def name_of(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found, requirement
    return found.group().lower()


def declared() -> set[str]:
    pyproject: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = pyproject["project"]
    groups = [
        project["dependencies"],
        *project["optional-dependencies"].values(),
        *pyproject["dependency-groups"].values(),
        pyproject["build-system"]["requires"],
    ]
    for_the_page: dict[str, Any] = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))
    python = {name_of(requirement) for group in groups for requirement in group} - {project["name"]}
    return python | set(for_the_page["devDependencies"])


def documented() -> set[str]:
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    return set(re.findall(r"^\| `([^`]+)` \| \S", page, re.MULTILINE))


def test_every_dependency_is_in_the_docs_with_its_reason() -> None:
    assert declared() - documented() == set()


def test_the_docs_name_no_dependency_that_is_gone() -> None:
    assert documented() - declared() == set()
