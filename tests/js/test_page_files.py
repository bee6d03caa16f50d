"""What the page is made of: vendored files as they were published, nothing inline, nothing from elsewhere, and small."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

from oneliner.web.static_files import PageFiles, deliverable

STATIC = Path(__file__).resolve().parents[2] / "src/oneliner/web/static"
PAGE = [path for path in (STATIC / "oneliner").rglob("*") if path.suffix in {".js", ".css"}]
VENDORED = list((STATIC / "vendor").glob("*/vendor.json"))
MAX_GZIPPED = 90_000
MAX_EMBED_GZIPPED = 35_000
MAX_USED_GZIPPED = 72_000
MAX_OPENED_GZIPPED = 83_000
#: What comes on the way from a handoff over its confirmation to the answer.
USED = ("embed/window", "views/markdown-view", "views/plan-card")
LAZY = (
    *USED,
    "views/approval",
    "views/question",
    "views/session-list",
    "views/written",
)
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


def zipped(*names: str) -> int:
    return sum(len(deliverable(STATIC / name).gzipped) for name in names)


def loaded_by_the_window(*lazy: str) -> int:
    """How much a page loads, with the modules *lazy* and with all that these import."""
    files = PageFiles()
    entries = ["oneliner/embed/host.js", *(f"oneliner/{name}.js" for name in lazy)]
    modules = {*entries, *files.imported(entries)}
    words = ["oneliner/words/zh.js", *(["oneliner/words/asking-zh.js"] if set(lazy) - set(USED) else [])]
    return zipped("embed.js", *modules, "oneliner/css/window.css", *words)


def test_the_window_costs_somebody_elses_page_little_before_it_is_opened_and_after() -> None:
    standing = loaded_by_the_window()
    assert standing <= MAX_EMBED_GZIPPED, f"{standing} bytes gzipped to stand on the page"
    used = loaded_by_the_window(*USED)
    assert used <= MAX_USED_GZIPPED, f"{used} bytes gzipped from a handoff to its answer"
    total = loaded_by_the_window(*LAZY)
    assert total <= MAX_OPENED_GZIPPED, f"{total} bytes gzipped with all that the window can need"


def test_a_style_sheet_is_sent_with_those_it_imports_and_made_anew_when_one_of_them_changes(tmp_path: Path) -> None:
    (tmp_path / "all.css").write_text('@import "one.css";\n@import "two.css";\n', "utf-8")
    for name in ("one", "two"):
        (tmp_path / f"{name}.css").write_text(f".{name} {{ color: red; }}\n", "utf-8")
    made = deliverable(tmp_path / "all.css")
    assert made.body == b".one{color:red}.two{color:red}"
    assert made.is_current
    (tmp_path / "two.css").write_text(".two { color: green; }\n", "utf-8")
    assert not made.is_current


def test_what_the_window_loads_when_it_needs_it_is_counted() -> None:
    entries = ["oneliner/embed/host.js", *(f"oneliner/{name}.js" for name in LAZY)]
    found: set[str] = set()
    for name in (*entries, *PageFiles().imported(entries)):
        for path in re.findall(r'import\("(\./[^"]+|\.\./[^"]+)"\)', deliverable(STATIC / name).body.decode()):
            found.add(
                str((STATIC / name).parent.joinpath(path).resolve().relative_to(STATIC / "oneliner").with_suffix(""))
            )
    words = {f"words/{part}{language}" for part in ("", "asking-", "page-", "console-") for language in ("zh", "en")}
    assert found - words == set(LAZY)


def test_the_page_is_small_with_all_that_the_chat_needs_and_with_any_other_page() -> None:
    files = PageFiles()
    entry = "oneliner/boot.js"
    html = (STATIC / "index.html").read_text("utf-8")
    styles = re.findall(r'href="/static/(oneliner/css/[^"]+)"', html)
    first = {
        entry,
        *files.imported([entry]),
        *styles,
        "oneliner/words/zh.js",
        "oneliner/words/asking-zh.js",
        "oneliner/words/page-zh.js",
        "index.html",
    }
    chat = [f"oneliner/views/{name}.js" for name in ("markdown-view", "plan-card", "question")]
    pages = [path.relative_to(STATIC).as_posix() for path in (STATIC / "oneliner/pages").glob("*.js")]
    for wanted in (chat, *([page, "oneliner/words/console-zh.js"] for page in pages)):
        total = zipped(*{*first, *wanted, *files.imported(wanted)})
        assert total <= MAX_GZIPPED, f"{total} bytes gzipped with {wanted}"
