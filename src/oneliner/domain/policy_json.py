"""The JSON forms of rules and governance snapshots, and the strict reading of rules that people write.

What comes from outside (:func:`rules_from_json`) is checked word by word; what this product has stored itself
(:func:`snapshot_from_json`) is trusted, and read fast: it is part of every claim of a run.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, cast

from oneliner.domain.errors import Invalid
from oneliner.domain.policy import (
    BUDGETS,
    COUNTS,
    FIELDS,
    Confirmation,
    Decision,
    EffectivePolicy,
    GovernanceSnapshot,
    Layer,
    LayerName,
    OverrideNotice,
    Rules,
)
from oneliner.domain.times import rfc3339
from oneliner.domain.tool_rules_json import book_from_json, book_to_json, stored_book
from oneliner.domain.usage import NANOS_PER_USD, nanos_from, usd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from oneliner.domain.policy import ModelLists, ToolBooks, ValueT

MAX_PATTERNS = 200
MAX_PATTERN_CHARS = 200
MAX_APPROVALS = 500
#: The largest number each limit takes: far beyond use, and inside what every database and client can hold.
LARGEST: Mapping[str, int] = {
    "max_steps": 100_000,
    "max_seconds": 31 * 24 * 3600,
    "max_output_tokens": 10_000_000,
    "max_tool_calls": 1_000_000,
    "approval_seconds": 366 * 24 * 3600,
}

LARGEST_BUDGET_USD = 1_000_000
LARGEST_BUDGET = LARGEST_BUDGET_USD * NANOS_PER_USD

_APPROVAL = re.compile(r"[!-~]{1,200}#[0-9a-f]{16}")
_PATTERN = re.compile(r"[!-~]+")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_NAMES: Mapping[str, LayerName] = {name.value: name for name in LayerName}


def rules_from_json(data: Mapping[str, object]) -> Rules:
    """The rules in *data*, where a field that is absent or null says nothing.

    Raises Invalid: an unknown field or a value that the field does not take; ``field`` names it and ``accepted`` says
    what it takes.
    """
    unknown = sorted(set(data) - set(FIELDS))
    if unknown:
        raise _refused(unknown[0], "there is no such rule", f"one of {', '.join(FIELDS)}")
    return Rules(
        confirmation=_confirmation_from(data.get("confirmation")),
        allowed_models=_patterns_from(data.get("allowed_models")),
        **{name: _limit_from(data, name) for name in COUNTS},
        **{name: _budget_from(data, name) for name in BUDGETS},
        tools=book_from_json(data.get("tools")),
        approvals=_approvals_from(data.get("approvals")),
        schedule_confirmation=_confirmation_from(data.get("schedule_confirmation"), "schedule_confirmation"),
    )


def rules_to_json(rules: Rules) -> dict[str, object]:
    """The stored and served form: only the fields that say something."""
    data: dict[str, object] = {}
    if rules.confirmation is not None:
        data["confirmation"] = rules.confirmation.value
    if rules.allowed_models is not None:
        data["allowed_models"] = sorted(rules.allowed_models)
    for name in COUNTS:
        limit = getattr(rules, name)
        if limit is not None:
            data[name] = limit
    for name in BUDGETS:
        budget = getattr(rules, name)
        if budget is not None:
            data[name] = usd(budget)
    if rules.schedule_confirmation is not None:
        data["schedule_confirmation"] = rules.schedule_confirmation.value
    if rules.tools is not None:
        data["tools"] = book_to_json(rules.tools)
    if rules.approvals is not None:
        data["approvals"] = sorted(rules.approvals)
    return data


def policy_to_json(policy: EffectivePolicy) -> dict[str, object]:
    """Each field as ``{value, decided_by, others: [{layer, value}]}``; allowed models as a list of lists, or null, and
    tools as a list of ``{layer, default, rules}``.
    """
    return {
        "confirmation": _decision_to_json(policy.confirmation, str),
        "allowed_models": _decision_to_json(policy.allowed_models, _lists_to_json),
        **{name: _decision_to_json(getattr(policy, name), _same) for name in COUNTS},
        **{name: _decision_to_json(getattr(policy, name), _budget_to_json) for name in BUDGETS},
        "tools": _decision_to_json(policy.tools, _books_to_json),
        "approvals": _decision_to_json(policy.approvals, sorted),
        "schedule_confirmation": _decision_to_json(policy.schedule_confirmation, str),
    }


def snapshot_to_json(snapshot: GovernanceSnapshot) -> dict[str, object]:
    """The stored and served form."""
    notice = snapshot.active_admin_override_notice
    return {
        "project_id": snapshot.project_id,
        "platform": snapshot.platform,
        "effective_policy": policy_to_json(snapshot.effective_policy),
        "layers": [
            {"layer": la.name.value, "scope_key": la.scope_key, "version": la.version, "rules": rules_to_json(la.rules)}
            for la in snapshot.layers
        ],
        "active_admin_override_notice": None if notice is None else notice_to_json(notice),
    }


def notice_to_json(notice: OverrideNotice) -> dict[str, object]:
    """The stored and served form, its time in RFC 3339 UTC."""
    expires = None if notice.expires_at_ms is None else rfc3339(notice.expires_at_ms)
    return {"notice": notice.notice, "expires_at": expires, "set_by": notice.set_by}


def snapshot_from_json(data: Mapping[str, object]) -> GovernanceSnapshot:
    """The inverse of :func:`snapshot_to_json`, for what this product itself has stored.

    A field that is not there, because an older version wrote the snapshot, has no rule.
    """
    policy = cast("Mapping[str, Mapping[str, object]]", data.get("effective_policy") or {})
    layers = cast("Sequence[Mapping[str, object]]", data.get("layers") or ())
    notice = cast("Mapping[str, object] | None", data.get("active_admin_override_notice"))
    return GovernanceSnapshot(
        project_id=cast("str", data.get("project_id", "")),
        platform=cast("str", data.get("platform", "")),
        effective_policy=EffectivePolicy(
            confirmation=_decision_from(policy.get("confirmation"), _stored_confirmation),
            allowed_models=_decision_from(policy.get("allowed_models"), _stored_lists),
            **{name: _decision_from(policy.get(name), _stored_limit) for name in COUNTS},
            **{name: _decision_from(policy.get(name), _stored_budget) for name in BUDGETS},
            tools=_decision_from(policy.get("tools"), _stored_books),
            approvals=_decision_from(policy.get("approvals"), _stored_approvals),
            schedule_confirmation=_decision_from(policy.get("schedule_confirmation"), _stored_confirmation),
        ),
        layers=tuple(_stored_layer(la) for la in layers),
        active_admin_override_notice=None if notice is None else _stored_notice(notice),
    )


def _refused(field: str, what: str, accepted: str) -> Invalid:
    return Invalid(f"{field}: {what}; accepted: {accepted}", field=field, accepted=accepted)


def _confirmation_from(value: object, field: str = "confirmation") -> Confirmation | None:
    accepted = [c.value for c in Confirmation]
    if value is not None and value not in accepted:
        raise _refused(field, f"{value!r} is no rule for confirmation", " or ".join(accepted))
    return None if value is None else Confirmation(str(value))


def _patterns_from(value: object) -> frozenset[str] | None:
    if value is None:
        return None
    accepted = f"a list of at most {MAX_PATTERNS} model names or patterns such as 'openai/*', without spaces"
    if not isinstance(value, (list, tuple, frozenset)) or len(value) > MAX_PATTERNS:
        raise _refused("allowed_models", "this is no such list", accepted)
    for item in value:
        if not isinstance(item, str) or len(item) > MAX_PATTERN_CHARS or _PATTERN.fullmatch(item) is None:
            raise _refused("allowed_models", f"{str(item)[:MAX_PATTERN_CHARS]!r} is no model name or pattern", accepted)
    return frozenset(cast("Iterable[str]", value))


def _approvals_from(value: object) -> frozenset[str] | None:
    if value is None:
        return None
    accepted = f"a list of at most {MAX_APPROVALS} standing approvals as they were given, to keep; the others end"
    if not isinstance(value, (list, tuple)) or len(value) > MAX_APPROVALS:
        raise _refused("approvals", "this is no such list", accepted)
    for item in value:
        if not isinstance(item, str) or _APPROVAL.fullmatch(item) is None:
            raise _refused("approvals", f"{str(item)[:MAX_PATTERN_CHARS]!r} is no standing approval", accepted)
    return frozenset(cast("Iterable[str]", value))


def _limit_from(data: Mapping[str, object], field: str) -> int | None:
    value = data.get(field)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= LARGEST[field]:
        raise _refused(field, "this is no such number", f"a whole number from 1 to {LARGEST[field]}")
    return value


def _budget_from(data: Mapping[str, object], field: str) -> int | None:
    value = data.get(field)
    if value is None:
        return None
    nanos = nanos_from(value) if isinstance(value, str) else None
    if nanos is None or nanos > LARGEST_BUDGET:
        raise _refused(field, "this is no such amount", f"USD as a decimal string from '0' to '{LARGEST_BUDGET_USD}'")
    return nanos


def _same(limit: int | None) -> object:
    return limit


def _budget_to_json(budget: int | None) -> object:
    return None if budget is None else usd(budget)


def _lists_to_json(lists: ModelLists) -> object:
    return [sorted(patterns) for patterns in sorted(lists, key=sorted)] or None


def _books_to_json(books: ToolBooks) -> object:
    return [{"layer": str(layer), **book_to_json(book)} for layer, book in books]


def _decision_to_json(decision: Decision[ValueT], to_json: Callable[[ValueT], object]) -> dict[str, object]:
    return {
        "value": to_json(decision.value),
        "decided_by": decision.decided_by.value,
        "others": [{"layer": name.value, "value": to_json(value)} for name, value in decision.others],
    }


def _decision_from(data: Mapping[str, object] | None, from_json: Callable[[object], ValueT]) -> Decision[ValueT]:
    if data is None:
        return Decision(from_json(None), LayerName.SYSTEM)
    others = cast("Sequence[Mapping[str, object]]", data["others"])
    return Decision(
        from_json(data["value"]),
        _NAMES[cast("str", data["decided_by"])],
        tuple((_NAMES[cast("str", o["layer"])], from_json(o["value"])) for o in others),
    )


def _stored_confirmation(value: object) -> Confirmation:
    return Confirmation.ALWAYS if value == Confirmation.ALWAYS.value else Confirmation.NEVER


def _stored_lists(value: object) -> ModelLists:
    return frozenset(frozenset(patterns) for patterns in cast("Sequence[Sequence[str]]", value or ()))


def _stored_limit(value: object) -> int | None:
    return cast("int | None", value)


def _stored_approvals(value: object) -> frozenset[str]:
    return frozenset(cast("Sequence[str]", value or ()))


def _stored_books(value: object) -> ToolBooks:
    books = cast("Sequence[Mapping[str, object]]", value or ())
    return tuple((_NAMES[cast("str", b["layer"])], stored_book(b)) for b in books)


def _stored_budget(value: object) -> int | None:
    return None if value is None else nanos_from(cast("str", value))


def _stored_layer(data: Mapping[str, object]) -> Layer:
    rules = cast("Mapping[str, object]", data["rules"])
    patterns = cast("Sequence[str] | None", rules.get("allowed_models"))
    confirmation = rules.get("confirmation")
    scheduled = rules.get("schedule_confirmation")
    book = cast("Mapping[str, object] | None", rules.get("tools"))
    return Layer(
        name=_NAMES[cast("str", data["layer"])],
        scope_key=cast("str", data["scope_key"]),
        rules=Rules(
            confirmation=None if confirmation is None else _stored_confirmation(confirmation),
            allowed_models=None if patterns is None else frozenset(patterns),
            **{name: _stored_limit(rules.get(name)) for name in COUNTS},
            **{name: _stored_budget(rules.get(name)) for name in BUDGETS},
            tools=None if book is None else stored_book(book),
            approvals=None if rules.get("approvals") is None else _stored_approvals(rules["approvals"]),
            schedule_confirmation=None if scheduled is None else _stored_confirmation(scheduled),
        ),
        version=cast("int", data["version"]),
    )


def _stored_notice(data: Mapping[str, object]) -> OverrideNotice:
    expires = cast("str | None", data["expires_at"])
    return OverrideNotice(
        notice=cast("str", data["notice"]),
        expires_at_ms=None if expires is None else (datetime.fromisoformat(expires) - _EPOCH) // _MILLISECOND,
        set_by=cast("str", data["set_by"]),
    )
