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
    actor_name: Annotated[str, Field(description="What that user goes by now; empty when that is not known.")]
    action: Action
    target: Target
    target_id: str
    details: Annotated[
        dict[str, JsonValue], Field(description="Codes, ids and figures; which ones depends on the action.")
    ]


class RetentionAnswer(Answer):
    """For how long the sessions of a project are kept after the last thing that happened in them."""

    project_id: str
    keep_days: int
    updated_by: str
    updated_at: Time


class ErasureAnswer(Answer):
    """How far the erasure of a user is. Unless it is complete, the server goes on with it by itself."""

    user_id: str
    sessions_purged: int
    is_complete: bool
