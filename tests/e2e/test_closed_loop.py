"""The closed loop, from a first chat without a session to its deletion: HTTP, SSE, the rows in the database, the cost, and
the diagnosis. One test for the scripted model server, always, and for a real provider, where one is configured:

    ONELINER_MODEL=openai/gpt-5-mini OPENAI_API_KEY=… scripts/test -m live
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from oneliner.settings import Settings
from oneliner.terminal.doctor.judging import STAGES
from oneliner.terminal.doctor.walk import Outcome, diagnose
from tests.cli.command_kit import oneliner, serving

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping
    from pathlib import Path

    from tests.cli.command_kit import Served

ASKED = "Reply with the one word: ready."
KEY_EVENTS = ("run.created", "run.queued", "run.started", "message.completed", "run.completed")


@contextmanager
def scripted() -> Generator[Mapping[str, str]]:
    command = [sys.executable, "-m", "oneliner.testing.model_server", "--reply", "ready and at your service"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            # A name that the price table knows, so that there is a cost.
            yield {
                "ONELINER_MODEL": "openai/gpt-5-mini",
                "ONELINER_MODEL_BASE_URL": process.stdout.readline().strip(),
                "ONELINER_MODEL_API_KEY": "sk-scripted",
            }
        finally:
            process.terminate()


@contextmanager
def configured() -> Generator[Mapping[str, str]]:
    keys = {name: value for name, value in os.environ.items() if name.endswith("_API_KEY")}
    model = {name: value for name, value in os.environ.items() if name.startswith("ONELINER_MODEL")}
    if "ONELINER_MODEL" not in model or not (keys or "ONELINER_MODEL_BASE_URL" in model):
        pytest.skip("no provider: set ONELINER_MODEL and its key")
    yield {**keys, **model}


@pytest.fixture(
    params=[pytest.param(scripted, id="scripted"), pytest.param(configured, id="provider", marks=pytest.mark.live)]
)
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served]:
    with request.param() as variables, serving(tmp_path / "data", **variables) as running:
        yield running


def frames_of(answer: httpx.Response) -> list[dict[str, Any]]:
    return [json.loads(line.removeprefix("data: ")) for line in answer.iter_lines() if line.startswith("data: ")]


def rows(path: Path, query: str, *values: str) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(query, values)]


def test_the_loop_is_closed(served: Served, request: pytest.FixtureRequest) -> None:
    token = oneliner("token", "--user", "ada", data_dir=served.data_dir).stdout.strip()
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=served.url, headers=headers, timeout=120) as client:
        answer = client.post("/v1/agent/runs", json={"message": ASKED})
        assert answer.status_code == 202
        begun = answer.json()
        assert begun["created"] is True
        assert begun["task_id"] == begun["run_id"]
        with client.stream("GET", f"/v1/agent/runs/{begun['run_id']}/events") as stream:
            frames = frames_of(stream)
        said = check_events(frames)
        check_rows(served.data_dir / "oneliner.db", begun, said)

        if request.node.callspec.id == "scripted":
            assert Decimal(client.get(f"/v1/agent/sessions/{begun['session_id']}").json()["total_cost"]) > 0

        assert client.delete(f"/v1/agent/sessions/{begun['session_id']}").status_code == 204
        assert client.get(f"/v1/agent/sessions/{begun['session_id']}").status_code == 404
    check_deleted(served.data_dir / "oneliner.db", begun["session_id"])

    settings = Settings.load({}, data_dir=served.data_dir)
    stages = diagnose(settings, {}, server=served.url, token=token, new_session=True)
    assert [s.name for s in stages] == list(STAGES)
    assert [s for s in stages if s.outcome is Outcome.FAILED] == []


def check_events(frames: list[dict[str, Any]]) -> str:
    """The key events in their order, gapless, and the text that was streamed; what was said."""
    told = [f for f in frames if "seq" in f]
    assert [f["seq"] for f in told] == list(range(1, len(told) + 1))
    types = [f["type"] for f in told]
    assert [t for t in types if t in KEY_EVENTS][: len(KEY_EVENTS)] == list(KEY_EVENTS)
    assert types[-1] == "run.completed"
    completed = next(f["details"] for f in told if f["type"] == "message.completed")
    return completed["text"]


def check_rows(database: Path, begun: Mapping[str, str], said: str) -> None:
    """What was said is stored with its tokens and its cost, and the totals are the sums."""
    (session,) = rows(database, "SELECT * FROM sessions WHERE id = ?", begun["session_id"])
    messages = rows(database, "SELECT * FROM messages WHERE session_id = ? ORDER BY position", begun["session_id"])
    (run,) = rows(database, "SELECT * FROM agent_runs WHERE id = ?", begun["run_id"])
    assert (run["run_status"], run["session_id"], run["lease_owner"]) == ("done", begun["session_id"], "")
    assert [(m["role"], m["content"]) for m in messages if m["purpose"] != "title"] == [
        ("user", ASKED),
        ("assistant", said),
    ]
    asked = [m for m in messages if m["role"] == "assistant"]
    assert all(m["input_tokens"] > 0 and m["output_tokens"] > 0 for m in asked)
    for name in ("input_tokens", "output_tokens", "cached_tokens"):
        assert session[name] == sum(m[name] for m in messages)
    priced = [m["cost_nanos"] for m in messages if m["cost_nanos"] is not None]
    assert session["cost_nanos"] == sum(priced)
    # A provider's model may have no known price; that is said, and is not free.
    assert all(m["cost_nanos"] > 0 for m in asked if m["cost_nanos"] is not None)
    assert session["unpriced_count"] == sum(m["cost_nanos"] is None for m in asked)
    assert session["message_count"] == len(messages)


def check_deleted(database: Path, session_id: str) -> None:
    """Session, messages and runs were deleted in one transaction: at one time."""
    times: set[int | None] = set()
    for table, column in (("sessions", "id"), ("messages", "session_id"), ("agent_runs", "session_id")):
        found = rows(database, f"SELECT deleted_at FROM {table} WHERE {column} = ?", session_id)  # noqa: S608
        assert found
        times |= {row["deleted_at"] for row in found}
    assert len(times) == 1
    assert None not in times
