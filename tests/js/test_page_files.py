"""What the page is made of: vendored files as they were published, nothing inline, nothing from elsewhere, and small."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

from oneliner.web.static_files import deliverable

STATIC = Path(__file__).resolve().parents[2] / "src/oneliner/web/static"
PAGE = [path for path in (STATIC / "oneliner").rglob("*") if path.suffix in {".js", ".css"}]
VENDORED = list((STATIC / "vendor").glob("*/vendor.json"))
MAX_GZIPPED = 90_000
MAX_LINES = 400


def test_vendored_files_are_those_that_were_published() -> None:
    assert VENDORED
    for record in VENDORED:
        told = json.loads(record.read_text("utf-8"))
        assert record.parent.name == f"{told['name']}-{told['version']}"
        assert "LICENSE" in told["files"]
        for name, file in told["files"].items():
            digest = hashlib.sha384((record.parent / name).read_bytes()).digest()
            assert file["sha384"] == "sha384-" + base64.b64encode(digest).decode(), name


def test_the_lock_file_names_the_same_version_of_what_is_vendored() -> None:
    locked = json.loads((STATIC.parents[3] / "package-lock.json").read_text("utf-8"))["packages"]
    for record in VENDORED:
        told = json.loads(record.read_text("utf-8"))
        entry = locked[f"node_modules/{told['name']}"]
        assert (entry["version"], entry["integrity"]) == (told["version"], told["npm_integrity"])


def test_the_page_holds_no_inline_script_and_no_inline_style() -> None:
    html = (STATIC / "index.html").read_text("utf-8")
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:", html)


def test_nothing_comes_from_elsewhere_and_nothing_becomes_markup() -> None:
    forbidden = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\(|new Function")
    for path in PAGE:
        source = path.read_text("utf-8")
        assert not forbidden.search(source), path.name
        assert not re.findall(r"https?://(?!www\.w3\.org/)[\w.-]+\.\w+", source), path.name


def test_modules_stay_small_enough_to_be_read() -> None:
    for path in PAGE:
        if "words" not in path.parts:
            assert len(path.read_text("utf-8").splitlines()) <= MAX_LINES, path.name


def test_no_template_stands_inside_another() -> None:
    # What takes the comments out reads templates from one backtick to the next.
    nested = re.compile(r"`[^`]*\$\{[^}`]*`")
    for path in PAGE:
        if path.suffix == ".js":
            code = re.sub(r"/\*.*?\*/|^\s*//.*$", "", path.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
            found = nested.search(code)
            assert found is None, f"{path.name}: {found and found[0]}"


def test_all_that_the_page_loads_is_small() -> None:
    never = {"types.js", "en.js"}  # types alone; of the two languages the larger one is counted
    own = [path for path in PAGE if path.name not in never]
    loaded = [*own, *(STATIC / "vendor").rglob("*.js"), STATIC / "index.html"]
    total = sum(len(deliverable(path).gzipped) for path in loaded)
    assert total <= MAX_GZIPPED, f"{total} bytes gzipped"
