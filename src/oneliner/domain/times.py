"""Times, as they are told outside: RFC 3339 in UTC with milliseconds. Inside they are milliseconds since 1970."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from oneliner.domain.errors import Invalid

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def rfc3339(time_ms: int) -> str:
    """*time_ms* such as ``2026-03-05T08:15:30.250Z``."""
    return (_EPOCH + time_ms * _MILLISECOND).isoformat(timespec="milliseconds")[:-6] + "Z"


def time_from(text: str, field: str) -> int:
    """The inverse for what people write: a date, or a date with a time and its zone. Raises Invalid, naming *field*."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or (time.tzinfo is None and len(text) > len("2026-03-05")):
        raise Invalid(
            f"{field}: {text!r} is no time; write it as 2026-03-05T08:15:30Z, or a date as 2026-03-05", field=field
        )
    since_epoch = (time if time.tzinfo else time.replace(tzinfo=UTC)) - _EPOCH
    if since_epoch < timedelta():
        raise Invalid(f"{field}: {text!r} is before 1970", field=field)
    return since_epoch // _MILLISECOND
