"""Policy layers in the database, with every version they had."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, insert, or_, select, text

from oneliner.adapters.database.encoding import from_json, to_json
from oneliner.adapters.database.statement import Statement
from oneliner.adapters.database.tables import policy_history, policy_layers
from oneliner.domain.policy import Layer, LayerName, Rules, override_scopes
from oneliner.domain.policy_json import rules_from_json, rules_to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from oneliner.adapters.database.statement import Driver
    from oneliner.app.ports import Page

_NAMES = ("layer", "scope_key", "rules_json", "version", "notice", "expires_at", "updated_by", "updated_at")
_COLUMNS = tuple(policy_layers.c[name] for name in _NAMES)
_layer, _scope = policy_layers.c.layer, policy_layers.c.scope_key
_APPLYING = Statement(
    select(*_COLUMNS).where(
        or_(
            and_(_layer == str(LayerName.SYSTEM), _scope == ""),
            and_(_layer == str(LayerName.PLATFORM), _scope == bindparam("platform")),
            and_(_layer == str(LayerName.PROJECT), _scope == bindparam("project")),
            and_(_layer == str(LayerName.USER), _scope == bindparam("user")),
            and_(
                _layer == str(LayerName.ADMIN_OVERRIDE),
                _scope.in_([bindparam(f"override{n}") for n in range(3)]),
            ),
        )
    )
)
_GET = Statement(select(*_COLUMNS).where(_layer == bindparam("name"), _scope == bindparam("scope")))
_GET_LOCKED = Statement(
    select(*_COLUMNS).where(_layer == bindparam("name"), _scope == bindparam("scope")).with_for_update()
)
_PUT = Statement(
    text(
        "INSERT INTO policy_layers (layer, scope_key, rules_json, version, notice, expires_at, updated_by, updated_at)"
        " VALUES (:layer, :scope_key, :rules_json, 1, :notice, :expires_at, :updated_by, :updated_at)"
        " ON CONFLICT (layer, scope_key) DO UPDATE SET rules_json = excluded.rules_json,"
        " version = policy_layers.version + 1, notice = excluded.notice, expires_at = excluded.expires_at,"
        " updated_by = excluded.updated_by, updated_at = excluded.updated_at RETURNING version"
    )
)
_REMEMBER = Statement(insert(policy_history), ("id", *_NAMES))
_ALL = Statement(select(*_COLUMNS).order_by(_layer, _scope))
_VERSION = Statement(
    select(*(policy_history.c[name] for name in _NAMES)).where(
        policy_history.c.layer == bindparam("name"),
        policy_history.c.scope_key == bindparam("scope"),
        policy_history.c.version == bindparam("number"),
    )
)


@cache
def _history(keys: frozenset[str]) -> Statement:
    query = select(policy_history.c.id, *(policy_history.c[name] for name in _NAMES))
    if "name" in keys:
        query = query.where(policy_history.c.layer == bindparam("name"))
    if "scope" in keys:
        query = query.where(policy_history.c.scope_key == bindparam("scope"))
    if "before" in keys:
        query = query.where(policy_history.c.id < bindparam("before"))
    return Statement(query.order_by(policy_history.c.id.desc()).limit(bindparam("limit")))


def _from_row(row: Sequence[Any]) -> Layer:
    layer, scope_key, rules, version, notice, expires_at, updated_by, updated_at = row
    return Layer(
        name=LayerName(layer),
        scope_key=scope_key,
        rules=rules_from_json(from_json(rules)),
        version=version,
        updated_by=updated_by,
        updated_at_ms=updated_at,
        notice=notice,
        expires_at_ms=expires_at,
    )


class SqlPolicies:
    """The policy store; see ``app.ports.PolicyStore``."""

    def __init__(self, driver: Driver, now_ms: int, new_id: Callable[[], str]) -> None:
        self._driver = driver
        self._now_ms = now_ms
        self._new_id = new_id

    def layers(self, user_id: str, project_id: str, platform: str) -> list[Layer]:
        scopes = override_scopes(user_id, project_id)
        rows = _APPLYING.rows(
            self._driver,
            user=user_id,
            project=project_id,
            platform=platform,
            **{f"override{n}": scope for n, scope in enumerate(scopes)},
        )
        return [_from_row(r) for r in rows]

    def get(self, name: LayerName, scope_key: str, *, lock: bool = False) -> Layer | None:
        row = (_GET_LOCKED if lock else _GET).first(self._driver, name=str(name), scope=scope_key)
        return None if row is None else _from_row(row)

    def put(
        self, name: LayerName, scope_key: str, rules: Rules | None, author: str, notice: str, expires_at_ms: int | None
    ) -> Layer:
        values: dict[str, object] = {
            "layer": str(name),
            "scope_key": scope_key,
            "rules_json": to_json(rules_to_json(rules or Rules())),
            "notice": notice,
            "expires_at": expires_at_ms,
            "updated_by": author,
            "updated_at": self._now_ms,
        }
        row = _PUT.first(self._driver, **values)
        values["version"] = 1 if row is None else row[0]
        _REMEMBER.run(self._driver, id=self._new_id(), **values)
        return _from_row([values[n] for n in _NAMES])

    def version(self, name: LayerName, scope_key: str, number: int) -> Layer | None:
        row = _VERSION.first(self._driver, name=str(name), scope=scope_key, number=number)
        return None if row is None else _from_row(row)

    def all(self) -> list[Layer]:
        return [_from_row(r) for r in _ALL.rows(self._driver)]

    def history(self, name: LayerName | None, scope_key: str | None, page: Page) -> list[tuple[str, Layer]]:
        values: dict[str, object] = {"limit": page.limit}
        if name is not None:
            values["name"] = str(name)
        if scope_key is not None:
            values["scope"] = scope_key
        if page.before is not None:
            values["before"] = page.before
        rows = _history(frozenset(values)).rows(self._driver, **values)
        return [(r[0], _from_row(r[1:])) for r in rows]
