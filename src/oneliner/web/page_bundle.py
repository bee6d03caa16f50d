"""The page's modules joined into few files, for as long as these are what the modules say.

``scripts/page-bundle.mjs`` writes them. Whoever changes a module need not join them anew to see the change: a bundle that
was made from anything else than what lies in the folder is not used, and the modules are sent as they are.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FOLDER = "oneliner/bundle/"
#: What is joined by itself: the window on other sites' pages, and the product's own page.
Part = Literal["window", "page"]
_JOINED = ("embed.js", "oneliner/", "vendor/")


@dataclass(frozen=True, slots=True)
class Chunk:
    """Where a module went: the *file* it is in, and the files that this one *imports*."""

    file: str
    imports: tuple[str, ...]


def read_bundle(files: Mapping[str, Path]) -> Mapping[Part, Mapping[str, Chunk]] | None:
    """Where each module went, by part of the page; None: it was never joined, or has changed since.

    *files* are those of the page by their names.
    """
    told = files.get(f"{FOLDER}bundle.json")
    if told is None:
        return None
    content = json.loads(told.read_bytes())
    if content["made_from"] != _made_from(files):
        return None
    parts: tuple[Part, ...] = ("window", "page")
    return {
        part: {name: Chunk(chunk["file"], tuple(chunk["imports"])) for name, chunk in content[part].items()}
        for part in parts
    }


def _made_from(files: Mapping[str, Path]) -> str:
    """The hash that the modules have now: of each its name and its text, in the order of their names."""
    digest = hashlib.sha256()
    for name in sorted(files):
        if name.endswith(".js") and name.startswith(_JOINED) and not name.startswith(FOLDER):
            digest.update(f"{name}\0".encode() + files[name].read_bytes())
    return digest.hexdigest()
