"""Another title for a session: whose it may be, what it may be, and that it is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import httpx


async def begun(client: httpx.AsyncClient) -> str:
    answer = await client.post("/v1/agent/runs", json={"message": "hi"})
    return f"/v1/agent/sessions/{answer.json()['session_id']}"


async def test_a_session_goes_by_its_new_title_and_is_found_by_it(
    ann: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    session = await begun(ann)
    before = (await ann.get(session)).json()

    renamed = await ann.patch(session, json={"title": "  Quarterly figures 季度数据\n\nand more"})

    assert renamed.json() == {**before, "title": "Quarterly figures 季度数据"}
    assert (await ann.get(session)).json() == renamed.json()
    (found,) = (await ann.get("/v1/agent/sessions?q=quarterly")).json()["items"]
    assert found["id"] == before["id"]
    (line,) = (await admin.get("/v2/oneliner/audit?target_id=" + before["id"])).json()["items"]
    assert (line["actor"], line["action"], line["details"]) == ("ann", "session.renamed", {"owner": "ann"})


async def test_the_same_title_again_is_no_news(ann: httpx.AsyncClient, admin: httpx.AsyncClient) -> None:
    session = await begun(ann)
    assert (await ann.patch(session, json={"title": "hi"})).status_code == 200
    assert (await admin.get("/v2/oneliner/audit")).json()["items"] == []


@pytest.mark.parametrize("title", ["", " \n\t", "x" * 81, 7, None])
async def test_a_title_that_is_none_changes_nothing(ann: httpx.AsyncClient, title: object) -> None:
    session = await begun(ann)
    refused = await ann.patch(session, json={"title": title})
    assert refused.status_code == 422
    assert "title" in refused.text
    assert (await ann.get(session)).json()["title"] == "hi"


async def test_only_its_user_and_administrators_rename_a_session(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    session = await begun(ann)
    assert (await bob.patch(session, json={"title": "Mine now"})).status_code == 404
    assert (await admin.patch(session, json={"title": "By root"})).json()["title"] == "By root"
    await ann.delete(session)
    assert (await ann.patch(session, json={"title": "Too late"})).status_code == 404
