"""Approving tool calls in a terminal."""

from __future__ import annotations

import json
from typing import Any

import click
import pytest
from click.testing import CliRunner

from oneliner.domain.event import EventType
from oneliner.terminal import approving
from oneliner.terminal.event_words import line_for

RULE = {"layer": "system", "verdict": "ask", "rule": {"tool": "pay", "note": "money leaves"}, "key": "k"}
CALL = {"id": "c1", "name": "pay", "arguments": {"to": "ann"}, "arguments_hash": "h1", "touches": "changes"}
OTHER = {**CALL, "id": "c2", "arguments_hash": "h2"}


def answered(typed: str, *calls: dict[str, Any]) -> tuple[Any, str]:
    """The answer after *typed*, and what was shown."""

    @click.command()
    def ask() -> None:
        asked = {"kind": "approval", "calls": [{**c, "asked_by": [RULE]} for c in calls]}
        click.echo(json.dumps(approving.decided(asked)))

    result = CliRunner().invoke(ask, input=typed, catch_exceptions=False)
    return json.loads(result.stdout.strip().splitlines()[-1]), result.stderr


@pytest.mark.parametrize(("letter", "decision"), [("y", "allow_once"), ("r", "allow_run"), ("A", "allow_always")])
def test_a_letter_allows_what_was_shown(letter: str, decision: str) -> None:
    answer, shown = answered(f"{letter}\n", CALL)
    assert answer == {"decisions": [{"call_id": "c1", "arguments_hash": "h1", "decision": decision}]}
    assert "pay (changes something)" in shown
    assert '"to": "ann"' in shown
    assert "system layer: money leaves" in shown


def test_each_call_is_decided_and_enter_refuses() -> None:
    answer, _ = answered("y\n\nnot to her\n", CALL, OTHER)
    first, second = answer["decisions"]
    assert first["decision"] == "allow_once"
    assert (second["call_id"], second["decision"], second["reason"]) == ("c2", "refuse", "not to her")


def test_arguments_can_be_edited_and_bad_ones_are_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    typed = iter(["{", None, '{"to": "bob"}'])

    def edit(text: str, extension: str, *, require_save: bool) -> str | None:
        assert (extension, require_save) == (".json", True)
        assert json.loads(text)
        return next(typed)

    monkeypatch.setattr(click, "edit", edit)
    answer, shown = answered("e\ne\ne\ny\n", CALL)
    assert answer["decisions"][0]["arguments"] == {"to": "bob"}
    assert "this is no JSON" in shown
    assert "nothing changed" in shown


def test_a_run_that_waits_for_an_approval_says_for_which_calls() -> None:
    details = {"code": "needs_approval", "asked": {"kind": "approval", "calls": [CALL, {**CALL, "name": "send"}]}}
    told = line_for(EventType.RUN_BLOCKED, details, {})
    assert told is not None
    assert told.text == "waits for your approval: pay, send"
