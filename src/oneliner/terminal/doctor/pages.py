"""The page as a browser comes by it: the document, and every file that it and its modules name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from oneliner.terminal.doctor.judging import Fault
from oneliner.terminal.doctor.probes import Found

if TYPE_CHECKING:
    from oneliner.terminal.api import Api

#: Where a page begins: the console, the window of other products, the reference of the API.
_BEGINNINGS = ("/", "/embed.js", "/static/oneliner/embed/host.js", "/docs")
_NAMED = re.compile(
    r"""(?:<script[^>]*\ssrc|<link[^>]*\shref)="(/[^"]+)"     # what a document loads
      | \b(?:import|from)\s*\(?\s*["']([./][^"'\n]+\.js)["']  # what a module loads
    """,
    re.VERBOSE,
)
_KINDS = {"js": "javascript", "css": "css", "svg": "svg"}
_LOOK = "look whether a proxy in front passes everything on, and whether the installed package is whole"


async def look_at_pages(api: Api) -> str:
    """Fetch them all. Raises Found: one is not there, empty, or of another kind than a browser takes; Unreachable."""
    waiting: list[str] = list(_BEGINNINGS)
    seen: set[str] = set(_BEGINNINGS)
    size = 0
    while waiting:
        path = waiting.pop()
        status, kind, text = await api.look_at_text(path)
        if status != 200 or not text:  # noqa: PLR2004 - OK
            raise Found(Fault(f"the page's {path} is answered with status {status} and {len(text)} characters", _LOOK))
        wanted = _KINDS.get(path.rpartition(".")[2], "html")
        if wanted not in kind:
            raise Found(Fault(f"the page's {path} comes as {kind!r} and not as {wanted}", _LOOK))
        size += len(text)
        named = {urlsplit(urljoin(path, document or module)).path for document, module in _NAMED.findall(text)}
        waiting.extend(named - seen)
        seen |= named
    return f"{len(seen)} files, {size // 1000} kB"
