"""Saved views: a user's own, the same in every browser, and never too many."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from oneliner.domain.saved_view import MAX_VIEWS

if TYPE_CHECKING:
    import httpx

VIEWS = "/v2/oneliner/views"


async def put(client: httpx.AsyncClient, name: str, query: str) -> int:
    return (await client.put(VIEWS, json={"name": name, "query": query})).status_code


async def listed(client: httpx.AsyncClient) -> list[tuple[str, str]]:
    return [(view["name"], view["query"]) for view in (await client.get(VIEWS)).json()["items"]]


async def test_views_are_listed_as_they_were_saved_and_the_same_name_says_something_else(
    ann: httpx.AsyncClient,
) -> None:
    assert await put(ann, "  失败 / failed?  ", "status=failed") == 200
    assert await put(ann, "Mine", "mine=true") == 200
    assert await put(ann, "失败 / failed?", "q=x&status=failed") == 200
    assert await listed(ann) == [("失败 / failed?", "q=x&status=failed"), ("Mine", "mine=true")]
    removed = await ann.delete(VIEWS, params={"name": "失败 / failed?"})
    assert (removed.status_code, await listed(ann)) == (204, [("Mine", "mine=true")])
    assert (await ann.delete(VIEWS, params={"name": "失败 / failed?"})).status_code == 404


async def test_nobody_else_sees_or_removes_them_an_administrator_neither(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    await put(ann, "Mine", "mine=true")
    await put(bob, "Mine", "status=failed")
    for other in (bob, admin):
        assert (await other.delete(VIEWS, params={"name": "Mine"})).status_code == (204 if other is bob else 404)
        assert await listed(other) == []
    assert await listed(ann) == [("Mine", "mine=true")]


@pytest.mark.parametrize(
    ("name", "query"),
    [("", "q=x"), ("   ", "q=x"), ("n" * 41, "q=x"), ("Mine", ""), ("Mine", "q" * 4_001), ("Mi\x00ne", "q=x")],
)
async def test_what_is_no_view_is_refused(ann: httpx.AsyncClient, name: str, query: str) -> None:
    assert await put(ann, name, query) == 422
    assert await listed(ann) == []


async def test_one_too_many_is_refused_and_an_old_one_can_still_be_changed(ann: httpx.AsyncClient) -> None:
    for n in range(MAX_VIEWS):
        assert await put(ann, f"View {n}", f"q={n}") == 200
    refused = await ann.put(VIEWS, json={"name": "One more", "query": "q=more"})
    assert (refused.status_code, refused.json()["field"]) == (422, "name")
    assert await put(ann, "View 0", "q=changed") == 200
    found = await listed(ann)
    assert (len(found), found[0]) == (MAX_VIEWS, ("View 0", "q=changed"))
