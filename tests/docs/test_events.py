from __future__ import annotations

from pathlib import Path

from oneliner.app import control
from oneliner.domain.event import EventType
from oneliner.domain.policy import FIELDS, LayerName

DOCS = Path(__file__).parents[2] / "docs"


def test_every_event_type_is_in_the_docs_and_no_other() -> None:
    rows = [line.split("`")[1] for line in (DOCS / "events.md").read_text().splitlines() if line.startswith("| `")]
    assert sorted(rows) == sorted(map(str, EventType))


def test_every_field_and_layer_of_a_policy_is_in_the_docs() -> None:
    text = (DOCS / "governance.md").read_text()
    assert [w for w in (*FIELDS, *LayerName) if f"| `{w}` |" not in text] == []


def test_every_control_tool_is_in_the_docs() -> None:
    text = (DOCS / "tools.md").read_text()
    assert [name for name in control.NAMES if f"`{name}`" not in text] == []
