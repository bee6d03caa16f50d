"""What the rules were: versions of layers and what each changed, one brought back, and a run's promise against now."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from oneliner.app import governance
from oneliner.app.runs import scope_of
from oneliner.domain.errors import Invalid, NotFound
from oneliner.domain.policy import LayerName, Rules
from oneliner.domain.policy_diff import changed_policy, changed_rules

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oneliner.app.ports import Page, Transaction
    from oneliner.domain.policy import Layer
    from oneliner.domain.policy_diff import Change
    from oneliner.domain.user import Caller


@dataclass(frozen=True, slots=True)
class Version:
    """One version in the history of a layer, under its history id, with what it changed of the one before it."""

    id: str
    layer: Layer
    changes: Sequence[Change]


@dataclass(frozen=True, slots=True)
class LayerThenAndNow:
    """The version of a layer that a run was created under, and the one that applies now; None: it did, or does, not."""

    name: LayerName
    scope_key: str
    version_then: int | None
    version_now: int | None


@dataclass(frozen=True, slots=True)
class AgainstNow:
    """What a run was promised, against what one like it would be promised now."""

    run_id: str
    changes: Sequence[Change]
    layers: Sequence[LayerThenAndNow]


def versions(
    tx: Transaction, caller: Caller, name: LayerName | None, scope_key: str | None, page: Page
) -> list[Version]:
    """Versions of layers, newest first. A member sees the history of the layer of himself. Raises Forbidden."""
    _check_may_see(caller, name, scope_key)
    found = tx.policies.history(name, scope_key, page)
    known = {_key(layer): layer for _, layer in found}

    def before(layer: Layer) -> Rules:
        name_, scope, number = _key(layer)
        former = known.get((name_, scope, number - 1)) or tx.policies.version(name_, scope, number - 1)
        return Rules() if former is None else former.rules

    return [Version(id_, layer, changed_rules(layer.name, before(layer), layer.rules)) for id_, layer in found]


def diff(
    tx: Transaction, caller: Caller, name: LayerName, scope_key: str, since: int, until: int | None
) -> tuple[int, list[Change]]:
    """The version that is compared, *until* or the newest for None, and what it changed *since* another (0: since there
    were no rules). Raises Forbidden; NotFound: there is no such version.
    """
    _check_may_see(caller, name, scope_key)
    if until is None:
        newest = tx.policies.get(name, scope_key)
        until = 0 if newest is None else newest.version
    before, after = (_rules_at(tx, name, scope_key, number) for number in (since, until))
    return until, changed_rules(name, before, after)


def restore(
    tx: Transaction, caller: Caller, name: LayerName, scope_key: str, version: int, seen_version: int | None
) -> Layer:
    """Write the rules of an older *version* as the newest one, under the same conditions as any rules.

    Standing approvals stay as they are: an answer that was taken back is not given again by this. Raises Forbidden;
    NotFound: no such version; Invalid: an override is set anew and not restored; VersionChanged.
    """
    if name is LayerName.ADMIN_OVERRIDE:
        raise Invalid("an override is not restored; set it anew, with a notice and an expiry", field="layer")
    _check_may_see(caller, name, scope_key)
    rules = _rules_at(tx, name, scope_key, version)
    now = tx.policies.get(name, scope_key, lock=True)
    kept = replace(rules, approvals=None if now is None else now.rules.approvals)
    return governance.put_layer(tx, caller, name, scope_key, kept, seen_version, restores=version)


def against_now(tx: Transaction, caller: Caller, run_id: str) -> AgainstNow:
    """What *run_id* was promised against what holds now. Raises NotFound."""
    run = tx.runs.get(run_id, scope_of(caller))
    promised = run.governance
    # What was asked for with the handoff is asked for again; it is no version of any layer.
    asked_before = [
        rule.tool
        for la in promised.layers
        if la.name is LayerName.USER and not la.version and la.rules.tools is not None
        for rule in la.rules.tools.rules
    ]
    now = governance.snapshot(tx, run.user_id, run.project_id, run.platform, asked_before)
    then_by, now_by = (
        {(la.name, la.scope_key): la.version for la in s.layers if la.version or la.name is LayerName.SYSTEM}
        for s in (promised, now)
    )
    order = list(LayerName)
    layers = [
        LayerThenAndNow(name, scope_key, then_by.get((name, scope_key)), now_by.get((name, scope_key)))
        for name, scope_key in sorted({*then_by, *now_by}, key=lambda key: (order.index(key[0]), key[1]))
    ]
    return AgainstNow(run.id, changed_policy(promised.effective_policy, now.effective_policy), layers)


def _check_may_see(caller: Caller, name: LayerName | None, scope_key: str | None) -> None:
    if not (name is LayerName.USER and scope_key == caller.user_id):
        caller.check_admin()


def _key(layer: Layer) -> tuple[LayerName, str, int]:
    return layer.name, layer.scope_key, layer.version


def _rules_at(tx: Transaction, name: LayerName, scope_key: str, number: int) -> Rules:
    if number == 0:
        return Rules()
    found = tx.policies.version(name, scope_key, number)
    if found is None:
        raise NotFound("version of the layer", f"{name}:{scope_key} {number}")
    return found.rules
