"""OneLiner: a self-hosted main-agent runtime.

What a module of tools needs, and nothing that takes time to import.
"""

from __future__ import annotations

from oneliner.adapters.tools.declaration import tool
from oneliner.app.tools import CallContext as ToolContext

__all__ = ["ToolContext", "tool"]
