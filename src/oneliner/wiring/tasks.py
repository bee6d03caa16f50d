"""Tasks that go on for ever, until what they belong to is taken apart."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from contextlib import AsyncExitStack


def keep_doing(stack: AsyncExitStack, forever: Coroutine[None, None, None]) -> None:
    """Do *forever* beside everything else; it is cancelled, and waited for, when *stack* is unwound."""
    stack.push_async_callback(_ended, asyncio.ensure_future(forever))


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
