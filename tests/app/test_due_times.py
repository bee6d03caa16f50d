"""When schedules are due: the library's answer is that of a look at every minute there is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oneliner.app import due_times
from oneliner.domain.errors import Invalid

MINUTE = timedelta(minutes=1)
DAYS = 3
# Clocks that go forward and back at night, at midnight, by half an hour, southern, and not at all.
CHANGES = [
    ("Europe/Berlin", datetime(2026, 3, 28, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 24, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 3, 7, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 10, 31, tzinfo=UTC)),
    ("Africa/Cairo", datetime(2026, 4, 23, tzinfo=UTC)),
    ("Africa/Cairo", datetime(2026, 10, 28, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 2, tzinfo=UTC)),
    ("Asia/Shanghai", datetime(2026, 5, 1, tzinfo=UTC)),
    ("UTC", datetime(2026, 2, 27, tzinfo=UTC)),
]


def field(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    return st.one_of(
        st.just("*"),
        number.map(str),
        st.integers(1, high).map(lambda step: f"*/{step}"),
        st.lists(number, min_size=2, max_size=4, unique=True).map(lambda some: ",".join(map(str, sorted(some)))),
        st.tuples(number, number).map(lambda ends: f"{min(ends)}-{max(ends)}"),
    )


crons = st.tuples(field(0, 59), field(0, 4) | field(0, 23), st.just("*"), st.just("*"), field(0, 6)).map(" ".join)


def numbers(text: str, low: int, high: int) -> set[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        start, stop = (low, high) if span == "*" else (int(first), int(last or first))
        found |= set(range(start, stop + 1))
        if step:
            found = set(sorted(found)[:: int(step)])
    return found


def matches(cron: str, wall: datetime) -> bool:
    minute, hour, _, _, weekday = cron.split()
    return (
        wall.minute in numbers(minute, 0, 59)
        and wall.hour in numbers(hour, 0, 23)
        and wall.isoweekday() % 7 in numbers(weekday, 0, 6)
    )


def exists(wall: datetime) -> bool:
    return wall.astimezone(UTC).astimezone(wall.tzinfo).replace(tzinfo=None) == wall.replace(tzinfo=None)


def by_every_minute(cron: str, zone: ZoneInfo, since: datetime, until: datetime) -> list[int]:
    """The due times after *since* and before *until*, found without any cleverness."""
    found: set[datetime] = set()
    minute, hour, *_ = cron.split()
    if minute.startswith("*") or hour.startswith("*"):
        at = since
        while at < until:
            if matches(cron, at.astimezone(zone)):
                found.add(at)
            at += MINUTE
    else:
        wall = (since - timedelta(days=1)).replace(tzinfo=None)
        while wall < (until + timedelta(days=1)).replace(tzinfo=None):
            if matches(cron, wall):
                there = wall.replace(tzinfo=zone)
                while not exists(there):
                    there += MINUTE
                found.add(there.astimezone(UTC))
            wall += MINUTE
    return sorted(int(at.timestamp() * 1000) for at in found if since < at < until)


@settings(max_examples=400)
@given(crons, st.sampled_from(CHANGES))
def test_due_times_are_those_of_a_look_at_every_minute(cron: str, change: tuple[str, datetime]) -> None:
    name, since = change
    until = since + timedelta(days=DAYS)
    expected = by_every_minute(cron, ZoneInfo(name), since, until)
    found: list[int] = []
    after = int(since.timestamp() * 1000)
    while True:
        due = due_times.next_due(cron, name, after)
        if due is None or due >= until.timestamp() * 1000:
            break
        found.append(due)
        after = due
        if len(found) > 60:
            break
    assert found == expected[: len(found)]
    assert len(found) > 60 or len(found) == len(expected)


@pytest.mark.parametrize(
    ("cron", "zone", "after", "due"),
    [
        # 2:30 does not come on that day: it is made up for as soon as it is 3:00.
        ("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00+00:00", ["2026-03-29T01:00", "2026-03-30T00:30"]),
        # 2:30 comes twice: the first counts.
        ("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00+00:00", ["2026-10-25T00:30", "2026-10-26T01:30"]),
        # Every half hour is every half hour that passes.
        (
            "*/30 2 * * *",
            "Europe/Berlin",
            "2026-10-24T12:00+00:00",
            ["2026-10-25T00:00", "2026-10-25T00:30", "2026-10-25T01:00"],
        ),
    ],
)
def test_where_clocks_change(cron: str, zone: str, after: str, due: list[str]) -> None:
    at = int(datetime.fromisoformat(after).timestamp() * 1000)
    found: list[str] = []
    for _ in due:
        at = due_times.next_due(cron, zone, at) or 0
        found.append(datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="minutes")[:16])
    assert found == due


@given(crons, st.sampled_from(CHANGES), st.integers(0, DAYS * 24 * 60))
def test_the_latest_due_time_is_the_last_of_those_that_came(
    cron: str, change: tuple[str, datetime], minutes: int
) -> None:
    name, since = change
    now_ms = int((since + minutes * MINUTE).timestamp() * 1000)
    first = due_times.next_due(cron, name, int(since.timestamp() * 1000))
    assert first is not None
    if first > now_ms:
        return
    latest = due_times.latest_due(cron, name, first, now_ms)
    assert first <= latest <= now_ms
    following = due_times.next_due(cron, name, latest)
    assert following is not None
    assert following > now_ms


@pytest.mark.parametrize(
    ("cron", "zone", "field"),
    [
        ("0 9 * *", "UTC", "cron"),
        ("0 0 9 * * *", "UTC", "cron"),
        ("61 9 * * *", "UTC", "cron"),
        ("0 9 31 2 *", "UTC", "cron"),
        ("@daily", "UTC", "cron"),
        ("0 9 * * *", "Mars/Base", "timezone"),
        ("0 9 * * *", "../etc/passwd", "timezone"),
        ("0 9 * * *", "", "timezone"),
    ],
)
def test_what_is_no_schedule_is_refused_and_says_which_part(cron: str, zone: str, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        due_times.check(cron, zone, 0)
    assert refused.value.params["field"] == field
