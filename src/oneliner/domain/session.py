"""A session: a conversation of one user, optionally in a project."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oneliner.domain.usage import Totals

MAX_TITLE_CHARS = 80


@dataclass(frozen=True, slots=True)
class Session:
    """A session as its row says; ``totals`` equals the sum of its messages. Times in ms.

    After ``purged_at`` nothing is left of what was said in it; its totals, and the books of its messages, remain.
    """

    id: str
    user_id: str
    project_id: str
    title: str
    message_count: int
    totals: Totals
    created_at: int
    updated_at: int
    deleted_at: int | None
    purged_at: int | None = None


def title_from(text: str) -> str:
    """A title made of the first line of *text*, cut at a word or at :data:`MAX_TITLE_CHARS`."""
    line = next((part.strip() for part in text.splitlines() if part.strip()), "")
    if len(line) <= MAX_TITLE_CHARS:
        return line
    head = line[: MAX_TITLE_CHARS - 1]
    cut = head.rfind(" ")
    return (head[:cut] if cut > MAX_TITLE_CHARS // 2 else head) + "…"
