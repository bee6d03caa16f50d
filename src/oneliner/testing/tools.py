"""Calling a tool in a test exactly as a run calls it: arguments as JSON, checked against its schema, with a context."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import uuid4

from oneliner.app.tools import CallContext
from oneliner.domain.permits import check_call, check_model
from oneliner.domain.policy import effective

if TYPE_CHECKING:
    from oneliner.app.tools import Tools
    from oneliner.domain.permits import CallPermit, ModelPermit


def fresh_context(*, user_id: str = "tester", project_id: str = "") -> CallContext:
    """The context of a call in a run of its own."""
    return CallContext(
        run_id=str(uuid4()),
        session_id=str(uuid4()),
        user_id=user_id,
        project_id=project_id,
        idempotency_key=str(uuid4()),
        executor="main",
    )


def again(context: CallContext) -> CallContext:
    """Another call in the same run: all the same but the idempotency key."""
    return replace(context, idempotency_key=str(uuid4()))


def model_permit(model: str) -> ModelPermit:
    """The permit to ask *model*, under rules that forbid nothing."""
    return check_model(effective((), 0), model)


def call_permit(tools: Tools, name: str, arguments: str = "{}") -> CallPermit:
    """The permit for a call of tool *name* with the JSON text *arguments*, under rules that forbid nothing.

    Raises UnknownTool, BadArguments as in a run.
    """
    checked = tools.parse(name, arguments)
    reads = tools.spec(name).read_only
    return check_call(effective((), 0), tool=name, reads=reads, executor="main", arguments=checked)


async def call_tool(tools: Tools, name: str, context: CallContext | None = None, /, **arguments: object) -> str:
    """What the model would be told. Raises UnknownTool, BadArguments, ToolFailed as in a run."""
    return await tools.call(call_permit(tools, name, json.dumps(arguments)), context or fresh_context())
