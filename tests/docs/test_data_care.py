from __future__ import annotations

import re
from pathlib import Path

from oneliner.domain.audit import Action

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "data-care.md").read_text(encoding="utf-8")


def test_every_action_of_the_audit_log_is_explained() -> None:
    rows = [line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| `")]
    assert set(re.findall(r"`([a-z_]+\.[a-z_]+)`", "".join(rows))) == set(Action)
