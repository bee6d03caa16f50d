"""``/v2/oneliner/usage``: what was used, and what it cost."""

import time
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from oneliner.app import usage
from oneliner.app.ports import Page, UsageFilter
from oneliner.domain.errors import Forbidden, Invalid
from oneliner.domain.times import rfc3339, time_from
from oneliner.web import shapes
from oneliner.web.answer import JsonAnswer
from oneliner.web.answer_schemas import Bill
from oneliner.web.call import Incoming
from oneliner.web.csv_answer import MEDIA_TYPE, CsvAnswer, wants_csv
from oneliner.web.description import described
from oneliner.web.parameters import MAX_ID_CHARS, Before, ProjectFilter, Text, Time
from oneliner.web.routing import Endpoint

router = APIRouter(route_class=Endpoint)

BILL_DAYS = 30
MAX_LINES = 1_000
MAX_CSV_LINES = 100_000
CSV_COLUMNS = (
    "key",
    "message_count",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "total_tokens",
    "cost",
    "unpriced_messages",
    "estimated",
    "tool_calls",
)


_CSV: dict[int | str, dict[str, Any]] = {200: {"content": {MEDIA_TYPE: {"schema": {"type": "string"}}}}}


@router.get(
    "/v2/oneliner/usage",
    response_model=Bill,
    responses=_CSV,
    operation_id="getUsage",
    tags=["usage"],
    summary="Read the bill",
    openapi_extra=described(refuses=(Forbidden,)),
)
async def get_usage(
    call: Incoming,
    group_by: usage.GroupBy = usage.GroupBy.DAY,
    since: Time = None,
    until: Time = None,
    project_id: ProjectFilter = None,
    user_id: Annotated[Text | None, Query(max_length=MAX_ID_CHARS, description="Only of this user.")] = None,
    session_id: Annotated[Text | None, Query(max_length=64, description="Only of one session.")] = None,
    model: Annotated[Text | None, Query(max_length=200, description="Only of this model.")] = None,
    executor: Annotated[Text | None, Query(max_length=200, description="Only of this executor.")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LINES, description="At most this many lines; not for CSV.")] = 100,
    before: Before = None,
    format: Annotated[  # noqa: A002 - the parameter's name outside
        Literal["json", "csv"] | None, Query(description="Otherwise as `Accept` says.")
    ] = None,
) -> Response:
    """Tokens and cost of what the caller's runs used (an administrator: everybody's), the last 30 days (UTC) by default.

    `total` is the sum of all lines, to the last digit. CSV has all of them at once.
    """
    until_ms = _tomorrow() if until is None else time_from(until, "until")
    since_ms = max(until_ms - BILL_DAYS * shapes.MS_PER_DAY, 0) if since is None else time_from(since, "since")
    only = UsageFilter(since_ms, until_ms, user_id, project_id, session_id, model, executor)
    is_csv = wants_csv(call.request) if format is None else format == "csv"
    is_day = group_by is usage.GroupBy.DAY
    cursor = _day_of(before) if is_day and before is not None else before
    part = Page(MAX_CSV_LINES, cursor) if is_csv else Page(limit + 1, cursor)
    rows, total = await call.read(lambda tx: usage.bill(tx, call.caller, group_by, only, part))
    items = [shapes.bill_to_json(row, is_day=is_day) for row in rows]
    if is_csv:
        return CsvAnswer(f"usage-by-{group_by}.csv", CSV_COLUMNS, items)
    shown, following = shapes.page_of(items, limit, lambda line: str(line["key"]))
    told = {
        "group_by": group_by,
        "since": rfc3339(since_ms),
        "until": rfc3339(until_ms),
        "total": shapes.bill_to_json(total, is_day=False),
    }
    return JsonAnswer({**shapes.listed(shown, following), **told})


def _tomorrow() -> int:
    """When the next day begins, UTC: a bill up to now is one of whole days, today included."""
    return (int(time.time() * 1000) // shapes.MS_PER_DAY + 1) * shapes.MS_PER_DAY


def _day_of(date: str) -> str:
    """The cursor of a day (days since 1970) as the store has it. Raises Invalid."""
    number = time_from(date, "before") // shapes.MS_PER_DAY
    if rfc3339(number * shapes.MS_PER_DAY)[:10] != date:
        raise Invalid(f"before: {date!r} is no next_cursor of the bill by day", field="before")
    return str(number)
