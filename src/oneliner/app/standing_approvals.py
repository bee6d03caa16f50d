"""Standing approvals: what a user has answered with "allow always", in words, and taking it back.

An approval is one line in the user's own layer and holds no words of its own; which rule it answers is found among the
rules of now. One whose rule says anything else by now, or is gone, answers nothing any more: it has lapsed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from oneliner.app import audit
from oneliner.app.governance import HANDOFF_NOTE
from oneliner.app.ports import Page
from oneliner.domain.audit import Action, Target
from oneliner.domain.errors import NotFound
from oneliner.domain.policy import LayerName, Rules, standing
from oneliner.domain.tool_rules import Saying, ToolRule, Verdict, describe, fits

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from oneliner.app.ports import Transaction
    from oneliner.domain.policy import Layer
    from oneliner.domain.user import Caller

#: How far back in the versions of a user's layer is looked for who gave an approval.
VERSIONS_READ = 500
_KEY_CHARS = 16


@dataclass(frozen=True, slots=True)
class StandingApproval:
    """Calls of *tool* that *saying* asks for are allowed; None: no rule says so any more. ``given_at`` in ms."""

    tool: str
    key: str
    saying: Saying | None
    given_by: str
    given_at: int | None

    @property
    def id(self) -> str:
        """Names it among those of its user."""
        return f"{self.key}-{self.tool}"

    @property
    def words(self) -> str:
        """It in a sentence."""
        if self.saying is None:
            return f"calls of {self.tool!r} that a rule asked for which is not there any more"
        return f"calls of {self.tool!r} that {describe(self.saying)} asks for"


def of_user(tx: Transaction, caller: Caller, user_id: str) -> list[StandingApproval]:
    """The standing approvals of *user_id*, by tool. Raises Forbidden: another user's are an administrator's to see."""
    if user_id != caller.user_id:
        caller.check_admin()
    found = tx.policies.get(LayerName.USER, user_id)
    lines = sorted((found.rules.approvals if found is not None else None) or ())
    if not lines:
        return []
    asking = dict(_asking(tx.policies.all(), user_id))
    given = _given(tx, user_id)
    return [_told(line, asking | _asked_by_handoffs(line), given.get(line)) for line in lines]


def revoke(tx: Transaction, caller: Caller, user_id: str, approval_id: str) -> None:
    """Take a standing approval back; it counts no more from now on, also for runs at work.

    Raises Forbidden: another user's are an administrator's to take back; NotFound: there is none.
    """
    if user_id != caller.user_id:
        caller.check_admin()
    found = tx.policies.get(LayerName.USER, user_id, lock=True)
    line = standing(approval_id[_KEY_CHARS + 1 :], approval_id[:_KEY_CHARS])
    given = (found.rules.approvals if found is not None else None) or frozenset[str]()
    if found is None or line not in given:
        raise NotFound("standing approval", approval_id)
    left = (given - {line}) or None
    written = tx.policies.put(
        LayerName.USER, user_id, replace(found.rules, approvals=left), caller.user_id, found.notice, found.expires_at_ms
    )
    audit.record(
        tx,
        caller.user_id,
        Action.APPROVAL_REVOKED,
        Target.LAYER,
        audit.layer_id(LayerName.USER, user_id),
        version=written.version,
        approval=approval_id,
    )


def _told(line: str, asking: Mapping[str, Saying], given: Layer | None) -> StandingApproval:
    tool, _, key = line.rpartition("#")
    saying = asking.get(key)
    if saying is not None and saying.rule is not None and not fits(saying.rule.tool, tool):
        saying = None
    by, at = ("", None) if given is None else (given.updated_by, given.updated_at_ms)
    return StandingApproval(tool, key, saying, by, at)


def _asking(layers: list[Layer], user_id: str) -> Iterator[tuple[str, Saying]]:
    """Everything that asks for calls in rules that may be over *user_id*, by its key."""
    for layer in layers:
        book = layer.rules.tools
        if book is None or (layer.name is LayerName.USER and layer.scope_key != user_id):
            continue
        sayings = [Saying(str(layer.name), rule.verdict, rule) for rule in book.rules]
        if book.default is not None:
            sayings.append(Saying(str(layer.name), book.default))
        yield from ((s.key, s) for s in sayings if s.verdict is Verdict.ASK)


def _asked_by_handoffs(line: str) -> dict[str, Saying]:
    """What a handoff says that asks before each call of the tool of *line*, by its key."""
    rule = ToolRule(line.rpartition("#")[0], Verdict.ASK, note=HANDOFF_NOTE)
    saying = Saying(str(LayerName.USER), Verdict.ASK, rule)
    return {saying.key: saying}


def _given(tx: Transaction, user_id: str) -> Mapping[str, Layer]:
    """The version of the user's layer with which each approval came, newest first as far as they are read."""
    found = [layer for _, layer in tx.policies.history(LayerName.USER, user_id, Page(VERSIONS_READ))]
    came: dict[str, Layer] = {}
    for layer, before in zip(found, [*found[1:], None], strict=True):
        had = (before.rules if before is not None else Rules()).approvals or frozenset[str]()
        for line in (layer.rules.approvals or frozenset[str]()) - had:
            came.setdefault(line, layer)
    return came
