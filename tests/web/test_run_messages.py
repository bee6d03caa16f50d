"""The messages of one run, whatever else was said in its session."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from oneliner.adapters.database import messages
from tests.support.front import HANDOFF

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from tests.support.front import Front

# The statement itself, which nobody else need know.
STATEMENTS: Any = messages


async def of(client: httpx.AsyncClient, run_id: str, query: str = "") -> dict[str, Any]:
    answer = await client.get(f"/v2/oneliner/runs/{run_id}/messages?{query}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_run_has_its_own_messages_alone(ann: httpx.AsyncClient) -> None:
    first = (await ann.post("/v1/agent/runs", json={"message": "one"})).json()
    second = (await ann.post("/v1/agent/runs", json={"message": "two", "session_id": first["session_id"]})).json()
    (said,) = (await of(ann, second["run_id"]))["items"]
    assert (said["content"], said["run_id"]) == ("two", second["run_id"])
    of_session = (await ann.get(f"/v1/agent/sessions/{first['session_id']}/messages")).json()["items"]
    assert of_session[0] == said
    assert [m["content"] for m in of_session] == ["two", "one"]


async def test_they_are_read_in_pages_newest_first(ann: httpx.AsyncClient) -> None:
    begun = (await ann.post("/v1/agent/runs", json={"message": "said 0"})).json()
    for n in range(1, 5):
        body = {"message": f"said {n}", "session_id": begun["session_id"], "multitask": "steer"}
        assert (await ann.post("/v1/agent/runs", json=body)).json()["run_id"] == begun["run_id"]
    pages: list[list[str]] = []
    cursor: str | None = ""
    while cursor is not None:
        found = await of(ann, begun["run_id"], "limit=2" + (f"&before={cursor}" if cursor else ""))
        pages.append([m["content"] for m in found["items"]])
        cursor = found["next_cursor"]
    assert pages == [["said 4", "said 3"], ["said 2", "said 1"], ["said 0"]]


async def test_a_stranger_is_answered_as_if_there_were_no_such_run(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    run = (await ann.post("/v2/oneliner/runs", json=HANDOFF)).json()
    assert (await bob.get(f"/v2/oneliner/runs/{run['id']}/messages")).status_code == 404
    assert [m["role"] for m in (await of(admin, run["id"]))["items"]] == ["user"]
    assert (await ann.get(f"/v2/oneliner/runs/{run['id']}/messages?before=odd")).status_code == 422
    await ann.delete(f"/v1/agent/sessions/{run['session_id']}")
    assert (await ann.get(f"/v2/oneliner/runs/{run['id']}/messages")).status_code == 404


def test_an_index_answers_and_the_rest_of_the_session_is_not_read(front: Front, tmp_path: Path) -> None:
    del front  # its database is what is asked
    for before in (False, True):
        text, names, literals = STATEMENTS._page_of_run(before=before)._compile(SQLiteDialect_pysqlite())
        with closing(sqlite3.connect(tmp_path / "front.db")) as connection:
            values = [literals.get(name, 1) for name in names]
            plan = [str(row[-1]) for row in connection.execute(f"EXPLAIN QUERY PLAN {text}", values)]
        assert "ix_messages_run_id_position" in plan[0]
        assert not [line for line in plan if "TEMP B-TREE" in line]
