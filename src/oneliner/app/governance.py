"""Policy layers: reading what applies, changing it, and freezing it into runs."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from oneliner.app import audit
from oneliner.domain.audit import Action, Target
from oneliner.domain.budget import SETTABLE_IN
from oneliner.domain.errors import Invalid, NotFound, VersionChanged
from oneliner.domain.policy import BUDGETS, Layer, LayerName, Rules, effective, standing, take_snapshot, tightened
from oneliner.domain.times import rfc3339
from oneliner.domain.tool_rules import RuleBook, ToolRule, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from oneliner.app.ports import Transaction
    from oneliner.domain.policy import EffectivePolicy, GovernanceSnapshot
    from oneliner.domain.run import Run
    from oneliner.domain.user import Caller

MAX_NOTICE_CHARS = 1_000
#: Why a run asks about a tool that no layer speaks of.
HANDOFF_NOTE = "asked for when the work was handed off"


def snapshot(
    tx: Transaction, user_id: str, project_id: str, platform: str, ask_before: Sequence[str] = ()
) -> GovernanceSnapshot:
    """What applies to a run of *user_id* now, frozen. *ask_before*: patterns of tools that he wants to be asked about in
    this run, whatever the rules say; like any other layer it can only tighten.
    """
    layers = tx.policies.layers(user_id, project_id, platform)
    if ask_before:
        asking = RuleBook(tuple(ToolRule(tool, Verdict.ASK, note=HANDOFF_NOTE) for tool in ask_before))
        layers = [*layers, Layer(LayerName.USER, user_id, Rules(tools=asking))]
    if not layers:
        return _default_snapshot(project_id, platform)
    return take_snapshot(project_id, platform, layers, tx.now_ms)


@lru_cache(maxsize=1024)
def _default_snapshot(project_id: str, platform: str) -> GovernanceSnapshot:
    """What applies where nothing was ever set; only layers have times, so it is the same at any time."""
    return take_snapshot(project_id, platform, (), 0)


def in_force(tx: Transaction, run: Run) -> EffectivePolicy:
    """The policy *run* is under at this moment: what it was promised, and whatever has been forbidden since."""
    promised = run.governance
    layers = tx.policies.layers(run.user_id, run.project_id, run.platform)
    if not layers and len(promised.layers) == 1:
        # Nothing was ever set: the system's defaults then and now.
        return promised.effective_policy
    return tightened(promised.effective_policy, effective(layers, tx.now_ms))


def put_layer(
    tx: Transaction,
    caller: Caller,
    name: LayerName,
    scope_key: str,
    rules: Rules,
    seen_version: int | None,
    *,
    restores: int | None = None,
) -> Layer:
    """Write the rules of one layer; *restores* is the version they are those of, where somebody brings one back.

    Everybody may set the layer of himself; the rest is an administrator's. Raises Forbidden; Invalid: the layer takes
    no such scope; VersionChanged: *seen_version* is not the newest (0 for a layer that is not there yet).
    """
    if name is LayerName.ADMIN_OVERRIDE:
        raise Invalid("an override needs a notice; use the override route", field="layer")
    _check_scope(name, scope_key)
    if rules.approvals and name is not LayerName.USER:
        raise Invalid("standing approvals are a user's own; they belong to his layer", field="approvals")
    if not (name is LayerName.USER and scope_key == caller.user_id):
        caller.check_admin()
    _check_version(tx, name, scope_key, seen_version)
    _check_budgets(name, rules)
    _recount(tx, tx.policies.get(name, scope_key), rules)
    written = tx.policies.put(name, scope_key, rules, caller.user_id, "", None)
    if restores is None:
        _record(tx, caller, Action.LAYER_SET, written)
    else:
        _record(tx, caller, Action.LAYER_RESTORED, written, restores=restores)
    # Now that the row is held: somebody may have written it between the check and here.
    if seen_version is not None and written.version != seen_version + 1:
        now = written.version - 1
        raise VersionChanged(f"the {name} layer is at version {now}, not {seen_version}; read it again", version=now)
    return written


def put_override(
    tx: Transaction, caller: Caller, scope_key: str, rules: Rules, notice: str, expires_at_ms: int | None
) -> Layer:
    """Override the layers for everybody, a project or a user until a time, with a notice for those it touches.

    Raises Forbidden; Invalid: no notice, an expiry that is not in the future, an odd scope.
    """
    caller.check_admin()
    if scope_key and not scope_key.startswith(("project:", "user:")):
        raise Invalid(
            f"{scope_key!r} is no scope of an override; use '' for everybody, 'project:ID' or 'user:ID'", field="scope"
        )
    if rules.approvals is not None:
        raise Invalid("standing approvals are a user's own; an override changes rules", field="approvals")
    if not notice.strip() or len(notice) > MAX_NOTICE_CHARS:
        raise Invalid(f"an override needs a notice of 1 to {MAX_NOTICE_CHARS} characters", field="notice")
    if expires_at_ms is None or expires_at_ms <= tx.now_ms:
        raise Invalid("an override needs an expiry in the future", field="expires_at")
    _recount(tx, tx.policies.get(LayerName.ADMIN_OVERRIDE, scope_key), rules)
    written = tx.policies.put(LayerName.ADMIN_OVERRIDE, scope_key, rules, caller.user_id, notice.strip(), expires_at_ms)
    _record(tx, caller, Action.OVERRIDE_SET, written, expires_at=rfc3339(expires_at_ms))
    return written


def approve_always(tx: Transaction, user_id: str, tool: str, keys: Iterable[str], author: str) -> Layer:
    """Add a standing approval to the layer of *user_id*: calls of *tool* that the rules with *keys* ask for."""
    found = tx.policies.get(LayerName.USER, user_id, lock=True)
    rules = Rules() if found is None else found.rules
    given = (rules.approvals or frozenset[str]()) | {standing(tool, key) for key in keys}
    written = tx.policies.put(LayerName.USER, user_id, replace(rules, approvals=given), author, "", None)
    target_id = audit.layer_id(LayerName.USER, user_id)
    audit.record(tx, author, Action.APPROVAL_GIVEN, Target.LAYER, target_id, version=written.version, tool=tool)
    return written


def end_override(tx: Transaction, caller: Caller, scope_key: str) -> Layer:
    """End an override now. Raises Forbidden; NotFound: there is none for that scope."""
    caller.check_admin()
    found = tx.policies.get(LayerName.ADMIN_OVERRIDE, scope_key)
    if found is None or not found.is_live(tx.now_ms):
        raise NotFound("override", scope_key or "everybody")
    ended = tx.policies.put(LayerName.ADMIN_OVERRIDE, scope_key, Rules(), caller.user_id, found.notice, tx.now_ms)
    _record(tx, caller, Action.OVERRIDE_ENDED, ended)
    return ended


def applying(tx: Transaction, caller: Caller, project_id: str, platform: str) -> tuple[list[Layer], GovernanceSnapshot]:
    """The layers that apply to the caller in a project on a platform, and what they add up to. Raises Forbidden."""
    caller.check_project(project_id)
    layers = tx.policies.layers(caller.user_id, project_id, platform)
    return layers, take_snapshot(project_id, platform, layers, tx.now_ms)


def _record(tx: Transaction, caller: Caller, action: Action, layer: Layer, **details: object) -> None:
    # What the version says is in the history of the layer.
    target_id = audit.layer_id(layer.name, layer.scope_key)
    audit.record(tx, caller.user_id, action, Target.LAYER, target_id, version=layer.version, **details)


def _check_scope(name: LayerName, scope_key: str) -> None:
    if (name is LayerName.SYSTEM) != (scope_key == ""):
        raise Invalid(
            "the system layer has no scope; every other layer needs the name of its platform, project or user",
            field="scope",
        )


def _check_budgets(name: LayerName, rules: Rules) -> None:
    for field, layers in SETTABLE_IN.items():
        if getattr(rules, field) is not None and name not in layers:
            raise Invalid(
                f"{field} cannot be set in the {name} layer, which does not hold for all that it counts; "
                f"set it in one of: {', '.join(la for la in LayerName if la in layers)}",
                field=field,
            )


def _recount(tx: Transaction, before: Layer | None, rules: Rules) -> None:
    """Where a budget begins, calls were made that its counters have not seen."""
    was = before.rules if before is not None and before.is_live(tx.now_ms) else Rules()
    if any(getattr(was, field) is None and getattr(rules, field) is not None for field in BUDGETS):
        tx.budgets.recount()


def _check_version(tx: Transaction, name: LayerName, scope_key: str, seen: int | None) -> None:
    if seen is None:
        return
    found = tx.policies.get(name, scope_key)
    now = 0 if found is None else found.version
    if now != seen:
        raise VersionChanged(f"the {name} layer is at version {now}, not {seen}; read it again", version=now)
