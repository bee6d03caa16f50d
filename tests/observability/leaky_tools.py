"""Tools of a careless host: they hand out what is in their environment."""

from __future__ import annotations

import os

from oneliner import tool


@tool(read_only=True)
def read_environment() -> dict[str, str]:
    """Tell everything."""
    return dict(os.environ)


@tool(read_only=True)
def raise_environment() -> str:
    """Fail with everything."""
    raise RuntimeError(" ".join(os.environ.values()))
