"""What must hold after a campaign, whatever was done to it: ten statements, each a function of what was found.

Each raises AssertionError. They read the rows of the database and what was seen from outside; nothing of the product
is asked.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from oneliner.testing import Outcome
from tests.chaos.conversation import number_in, wanted_in
from tests.e2e.followers import check_transcript
from tests.support.invariants import check_histories, check_lanes, check_totals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from oneliner.testing import ServedCall
    from tests.e2e.followers import Transcript

    Row = Mapping[str, Any]

_WAITING = {"done", "cancelled", "failed", "blocked", "needs_confirmation"}


@dataclass(frozen=True)
class Evidence:
    """What was found: every row, what the users were told to be accepted, what was served, and what was seen."""

    tables: Mapping[str, list[Row]]
    accepted: Iterable[str]
    #: Calls of the model: number, the work they belong to, and the server's line of the bill.
    served: Sequence[tuple[int, str, ServedCall]]
    #: By idempotency key: effects of the tool that may not be done twice, and how often a person asked for another.
    effects: Mapping[str, int]
    run_again: Mapping[str, int]
    of_runs: Mapping[str, Transcript]
    of_users: Mapping[str, Transcript]
    #: Answers to requests for what is another user's: (path, status).
    foreign: Sequence[tuple[str, int]]


def i1_every_accepted_run_ended_or_waits_for_a_person(found: Evidence) -> None:
    runs = {r["id"]: r["run_status"] for r in found.tables["agent_runs"]}
    assert sorted(runs) == sorted(found.accepted)
    assert set(runs.values()) <= _WAITING, Counter(runs.values())
    assert not [m["id"] for m in found.tables["messages"] if m["state"] == "streaming"]


def i2_i3_sequences_are_gapless_and_each_life_has_one_end(found: Evidence) -> None:
    check_histories(found.tables)


def i4_fences_never_go_back(found: Evidence) -> None:
    """Neither along the events that name one, nor along the messages; and each fence is claimed once."""
    events = sorted(found.tables["agent_run_events"], key=lambda e: e["seq"])
    claimed: defaultdict[str, list[int]] = defaultdict(list)
    for event in events:
        if event["event_type"] == "run.started":
            claimed[event["run_id"]].append(json.loads(event["details_json"])["fence"])
    begun: defaultdict[str, list[int]] = defaultdict(list)
    for message in sorted(found.tables["messages"], key=lambda m: (m["run_id"], m["position"])):
        fence = json.loads(message["details_json"]).get("fence") if message["role"] == "assistant" else None
        if fence is not None:
            begun[message["run_id"]].append(fence)
    for run_id, fences in claimed.items():
        assert fences == sorted(set(fences)), f"fences of run {run_id}: {fences}"
    for run_id, fences in begun.items():
        assert fences == sorted(fences), f"fences of the messages of run {run_id}: {fences}"


def i5_what_may_not_be_done_twice_is_not(found: Evidence) -> None:
    """One effect for each key, and one more for each time that a person who looked asked for it."""
    for key, count in found.effects.items():
        assert count <= 1 + found.run_again.get(key, 0), f"{count} effects of {key}"
    done = {c["idempotency_key"] for c in found.tables["tool_calls"] if c["name"] == "once" and c["state"] == "done"}
    assert done <= {key for key, count in found.effects.items() if count}, "a call is done that had no effect"


def i6_bills_are_what_was_served(found: Evidence) -> None:
    """Each complete answer was served once, whole, and for these tokens; each call that was served and is not stored
    has a message of its run that says so, with a bill by estimate.
    """
    served = {number: (wanted, call) for number, wanted, call in found.served}
    run_of = {
        wanted: m["run_id"]
        for m in found.tables["messages"]
        if m["role"] == "user" and (wanted := wanted_in(m["content"]))
    }
    stored: set[int] = set()
    estimated: Counter[str] = Counter()
    for message in found.tables["messages"]:
        if message["role"] != "assistant":
            continue
        if message["state"] != "complete":
            estimated[message["run_id"]] += message["estimated"]
            continue
        number = number_in(message["content"])
        assert number is not None
        assert number not in stored, f"the answer of call {number} is stored twice"
        stored.add(number)
        call = served[number][1]
        assert call.outcome is Outcome.COMPLETED
        bill = (message["input_tokens"], message["output_tokens"], message["cached_tokens"])
        assert bill == (call.prompt_tokens, call.completion_tokens, call.cached_tokens), f"the bill of call {number}"
        assert not message["estimated"]
    lost = Counter(run_of[wanted] for number, (wanted, _) in served.items() if number not in stored)
    for run_id, count in lost.items():
        assert count <= estimated[run_id], f"{count} calls of run {run_id} were lost, {estimated[run_id]} are billed"


def i7_every_reader_was_told_the_log(found: Evidence) -> None:
    events = sorted(found.tables["agent_run_events"], key=lambda e: e["owner_seq"])
    stored = {m["id"]: m["content"] for m in found.tables["messages"]}
    deleted = {r["id"] for r in found.tables["agent_runs"] if r["deleted_at"] is not None}
    of_runs: defaultdict[str, list[Row]] = defaultdict(list)
    for event in events:
        of_runs[event["run_id"]].append(event)
    for run_id, told in found.of_runs.items():
        # A reader is let go when the session is deleted; until then it was told the log.
        log = of_runs[run_id][: len(told.events)] if run_id in deleted else of_runs[run_id]
        check_transcript(told, log, stored)
    for user, told in found.of_users.items():
        check_transcript(told, [e for e in events if e["user_id"] == user], stored)


def i8_a_lane_has_one_active_run_and_is_not_stuck(found: Evidence) -> None:
    check_lanes(found.tables)


def i9_nothing_foreign_is_readable(found: Evidence) -> None:
    assert found.foreign
    for path, status in found.foreign:
        assert status == 404, (path, status)


def i10_totals_are_exact(found: Evidence) -> None:
    check_totals(found.tables)


ALL: Sequence[Callable[[Evidence], None]] = (
    i1_every_accepted_run_ended_or_waits_for_a_person,
    i2_i3_sequences_are_gapless_and_each_life_has_one_end,
    i4_fences_never_go_back,
    i5_what_may_not_be_done_twice_is_not,
    i6_bills_are_what_was_served,
    i7_every_reader_was_told_the_log,
    i8_a_lane_has_one_active_run_and_is_not_stuck,
    i9_nothing_foreign_is_readable,
    i10_totals_are_exact,
)


def check_all(found: Evidence) -> None:
    """All of them."""
    for check in ALL:
        check(found)
