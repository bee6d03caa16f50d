"""What the rules were, and standing approvals, as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oneliner.domain.policy_diff import change_to_json
from oneliner.domain.times import rfc3339
from oneliner.domain.tool_rules_json import saying_to_json
from oneliner.web.shapes import layer_to_json

if TYPE_CHECKING:
    from oneliner.app.policy_history import AgainstNow, Version
    from oneliner.app.standing_approvals import StandingApproval


def version_to_json(version: Version) -> dict[str, object]:
    """One version in the history of the layers."""
    changes = [change_to_json(c) for c in version.changes]
    return {"id": version.id, **layer_to_json(version.layer), "changes": changes}


def against_now_to_json(found: AgainstNow) -> dict[str, object]:
    """A run's promise against now."""
    return {
        "run_id": found.run_id,
        "changes": [change_to_json(c) for c in found.changes],
        "layers": [
            {
                "layer": la.name,
                "scope_key": la.scope_key,
                "version_then": la.version_then,
                "version_now": la.version_now,
            }
            for la in found.layers
        ],
    }


def approval_to_json(approval: StandingApproval) -> dict[str, object]:
    """One standing approval."""
    return {
        "id": approval.id,
        "tool": approval.tool,
        "words": approval.words,
        "asked_by": None if approval.saying is None else saying_to_json(approval.saying),
        "given_by": approval.given_by,
        "given_at": None if approval.given_at is None else rfc3339(approval.given_at),
    }
