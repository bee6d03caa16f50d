"""What the answers about the care for data look like, for the API's description; see ``answer_schemas``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, JsonValue

from oneliner.domain.audit import Action, Target
from oneliner.web.answer_schemas import Answer, Time, Uuid


class AuditAnswer(Answer):
    """One line of the audit log."""

    id: Uuid
    at: Time
    actor: Annotated[str, Field(description="A user's id, or empty for the server itself.")]
    action: Action
    target: Target
    target_id: str
    details: Annotated[
        dict[str, JsonValue], Field(description="Codes, ids and figures; which ones depends on the action.")
    ]
