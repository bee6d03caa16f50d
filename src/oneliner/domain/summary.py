"""Summaries: what stands for the older part of a session when a model is shown it.

A summary takes nothing away: the messages it stands for stay, and its :class:`Coverage` says which they are, so that
whoever reads the session shows each of them either itself or by the summary, never both and never neither. What is said
later is never covered, also where it belongs to a run that began long before.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Coverage:
    """The messages a summary stands for, of a conversation that goes run by run and by position within each.

    It reaches through *position* of *run_id*, and to no position beyond *seen*, the newest at that time. Of a run that
    was in the middle of something, *unfinished* has the position where that begins, which is not covered any more.
    *messages* is how many it stands for.
    """

    run_id: str
    position: int
    seen: int
    messages: int
    unfinished: Mapping[str, int] = field(default_factory=dict[str, int])

    def covers(self, run_id: str, position: int) -> bool:
        """Whether the summary stands for the message at *position* that belongs to *run_id*."""
        return (
            (run_id, position) <= (self.run_id, self.position)
            and position <= self.seen
            and position < self.unfinished.get(run_id, position + 1)
        )


def coverage_to_json(coverage: Coverage) -> dict[str, object]:
    """The stored form."""
    return {
        "run_id": coverage.run_id,
        "position": coverage.position,
        "seen": coverage.seen,
        "messages": coverage.messages,
        "unfinished": dict(coverage.unfinished),
    }


def coverage_from_json(data: object) -> Coverage | None:
    """What :func:`coverage_to_json` has stored; None for anything else."""
    match data:
        case {
            "run_id": str(run_id),
            "position": int(position),
            "seen": int(seen),
            "messages": int(messages),
            "unfinished": dict(unfinished),
        }:
            return Coverage(run_id, position, seen, messages, unfinished)
        case _:
            return None
