"""What can go wrong between a client and its server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class Refused(Exception):
    """The server understood and refused. ``code`` is stable; ``problem`` is all it said."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(str(problem.get("detail") or problem.get("title") or f"HTTP status {status}"))
        self.status = status
        self.code = str(problem.get("code", ""))
        self.problem = problem


class Unreachable(Exception):
    """The server did not answer, or not with what it should, for longer than we wait."""
