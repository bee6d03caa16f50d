"""What the page is made of: vendored files as they were published, nothing inline, nothing from elsewhere, and small."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from oneliner.app.governance import HANDOFF_NOTE
from oneliner.domain.event import EventType
from oneliner.web.page_bundle import read_bundle
from oneliner.web.static_files import PageFiles, deliverable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oneliner.web.page_bundle import Chunk, Part

STATIC = Path(__file__).resolve().parents[2] / "src/oneliner/web/static"
PAGE = [
    path
    for path in (STATIC / "oneliner").rglob("*")
    if path.suffix in {".js", ".css"} and "oneliner/bundle/" not in path.as_posix()
]
VENDORED = list((STATIC / "vendor").glob("*/vendor.json"))
MAX_GZIPPED = 90_000
#: Until somebody opens the window, and with the open window.
MAX_UNOPENED_GZIPPED = 25_500
MAX_OPENED_GZIPPED = 35_500
#: From a handoff over its confirmation to an answer in Markdown, and with all that the window can ever need.
MAX_USED_GZIPPED = 58_500
MAX_ALL_GZIPPED = 67_500
OPENED = ("embed/window",)
USED = (*OPENED, "views/plan-card", "views/markdown-view")
ALL = (*USED, "views/approval", "views/question", "views/session-list", "views/written", "leasing")
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


def test_every_move_of_a_run_is_a_milestone_for_the_page() -> None:
    source = (STATIC / "oneliner/milestones.js").read_text("utf-8")
    listed = set(re.findall(r'"([a-z_.]+)"', source))
    moves = {name.removeprefix("run.") for name in EventType if name.startswith("run.")}
    assert moves <= listed
    assert {name for name in listed if "." in name} <= set(EventType)


def test_no_template_stands_inside_another() -> None:
    # What takes the comments out reads templates from one backtick to the next.
    nested = re.compile(r"`[^`]*\$\{[^}`]*`")
    for path in PAGE:
        if path.suffix == ".js":
            code = re.sub(r"/\*.*?\*/|^\s*//.*$", "", path.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
            found = nested.search(code)
            assert found is None, f"{path.name}: {found and found[0]}"


def test_the_page_knows_the_note_that_the_server_writes_itself() -> None:
    assert f'HANDOFF_NOTE = "{HANDOFF_NOTE}"' in (STATIC / "oneliner/outlook.js").read_text("utf-8")


def zipped(*names: str) -> int:
    return sum(len(deliverable(STATIC / name).gzipped) for name in names)


def loaded(part: Part, modules: list[str]) -> set[str]:
    """The files that a browser fetches for *modules*, with all that they import."""
    files = PageFiles()
    return {*(files.sent_as(part, name) for name in modules), *files.imported(part, modules)}


def loaded_by_the_window(language: str, *modules: str) -> int:
    """How much a page loads for the window that stands on it, with *modules*."""
    asks = bool(set(modules) - set(OPENED))
    words = ["oneliner/words/{}.js", *(["oneliner/words/asking-{}.js"] if asks else [])]
    styles = [f"oneliner/css/{name}.css" for name in ("window", *(("asking", "answers") if asks else ()))]
    names = ["oneliner/embed/host.js", *(f"oneliner/{name}.js" for name in modules), *words]
    return zipped(
        PageFiles().sent_as("window", "embed.js"), *styles, *loaded("window", [n.format(language) for n in names])
    )


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_window_costs_somebody_elses_page_little(language: str) -> None:
    for most, modules in (
        (MAX_UNOPENED_GZIPPED, ()),
        (MAX_OPENED_GZIPPED, OPENED),
        (MAX_USED_GZIPPED, USED),
        (MAX_ALL_GZIPPED, ALL),
    ):
        total = loaded_by_the_window(language, *modules)
        assert total <= most, f"{total} bytes gzipped with {modules or 'nothing opened'}"


def test_a_style_sheet_is_sent_with_those_it_imports_and_made_anew_when_one_of_them_changes(tmp_path: Path) -> None:
    (tmp_path / "all.css").write_text('@import "one.css";\n@import "two.css";\n', "utf-8")
    for name in ("one", "two"):
        (tmp_path / f"{name}.css").write_text(f".{name} {{ color: red; }}\n", "utf-8")
    made = deliverable(tmp_path / "all.css")
    assert made.body == b".one{color:red}.two{color:red}"
    assert made.is_current
    (tmp_path / "two.css").write_text(".two { color: green; }\n", "utf-8")
    assert not made.is_current


def test_the_bundle_was_made_from_the_modules_as_they_are() -> None:
    assert joined() is not None, "a module has changed: run: node scripts/page-bundle.mjs"


def joined() -> Mapping[Part, Mapping[str, Chunk]] | None:
    return read_bundle({path.relative_to(STATIC).as_posix(): path for path in STATIC.rglob("*") if path.is_file()})


def test_what_the_window_loads_when_it_needs_it_is_counted() -> None:
    counted = {module for language in ("en", "zh") for module in loaded("window", every_module(language))}
    assert {chunk.file for chunk in (joined() or {})["window"].values()} == counted


def every_module(language: str) -> list[str]:
    words = [f"oneliner/words/{part}{language}.js" for part in ("", "asking-")]
    return ["embed.js", "oneliner/embed/host.js", *(f"oneliner/{name}.js" for name in ALL), *words]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_is_small_with_all_that_the_chat_needs_and_with_any_other_page(language: str) -> None:
    html = (STATIC / "index.html").read_text("utf-8")
    styles = re.findall(r'href="/static/(oneliner/css/[^"]+)"', html)
    words = [f"oneliner/words/{part}{language}.js" for part in ("", "asking-", "page-")]
    chat = [f"oneliner/views/{name}.js" for name in ("markdown-view", "plan-card", "question", "approval", "written")]
    pages = [path.relative_to(STATIC).as_posix() for path in (STATIC / "oneliner/pages").glob("*.js")]
    for wanted in (chat, *([page, f"oneliner/words/console-{language}.js"] for page in pages)):
        total = zipped("index.html", *styles, *loaded("page", ["oneliner/boot.js", *words, *wanted]))
        assert total <= MAX_GZIPPED, f"{total} bytes gzipped with {wanted}"


def test_modules_are_sent_one_by_one_when_one_of_them_is_not_what_was_joined(tmp_path: Path) -> None:
    folder = tmp_path / "static"
    shutil.copytree(STATIC, folder)
    files = PageFiles(folder)
    entry = "oneliner/embed/host.js"
    assert files.sent_as("window", entry) == "oneliner/bundle/window-host.js"
    before = files.version()
    module = folder / "oneliner/lazily.js"
    module.write_text(module.read_text("utf-8") + "// A word more.\n", "utf-8")
    assert files.sent_as("window", entry) == entry
    assert "oneliner/lazily.js" in files.imported("window", [entry])
    assert files.version() != before


def test_the_bundle_holds_every_module_that_it_was_made_from_and_says_whose_the_parser_is() -> None:
    files = PageFiles()
    parser = (STATIC / files.sent_as("window", "oneliner/markdown.js")).read_text("utf-8")
    told = json.loads(VENDORED[0].read_text("utf-8"))
    assert parser.startswith(f"/*! marked {told['version']}, MIT: /static/vendor/{VENDORED[0].parent.name}/LICENSE */")
    assert (STATIC / "vendor" / VENDORED[0].parent.name / "LICENSE").is_file()
