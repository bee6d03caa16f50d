"""The page's files: written to be read, delivered to be small.

There is no build: a module lies in the package as it was written, comments and all. What a browser is sent is the same
module without them, compressed; or, while nobody has changed a module, the few files they were joined to before. A style
sheet is sent with those that it imports in it, so that one answer brings the look of a page. Each file is made once, when it is first asked for, and kept. Under ``/static/v-…/``,
whose address changes with the content of any file, a browser keeps what it has for good; under ``/static/`` it asks
again each time and is mostly told that nothing changed.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import posixpath
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import rcssmin
import rjsmin
from starlette.exceptions import HTTPException
from starlette.responses import Response

from oneliner.web.page_bundle import read_bundle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from starlette.requests import Request

    from oneliner.web.page_bundle import Chunk, Part

FOLDER = Path(__file__).parent / "static"

# Another site may embed the window's script; what it may call is decided by CORS and the token.
_FOR_ANYBODY = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}
_FOREVER = "public, max-age=31536000, immutable"
_VERSIONED = re.compile(r"v-([0-9a-f]{12})/(.+)", re.DOTALL)
_IMPORTED_SHEET = re.compile(r'^@import "([\w-]+\.css)";$', re.MULTILINE)
_IMPORTS = re.compile(r'^import (?:[^"\n]* from )?"(\.[^"]+)";', re.MULTILINE)
#: What other sites include, and the module it begins with.
_SCRIPT = "embed.js"
_WINDOW = "oneliner/embed/host.js"
#: What stands in the script for all that this module imports.
_IMPORTED = "oneliner/imported.js"
#: The dictionaries, and which of them the page of the product reads at once.
_WORDS = "oneliner/words/"
_PAGE_WORDS = ("", "asking-", "page-")
_WINDOW_WORDS = tuple(f"{_WORDS}{language}.js" for language in ("en", "zh"))
#: What others have written is passed on as they published it, with their licence in it; what was joined is small already.
_AS_THEY_ARE = ("/static/vendor/", "/static/oneliner/bundle/")
#: Where a page names a file: what the address of a version stands in for.
_PLACE = "/static/"

# The system's own table of types is not asked: on some machines it serves modules as text/plain, and none would load.
_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    "": "text/plain; charset=utf-8",
}


@dataclass(frozen=True, slots=True)
class Delivered:
    """One file as browsers are sent it. *parts* are the files it was made from, and *changed* how they were: for each its
    time in ns and its size in bytes.
    """

    body: bytes
    gzipped: bytes
    etag: str
    kind: str
    parts: tuple[Path, ...] = ()
    changed: tuple[tuple[int, int], ...] = ()

    @property
    def is_current(self) -> bool:
        """Whether no file that it was made from has changed since."""
        return tuple(map(_changed, self.parts)) == self.changed


@dataclass(frozen=True, slots=True)
class _Edition:
    """The files as they are now: how they were *seen*, the *version* that follows from it, and where modules went."""

    seen: tuple[tuple[int, int], ...]
    version: str
    bundle: Mapping[Part, Mapping[str, Chunk]] | None


class PageFiles:
    """The files below *folder*, each made once and made anew when it has changed on the disk."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._known = {path.relative_to(folder).as_posix(): path for path in _files(folder)}
        self._made: dict[str, Delivered] = {}
        self._entries: dict[tuple[str, ...], Delivered] = {}
        self._edition: _Edition | None = None

    async def answer(self, request: Request, name: str) -> Response:
        """The file *name*, as it is or below a version; 304 when the browser has it. Raises 404: there is none."""
        versioned = _VERSIONED.fullmatch(name)
        file = await self._file(versioned[2] if versioned else name)
        is_current = versioned is not None and versioned[1] == await asyncio.to_thread(self.version)
        return respond(request, file, {**_FOR_ANYBODY, "Cache-Control": _FOREVER if is_current else "no-cache"})

    async def page(self, request: Request, name: str, language: str, headers: Mapping[str, str]) -> Response:
        """The HTML page *name*, with the versions of its files and all of its modules announced, with the words of
        *language*, in which it will most likely be read. *headers* as given.
        """
        made = await asyncio.to_thread(self._entry, (name, language), lambda: self._page(name, language))
        return respond(request, made, headers)

    def _page(self, name: str, language: str) -> Delivered:
        text = (self._folder / name).read_text("utf-8")
        # Else a browser learns of a module only when it has read the one that imports it, one round trip a level.
        entries = re.findall(rf'<script type="module" src="{_PLACE}([^"]+)"', text)
        words = [f"{_WORDS}{part}{language}.js" for part in _PAGE_WORDS]
        for entry in entries:
            text = text.replace(f"{_PLACE}{entry}", f"{_PLACE}{self.sent_as('page', entry)}")
        modules = [*self.imported("page", entries), *(self.sent_as("page", name) for name in words)]
        links = [f'  <link rel="modulepreload" href="{_PLACE}{module}">\n  ' for module in modules]
        text = text.replace("</head>", "".join([*links, "</head>"]))
        return _delivered(text.replace(f'"{_PLACE}', f'"{_PLACE}v-{self.version()}/').encode(), ".html")

    async def script(self, request: Request) -> Response:
        """The script that other sites include: always the newest, and it names the rest by its version."""
        made = await asyncio.to_thread(self._entry, (_SCRIPT,), self._script)
        return respond(request, made, {**_FOR_ANYBODY, "Cache-Control": "no-cache"})

    def _script(self) -> Delivered:
        text = deliverable(self._folder / self.sent_as("window", _SCRIPT)).body.decode()
        modules = json.dumps(self.imported("window", [_WINDOW]), separators=(",", ":"))
        text = text.replace(f'["{_IMPORTED}"]', modules)
        for module in (_WINDOW, *_WINDOW_WORDS):
            text = text.replace(module, self.sent_as("window", module))
        return _delivered(text.replace(_PLACE, f"{_PLACE}v-{self.version()}/").encode(), ".js")

    def _entry(self, key: tuple[str, ...], make: Callable[[], Delivered]) -> Delivered:
        """What a visit begins with, made once in each version."""
        key = (self.version(), *key)
        if key not in self._entries:
            self._entries = {known: made for known, made in self._entries.items() if known[0] == key[0]}
            self._entries[key] = make()
        return self._entries[key]

    def sent_as(self, part: Part, module: str) -> str:
        """The file that *module* is in, where *part* of the page asks for it."""
        bundle = self._now().bundle
        return module if bundle is None else bundle[part][module].file

    def imported(self, part: Part, entries: list[str]) -> list[str]:
        """All files that the modules *entries* import, at once or in turn; not what they import only when it is needed,
        nor those that they are in themselves.
        """
        bundle = self._now().bundle
        if bundle is not None:
            own = {bundle[part][name].file for name in entries}
            return list(dict.fromkeys(f for name in entries for f in bundle[part][name].imports if f not in own))
        found = list(entries)
        for module in found:
            for path in _IMPORTS.findall((self._folder / module).read_text("utf-8")):
                name = posixpath.normpath(posixpath.join(posixpath.dirname(module), path))
                if name not in found:
                    found.append(name)
        return found[len(entries) :]

    def version(self) -> str:
        """Twelve hexadecimal digits that change when any file does."""
        return self._now().version

    def _now(self) -> _Edition:
        seen = tuple(_changed(path) for path in self._known.values())
        if self._edition is None or self._edition.seen != seen:
            digest = hashlib.sha256()
            for name, path in self._known.items():
                digest.update(f"{name}\0".encode() + path.read_bytes())
            self._edition = _Edition(seen, digest.hexdigest()[:12], read_bundle(self._known))
        return self._edition

    async def _file(self, name: str) -> Delivered:
        path = self._known.get(name)
        # Only names that were found in the folder are looked up: no path is ever made from what somebody sent.
        if path is None or not path.is_file():
            raise HTTPException(404)
        made = self._made.get(name)
        if made is None or not made.is_current:
            made = self._made[name] = await asyncio.to_thread(deliverable, path)
        return made


def respond(request: Request, file: Delivered, headers: Mapping[str, str]) -> Response:
    """*file* with *headers*, compressed for whom it may be; 304 when the browser named its ETag."""
    zips = _takes_gzip(request.headers.get("accept-encoding", ""))
    told = {
        **headers,
        "ETag": file.etag,
        "Vary": headers.get("Vary", "Accept-Encoding"),
        "X-Content-Type-Options": "nosniff",
    }
    if file.etag in {tag.strip() for tag in request.headers.get("if-none-match", "").split(",")}:
        return Response(status_code=304, headers=told)
    if zips:
        told["Content-Encoding"] = "gzip"
    return Response(file.gzipped if zips else file.body, headers={**told, "Content-Type": file.kind})


def deliverable(path: Path) -> Delivered:
    """The file at *path* as it is sent: our own modules and styles without comments and indentation."""
    parts = (path, *_sheets_in(path)) if path.suffix == ".css" else (path,)
    changed = tuple(map(_changed, parts))
    body = path.read_bytes()
    if not any(folder in path.as_posix() for folder in _AS_THEY_ARE):
        if path.suffix == ".js":
            body = str(rjsmin.jsmin(body.decode())).encode()
        elif path.suffix == ".css":
            whole = _IMPORTED_SHEET.sub(lambda found: (path.parent / found[1]).read_text("utf-8"), body.decode())
            body = str(rcssmin.cssmin(whole)).encode()
    return replace(_delivered(body, path.suffix), parts=parts, changed=changed)


def _sheets_in(path: Path) -> list[Path]:
    """The style sheets that the one at *path* imports; those import no others."""
    return [path.parent / name for name in _IMPORTED_SHEET.findall(path.read_text("utf-8"))]


def _delivered(body: bytes, suffix: str) -> Delivered:
    # The time is left out, so that two servers with the same files send the same bytes.
    etag = f'W/"{hashlib.sha256(body).hexdigest()[:20]}"'  # weak: the same for both encodings
    kind = _TYPES.get(suffix, "application/octet-stream")
    return Delivered(body, gzip.compress(body, 9, mtime=0), etag, kind)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def _changed(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_mtime_ns, found.st_size


def _takes_gzip(accepted: str) -> bool:
    """Whether a browser with this ``Accept-Encoding`` takes gzip; what it gives no weight it takes."""
    weights: dict[str, float] = {}
    for part in accepted.lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        weight = next((p.removeprefix("q=") for p in parameters if p.startswith("q=")), "1")
        weights[name] = float(weight) if re.fullmatch(r"[01](\.\d{0,3})?", weight) else 0.0
    return weights.get("gzip", weights.get("*", 0.0)) > 0
