"""The main job through real processes and the demo model: chat, handoff, confirm, stream, cost."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.cli.command_kit import oneliner, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.command_kit import Served

HANDOFF = {
    "project_id": "shop",
    "source_screen": "dashboard",
    "source_action_key": "follow-up",
    "title": "Follow up the key accounts",
    "plan_request": {"goal": "Follow up the key accounts", "draft": True},
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("main-job") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def client(served: Served) -> Iterator[httpx.Client]:
    made = oneliner("token", "--user", "ada", data_dir=served.data_dir)
    headers = {"Authorization": f"Bearer {made.stdout.strip()}"}
    with httpx.Client(base_url=served.url, headers=headers, timeout=30) as client:
        yield client


def frames_of(answer: httpx.Response, last: str) -> list[dict[str, Any]]:
    """The frames of a stream up to the first of type *last*."""
    frames: list[dict[str, Any]] = []
    for line in answer.iter_lines():
        if line.startswith("data: "):
            frames.append(json.loads(line.removeprefix("data: ")))
            if frames[-1]["type"] == last:
                break
    return frames


def told(client: httpx.Client, run_id: str, *, until: str = "run.completed") -> list[dict[str, Any]]:
    """The frames of a run's stream up to the first of type *until*."""
    with client.stream("GET", f"/v1/agent/runs/{run_id}/events") as answer:
        return frames_of(answer, until)


def test_a_chat_streams_its_answer_and_has_an_exact_bill(client: httpx.Client) -> None:
    with client.stream("GET", "/v2/oneliner/stream") as stream:
        begun = client.post("/v1/agent/runs", json={"message": "What is 17 times 23?"}).json()
        frames = frames_of(stream, "run.completed")
    assert begun["created"] is True
    assert frames[0]["type"] == "run.created"
    said = [f["details"] for f in frames if f["type"] == "message.completed"]
    for message in said:
        live = [f["text"] for f in frames if f["type"] == "message.delta" and f["message_id"] == message["message_id"]]
        assert "".join(live) == message["text"]
    assert "391" in said[-1]["text"]

    run = client.get(f"/v2/oneliner/runs/{begun['run_id']}").json()
    session = client.get(f"/v1/agent/sessions/{begun['session_id']}").json()
    messages = client.get(f"/v1/agent/sessions/{begun['session_id']}/messages").json()["items"]
    assert messages[0]["content"] == run["result"]["text"] == said[-1]["text"]
    cost = sum(Decimal(m["cost"]) for m in messages)
    assert cost > 0
    (billed,) = client.get("/v2/oneliner/usage?group_by=session").json()["items"]
    assert {Decimal(run["usage"]["cost"]), Decimal(session["total_cost"]), Decimal(billed["cost"])} == {cost}
    tokens = sum(m["input_tokens"] + m["output_tokens"] for m in messages)
    assert run["usage"]["total_tokens"] == session["total_tokens"] == tokens > 0


def test_a_handoff_is_planned_confirmed_and_done(client: httpx.Client) -> None:
    run = client.post("/v2/oneliner/runs", json=HANDOFF).json()
    assert run["run_status"] == "drafting"
    drafted = told(client, run["id"], until="run.planned")
    plan = drafted[-1]["details"]["plan"]
    assert plan["steps"]
    confirmed = client.post(f"/v2/oneliner/runs/{run['id']}/confirm", json={"plan_rev": plan["rev"]})
    assert confirmed.json()["run_status"] in {"queued", "running"}
    frames = told(client, run["id"])
    seqs = [f["seq"] for f in frames if "seq" in f]
    assert seqs == list(range(1, len(seqs) + 1))

    done = client.get(f"/v2/oneliner/runs/{run['id']}").json()
    assert done["run_status"] == "done"
    assert {step["status"] for step in done["plan"]["steps"]} == {"done"}
    assert Decimal(done["usage"]["cost"]) > 0
    assert client.get(f"/v1/agent/runs/{run['id']}/events", headers={"Last-Event-ID": str(seqs[-1])}).status_code == 204


def test_the_terminal_does_the_same_job_in_one_command(served: Served) -> None:
    done = oneliner("run", "--plan", "--yes", "--json", "Review the accounts", data_dir=served.data_dir)
    assert done.returncode == 0, done.stderr
    *events, last = [json.loads(line) for line in done.stdout.splitlines()]
    happened = [e["type"] for e in events]
    assert happened.index("run.planned") < happened.index("run.confirmed") < happened.index("run.completed")
    assert last["run"]["run_status"] == "done"
    assert Decimal(last["run"]["usage"]["cost"]) > 0
