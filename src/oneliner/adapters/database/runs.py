"""Runs in the database. The one place that writes ``run_status``, and only ever by compare-and-set."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert

from oneliner.adapters.database import run_statements as sql
from oneliner.adapters.database.encoding import from_json, like, to_json, totals_of, totals_values
from oneliner.adapters.database.statement import Statement
from oneliner.adapters.database.tables import agent_runs
from oneliner.domain.errors import NotFound
from oneliner.domain.plan import plan_from_json, plan_to_json
from oneliner.domain.policy_json import snapshot_from_json, snapshot_to_json
from oneliner.domain.run import Reason, Run, RunStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from oneliner.adapters.database.statement import Driver
    from oneliner.app.ports import Page, RunFilter, Scope
    from oneliner.domain.plan import Plan
    from oneliner.domain.policy import GovernanceSnapshot
    from oneliner.domain.run import Move
    from oneliner.domain.usage import Totals


@lru_cache(maxsize=1024)
def _plan(text: str) -> Plan:
    return plan_from_json(from_json(text))


def _object(text: str) -> Mapping[str, object]:
    return {} if text == "{}" else from_json(text)


@lru_cache(maxsize=1024)
def _snapshot(text: str) -> GovernanceSnapshot:
    # Most runs of a deployment share a handful of snapshots, and every move of a run reads its own again.
    return snapshot_from_json(from_json(text))


@lru_cache(maxsize=1024)
def _snapshot_columns(snapshot: GovernanceSnapshot) -> tuple[str, str]:
    data = snapshot_to_json(snapshot)
    return to_json(data), to_json(data["active_admin_override_notice"] or {})


_ADD = Statement(insert(agent_runs), (*sql.NAMES, "status_summary", "active_admin_override_notice_json"))


def _run(row: Sequence[Any]) -> Run:
    values = dict(zip(sql.NAMES, row, strict=True))
    totals = totals_of([values.pop(name) for name in sql.TOTALS])
    values["run_status"] = RunStatus(values["run_status"])
    values["reason"] = Reason(values["reason"])
    values["plan"] = _plan(values.pop("plan_json"))
    values["result"] = _object(values.pop("result_json"))
    values["blocked"] = _object(values.pop("blocked_json"))
    values["governance"] = _snapshot(values.pop("governance_snapshot_json"))
    values["fallen_back"] = _object(values.pop("fallen_back_json"))
    values["needs_user_input"] = bool(values["needs_user_input"])
    return Run(totals=totals, **values)


def _columns(changes: Mapping[str, Any]) -> dict[str, object]:
    """Column values for changes named as the fields of a run."""
    columns: dict[str, object] = {}
    for name, value in changes.items():
        match name:
            case "plan":
                columns["plan_json"] = to_json(plan_to_json(value))
            case "result" | "blocked" | "fallen_back":
                columns[f"{name}_json"] = to_json(value)
            case "reason":
                columns[name] = str(value)
            case "needs_user_input":
                columns[name] = int(value)
            case _:
                columns[name] = value
    return columns


class SqlRuns:
    """The run store; see ``app.ports.RunStore``."""

    def __init__(self, driver: Driver, now_ms: int) -> None:
        self._driver = driver
        self._now_ms = now_ms

    def add(self, run: Run) -> None:
        snapshot, notice = _snapshot_columns(run.governance)
        values: dict[str, object] = {name: getattr(run, name) for name in sql.NAMES if hasattr(run, name)}
        _ADD.run(
            self._driver,
            **values
            | dict(totals_values(run.totals))
            | _columns({"plan": run.plan, "result": run.result, "blocked": run.blocked, "fallen_back": run.fallen_back})
            | {
                "run_status": str(run.run_status),
                "reason": str(run.reason),
                "needs_user_input": int(run.needs_user_input),
                "governance_snapshot_json": snapshot,
                "active_admin_override_notice_json": notice,
                # A code; the sentence is made for each reader in his language.
                "status_summary": str(run.run_status),
            },
        )

    def get(self, run_id: str, scope: Scope, *, lock: bool = False) -> Run:
        values: dict[str, object] = {"key": run_id}
        row = sql.select_runs(_narrowed(values, scope), lock=lock).first(self._driver, **values)
        if row is None:
            raise NotFound("run", run_id)
        return _run(row)

    def hold(self, run_id: str) -> None:
        # SQLite has one writer: while this transaction lasts, nobody else is one.
        if self._driver.dialect.name != "sqlite":
            sql.HOLD.run(self._driver, key=run_id)

    def lane_of(self, run_id: str) -> str | None:
        row = sql.LANE_OF.first(self._driver, key=run_id)
        return None if row is None else row[0]

    def page(self, scope: Scope, page: Page, only: RunFilter) -> list[Run]:
        values: dict[str, object] = {"limit": page.limit}
        if page.before is not None:
            values["before"] = page.before
        if only.project_id is not None:
            values["project_id"] = only.project_id
        if only.session_id is not None:
            values["session_id"] = only.session_id
        if only.text:
            values["text"] = like(only.text)
        statuses = sorted(only.statuses or ())
        values |= {f"status{n}": str(status) for n, status in enumerate(statuses)}
        statement = sql.select_runs(_narrowed(values, scope))
        return [_run(r) for r in statement.rows(self._driver, **values)]

    def move(
        self, run_id: str, move: Move, events: int, fence: int | None, changes: Mapping[str, object]
    ) -> Run | None:
        columns = _columns(changes)
        statement = sql.move_statement(move, tuple(columns), fenced=fence is not None)
        row = statement.first(
            self._driver,
            key=run_id,
            more_events=events,
            now=self._now_ms,
            fence_is=fence,
            **{f"new_{name}": value for name, value in columns.items()},
        )
        return None if row is None else _run(row)

    def touch(self, run_id: str, events: int, fence: int | None, changes: Mapping[str, object]) -> Run | None:
        columns = _columns(changes)
        statement = sql.touch_statement(tuple(columns), fenced=fence is not None)
        row = statement.first(
            self._driver,
            key=run_id,
            more_events=events,
            now=self._now_ms,
            fence_is=fence,
            **{f"new_{name}": value for name, value in columns.items()},
        )
        return None if row is None else _run(row)

    def claim(self, run_id: str, worker_id: str, lease_ms: int, version: int) -> Run | None:
        values: dict[str, object] = {
            "key": run_id,
            "worker": worker_id,
            "lease_ms": lease_ms,
            "version": version,
            "now": self._now_ms,
        }
        row = sql.CLAIM_QUEUED.first(self._driver, **values) or sql.CLAIM_DRAFTING.first(self._driver, **values)
        return None if row is None else _run(row)

    def renew(self, worker_id: str, lease_ms: int, run_ids: Iterable[str]) -> set[str]:
        # In one order for all workers, so that no two of them wait for each other.
        return {
            run_id
            for run_id in sorted(run_ids)
            if sql.RENEW.count(self._driver, key=run_id, worker=worker_id, lease_ms=lease_ms)
        }

    def release(self, run_id: str, fence: int) -> None:
        sql.RELEASE.run(self._driver, key=run_id, fence_is=fence)

    def add_usage(self, run_id: str, totals: Totals) -> None:
        added = {f"add_{name}": value for name, value in totals_values(totals).items()}
        sql.ADD_USAGE.run(self._driver, key=run_id, **added)

    def expired(self, limit: int, version: int) -> list[Run]:
        return [_run(r) for r in sql.EXPIRED.rows(self._driver, limit=limit, version=version)]

    def leased(self, version: int) -> list[Run]:
        return [_run(r) for r in sql.LEASED.rows(self._driver, version=version)]

    def undelivered(self, older_than_ms: int, limit: int, version: int) -> list[str]:
        before = self._now_ms - older_than_ms
        return [r[0] for r in sql.UNDELIVERED.rows(self._driver, before=before, limit=limit, version=version)]

    def due_to_resume(self, limit: int) -> list[Run]:
        return [_run(r) for r in sql.DUE_TO_RESUME.rows(self._driver, now=self._now_ms, limit=limit)]

    def first_queued(self, lane: str) -> str | None:
        row = sql.FIRST_QUEUED.first(self._driver, lane_is=lane)
        return None if row is None else row[0]

    def queue_position(self, run: Run) -> int:
        row = sql.AHEAD.first(self._driver, lane_is=run.lane, queued=run.queued_at, key=run.id)
        return 0 if row is None else row[0]

    def done_before(self, user_id: str, source_screen: str, source_action_key: str, limit: int) -> list[Run]:
        rows = sql.DONE_BEFORE.rows(
            self._driver, user=user_id, screen=source_screen, action_key=source_action_key, limit=limit
        )
        return [_run(r) for r in rows]

    def open_in_session(self, session_id: str) -> list[Run]:
        return [_run(r) for r in sql.OPEN_IN_SESSION.rows(self._driver, session=session_id)]


def _narrowed(values: dict[str, object], scope: Scope) -> frozenset[str]:
    if scope.user_id is not None:
        values["user_id"] = scope.user_id
    return frozenset(values) if scope.with_deleted else frozenset(values) | {"live"}
