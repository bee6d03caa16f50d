"""When a cron expression is due in a time zone.

What happens where clocks change, as in Debian's cron: an expression whose minute and hour are fixed is due once at each
of its times on the wall clock: the first time where a time comes twice, and as soon as the clocks have gone forward where
a time does not come at all. An expression whose minute or hour begins with ``*`` goes by the time that really passes.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from datetime import timezone as fixed_zone
from itertools import islice
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from oneliner.domain.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterator

_FIELDS = 5
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
_HOUR_MS = 3_600_000
#: How far to look back for the latest due time, in steps: an expression that is due often is due recently.
_LOOK_BACK_MS = (_HOUR_MS, 24 * _HOUR_MS, 40 * 24 * _HOUR_MS, 5 * 366 * 24 * _HOUR_MS)


def check(cron: str, timezone: str, now_ms: int) -> int:
    """The first due time after *now_ms*. Raises Invalid: no such time zone, no cron expression, or one that is never
    due.
    """
    try:
        zone = ZoneInfo(timezone)
    except (KeyError, ValueError, OSError):
        raise Invalid(
            f"{timezone!r} is no time zone; use a name such as 'UTC', 'Europe/Berlin' or 'Asia/Shanghai'",
            field="timezone",
        ) from None
    fields = cron.split()
    if len(fields) != _FIELDS:
        raise Invalid(
            f"a cron expression has {_FIELDS} fields (minute, hour, day of month, month, day of week), not {len(fields)}",
            field="cron",
        )
    try:
        CronSim(cron, datetime.now(zone))
    except CronSimError as error:
        raise Invalid(f"{cron!r} is no cron expression: {error}", field="cron") from error
    first = next_due(cron, timezone, now_ms)
    if first is None:
        raise Invalid(f"{cron!r} is never due", field="cron")
    return first


def next_due(cron: str, timezone: str, after_ms: int) -> int | None:
    """The first due time after *after_ms*, or None when there is none in fifty years."""
    return next(_after(cron, timezone, after_ms), None)


def upcoming(cron: str, timezone: str, after_ms: int, count: int) -> list[int]:
    """The first *count* due times after *after_ms*; fewer when there are no more in fifty years. Raises Invalid: see
    :func:`check`.
    """
    check(cron, timezone, after_ms)
    return list(islice(_after(cron, timezone, after_ms), count))


def latest_due(cron: str, timezone: str, first_ms: int, now_ms: int) -> int:
    """The latest due time up to *now_ms*, knowing that *first_ms* is one."""
    for back in _LOOK_BACK_MS:
        since = max(now_ms - back, first_ms)
        latest = None
        for due in _after(cron, timezone, since - 1):
            if due > now_ms:
                break
            latest = due
        if latest is not None:
            return latest
    return first_ms


def _after(cron: str, timezone: str, after_ms: int) -> Iterator[int]:
    """Every due time after *after_ms*, in order."""
    zone = ZoneInfo(timezone)
    after = _EPOCH + after_ms * _MILLISECOND
    minute, hour, *_ = cron.split()
    goes_by_passing_time = minute.startswith("*") or hour.startswith("*")
    for due in _by_passing_time(cron, zone, after) if goes_by_passing_time else _by_the_wall(cron, zone, after):
        yield (due - _EPOCH) // _MILLISECOND


def _by_the_wall(cron: str, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    # From a while before: at a change of clocks the wall clock alone does not say which of two times was meant.
    latest = after
    for found in CronSim(cron, (after - 3 * _HOUR).astimezone(zone)):
        due = found.astimezone(UTC)
        if due > latest:
            latest = due
            yield due


def _by_passing_time(cron: str, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    # Stretch by stretch of one offset: the library steps by whole hours, and some clocks change by half of one.
    at = after
    while True:
        offset = (at + _MINUTE).astimezone(zone).utcoffset() or timedelta()
        found = next(CronSim(cron, at.astimezone(fixed_zone(offset))), None)
        if found is None:
            return
        due = found.astimezone(UTC)
        change = _first_change(zone, at + _MINUTE, due, offset)
        if change is None:
            at = due
            yield due
        else:
            # The minute before the first one with the other offset, which may be due itself.
            at = change - _MINUTE


def _first_change(zone: ZoneInfo, since: datetime, until: datetime, offset: timedelta) -> datetime | None:
    """The first whole minute from *since* to *until* at which the clocks are not at *offset*, or None."""

    def differs(at: datetime) -> bool:
        return at.astimezone(zone).utcoffset() != offset

    before = since
    while before < until:
        behind = min(before + _DAY, until)
        if differs(behind):
            low, high = (before - _EPOCH) // _MINUTE, -((_EPOCH - behind) // _MINUTE)
            while low + 1 < high:
                middle = (low + high) // 2
                low, high = (low, middle) if differs(_EPOCH + middle * _MINUTE) else (middle, high)
            return _EPOCH + high * _MINUTE
        before = behind
    return None
