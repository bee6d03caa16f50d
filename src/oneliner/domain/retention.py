"""For how long the sessions of a project are kept."""

from __future__ import annotations

from dataclasses import dataclass

MAX_KEEP_DAYS = 36_500


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """Sessions of ``project_id`` in which nothing happened for ``keep_days`` days are deleted. Time in ms."""

    project_id: str
    keep_days: int
    updated_by: str
    updated_at: int
