"""OneLiner: a self-hosted main-agent runtime.

What a module of tools or executors needs, and nothing that takes time to import.
"""

from __future__ import annotations

from oneliner.adapters.executors.declaration import executor
from oneliner.adapters.tools.declaration import tool
from oneliner.app.function import ExecutorContext, ToolDenied
from oneliner.app.model import Answer, ToolSpec, Turn
from oneliner.app.tools import CallContext as ToolContext
from oneliner.app.tools import ToolFailed
from oneliner.domain.executor import Executor
from oneliner.domain.message import AskedCall

__all__ = [
    "Answer",
    "AskedCall",
    "Executor",
    "ExecutorContext",
    "ToolContext",
    "ToolDenied",
    "ToolFailed",
    "ToolSpec",
    "Turn",
    "executor",
    "tool",
]
