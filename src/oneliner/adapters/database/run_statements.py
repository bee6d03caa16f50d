"""The statements of the run store.

Sources and targets of a status change come from the one table in ``domain.run``; nothing here names a transition.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from sqlalchemy import and_, bindparam, case, exists, func, null, or_, select, update

from oneliner.adapters.database.encoding import TOTALS
from oneliner.adapters.database.statement import Statement, database_now, one_of
from oneliner.adapters.database.tables import agent_runs as runs
from oneliner.adapters.database.tables import lanes
from oneliner.domain.run import ENDED, MOVES, RunStatus, Trigger

if TYPE_CHECKING:
    from oneliner.domain.run import Move

_NOT_READ = {"status_summary", "active_admin_override_notice_json", "lease_owner", "lease_until", "purged_at"}
COLUMNS = tuple(c for c in runs.c if c.name not in _NOT_READ)
NAMES = tuple(c.name for c in COLUMNS)
__all__ = ["NAMES", "TOTALS"]

_EXECUTING = (RunStatus.RUNNING, RunStatus.DRAFTING)
_CLAIM = MOVES[Trigger.CLAIM]


@cache
def select_runs(keys: frozenset[str], *, lock: bool = False) -> Statement:
    """The SELECT for a combination of narrowing conditions; there are few, and each is compiled once."""
    query = select(*COLUMNS)
    for key, column in (
        ("key", runs.c.id),
        ("user_id", runs.c.user_id),
        ("project_id", runs.c.project_id),
        ("session_id", runs.c.session_id),
    ):
        if key in keys:
            query = query.where(column == bindparam(key))
    if "live" in keys:
        query = query.where(runs.c.deleted_at.is_(None))
    statuses = sorted(k for k in keys if k.startswith("status"))
    if statuses:
        query = query.where(runs.c.run_status.in_([bindparam(s) for s in statuses]))
    if "text" in keys:
        found = [func.lower(c).like(bindparam("text"), escape="\\") for c in (runs.c.title, runs.c.summary)]
        query = query.where(or_(*found))
    if "before" in keys:
        query = query.where(runs.c.id < bindparam("before"))
    if "limit" in keys:
        query = query.order_by(runs.c.id.desc()).limit(bindparam("limit"))
    # SQLite has no row locks and needs none: it has one writer.
    return Statement(query.with_for_update() if lock else query)


@cache
def move_statement(move: Move, changed: tuple[str, ...], *, fenced: bool) -> Statement:
    """The compare-and-set for *move*, with more columns to change."""
    query = update(runs).where(runs.c.id == bindparam("key"), one_of(runs.c.run_status, move.sources))
    if fenced:
        query = query.where(runs.c.fence == bindparam("fence_is"))
    values: dict[str, object] = {
        "run_status": str(move.target),
        "status_summary": str(move.target),
        "last_seq": runs.c.last_seq + bindparam("more_events"),
        "updated_at": bindparam("now"),
        # Every move ends the right of whoever held the lease; a claim is no move of this kind.
        "lease_owner": "",
        "lease_until": null(),
        "resumes_at": null(),
    }
    if move.target in ENDED:
        values["finished_at"] = bindparam("now")
    elif move.sources <= ENDED:
        values["finished_at"] = null()
    if move.target is RunStatus.QUEUED and move.trigger is not Trigger.RECOVER:
        # A run that comes back from its worker keeps the place it had.
        values["queued_at"] = bindparam("now")
    values |= {name: bindparam(f"new_{name}") for name in changed}
    return Statement(query.values(values).returning(*COLUMNS))


@cache
def touch_statement(changed: tuple[str, ...], *, fenced: bool) -> Statement:
    """A write that leaves the status as it is."""
    query = update(runs).where(runs.c.id == bindparam("key"))
    if fenced:
        query = query.where(runs.c.fence == bindparam("fence_is"), one_of(runs.c.run_status, _EXECUTING))
    values = {"last_seq": runs.c.last_seq + bindparam("more_events"), "updated_at": bindparam("now")}
    values |= {name: bindparam(f"new_{name}") for name in changed}
    return Statement(query.values(values).returning(*COLUMNS))


HOLD = Statement(select(runs.c.id).where(runs.c.id == bindparam("key")).with_for_update())
LANE_OF = Statement(select(runs.c.lane).where(runs.c.id == bindparam("key")))
_TAKEN = {
    "fence": runs.c.fence + 1,
    "lease_owner": bindparam("worker"),
    "lease_until": database_now() + bindparam("lease_ms"),
    "started_at": func.coalesce(runs.c.started_at, bindparam("now")),
    "updated_at": bindparam("now"),
}
_IS_ACTIVE = exists().where(lanes.c.key == runs.c.lane, lanes.c.active_run_id == runs.c.id)

CLAIM_QUEUED = Statement(
    update(runs)
    .where(
        runs.c.id == bindparam("key"),
        one_of(runs.c.run_status, _CLAIM.sources),
        runs.c.min_version <= bindparam("version"),
        _IS_ACTIVE,
    )
    .values(_TAKEN | {"run_status": str(_CLAIM.target), "status_summary": str(_CLAIM.target)})
    .returning(*COLUMNS)
)
CLAIM_DRAFTING = Statement(
    update(runs)
    .where(
        runs.c.id == bindparam("key"),
        runs.c.run_status == str(RunStatus.DRAFTING),
        runs.c.lease_owner == "",
        runs.c.min_version <= bindparam("version"),
    )
    .values(_TAKEN)
    .returning(*COLUMNS)
)
RENEW = Statement(
    update(runs)
    .where(runs.c.id == bindparam("key"), runs.c.lease_owner == bindparam("worker"))
    .values(lease_until=database_now() + bindparam("lease_ms"))
)
RELEASE = Statement(
    update(runs)
    .where(runs.c.id == bindparam("key"), runs.c.fence == bindparam("fence_is"))
    .values(lease_owner="", lease_until=null())
)
ADD_USAGE = Statement(
    update(runs)
    .where(runs.c.id == bindparam("key"))
    .values({name: runs.c[name] + bindparam(f"add_{name}") for name in TOTALS})
)
EXPIRED = Statement(
    select(*COLUMNS)
    .where(
        runs.c.lease_until < database_now(),
        one_of(runs.c.run_status, _EXECUTING),
        runs.c.min_version <= bindparam("version"),
    )
    .order_by(runs.c.lease_until)
    .limit(bindparam("limit"))
)
LEASED = Statement(
    select(*COLUMNS).where(
        runs.c.lease_until.is_not(None),
        one_of(runs.c.run_status, _EXECUTING),
        runs.c.min_version <= bindparam("version"),
    )
)
UNDELIVERED = Statement(
    select(runs.c.id)
    .where(
        or_(
            and_(runs.c.run_status == str(RunStatus.QUEUED), runs.c.queued_at <= bindparam("before"), _IS_ACTIVE),
            and_(
                runs.c.run_status == str(RunStatus.DRAFTING),
                runs.c.lease_owner == "",
                runs.c.updated_at <= bindparam("before"),
            ),
        ),
        runs.c.min_version <= bindparam("version"),
    )
    .order_by(case((runs.c.queued_at.is_(None), 0), else_=runs.c.queued_at))
    .limit(bindparam("limit"))
)
DUE_TO_RESUME = Statement(
    select(*COLUMNS)
    .where(
        runs.c.resumes_at <= bindparam("now"),
        runs.c.run_status == str(RunStatus.BLOCKED),
        runs.c.deleted_at.is_(None),
    )
    .order_by(runs.c.resumes_at)
    .limit(bindparam("limit"))
)
FIRST_QUEUED = Statement(
    select(runs.c.id)
    .where(runs.c.lane == bindparam("lane_is"), runs.c.run_status == str(RunStatus.QUEUED))
    .order_by(runs.c.queued_at, runs.c.id)
    .limit(1)
)
AHEAD = Statement(
    select(func.count())
    .select_from(runs)
    .where(
        runs.c.lane == bindparam("lane_is"),
        or_(
            runs.c.run_status == str(RunStatus.RUNNING),
            and_(
                runs.c.run_status == str(RunStatus.QUEUED),
                or_(
                    runs.c.queued_at < bindparam("queued"),
                    and_(runs.c.queued_at == bindparam("queued"), runs.c.id < bindparam("key")),
                ),
            ),
        ),
    )
)
DONE_BEFORE = Statement(
    select(*COLUMNS)
    .where(
        runs.c.user_id == bindparam("user"),
        runs.c.source_screen == bindparam("screen"),
        runs.c.source_action_key == bindparam("action_key"),
        runs.c.run_status == str(RunStatus.DONE),
    )
    .order_by(runs.c.id.desc())
    .limit(bindparam("limit"))
)
OPEN_IN_SESSION = Statement(
    select(*COLUMNS).where(
        runs.c.session_id == bindparam("session"),
        one_of(runs.c.run_status, set(RunStatus) - ENDED),
        runs.c.deleted_at.is_(None),
    )
)
