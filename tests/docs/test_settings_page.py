from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "settings.md"


def docs_settings(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ROOT / "scripts" / "docs-settings", *arguments], capture_output=True, text=True, check=False
    )


def test_the_docs_show_the_settings_that_the_code_holds() -> None:
    done = docs_settings("--check")
    assert done.returncode == 0, done.stderr


def test_a_page_that_differs_from_the_code_is_refused_until_it_is_written_again(tmp_path: Path) -> None:
    page = tmp_path / "settings.md"
    text = PAGE.read_text(encoding="utf-8")
    page.write_text(text.replace("| `ONELINER_PORT` |", "| `ONELINER_GATE` |", 1), encoding="utf-8")

    refused = docs_settings("--check", "--page", page)
    assert refused.returncode == 1
    assert "scripts/docs-settings" in refused.stderr

    assert docs_settings("--page", page).returncode == 0
    assert page.read_text(encoding="utf-8") == text
