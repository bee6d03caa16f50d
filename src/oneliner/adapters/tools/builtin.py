"""Tools that every deployment has."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from oneliner.adapters.tools.arithmetic import calculate
from oneliner.adapters.tools.declaration import tool
from oneliner.app.tools import ToolFailed

_SHOWN_CHARS = 80


@tool(read_only=True, timeout_seconds=5)
async def current_time(time_zone: str = "UTC") -> dict[str, str]:
    """Tell the current date and time in a time zone.

    Args:
        time_zone: IANA name of the time zone, such as Asia/Shanghai or Europe/Paris.
    """
    try:
        zone = ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        given = repr(time_zone[:_SHOWN_CHARS])
        raise ToolFailed(f"{given} is no IANA time zone; use a name such as Asia/Shanghai or UTC") from error
    now = datetime.now(zone)
    return {"time": now.isoformat(timespec="seconds"), "weekday": now.strftime("%A"), "time_zone": time_zone}


@tool(read_only=True, timeout_seconds=10)
def calculator(expression: str) -> str:
    """Calculate an arithmetic expression exactly, with decimals and fractions of any practical size.

    Args:
        expression: Numbers with + - * / // % ** and parentheses, and abs, round, min, max, sum, such as
            (12.5 + 7) * 3 or round(100 / 7, 2).
    """
    try:
        return calculate(expression)
    except ValueError as error:
        raise ToolFailed(f"not calculated: {error}") from error


BUILTIN_TOOLS = (current_time, calculator)
