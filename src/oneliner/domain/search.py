"""What a text is found by: its terms.

One cut for every database, because their own are different and none of them can Chinese. A word of a script that
separates words is one term and is found by its beginning. Chinese, Japanese and Korean are cut into every two
neighbouring characters (their words are mostly two characters long, and nothing marks where one ends), so that a query
of two characters or more finds them wherever they stand; the last character of a stretch is a term too, so that a query
of one character finds each that begins one.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003134f"
_STRETCH = re.compile(rf"(?P<cjk>[{_CJK}]+)|[^\W_{_CJK}]+")
MAX_TERM_CHARS = 40
#: What is kept of one document: PostgreSQL takes no more than a megabyte with what it stores beside each term.
MAX_TERMS_BYTES = 500_000


@dataclass(frozen=True, slots=True)
class Term:
    """What a query asks for; with *is_prefix* whatever begins with it."""

    text: str
    is_prefix: bool


def terms_of(text: str) -> str:
    """The terms of *text*, each once, separated by spaces; of a text that has very many, those that come first."""
    found: dict[str, None] = {}
    size = 0
    for term in _terms(text):
        if term in found:
            continue
        size += len(term.encode()) + 1
        if size > MAX_TERMS_BYTES:
            break
        found[term] = None
    return " ".join(found)


def query_terms(query: str) -> list[Term]:
    """What a document must have every one of to be found by *query*; nothing when the query has no word in it."""
    found: dict[Term, None] = {}
    for stretch in _STRETCH.finditer(_folded(query)):
        text = stretch[0]
        if stretch["cjk"] and len(text) > 1:
            found |= dict.fromkeys(Term(a + b, is_prefix=False) for a, b in pairwise(text))
        else:
            found[Term(text[:MAX_TERM_CHARS], is_prefix=True)] = None
    return list(found)


def owner_term(user_id: str, project_id: str) -> str:
    """The term that all documents of a user in a project have, and that no text and no query can hold."""
    return "\ue000" + hashlib.sha256(f"{user_id}\0{project_id}".encode()).hexdigest()[:24]


def row_number(document_id: str) -> int:
    """The positive 63-bit integer by which an index knows a document."""
    return int.from_bytes(hashlib.sha256(document_id.encode()).digest()[:8]) >> 1


def _terms(text: str) -> Iterator[str]:
    for stretch in _STRETCH.finditer(_folded(text)):
        found = stretch[0]
        if stretch["cjk"]:
            for a, b in pairwise(found):
                yield a + b
            yield found[-1]
        else:
            yield found[:MAX_TERM_CHARS]


def _folded(text: str) -> str:
    """*text* without what makes two spellings of one word: case, and full-width or composed forms."""
    return unicodedata.normalize("NFKC", text).casefold()
