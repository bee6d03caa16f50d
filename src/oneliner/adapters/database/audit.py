"""The audit log in the database: append-only, by a trigger as well."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, insert, select

from oneliner.adapters.database.encoding import from_json, to_json
from oneliner.adapters.database.statement import Statement
from oneliner.adapters.database.tables import audit_log
from oneliner.domain.audit import Action, AuditEntry, Target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oneliner.adapters.database.statement import Driver
    from oneliner.app.ports import AuditFilter, Page

_NAMES = tuple(c.name for c in audit_log.c)
_ADD = Statement(insert(audit_log), _NAMES)


@cache
def _page(keys: frozenset[str]) -> Statement:
    query = select(*audit_log.c)
    for key in ("actor", "action", "target", "target_id"):
        if key in keys:
            query = query.where(audit_log.c[key] == bindparam(key))
    if "since" in keys:
        query = query.where(audit_log.c.at >= bindparam("since"))
    if "until" in keys:
        query = query.where(audit_log.c.at < bindparam("until"))
    if "before" in keys:
        query = query.where(audit_log.c.id < bindparam("before"))
    return Statement(query.order_by(audit_log.c.id.desc()).limit(bindparam("limit")))


def _entry(row: Sequence[Any]) -> AuditEntry:
    id_, at, actor, action, target, target_id, details = row
    return AuditEntry(id_, at, actor, Action(action), Target(target), target_id, from_json(details))


class SqlAudit:
    """The store of the audit log; see ``app.ports.AuditStore``."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def add(self, entry: AuditEntry) -> None:
        _ADD.run(
            self._driver,
            id=entry.id,
            at=entry.at,
            actor=entry.actor,
            action=str(entry.action),
            target=str(entry.target),
            target_id=entry.target_id,
            details_json=to_json(entry.details),
        )

    def page(self, page: Page, only: AuditFilter) -> list[AuditEntry]:
        wanted = {
            "actor": only.actor,
            "action": None if only.action is None else str(only.action),
            "target": None if only.target is None else str(only.target),
            "target_id": only.target_id,
            "since": only.since_ms,
            "until": only.until_ms,
            "before": page.before,
        }
        values: dict[str, object] = {name: value for name, value in wanted.items() if value is not None}
        values["limit"] = page.limit
        return [_entry(r) for r in _page(frozenset(values)).rows(self._driver, **values)]
