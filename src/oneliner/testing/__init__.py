"""The test kit: a scripted model server and what else people need who test their tools against OneLiner.

async with ModelServer() as server:
    server.script(Reply(tool_calls=[Call("lookup", {"id": 7})]), Reply("Found it."))
    # point ONELINER_MODEL_BASE_URL at server.base_url
"""

from oneliner.adapters.models.served import Call, Reply, Request
from oneliner.testing.playing import Outcome, ServedCall
from oneliner.testing.scripts import (
    Break,
    Broken,
    Held,
    Refusal,
    Script,
    Silence,
    duplicate_ids,
    flood,
    garbage_arguments,
    rate_limited,
    server_error,
    unauthorized,
    unstorable_text,
)
from oneliner.testing.server import ModelServer
from oneliner.testing.tools import again, call_permit, call_tool, fresh_context, model_permit

__all__ = [
    "Break",
    "Broken",
    "Call",
    "Held",
    "ModelServer",
    "Outcome",
    "Refusal",
    "Reply",
    "Request",
    "Script",
    "ServedCall",
    "Silence",
    "again",
    "call_permit",
    "call_tool",
    "duplicate_ids",
    "flood",
    "fresh_context",
    "garbage_arguments",
    "model_permit",
    "rate_limited",
    "server_error",
    "unauthorized",
    "unstorable_text",
]
