"""A client for a OneLiner server, for code that uses one from elsewhere.

    from oneliner.client import Client

    with Client("https://agent.example.com", token) as oneliner:
        begun = oneliner.start_chat(message="What changed this week?")
        for event in oneliner.events(begun["run_id"]):
            print(event["type"], event.get("text", ""), sep=" ")

:class:`AsyncClient` is the same for asyncio.
"""

from __future__ import annotations

from oneliner.client.clients import AsyncClient, Client
from oneliner.client.connection import Token
from oneliner.client.trouble import Refused, Unreachable

__all__ = ["AsyncClient", "Client", "Refused", "Token", "Unreachable"]
