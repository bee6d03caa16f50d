"""Calling a tool in a test exactly as a run calls it: arguments as JSON, checked against its schema, with a context."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import uuid4

from oneliner.app.tools import CallContext

if TYPE_CHECKING:
    from oneliner.app.tools import Tools


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


async def call_tool(tools: Tools, name: str, context: CallContext | None = None, /, **arguments: object) -> str:
    """What the model would be told. Raises UnknownTool, BadArguments, ToolFailed as in a run."""
    checked = tools.parse(name, json.dumps(arguments))
    return await tools.call(name, checked, context or fresh_context())
