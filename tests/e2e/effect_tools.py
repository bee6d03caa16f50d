"""Tools of three kinds for a real server, which note in the file that ``E2E_EFFECTS`` names what they do and when.

``began KIND KEY MS`` is written when a call is carried out, ``effect KIND KEY MS`` when its effect is there.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import oneliner

EFFECTS = Path(os.environ["E2E_EFFECTS"])


def _has_effect(kind: str, key: str) -> bool:
    return f"effect {kind} {key} " in EFFECTS.read_text()


def _note(what: str, kind: str, key: str) -> None:
    with EFFECTS.open("a") as file:
        file.write(f"{what} {kind} {key} {time.time_ns() // 1_000_000}\n")
        file.flush()
        os.fsync(file.fileno())


@oneliner.tool
async def once(context: oneliner.ToolContext) -> str:
    """Do something that must not be done twice."""
    _note("began", "once", context.idempotency_key)
    await asyncio.sleep(0.03)  # what it does takes its time, before and after
    _note("effect", "once", context.idempotency_key)
    await asyncio.sleep(0.03)
    return "done once"


@oneliner.tool(idempotent=True)
async def again(context: oneliner.ToolContext) -> str:
    """Do something unless it was done."""
    _note("began", "again", context.idempotency_key)
    await asyncio.sleep(0.02)
    if not _has_effect("again", context.idempotency_key):
        _note("effect", "again", context.idempotency_key)
    await asyncio.sleep(0.02)
    return "done"


@oneliner.tool(read_only=True)
async def look(context: oneliner.ToolContext) -> str:
    """Look."""
    _note("began", "look", context.idempotency_key)
    await asyncio.sleep(0.04)
    return "seen"
