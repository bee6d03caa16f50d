"""A plan as text that a person edits: a line for the goal, then a line for each step; pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from oneliner.terminal.plain_text import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

_EXPLANATION = """\
# One step a line, in order. [s1] is a step there is already: reword it, move it, or delete its line.
# A line without brackets is a new step. Lines that begin with # are left out. An empty file changes nothing.
"""
_GOAL = "goal:"
_STEP = re.compile(r"\[(?P<id>[A-Za-z0-9_-]+)\]\s*(?P<title>.*)")


def to_text(plan: Mapping[str, Any]) -> str:
    """What the editor is opened with."""
    steps = "".join(f"[{s['id']}] {one_line(str(s['title']), 1_000)}\n" for s in plan.get("steps") or ())
    return f"{_EXPLANATION}\n{_GOAL} {one_line(str(plan.get('goal') or ''), 8_000)}\n\n{steps}"


def from_text(text: str) -> dict[str, Any] | None:
    """The ``goal`` and ``steps`` that *text* holds, as the API takes them; None when it holds no step."""
    edit: dict[str, Any] = {}
    steps: list[dict[str, str]] = []
    for line in (raw.strip() for raw in text.splitlines()):
        if not line or line.startswith("#"):
            continue
        if line.lower().startswith(_GOAL):
            edit["goal"] = line[len(_GOAL) :].strip()
        elif found := _STEP.fullmatch(line):
            if found["title"]:
                steps.append({"id": found["id"], "title": found["title"]})
        else:
            steps.append({"title": line})
    return {**edit, "steps": steps} if steps else None
