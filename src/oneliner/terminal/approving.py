"""Deciding tool calls that a rule asks for: each is shown with its arguments and the rule, and answered by a letter."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from oneliner.terminal.letters import letter_of
from oneliner.terminal.plain_text import fit, one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

APPROVAL_HEADING = "The agent wants to do this, and a rule asks for your approval:"
_TOUCHES = {
    "reads": "reads only",
    "changes_once": "changes something, once however often it is called",
    "changes": "changes something",
}
_LETTERS = {"y": "allow", "r": "allow in this run", "a": "always allow", "e": "edit the arguments", "n": "refuse"}
_DECISIONS = {"y": "allow_once", "r": "allow_run", "a": "allow_always"}


def decided(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to a block of kind ``approval``, call by call. Raises click.Abort: Ctrl-C."""
    return {"decisions": [_decided(call) for call in asked.get("calls") or ()]}


def _decided(call: Mapping[str, Any]) -> dict[str, Any]:
    _show(call, call.get("arguments"))
    said: dict[str, Any] = {"call_id": call.get("id"), "arguments_hash": call.get("arguments_hash")}
    while True:
        letter = letter_of("", _LETTERS, default="n")
        if letter == "n":
            reason = str(click.prompt("Why not (for the agent; Enter: none)", default="", show_default=False, err=True))
            return {**said, "decision": "refuse", "reason": reason.strip()}
        if letter != "e":
            return {**said, "decision": _DECISIONS[letter]}
        edited = _edited(said.get("arguments", call.get("arguments")))
        if edited is not None:
            said["arguments"] = edited
            _show(call, edited)


def _show(call: Mapping[str, Any], arguments: Any) -> None:
    touches = _TOUCHES.get(str(call.get("touches")), "")
    click.echo(f"\n  {one_line(str(call.get('name')))} ({touches})", err=True)
    for line in json.dumps(arguments, ensure_ascii=False, indent=2).splitlines():
        click.echo(f"    {one_line(line)}", err=True)
    for by in call.get("asked_by") or ():
        note = str((by.get("rule") or {}).get("note") or "")
        click.echo(
            f"  asked for by the {one_line(str(by.get('layer')))} layer{': ' if note else ''}{fit(note)}", err=True
        )


def _edited(arguments: Any) -> Any:
    text = click.edit(json.dumps(arguments, ensure_ascii=False, indent=2), extension=".json", require_save=True)
    if text is None:
        click.echo("nothing changed", err=True)
        return None
    try:
        return json.loads(text)
    except ValueError as error:
        click.echo(f"this is no JSON: {error}", err=True)
        return None
