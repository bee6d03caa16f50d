"""The same run on every page of its reader, whatever becomes of the page, the line or the server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from tests.browser.outage import AWAY_SECONDS, BACK, LOST, outage, outlasts, said_of_it
from tests.browser.states import STATES

if TYPE_CHECKING:
    from playwright.async_api import Page

    from oneliner.testing import ModelServer
    from tests.browser.stage import Stage

pytestmark = pytest.mark.browser
#: The header and the conversation as they are read, what stands in their fields included; a clock goes on by itself.
_SEEN = """() => {
  const header = document.querySelector("[data-role=oneliner-runs]");
  const read = (root) => {
    const copy = root.cloneNode(true);
    for (const node of copy.querySelectorAll(".elapsed, time:not(.event-chip-name)")) node.remove();
    return copy.textContent;
  };
  const fields = [...header.querySelectorAll("input, textarea")].map((field) => field.type === "radio" ? field.checked : field.value);
  return [header.dataset.status, read(header), JSON.stringify(fields), read(document.querySelector(".log"))];
}"""
WAITING = ("needs_confirmation", "blocked_question", "blocked_approval")


async def seen(page: Page) -> list[str]:
    return list(await page.evaluate(_SEEN))


async def show_the_same(page: Page, other: Page) -> list[str]:
    """What both show, once what is on its way to them has come."""
    for _ in range(200):
        here, there = await seen(page), await seen(other)
        if here == there:
            return here
        await asyncio.sleep(0.1)
    assert await seen(page) == await seen(other)
    raise AssertionError("they come to show the same only now")


@pytest.mark.parametrize("what", AWAY_SECONDS)
async def test_an_answer_outlasts_a_server_killed_for_5_s_and_a_network_gone_for_10_s(
    stage: Stage, models: ModelServer, what: str
) -> None:
    await outlasts(stage, await stage.signed_in(), models, what)


@pytest.mark.parametrize("state", ["drafting", *WAITING])
async def test_a_reload_a_second_tab_and_another_browser_show_the_same_run(
    stage: Stage, models: ModelServer, state: str
) -> None:
    page = await stage.signed_in()
    await STATES[state](stage, page, models)
    second = await stage.page(page.context)
    await second.goto(stage.server.url)
    elsewhere = await stage.entered("local")
    for other in (second, elsewhere):
        await other.locator(".session").click()
        shown = await show_the_same(page, other)
    assert shown[0] in {state, state.split("_", maxsplit=1)[0]}
    await page.reload()
    await expect(page.locator("[data-role=oneliner-runs]")).to_be_visible()
    assert await show_the_same(page, second) == shown


@pytest.mark.parametrize(("state", "what"), [("needs_confirmation", "network"), ("blocked_approval", "server")])
async def test_a_run_that_waits_is_the_same_after_an_outage(
    stage: Stage, models: ModelServer, state: str, what: str
) -> None:
    page = await stage.signed_in()
    await STATES[state](stage, page, models)
    elsewhere = await stage.entered("local")
    await elsewhere.locator(".session").click()
    shown = await show_the_same(page, elsewhere)
    await outage(stage, page, what)
    assert await said_of_it(page) == [LOST, BACK]
    assert await show_the_same(page, elsewhere) == shown
