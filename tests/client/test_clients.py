"""The clients at a real server with the demo model."""

from __future__ import annotations

from contextlib import aclosing
from itertools import islice
from typing import TYPE_CHECKING

import pytest

from oneliner.client import AsyncClient, Client, Refused, Unreachable
from oneliner.settings import Settings
from oneliner.wiring import issue_token
from tests.cli.command_kit import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.command_kit import Served

HANDOFF = {"title": "Follow up", "source_screen": "dashboard", "source_action_key": "primary"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("client") / "data") as server:
        yield server


@pytest.fixture
def token(served: Served, tmp_path: Path) -> str:
    return token_for(served, tmp_path.name)


def token_for(served: Served, user_id: str, ttl_seconds: int = 600) -> str:
    return issue_token(Settings.load({}, data_dir=served.data_dir), user_id, ttl_seconds=ttl_seconds)


async def test_a_chat_is_followed_to_its_end_and_its_bill_adds_up(served: Served, token: str) -> None:
    async with AsyncClient(served.url, token) as oneliner:
        begun = await oneliner.start_chat(message="What is 17 * 23?")
        frames = [frame async for frame in oneliner.events(begun["run_id"])]
        run = await oneliner.wait(begun["run_id"])
        session = await oneliner.get_session(begun["session_id"])
        said = [one async for one in oneliner.every(oneliner.list_messages, begun["session_id"], limit=1)]

    seqs = [frame["seq"] for frame in frames if "seq" in frame]
    assert seqs == list(range(1, run["last_seq"] + 1))
    assert run["run_status"] == "done"
    assert "391" in str(run["result"])
    assert session["total_tokens"] == sum(m["input_tokens"] + m["output_tokens"] for m in said)
    assert session["message_count"] == len(said)


async def test_a_handoff_waits_for_its_confirmation_and_goes_on_with_it(served: Served, token: str) -> None:
    async with AsyncClient(served.url, token, language="zh") as oneliner:
        run = await oneliner.create_run(**HANDOFF, plan_request={"goal": "Greet", "steps": ["Say hello"]})
        waiting = await oneliner.wait(run["id"])
        assert waiting["run_status"] == "needs_confirmation"
        with pytest.raises(Refused) as refused:
            await oneliner.confirm_run(run["id"], plan_rev=7)
        confirmed = await oneliner.confirm_run(run["id"], plan_rev=1)
        done = await oneliner.wait(run["id"])

    assert (refused.value.status, refused.value.code) == (409, "plan_changed")
    assert "Agent" in confirmed["status_summary"]
    assert done["run_status"] == "done"


def test_the_same_without_asyncio(served: Served, token: str) -> None:
    with Client(served.url, token) as oneliner:
        begun = oneliner.start_chat(message="Hello")
        first_three = [frame["type"] for frame in islice(oneliner.events(begun["run_id"]), 3)]
        run = oneliner.wait(begun["run_id"])
        types = [frame["type"] for frame in oneliner.events(begun["run_id"])]
        oneliner.start_chat(message="And again", session_id=begun["session_id"])
        sessions = list(oneliner.every(oneliner.list_sessions, limit=1))

    assert first_three == ["run.created", "run.queued", "run.started"]
    assert run["run_status"] == "done"
    assert types[-1] == "run.completed"
    assert [session["id"] for session in sessions] == [begun["session_id"]]


async def test_the_stream_of_all_runs_goes_on_from_a_cursor(served: Served, token: str) -> None:
    async with AsyncClient(served.url, token) as oneliner:
        before = (await oneliner.get_me())["event_cursor"]
        begun = await oneliner.start_chat(message="Hello")
        async with aclosing(oneliner.stream(after=before)) as stream:
            async for frame in stream:
                if frame["type"] == "run.completed":
                    assert frame["run_id"] == begun["run_id"]
                    break


async def test_a_post_with_the_same_key_is_done_once(served: Served, token: str) -> None:
    async with AsyncClient(served.url, token) as oneliner:
        one = await oneliner.start_chat(message="Once", idempotency_key="k")
        two = await oneliner.start_chat(message="Once", idempotency_key="k")
        with pytest.raises(Refused) as refused:
            await oneliner.start_chat(message="Twice", idempotency_key="k")

    assert one == two
    assert refused.value.status == 422


async def test_an_id_stays_one_part_of_the_path_whatever_is_in_it(served: Served, token: str) -> None:
    async with AsyncClient(served.url, token) as oneliner:
        for odd in ("../me", "a/b", "?x=1", "%2e%2e", "名"):
            with pytest.raises(Refused) as refused:
                await oneliner.get_run(odd)
            assert refused.value.status in {404, 422}


async def test_nobody_there_is_told_at_once() -> None:
    async with AsyncClient("http://127.0.0.1:9", "t") as oneliner:
        with pytest.raises(Unreachable, match=r"127\.0\.0\.1:9"):
            await oneliner.get_me()
