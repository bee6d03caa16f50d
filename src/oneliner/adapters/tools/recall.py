"""``recall_message``: the agent reads again what a long session shows it only in part."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from oneliner.adapters.tools.declaration import tool
from oneliner.app import sessions
from oneliner.app.exchanges import RECALL
from oneliner.app.tools import CallContext, ToolFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from oneliner.app.ports import Database

MAX_CHARS = 12_000


def recall_tools(database: Database) -> list[Callable[..., object]]:
    """The tool over the messages in *database*."""

    @tool(name=RECALL, read_only=True)
    async def recall_message(position: int, context: CallContext, from_character: int = 0) -> dict[str, object]:
        """Read a message of the session in full that is shown to you shortened or only in a summary.

        Args:
            position: the number of the message, as it stands in brackets
            from_character: where to begin, to read on in a long one
        """
        find = partial(
            sessions.recall,
            user_id=context.user_id,
            session_id=context.session_id,
            run_id=context.run_id,
            position=position,
        )
        message = await database.read(find)
        if message is None:
            raise ToolFailed(f"the session has no message {position}")
        start = max(from_character, 0)
        end = start + MAX_CHARS
        content = message.content
        calls = [{"name": c.name, "arguments": c.arguments[:MAX_CHARS]} for c in message.tool_calls]
        return {
            "role": str(message.role),
            "content": content[start:end],
            **({"next_from_character": end} if end < len(content) else {}),
            **({"tool_calls": calls} if calls else {}),
        }

    return [recall_message]
