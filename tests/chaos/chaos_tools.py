"""Tools of three kinds that have their effects at the server that ``CHAOS_EFFECTS_URL`` names."""

from __future__ import annotations

import os

import aiohttp

import oneliner


async def _ask_for(kind: str, key: str) -> str:
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{os.environ['CHAOS_EFFECTS_URL']}/{kind}/{key}") as answer,
    ):
        return await answer.text()


@oneliner.tool
async def once(context: oneliner.ToolContext) -> str:
    """Do something that must not be done twice."""
    return await _ask_for("once", context.idempotency_key)


@oneliner.tool(idempotent=True)
async def again(context: oneliner.ToolContext) -> str:
    """Do something unless it was done."""
    return await _ask_for("again", context.idempotency_key)


@oneliner.tool(read_only=True)
async def look() -> str:
    """Look."""
    return "seen"
