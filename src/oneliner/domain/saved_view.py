"""Saved views: filters of the list of runs that a user has named, so that he finds them again in any browser."""

from __future__ import annotations

from dataclasses import dataclass

MAX_NAME_CHARS = 40
#: The longest that the filters of the list can become when all they hold is Chinese, nine characters for each.
MAX_QUERY_CHARS = 4_000
#: How many one user keeps: as many as a row of links can show and a person can tell apart.
MAX_VIEWS = 50


@dataclass(frozen=True, slots=True)
class SavedView:
    """``query`` is what stands in the address of the list, such as ``mine=true&status=failed``. Times in ms."""

    name: str
    query: str
    created_at: int
    updated_at: int
