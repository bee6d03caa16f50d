"""Project documents: the Markdown that the agent and the page share as working memory.

A document belongs to a user and, optionally, a project. Writing never overwrites: each write is a new version, and a
writer names the version it saw, so that two writers cannot undo each other unnoticed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from oneliner.domain.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_CONTENT_CHARS = 500_000
MAX_PATH_CHARS = 200
_PATH = re.compile(r"[^\s/][^/\x00-\x1f]*(?:/[^\s/][^/\x00-\x1f]*)*")


@dataclass(frozen=True, slots=True)
class Document:
    """A document as its row says; ``version`` is the newest one. Times in ms."""

    id: str
    user_id: str
    project_id: str
    path: str
    title: str
    version: int
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class DocumentVersion:
    """One version; ``content`` is empty where only the list was asked for. ``run_id`` is empty for a person's write."""

    document_id: str
    version: int
    content: str
    chars: int
    author: str
    run_id: str
    created_at: int


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A document that holds what was searched for, with the text around the first place."""

    document: Document
    excerpt: str


class Access(StrEnum):
    """What a run did with a version of a document."""

    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True)
class DocumentUse:
    """That a run read or wrote *version* of *document*, first at *created_at* (ms)."""

    document: Document
    version: int
    access: Access
    created_at: int


def checked_path(path: str) -> str:
    """*path* as documents are named, such as ``strategy/2026.md``. Raises Invalid: empty, too long, odd parts."""
    path = path.strip()
    if not path or len(path) > MAX_PATH_CHARS or _PATH.fullmatch(path) is None or ".." in path.split("/"):
        raise Invalid(
            f"{path!r} is no document path; write names separated by '/', such as 'strategy/2026.md'", field="path"
        )
    return path


def checked_content(content: str) -> str:
    """*content* when it is not too long. Raises Invalid."""
    if len(content) > MAX_CONTENT_CHARS:
        raise Invalid(
            f"the document has {len(content)} characters, at most {MAX_CONTENT_CHARS} are allowed", field="content"
        )
    return content


def title_of(path: str, content: str) -> str:
    """The first Markdown heading, or the last part of the path."""
    for line in content.splitlines()[:20]:
        if line.startswith("#"):
            title = line.lstrip("#").strip()
            if title:
                return title[:MAX_PATH_CHARS]
    return path.rsplit("/", 1)[-1]


def excerpt_around(content: str, words: Sequence[str], width: int = 80) -> str:
    """The text around the first place of the first of *words* that is in *content*, ignoring case."""
    lowered = content.lower()
    at, found = next(((at, w) for w in words if (at := lowered.find(w.lower())) >= 0), (0, ""))
    start, end = max(at - width, 0), min(at + len(found) + width, len(content))
    return ("…" if start else "") + content[start:end].replace("\n", " ") + ("…" if end < len(content) else "")
