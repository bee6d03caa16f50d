from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "architecture.md"


def docs_diagram(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ROOT / "scripts" / "docs-diagram", *arguments], capture_output=True, text=True, check=False
    )


def test_the_docs_show_the_table_that_the_code_holds() -> None:
    done = docs_diagram("--check")
    assert done.returncode == 0, done.stderr


def test_a_page_that_differs_from_the_code_is_refused_until_it_is_drawn_again(tmp_path: Path) -> None:
    page = tmp_path / "architecture.md"
    text = PAGE.read_text(encoding="utf-8")
    arrow = next(line for line in text.splitlines() if " --> " in line)
    page.write_text(text.replace(f"{arrow}\n", "", 1), encoding="utf-8")

    refused = docs_diagram("--check", "--page", page)
    assert refused.returncode == 1
    assert "scripts/docs-diagram" in refused.stderr

    assert docs_diagram("--page", page).returncode == 0
    assert page.read_text(encoding="utf-8") == text


def test_a_page_without_markers_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    shutil.copy(ROOT / "docs" / "glossary.md", page)

    done = docs_diagram("--page", page)

    assert done.returncode != 0
    assert page.read_bytes() == (ROOT / "docs" / "glossary.md").read_bytes()
