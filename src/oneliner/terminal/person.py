"""The person at the terminal, asked when a run waits for one: about a plan, a question, or after Ctrl-C."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

import click

from oneliner.terminal.approving import APPROVAL_HEADING, decided
from oneliner.terminal.forms import Field, fields_of, read, read_json
from oneliner.terminal.letters import letter_of
from oneliner.terminal.plain_text import fit, one_line
from oneliner.terminal.plan_text import from_text, to_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


#: What breaking off a prompt raises.
Aborted = click.Abort


class Choice(Enum):
    """What a person may want of a run that is followed."""

    GO_ON = "go on"
    CONFIRM = "confirm"
    CANCEL = "cancel"
    LEAVE = "leave"


@dataclass(frozen=True, slots=True)
class Edit:
    """The plan is to be changed: the body of the edit, without the revision."""

    changes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Revise:
    """The agent is to draft another plan."""

    instruction: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a question."""

    value: Any


def about_plan(plan: Mapping[str, Any]) -> Choice | Edit | Revise:
    """What to do about a plan that was shown."""
    while True:
        letter = letter_of(
            "\nConfirm, edit, another plan in words, cancel, or leave it waiting?",
            {"c": "confirm", "e": "edit", "a": "another", "x": "cancel", "l": "leave"},
            default="c",
        )
        match letter:
            case "c":
                return Choice.CONFIRM
            case "x":
                return Choice.CANCEL
            case "l":
                return Choice.LEAVE
            case "a":
                return Revise(click.prompt("What should be different", err=True))
            case _:
                edited = click.edit(to_text(plan), extension=".txt", require_save=True)
                changes = None if edited is None else from_text(edited)
                if changes is not None:
                    return Edit(changes)
                click.echo("nothing changed", err=True)


def about_block(asked: Mapping[str, Any]) -> Choice | Answer:
    """The answer to what a blocked run asks."""
    is_approval = asked.get("kind") == "approval"
    click.echo(f"\n{APPROVAL_HEADING if is_approval else _question(asked)}", err=True)
    click.echo("(Ctrl-C to leave it waiting, or to cancel the run)", err=True)
    schema: Mapping[str, Any] = asked.get("schema") or {}
    try:
        return Answer(decided(asked) if is_approval else _filled_in(fields_of(schema)))
    except click.Abort:
        return _leave_or_cancel()


def after_interrupt(*, goes_on: bool) -> Choice:
    """What Ctrl-C was meant to say. *goes_on*: the run goes on when we leave."""
    left = "leave it running" if goes_on else "leave it (it goes on when a server next runs on this data folder)"
    try:
        letter = letter_of(
            f"\nGo on watching, {left}, or cancel the run?", {"g": "go on", "l": "leave", "x": "cancel"}, default="l"
        )
    except click.Abort:
        return Choice.LEAVE
    return {"g": Choice.GO_ON, "x": Choice.CANCEL}.get(letter, Choice.LEAVE)


def _leave_or_cancel() -> Choice:
    try:
        letter = letter_of("\nLeave it waiting, or cancel the run?", {"l": "leave", "x": "cancel"}, default="l")
    except click.Abort:
        return Choice.LEAVE
    return Choice.CANCEL if letter == "x" else Choice.LEAVE


def _question(asked: Mapping[str, Any]) -> str:
    if asked.get("question"):
        return fit(str(asked["question"]))
    calls = [f"  {one_line(str(c.get('name')))} {one_line(str(c.get('arguments')))}" for c in asked.get("calls") or ()]
    heading = "Nobody knows whether these tool calls were carried out; whoever made them is gone:"
    return "\n".join([heading, *calls])


def _filled_in(fields: list[Field] | None) -> Any:
    if fields is None:
        return _asked("Answer (JSON)", read_json)
    answer: dict[str, Any] = {}
    for field in fields:
        if field.choices:
            for number, choice in enumerate(field.choices, 1):
                click.echo(f"  {number}. {one_line(str(choice))}", err=True)
        value = _asked(field.label, _reader(field), is_required=field.is_required)
        if value is not None:
            answer[field.name] = value
    return answer


def _reader(field: Field) -> Callable[[str], Any]:
    return lambda text: read(field, text)


def _asked(label: str, reader: Callable[[str], Any], *, is_required: bool = True) -> Any:
    """What was typed, read; None when nothing was and nothing need be."""
    shown = label if is_required else f"{label} (Enter: none)"
    while True:
        text = click.prompt(shown, default="", show_default=False, err=True)
        if not text.strip():
            if not is_required:
                return None
            continue
        try:
            return reader(text)
        except ValueError as error:
            click.echo(str(error), err=True)
