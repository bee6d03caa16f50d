"""The list of runs while one looks at it, and all that fits as a file."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from oneliner.testing import Held, Reply
from tests.browser.stage import say
from tests.browser.test_pages import goto, read

if TYPE_CHECKING:
    from playwright.async_api import Download, Route

    from oneliner.testing import ModelServer
    from tests.browser.stage import Stage

pytestmark = pytest.mark.browser


async def test_a_run_moves_in_the_list_and_takes_nobodys_focus(stage: Stage, models: ModelServer) -> None:
    gate = asyncio.Event()
    models.script(Held(gate, Reply("One, two."), after_chunks=1))
    page = await stage.signed_in()
    await say(page, "Count")
    await expect(page.locator(".message.assistant")).to_be_visible()
    await goto(page, "runs")
    row = page.locator(".table tbody tr")
    await expect(row.locator(".status")).to_have_text("Running")
    await row.get_by_role("checkbox").check()
    await row.get_by_role("link").focus()
    gate.set()
    await expect(row.locator(".status")).to_have_text("Done")
    await expect(row.get_by_role("link")).to_be_focused()
    # What is over cannot be cancelled any more.
    await expect(row.get_by_role("checkbox")).to_have_count(0)
    await expect(page.locator(".bulk")).to_be_hidden()


async def test_a_run_that_leaves_the_state_that_was_asked_for_stays_and_says_its_new_one(
    stage: Stage, models: ModelServer
) -> None:
    gate = asyncio.Event()
    models.script(Held(gate, Reply("One, two."), after_chunks=1))
    page = await stage.signed_in()
    await say(page, "Count")
    await expect(page.locator(".message.assistant")).to_be_visible()
    await goto(page, "runs")
    await page.get_by_label("Status").select_option("running")
    await expect(page).to_have_url(re.compile("status=running"))
    gate.set()
    await expect(page.locator(".table tbody .status")).to_have_text("Done")


async def test_a_run_that_was_deleted_meanwhile_leaves_the_list(stage: Stage) -> None:
    page = await stage.signed_in()
    await stage.hand_over("Stays", "Goes")
    await goto(page, "runs")
    rows = page.locator(".table tbody tr")
    await expect(rows).to_have_count(2)
    other = await stage.page(page.context)
    await other.goto(page.url)
    stage.expected = re.compile("404")
    await other.get_by_role("link", name="Goes").click()
    await other.get_by_role("link", name="Its session").click()
    await other.get_by_role("button", name="Delete", exact=True).click()
    await other.get_by_role("button", name="Yes, delete").click()
    await expect(other).to_have_url(re.compile("#/sessions"))
    await page.bring_to_front()
    await expect(rows).to_have_count(1)
    await expect(rows).to_contain_text("Stays")


async def test_new_runs_are_counted_and_shown_when_one_asks_for_them(stage: Stage) -> None:
    page = await stage.signed_in()
    await stage.hand_over("The first")
    await goto(page, "runs")
    rows = page.locator(".table tbody tr")
    await expect(rows).to_have_count(1)
    await stage.hand_over("The second", "The third")
    newer = page.get_by_role("button", name="2 new runs: show them")
    await expect(newer).to_be_visible()
    await expect(rows).to_have_count(1)
    await newer.click()
    await expect(rows).to_have_count(3)
    await expect(rows.first).to_contain_text("The third")
    await expect(newer).to_have_count(0)


async def test_an_administrator_sees_what_comes_from_others_too(stage: Stage) -> None:
    page = await stage.signed_in()
    await page.clock.install()
    await goto(page, "runs")
    await expect(page.locator(".nothing")).to_be_visible()
    await stage.hand_over("Somebody else's", user_id="bob")
    await page.clock.run_for(20_000)
    await page.get_by_role("button", name="1 new run: show it").click()
    await expect(page.locator(".table tbody tr")).to_contain_text("Somebody else's")


async def test_all_that_fits_is_saved_not_only_what_is_shown(stage: Stage) -> None:
    page = await stage.signed_in()
    await stage.hand_over(*(f"Task {n}" for n in range(130)), "=SUM(A1)")
    await goto(page, "runs")
    await expect(page.locator(".table tbody tr")).to_have_count(25)
    async with page.expect_download() as saved:
        await page.get_by_role("button", name="Save as CSV").click()
    lines = read(await (await saved.value).path()).splitlines()
    assert lines[0].startswith("id,title,run_status,")
    assert len(lines) == 132
    assert "'=SUM(A1)" in lines[1]
    await page.get_by_label("Search").fill("Task 12")
    await page.keyboard.press("Enter")
    await expect(page.locator(".table tbody tr")).to_have_count(11)
    async with page.expect_download() as saved:
        await page.get_by_role("button", name="Save as CSV").click()
    assert len(read(await (await saved.value).path()).splitlines()) == 12


async def test_saving_tells_how_far_it_is_can_be_left_and_says_what_was_refused(stage: Stage) -> None:
    page = await stage.signed_in()
    await stage.hand_over(*(f"Task {n}" for n in range(110)))
    await goto(page, "runs")
    asked, gate = asyncio.Event(), asyncio.Event()

    async def hold(route: Route) -> None:
        asked.set()
        await gate.wait()
        await route.continue_()

    await page.route(lambda url: "limit=100" in url and "before=" in url, hold)
    files: list[Download] = []

    def keep(file: Download) -> None:
        files.append(file)

    page.on("download", keep)
    await page.get_by_role("button", name="Save as CSV").click()
    await page.get_by_role("button", name="100 rows read; stop").click()
    await asked.wait()
    gate.set()
    button = page.get_by_role("button", name="Save as CSV")
    await expect(button).to_be_visible()
    await page.unroute_all()
    stage.expected = re.compile("Failed to load")
    await page.route(lambda url: "limit=100" in url, lambda route: route.abort())
    await button.click()
    await expect(page.locator(".page .problem")).to_be_visible()
    await expect(button).to_be_visible()
    assert not files
