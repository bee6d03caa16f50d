"""A process dies at each step of each transaction in turn: the next one finishes what it began, and nothing twice."""

from __future__ import annotations

import asyncio
import random
import sys
from collections import Counter
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from oneliner.domain.run import RunStatus
from oneliner.testing import Call, ModelServer, Refusal, Reply
from tests.chaos.dying import KINDS
from tests.support.databases import stand_in, tables
from tests.support.engine import ALICE, Engine, Options, new_database
from tests.support.invariants import check_database, check_ended

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncGenerator, Callable, Iterator

    from oneliner.testing import Request

ROOT = Path(__file__).parents[2]
SMALL = 8
#: Where a life ends that another one takes over from.
LOST_AT = "after_tool:1"
#: The transactions that must be among those that are died in; a new one is found by itself.
KNOWN = {
    "Worker._claim",
    "after_failure",
    "after_tool",
    "cancel",
    "confirm",
    "delete",
    "hand_off",
    "recover",
    "resume",
    "retry",
    "start_chat",
    "take_answer",
}


class Mind:
    """Two rounds of tools, a question, an error that passes and one that does not: every way through an execution."""

    def __init__(self) -> None:
        self._refused: Counter[str] = Counter()

    def __call__(self, request: Request) -> Reply | Refusal:
        if any(tool.name == "propose_plan" for tool in request.tools):
            return Reply("", [Call("propose_plan", {"goal": "g", "steps": ["one"]})])
        said = [str(m.get("content")) for m in request.messages if m["role"] == "user"]
        title = next(text for text in said if text.partition(" ")[0] in KINDS)
        kind = title.partition(" ")[0]
        if kind not in {"chat", "handoff"}:
            return Reply("word " * 50, delay_seconds=0.01)
        taken = sum(m["role"] == "assistant" for m in request.messages)
        if kind == "chat" and taken == 1 and self._refused[title] < 2:
            self._refused[title] += 1
            return Refusal(500) if self._refused[title] == 1 else Refusal(400, "no", "invalid_request_error")
        ask = Call("ask_user", {"question": "which?"})
        rounds = ([Call("once"), Call("again")], [ask], [Call("mark_step", {"step_id": "s1", "status": "done"})])
        if taken < len(rounds) and not (kind == "chat" and taken == 2):
            return Reply("Next.", rounds[taken])
        return Reply("All is done.")


class Stage:
    """The processes that die, on one database."""

    def __init__(self, path: Path, effects: Path, process: Process) -> None:
        self.path = path
        self.effects = effects
        self._process = process
        self.words = 0

    async def life(self, point: str, word: str) -> list[str]:
        """What a process said that was told to die at *point*, up to its end."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{point} {word}\n".encode())
        said: list[str] = []
        async with asyncio.timeout(60):
            while not said or said[-1].split()[0] not in {"over", "died"}:
                said.append((await self._process.stdout.readline()).decode().strip())
                assert said[-1], said
        return said

    def new_word(self) -> str:
        self.words += 1
        return f"w{self.words}"


@pytest.fixture
def path(tmp_path: Path, database_kind: str, request: pytest.FixtureRequest) -> Iterator[Path]:
    path = tmp_path / "oneliner.db"
    if database_kind == "sqlite":
        yield path
    else:
        with stand_in(path, request.getfixturevalue("postgres_url")):
            yield path


@asynccontextmanager
async def on_stage(path: Path, effects: Path, url: str) -> AsyncGenerator[Stage]:
    async with ModelServer(Mind()) as server:
        engine = Engine(new_database(path), server.base_url, Options(concurrency=0))
        await engine.admit(ALICE)
        await engine.stop()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.chaos.dying", str(path), server.base_url, str(effects), url),
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            yield Stage(path, effects, process)
        finally:
            process.kill()
            await process.communicate()


@pytest.mark.parametrize(
    "count",
    [
        pytest.param(SMALL, id="some"),
        pytest.param(None, id="every", marks=[pytest.mark.slow, pytest.mark.timeout(3_600)]),
    ],
)
async def test_death_at_any_step_of_a_transaction_loses_nothing(
    path: Path,
    tmp_path: Path,
    seed: int,
    count: int | None,
    say: Callable[[str], None],
    database_kind: str,
    request: pytest.FixtureRequest,
) -> None:
    effects = tmp_path / "effects"
    effects.touch()
    url = "" if database_kind == "sqlite" else request.getfixturevalue("postgres_url")
    async with on_stage(path, effects, url) as stage:
        points = await _every_point(stage)
        assert {point.rpartition(":")[0] for point in points} >= KNOWN
        chosen = sorted(points) if count is None else random.Random(seed).sample(sorted(points), count)
        died: Counter[str] = Counter()
        for point in chosen:
            word = stage.new_word()
            if points[point]:
                await stage.life(LOST_AT, word)
            said = await stage.life(point, word)
            # What is timed differently from run to run (a renewal, who is first) may not come in this life.
            died[said[-1].split()[0]] += 1
            if said[-1] != "over":
                assert await stage.life("-", word) == ["over"], point
            _check(stage, word, point)
        assert died["died"] >= len(chosen) // 2
    check_ended(path)
    say(f"{database_kind}: died at {died['died']} of {len(points)} points; {died['over']} were not reached again")


async def _every_point(stage: Stage) -> dict[str, bool]:
    """Every point that a life passes; and whether only one that takes over from a dead one does."""
    begins = await stage.life("?", stage.new_word())
    word = stage.new_word()
    takes_over = [*await stage.life(LOST_AT, word), *await stage.life("?", word)]
    found = [
        {line.removeprefix("point ") for line in said if line.startswith("point ")} for said in (begins, takes_over)
    ]
    return {point: point not in found[0] for point in found[0] | found[1]}


def _check(stage: Stage, word: str, point: str) -> None:
    """The runs of *word* have come to the end they were meant for, and each tool has had its effect once."""
    check_database(stage.path)
    rows = tables(stage.path)
    found: dict[str, Any] = {
        r["title"].partition(" ")[0]: r for r in rows["agent_runs"] if r["title"].endswith(f" {word}")
    }
    assert {kind: run["run_status"] for kind, run in found.items()} == {
        "chat": RunStatus.DONE,
        "handoff": RunStatus.DONE,
        "cancelled": RunStatus.CANCELLED,
        "deleted": RunStatus.CANCELLED,
    }, point
    assert found["deleted"]["deleted_at"] is not None, point
    keys = Counter(stage.effects.read_text().splitlines())
    for run in (found["chat"], found["handoff"]):
        calls = [c for c in rows["tool_calls"] if c["run_id"] == run["id"] and c["name"] in {"once", "again"}]
        assert {keys[f"{c['name']} {c['idempotency_key']}"] for c in calls} == {1}, point
