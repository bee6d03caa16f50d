"""What is different between two versions of rules, or between what two policies add up to. Pure.

Values are compared and told in their JSON form. Whether a change is tighter or looser is read off the rule by which
layers are joined: what the join of both equals is the stricter one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias, TypeVar, cast

from oneliner.domain.policy import FIELDS, JOINS, LayerName, Rules, as_joined
from oneliner.domain.policy_json import policy_to_json, rules_to_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oneliner.domain.policy import EffectivePolicy

    _Told: TypeAlias = Mapping[str, Mapping[str, object]]

ValueT = TypeVar("ValueT")


class Direction(StrEnum):
    """Which way a change goes."""

    TIGHTER = "tighter"
    LOOSER = "looser"
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True)
class Change:
    """One field that is different: its JSON form *before* and *after* (None: nothing is said), and of lists what was
    *added* and *removed*. Between policies also the layer that decided each.
    """

    field: str
    before: object
    after: object
    direction: Direction
    added: Sequence[object] = ()
    removed: Sequence[object] = ()
    decided_by_before: LayerName | None = None
    decided_by_after: LayerName | None = None


def changed_rules(name: LayerName, before: Rules, after: Rules) -> list[Change]:
    """What the layer *name* says differently *after*, field by field."""
    old, new = rules_to_json(before), rules_to_json(after)
    return [
        _change(
            field,
            (old.get(field), new.get(field)),
            _direction(field, as_joined(field, name, before), as_joined(field, name, after)),
        )
        for field in FIELDS
        if old.get(field) != new.get(field)
    ]


def changed_policy(before: EffectivePolicy, after: EffectivePolicy) -> list[Change]:
    """What holds differently *after*, field by field. Who decided it is told, and is alone no change."""
    old, new = (cast("_Told", policy_to_json(policy)) for policy in (before, after))
    return [
        _change(
            field,
            (old[field]["value"], new[field]["value"]),
            _direction(field, getattr(before, field).value, getattr(after, field).value),
            (getattr(before, field).decided_by, getattr(after, field).decided_by),
        )
        for field in FIELDS
        if old[field]["value"] != new[field]["value"]
    ]


def change_to_json(change: Change) -> dict[str, object]:
    """The served form."""
    decided = {
        f"decided_by_{when}": None if layer is None else str(layer)
        for when, layer in (("before", change.decided_by_before), ("after", change.decided_by_after))
    }
    return {
        "field": change.field,
        "before": change.before,
        "after": change.after,
        "direction": str(change.direction),
        "added": list(change.added),
        "removed": list(change.removed),
        **decided,
    }


def _change(
    field: str,
    values: tuple[object, object],
    direction: Direction,
    decided_by: tuple[LayerName, LayerName] | tuple[None, None] = (None, None),
) -> Change:
    old, new = (_listed(value) for value in values)
    added = [item for item in new if item not in old]
    removed = [item for item in old if item not in new]
    return Change(field, *values, direction, added, removed, *decided_by)


def _listed(value: object) -> list[object]:
    """The items of a value that is a list of some kind: patterns, approvals, tool rules with the layer they are in."""
    match value:
        case {"rules": list(rules)}:
            return rules
        case [{"rules": list()}, *_]:
            return [
                {"layer": book["layer"], **rule} for book in value if isinstance(book, dict) for rule in book["rules"]
            ]
        case [*items]:
            return list(items)
        case _:
            return []


def _direction(field: str, before: ValueT, after: ValueT) -> Direction:
    joined = JOINS[field](before, after)
    if joined == before == after:
        return Direction.DIFFERENT
    if joined == after:
        return Direction.TIGHTER
    return Direction.LOOSER if joined == before else Direction.DIFFERENT
