"""``oneliner serve --demo``: a workspace to try everything in, from the strategy that is adjusted to the bill."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from tests.cli.command_kit import Served, oneliner, serving

from oneliner.app.demo_texts import STRATEGY_PATH, STRATEGY_ZH_PATH, TASKS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RUNS = "/v2/oneliner/runs"
GIVE_UP_SECONDS = 60


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("demo") / "data", "--demo") as running:
        yield running


@pytest.fixture(scope="module")
def local(demo: Served) -> Iterator[httpx.Client]:
    """The local administrator, as whom the printed link signs in."""
    with client_of(demo) as client:
        yield client


def client_of(served: Served) -> httpx.Client:
    made = oneliner("token", "--user", "local", "--role", "admin", data_dir=served.data_dir)
    headers = {"Authorization": f"Bearer {made.stdout.strip()}"}
    return httpx.Client(base_url=served.url, headers=headers, timeout=30)


def of_demo(client: httpx.Client, path: str) -> list[dict[str, Any]]:
    return client.get(path, params={"project_id": "demo"}).json()["items"]


def settled(client: httpx.Client, run_id: str, after: int = 0) -> tuple[dict[str, Any], int]:
    """The run, once it has ended or waits for somebody, and the number of the event that says so."""
    address = f"/v1/agent/runs/{run_id}/events"
    with client.stream("GET", address, params={"after": after}, timeout=GIVE_UP_SECONDS) as events:
        for line in events.iter_lines():
            frame = json.loads(line[5:]) if line.startswith("data:") else {}
            if frame.get("type") in {"run.blocked", "run.completed", "run.failed", "run.cancelled"}:
                return client.get(f"{RUNS}/{run_id}").json(), frame["seq"]
    raise AssertionError("the stream ended before the run")


def test_it_holds_what_it_says_and_is_marked_as_a_demo(demo: Served, local: httpx.Client) -> None:
    assert demo.fact("Demo") == f"{demo.url}/#/documents?project_id=demo"
    assert demo.fact("Model") == "demo/oneliner"
    paths = {d["path"] for d in of_demo(local, "/v2/oneliner/documents")}
    assert paths == {"about-this-demo.md", STRATEGY_PATH, STRATEGY_ZH_PATH, "accounts.md"}
    runs = of_demo(local, RUNS)
    assert {r["source_action_key"] for r in runs} >= {task.source_action_key for task in TASKS}
    (schedule,) = of_demo(local, "/v2/oneliner/schedules")
    assert schedule["next_due_at"]
    assert all("Demo · 演示" in thing["title"] for thing in [*runs, schedule])
    policy = local.get("/v2/oneliner/governance", params={"project_id": "demo"}).json()["effective_policy"]
    assert policy["run_budget"]["decided_by"] == policy["project_day_budget"]["decided_by"] == "project"


@pytest.mark.parametrize(
    ("task", "path"), list(zip(TASKS, [STRATEGY_PATH, STRATEGY_ZH_PATH], strict=True)), ids=["en", "zh"]
)
def test_the_strategy_is_adjusted_after_a_confirmation_and_an_approval(
    local: httpx.Client, task: Any, path: str
) -> None:
    run = next(r for r in of_demo(local, RUNS) if r["source_action_key"] == task.source_action_key)
    confirmed = local.post(f"{RUNS}/{run['id']}/confirm", json={"plan_rev": run["plan"]["rev"]})
    assert confirmed.status_code == 200, confirmed.text
    blocked, seq = settled(local, run["id"])
    assert (blocked["run_status"], blocked["reason"]) == ("blocked", "needs_approval"), blocked
    (asked,) = blocked["blocked"]["calls"]
    assert (asked["name"], asked["arguments"]["path"]) == ("write_document", path)
    assert "50 %" in asked["arguments"]["content"]
    assert "35 %" in asked["arguments"]["content"]
    assert asked["asked_by"][0]["layer"] == "project"
    local.post(f"{RUNS}/{run['id']}/resume", json={"answer": {"decision": "allow_once"}}).raise_for_status()
    done, _ = settled(local, run["id"], seq)
    assert done["run_status"] == "done", done
    assert {s["status"] for s in done["plan"]["steps"]} == {"done"}
    assert float(done["usage"]["cost"]) > 0
    uses = local.get(f"{RUNS}/{run['id']}/documents").json()["items"]
    assert {(u["access"], u["path"], u["version"]) for u in uses} >= {("read", path, 1), ("write", path, 2)}


def test_accounts_are_reviewed_and_one_is_paused_when_a_person_says_so(local: httpx.Client) -> None:
    (schedule,) = of_demo(local, "/v2/oneliner/schedules")
    told = schedule["handoff"]
    plan = {"goal": told["goal"], "steps": told["steps"]}
    named = {name: told[name] for name in ("title", "summary", "project_id", "source_screen", "source_action_key")}
    handed = local.post(RUNS, json={**named, "plan_request": plan})
    assert handed.status_code == 200, handed.text
    run_id = handed.json()["id"]
    local.post(f"{RUNS}/{run_id}/confirm", json={}).raise_for_status()
    blocked, seq = settled(local, run_id)
    (asked,) = blocked["blocked"]["calls"]
    assert (asked["name"], asked["arguments"]["account"], asked["arguments"]["status"]) == (
        "set_account_status",
        "Northwind",
        "paused",
    )
    local.post(f"{RUNS}/{run_id}/resume", json={"answer": {"decision": "allow_once"}}).raise_for_status()
    assert settled(local, run_id, seq)[0]["run_status"] == "done"
    (accounts,) = [d for d in of_demo(local, "/v2/oneliner/documents") if d["path"] == "accounts.md"]
    text = local.get(f"/v2/oneliner/documents/{accounts['id']}").json()["content"]
    assert "| Northwind | 4100 | -260 | paused |" in text


def test_a_second_start_makes_nothing_again_and_without_the_flag_there_is_nothing(tmp_path: Path) -> None:
    counts = []
    for options in (("--demo",), ("--demo",), ()):
        with serving(tmp_path / "data", *options) as served, client_of(served) as client:
            paths = ("/v2/oneliner/documents", RUNS, "/v2/oneliner/schedules")
            counts.append([len(of_demo(client, path)) for path in paths])
    assert counts == [[4, 2, 1]] * 3
    with serving(tmp_path / "other") as served, client_of(served) as client:
        assert "Demo" not in served.printed.replace("demo model", "")
        assert not of_demo(client, "/v2/oneliner/documents")
