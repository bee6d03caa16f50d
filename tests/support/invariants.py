"""What must hold in a database at any moment between two transactions, read from its rows alone."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from oneliner.adapters.database.encoding import TOTALS
from oneliner.domain.budget import DAY_MS
from oneliner.domain.event import EventType
from oneliner.domain.run import BEGINNINGS, ENDED, MOVES, TERMINAL_EVENTS, RunStatus
from tests.support.databases import tables as tables_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    Row = Mapping[str, Any]
    Tables = Mapping[str, list[Row]]

_EXECUTING = {RunStatus.RUNNING, RunStatus.DRAFTING}
_MOVING = {move.events[0] for move in MOVES.values()}


def check_database(path: Path) -> None:
    """Raises AssertionError: the rows of the database at *path* contradict each other."""
    check_rows(tables_of(path))


def check_rows(tables: Tables) -> None:
    """Raises AssertionError: *tables* contradict each other."""
    check_histories(tables)
    check_totals(tables)
    check_lanes(tables)
    _check_budgets(tables)
    for run in tables["agent_runs"]:
        of_run = [m for m in tables["messages"] if m["run_id"] == run["id"]]
        _check_calls(of_run, [c for c in tables["tool_calls"] if c["run_id"] == run["id"]])
        is_held = run["lease_owner"] != "" or run["lease_until"] is not None
        assert not is_held or run["run_status"] in _EXECUTING, f"a lease on run {run['id']}"


def check_histories(tables: Tables) -> None:
    """Each run's events are gapless, make a way through the table of moves, and have one end for each life; each user's
    cursor counts all of his events.
    """
    of_runs: defaultdict[str, list[Row]] = defaultdict(list)
    of_users: defaultdict[str, list[int]] = defaultdict(list)
    for event in tables["agent_run_events"]:
        of_runs[event["run_id"]].append(event)
        of_users[event["user_id"]].append(event["owner_seq"])
    for run in tables["agent_runs"]:
        _check_history(run, of_runs[run["id"]])
    for user in tables["users"]:
        cursors = sorted(of_users[user["id"]])
        assert cursors == list(range(1, user["event_cursor"] + 1)), f"cursor of user {user['id']}"


def check_totals(tables: Tables) -> None:
    """Runs and sessions have the sums of their messages, to the last digit."""
    for name, key in (("agent_runs", "run_id"), ("sessions", "session_id")):
        grouped: defaultdict[str, list[Row]] = defaultdict(list)
        for message in tables["messages"]:
            grouped[message[key]].append(message)
        for row in tables[name]:
            assert _sums(grouped[row["id"]]) == _totals(row), f"totals of {key} {row['id']}"
            if name == "sessions":
                assert sorted(m["position"] for m in grouped[row["id"]]) == list(range(1, row["message_count"] + 1))


def check_ended(path: Path) -> None:
    """Raises AssertionError: a run has not ended, or left a message or a call open."""
    tables = tables_of(path)
    assert {r["run_status"] for r in tables["agent_runs"]} <= ENDED
    assert not [m for m in tables["messages"] if m["state"] == "streaming"]


def all_text(path: Path) -> str:
    """Every value of every table, one to a line."""
    return "\n".join(str(value) for rows in tables_of(path).values() for row in rows for value in dict(row).values())


def _totals(row: Row) -> dict[str, int]:
    return {name: row[name] for name in TOTALS}


def _sums(messages: Iterable[Row]) -> dict[str, int]:
    settled = [m for m in messages if m["state"] != "streaming"]
    return {
        "input_tokens": sum(m["input_tokens"] for m in settled),
        "output_tokens": sum(m["output_tokens"] for m in settled),
        "cached_tokens": sum(m["cached_tokens"] for m in settled),
        "cost_nanos": sum(m["cost_nanos"] or 0 for m in settled),
        "unpriced_count": sum(1 for m in settled if m["cost_nanos"] is None),
        "estimated_count": sum(m["estimated"] for m in settled),
    }


def _check_history(run: Row, events: list[Row]) -> None:
    events = sorted(events, key=lambda e: e["seq"])
    assert [e["seq"] for e in events] == list(range(1, run["last_seq"] + 1)), f"sequence of run {run['id']}"
    if run["purged_at"] is not None:
        assert {(e["summary"], e["details_json"]) for e in events} == {("", "{}")}, f"content of run {run['id']}"
        return
    assert events[0]["event_type"] == EventType.RUN_CREATED
    status = RunStatus(json.loads(events[0]["details_json"])["run_status"])
    assert status in BEGINNINGS
    for event in events[1:]:
        if event["event_type"] not in _MOVING:
            continue
        target = RunStatus(json.loads(event["details_json"])["run_status"])
        fits = [
            m
            for m in MOVES.values()
            if m.events[0] == event["event_type"] and status in m.sources and m.target == target
        ]
        assert fits, f"run {run['id']}: {event['event_type']} from {status} to {target}"
        status = target
    assert status == run["run_status"], f"status of run {run['id']}"
    # A life is what lies between two retries: it has one end at most, and nothing comes behind it.
    lives: list[list[Row]] = [[]]
    for event in events:
        if event["event_type"] == EventType.RUN_RETRIED:
            lives.append([])
        lives[-1].append(event)
    for n, life in enumerate(lives):
        ends = [e["seq"] for e in life if e["event_type"] in TERMINAL_EVENTS]
        has_ended = n < len(lives) - 1 or status in ENDED
        assert ends == ([life[-1]["seq"]] if has_ended else []), f"ends of run {run['id']}"


def _check_calls(messages: list[Row], calls: list[Row]) -> None:
    finished = [c for c in calls if c["state"] in {"done", "failed", "denied"}]
    results = [m for m in messages if m["role"] == "tool"]
    assert sorted(c["call_id"] for c in finished) == sorted(m["tool_call_id"] for m in results)
    assert len({c["idempotency_key"] for c in calls}) == len(calls)


def check_lanes(tables: Tables) -> None:
    """At most one run of a lane is active, and where one waits, one may go."""
    runs = {r["id"]: r for r in tables["agent_runs"]}
    active = {lane["key"]: lane["active_run_id"] for lane in tables["lanes"] if lane["active_run_id"]}
    for lane, run_id in active.items():
        assert runs[run_id]["lane"] == lane
        assert runs[run_id]["run_status"] in {RunStatus.QUEUED, RunStatus.RUNNING}, f"lane {lane} is held by {run_id}"
    for run in runs.values():
        if run["run_status"] == RunStatus.RUNNING:
            assert active.get(run["lane"]) == run["id"], f"{run['id']} runs out of turn"
        if run["run_status"] == RunStatus.QUEUED:
            assert active.get(run["lane"]), f"nobody may go in lane {run['lane']}"


def _check_budgets(tables: Mapping[str, list[Row]]) -> None:
    """What a counter says is what the messages say; one that is to be counted again says nothing yet."""
    columns = {"run": "run_id", "user_day": "user_id", "project_day": "project_id"}
    for counter in [c for c in tables["budget_counters"] if c["turn"]]:
        key = [counter["budget"], counter["of"], counter["day"]]
        counted = [
            m
            for m in tables["messages"]
            if (key[0] == "day" or m[columns[key[0]]] == key[1])
            and (key[0] == "run" or m["created_at"] // DAY_MS == key[2])
        ]
        is_open = [m for m in counted if m["state"] == "streaming"]
        assert counter["used_nanos"] == sum(m["cost_nanos"] or 0 for m in counted if m not in is_open), f"used of {key}"
        assert counter["reserved_nanos"] == sum(m["reserved_nanos"] for m in is_open), f"reserved of {key}"
