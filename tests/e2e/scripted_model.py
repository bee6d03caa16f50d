"""The model of the end-to-end tests as a process: ``python -m tests.e2e.scripted_model``.

It prints its base URL and ends with its standard input. Whoever says ``work`` gets four rounds of tools, some of them at
once, and then an answer, all of it slow enough to be cut off in the middle.
"""

from __future__ import annotations

import asyncio
import sys

from oneliner.testing import Call, ModelServer, Reply, Request

PACE_SECONDS = 0.015
STEPS = ["look around", "do it"]
PLANNED = "by plan"
ROUNDS = (("once",), ("again", "look"), ("once", "again"), ("look", "once"))
#: How often each tool is called in a run.
CALLS_PER_RUN = {kind: sum(r.count(kind) for r in ROUNDS) for kind in ("once", "again", "look")}


def play(request: Request) -> Reply:
    """What the model says next."""
    if any(tool.name == "propose_plan" for tool in request.tools):
        return _paced(
            "我想一想 how to go about it.", [Call("propose_plan", {"goal": "work " + PLANNED, "steps": STEPS})]
        )
    asked_at, asked = max((n, str(m.get("content"))) for n, m in enumerate(request.messages) if _asks(m))
    taken = sum(1 for m in request.messages[asked_at:] if m["role"] == "assistant")
    if taken >= len(ROUNDS):
        return _paced(f"All of it is done 🎉, 全部完成, as was asked: {asked}.")
    calls = [Call(name) for name in ROUNDS[taken]]
    if taken == len(ROUNDS) - 1 and PLANNED in asked:
        calls += [Call("mark_step", {"step_id": f"s{n}", "status": "done"}) for n in range(1, len(STEPS) + 1)]
    return _paced(f"第 {taken + 1} 步 👩‍🔬: now for the next thing, and then for what is left.", calls)


def _asks(message: object) -> bool:
    return isinstance(message, dict) and message.get("role") == "user" and "work" in str(message.get("content"))


def _paced(text: str, calls: list[Call] | None = None) -> Reply:
    return Reply(text, calls or [], chunk_chars=5, delay_seconds=PACE_SECONDS)


async def _serve() -> None:
    async with ModelServer(play, kept_calls=1) as server:
        sys.stdout.write(f"{server.base_url}\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve())
