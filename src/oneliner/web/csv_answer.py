"""Tables as CSV (RFC 4180, UTF-8) that a spreadsheet opens without being made to calculate."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from starlette.requests import Request

MEDIA_TYPE = "text/csv"
#: What begins a formula in some spreadsheet; names of projects and users come from anywhere.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


class CsvAnswer(Response):
    """*rows* under a line of *columns*, to be kept as a file *name*."""

    media_type = MEDIA_TYPE

    def __init__(self, name: str, columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
        headers = {"Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="{name}"'}
        super().__init__(csv_text(columns, rows).encode(), headers=headers)


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> str:
    """A line of *columns*, and one for each of *rows*."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([[_cell(row[column]) for column in columns] for row in rows])
    return text.getvalue()


def wants_csv(request: Request) -> bool:
    """Whether the client takes CSV rather than JSON."""
    accepted = [part.split(";")[0].strip() for part in request.headers.get("accept", "").split(",")]
    return MEDIA_TYPE in accepted and "application/json" not in accepted


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str() if value.startswith(_FORMULA):
            return f"'{value}"
        case _:
            return str(value)
