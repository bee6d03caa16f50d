"""Schedules: a handoff that is made again and again, whenever a time of its cron expression is due.

Each due time makes one run, whatever the number of processes. Times that came while nobody was there to fire are made
up for once, by the latest of them; a fire keeps the first time it stands for.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class FireOutcome(StrEnum):
    """What a due time came to."""

    FIRED = "fired"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule as its row says; times in ms. ``handoff`` is what is handed over, as JSON.

    ``confirmed_ahead``: its owner has confirmed the plan for every run it makes, as far as the rules allow that.
    ``next_due_at`` is None when nothing is due any more.
    """

    id: str
    user_id: str
    project_id: str
    title: str
    cron: str
    timezone: str
    handoff: Mapping[str, object]
    confirmed_ahead: bool
    paused: bool
    next_due_at: int | None
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class Fire:
    """A due time that was taken care of. ``first_due_at`` is the earliest of the times it stands for; no ``run_id``
    when it was refused.
    """

    schedule_id: str
    due_at: int
    first_due_at: int
    fired_at: int
    outcome: FireOutcome
    run_id: str
