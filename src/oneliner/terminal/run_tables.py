"""Runs as tables and text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from oneliner.terminal.bill import cost_of
from oneliner.terminal.plain_text import fit, one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ID_CHARS = 36
_TIME_CHARS = 16
_COLOURS = {"done": "green", "failed": "red", "running": "cyan", "blocked": "yellow", "needs_confirmation": "yellow"}
_MARKS = {"done": "✓", "skipped": "–", "active": "▸", "pending": "·"}


def run_table(runs: Sequence[Mapping[str, Any]]) -> Table:
    """A line for each of *runs*; whose they are is told when they are not all of one user."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    has_users = len({run["user_id"] for run in runs}) > 1
    widths = {"id": _ID_CHARS, "status": None, **({"user": None} if has_users else {}), "created": _TIME_CHARS}
    for name, width in widths.items():
        table.add_column(name, no_wrap=True, min_width=width)
    table.add_column("cost", justify="right", no_wrap=True, min_width=9)
    table.add_column("title", overflow="ellipsis", no_wrap=True)
    for run in runs:
        status = str(run["run_status"])
        cells = [Text(str(run["id"])), Text(status, _COLOURS.get(status, ""))]
        cells += [Text(one_line(str(run["user_id"]), 20))] if has_users else []
        created = str(run["created_at"]).replace("T", " ")[:_TIME_CHARS]
        table.add_row(*cells, Text(created), Text(_cost(run)), Text(one_line(str(run["title"]))))
    return table


def run_line(run: Mapping[str, Any]) -> str:
    """One run for a program: id, status, user, time, cost and title, separated by tabs."""
    fields = (run["id"], run["run_status"], run["user_id"], run["created_at"], _cost(run), run["title"])
    return "\t".join(one_line(str(field)) for field in fields)


def _cost(run: Mapping[str, Any]) -> str:
    cost = run["usage"]["cost"]
    return "?" if cost is None else f"${cost}"


def run_text(run: Mapping[str, Any]) -> str:
    """All that a person wants to know of one run."""
    lines = [one_line(str(run["title"]), 400), ""]
    facts = {
        "run": run["id"],
        "session": run["session_id"],
        "user": run["user_id"],
        "project": run["project_id"],
        "status": f"{run['run_status']}" + (f" ({run['reason']})" if run["reason"] else ""),
        "may be": ", ".join(run["allowed_actions"]),
        "created": run["created_at"],
        "started": run["started_at"],
        "finished": run["finished_at"],
        "cost": cost_of(run["usage"]).removeprefix("cost "),
        "tokens": f"{run['usage']['input_tokens']:,} in, {run['usage']['output_tokens']:,} out",
    }
    lines += [f"{name:<9} {one_line(str(value))}" for name, value in facts.items() if value]
    steps = run["plan"]["steps"]
    if steps:
        lines += ["", f"Plan: {one_line(str(run['plan']['goal']), 2_000)}"]
        for step in steps:
            note = f" – {one_line(str(step['note']))}" if step.get("note") else ""
            lines.append(f"  {_MARKS.get(str(step['status']), '·')} {one_line(str(step['title']), 1_000)}{note}")
    blocked = run.get("blocked") or {}
    if blocked:
        lines += ["", f"Asks: {fit(str(blocked.get('question') or blocked.get('kind')))}"]
    result = run.get("result") or {}
    if result.get("text") or result.get("error"):
        lines += ["", fit(str(result.get("text") or result.get("error")))]
    return "\n".join(lines)
