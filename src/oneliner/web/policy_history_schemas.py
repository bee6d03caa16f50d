"""The shapes of what the rules were, and of standing approvals."""

from typing import Annotated

from pydantic import Field, JsonValue

from oneliner.domain.policy import LayerName
from oneliner.domain.policy_diff import Direction
from oneliner.web.answer_schemas import Answer, LayerAnswer, Time, Uuid
from oneliner.web.schemas import Body
from oneliner.web.trial_schemas import SayingAnswer

_Version = Annotated[int, Field(strict=True, ge=1, le=1_000_000_000)]


class ChangeAnswer(Answer):
    """A field that is different. `added` and `removed` are the items of a list: patterns, tool rules, approvals. Who
    decided is told between policies alone.
    """

    field: str
    before: Annotated[JsonValue, Field(description="As the field is set; null: nothing was said.")]
    after: JsonValue
    direction: Direction
    added: list[JsonValue]
    removed: list[JsonValue]
    decided_by_before: LayerName | None
    decided_by_after: LayerName | None


class LayerVersion(LayerAnswer):
    """A version in the history of the layers, and what it changed of the one before it."""

    id: Uuid
    changes: list[ChangeAnswer]


class LayerDiff(Answer):
    """What one version of a layer changed since another; 0 is before there was any."""

    layer: LayerName
    scope_key: str
    since: int
    until: int
    changes: list[ChangeAnswer]


class RestoreRequest(Body):
    """Which version of a layer is brought back."""

    scope: Annotated[
        str, Field(max_length=200, description="As for setting the layer; empty for the system layer.")
    ] = ""
    version: _Version
    seen_version: Annotated[_Version | None, Field(description="The newest version that was read.")] = None


class LayerThenAndNowAnswer(Answer):
    """The version of a layer that a run was created under, and the one that applies now."""

    layer: LayerName
    scope_key: str
    version_then: int | None
    version_now: int | None


class AgainstNowAnswer(Answer):
    """What a run was promised, against what one like it would be promised now."""

    run_id: Uuid
    changes: list[ChangeAnswer]
    layers: list[LayerThenAndNowAnswer]


class StandingApprovalAnswer(Answer):
    """Calls that a user has allowed for good. `asked_by` is the rule it answers; null: it is not there any more, and the
    approval has lapsed.
    """

    id: str
    tool: str
    words: str
    asked_by: SayingAnswer | None
    given_by: str
    given_at: Time | None
