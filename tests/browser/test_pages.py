"""The pages beside the chat: dashboard, runs, documents, governance, costs."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from oneliner.testing import Held, Reply
from tests.browser.stage import hand_off, say

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import Page, Request

    from oneliner.testing import ModelServer
    from tests.browser.stage import Stage

pytestmark = pytest.mark.browser


def read(path: Path) -> str:
    return path.read_text("utf-8-sig")


async def goto(page: Page, name: str) -> None:
    await page.locator(f".page-nav [data-page={name}]").click()
    await expect(page.locator(f".page-nav [data-page={name}]")).to_have_attribute("aria-current", "page")


async def write_document(page: Page, text: str) -> None:
    await goto(page, "documents")
    await page.locator("[name=path]").fill("strategy/2026.md")
    await page.locator("[name=content]").fill(text)
    await page.get_by_role("button", name="Write it").click()
    await expect(page.locator(".versions li")).to_have_count(1)


async def test_runs_are_filtered_by_the_address_and_cancelled_together(stage: Stage, models: ModelServer) -> None:
    models.script(Reply("Hello."))
    page = await stage.signed_in()
    await say(page, "Say hello")
    await expect(page.locator(".end")).to_be_visible()
    for title in ("First task", "Second task"):
        await hand_off(page, title, steps="Only step")
        await expect(page.locator(".oneliner-run-title")).to_have_text(title)
    await goto(page, "runs")
    rows = page.locator(".table tbody tr")
    await expect(rows).to_have_count(3)
    await page.get_by_label("Status").select_option("needs_confirmation")
    await expect(rows).to_have_count(2)
    await page.get_by_label("Search").fill("SECOND")
    await page.get_by_role("button", name="Show").click()
    await expect(rows).to_have_count(1)
    assert "q=SECOND" in page.url
    await page.reload()
    await expect(rows).to_have_count(1)
    await expect(page.get_by_label("Search")).to_have_value("SECOND")
    await page.get_by_label("Search").fill("")
    await page.get_by_role("button", name="Show").click()
    await expect(rows).to_have_count(2)
    for box in await rows.get_by_role("checkbox").all():
        await box.check()
    await page.get_by_role("button", name="Cancel 2 runs").click()
    await expect(page.get_by_role("button", name="Leave them")).to_be_focused()
    await page.get_by_role("button", name="Yes, cancel 2 runs").click()
    await expect(rows.locator(".status")).to_have_text(["Cancelled", "Cancelled"])
    await page.get_by_label("Status").select_option("cancelled")
    await expect(rows).to_have_count(2)


async def test_a_document_is_changed_restored_and_handed_to_the_agent(stage: Stage, models: ModelServer) -> None:
    page = await stage.signed_in()
    await write_document(page, "# Strategy\n\nBuy low.\n")
    other = await stage.page(page.context)
    await other.goto(page.url)
    for each, text in ((page, "# Strategy\n\nBuy lower.\n"), (other, "# Strategy\n\nSell.\n")):
        await each.get_by_role("button", name="Edit", exact=True).click()
        await each.locator(".editor").fill(text)
    await page.get_by_role("button", name="Save as a new version").click()
    await expect(page.locator(".diff-line[data-kind=added]")).to_contain_text("Buy lower.")
    stage.expected = re.compile("409")
    await other.get_by_role("button", name="Save as a new version").click()
    await expect(other.locator(".problem")).to_be_visible()
    await expect(other.locator(".editor")).to_have_value("# Strategy\n\nSell.\n")
    await page.get_by_role("link", name="Version 1", exact=True).click()
    await page.get_by_role("button", name="Restore version 1").click()
    await expect(page.locator(".versions li")).to_have_count(3)
    await expect(page.locator(".paper")).to_contain_text("Buy low.")
    models.script(Reply('{"goal": "Better", "steps": ["Read it", "Write it"]}'))
    sent: list[Request] = []
    page.on("request", lambda r: sent.append(r) if r.method == "POST" and r.url.endswith("/oneliner/runs") else None)
    await page.get_by_role("button", name="Hand to OneLiner to adjust").dblclick()
    await expect(page.locator("[data-role=oneliner-runs]")).to_be_visible()
    assert len(sent) == 1
    asked = sent[0].post_data_json or {}
    assert (asked["source_screen"], asked["plan_request"]["draft"]) == ("strategy", True)
    assert "strategy/2026.md (version 3)" in asked["plan_request"]["goal"]
    assert asked["plan_request"]["ask_before"] == ["write_document"]


async def test_rules_are_changed_by_version_and_overridden_for_a_while(stage: Stage) -> None:
    page = await stage.signed_in()
    await goto(page, "rules")
    steps = page.get_by_role("group", name="What holds").locator("tr", has_text="Model calls in a run")
    await expect(steps).to_contain_text("40")
    own = page.locator(".card", has_text="User · local")
    await own.locator("summary").first.click()
    await own.locator("[name=max_steps]").fill("12")
    await own.get_by_role("button", name="Save these rules").click()
    await expect(steps).to_contain_text("12")
    await expect(steps).to_contain_text("System: 40")
    stale = await stage.page(page.context)
    await stale.goto(page.url)
    await stale.locator(".card", has_text="User · local").locator("summary").first.click()
    await own.locator("summary").first.click()
    await own.locator("[name=max_steps]").fill("11")
    await own.get_by_role("button", name="Save these rules").click()
    await expect(steps).to_contain_text("11")
    stage.expected = re.compile("409")
    await stale.locator(".card", has_text="User · local").get_by_role("button", name="Save these rules").click()
    await expect(stale.locator(".card .problem")).to_be_visible()
    override = page.locator(".card", has_text="New override")
    await override.locator("summary").first.click()
    await override.locator("[name=max_steps]").fill("80")
    await override.locator("[name=notice]").fill("Relaxed for the launch")
    await override.get_by_role("button", name="Override now").click()
    await expect(page.locator(".page .notice")).to_contain_text("Relaxed for the launch")
    await expect(steps).to_contain_text("Override")
    await page.get_by_role("button", name="End it now").click()
    await expect(page.locator(".page .notice")).to_have_count(0)
    await expect(steps).to_contain_text("11")


async def test_costs_add_up_and_can_be_saved(demo: Stage) -> None:
    page = await demo.signed_in()
    await say(page, "Hello")
    await expect(page.locator(".end")).to_be_visible()
    await goto(page, "costs")
    await expect(page.locator(".chart-bar")).to_have_count(30)
    await expect(page.locator(".table tbody tr")).to_have_count(1)
    total = await page.locator(".figure dd").first.get_attribute("title")
    line = await page.locator(".table tbody td").last.locator("span").get_attribute("title")
    assert total == f"Exactly {line} USD"
    async with page.expect_download() as saved:
        await page.get_by_role("button", name="Save as CSV").click()
    text = read(await (await saved.value).path())
    assert text.splitlines()[0] == "day,calls,input_tokens,output_tokens,cost_usd"
    assert text.splitlines()[1].endswith(f",{line}")
    await page.locator("[name=group_by]").select_option("model")
    await expect(page.locator(".table tbody th")).to_contain_text("demo")


async def test_the_dashboard_tells_what_waits_for_somebody_from_what_is_under_way(
    stage: Stage, models: ModelServer
) -> None:
    page = await stage.signed_in()
    await hand_off(page, "Waits for me", steps="Only step")
    await expect(page.locator(".plan-step")).to_have_count(1)
    models.script(Held(asyncio.Event(), Reply("One, two."), after_chunks=1))
    await page.get_by_role("button", name="New chat").click()
    await expect(page.get_by_role("heading", name="New chat")).to_be_visible()
    await say(page, "Count")
    await expect(page.locator(".message.assistant")).to_be_visible()
    await goto(page, "home")
    figures = page.locator(".figure")
    await expect(figures.nth(0)).to_contain_text("Waiting for you1")
    await expect(figures.nth(1)).to_contain_text("Under way1")
    rows = page.locator(".table tbody tr")
    for name, title in (("Waiting for you", "Waits for me"), ("Under way", "Count")):
        await figures.filter(has_text=name).get_by_role("link").click()
        await expect(rows).to_have_count(1)
        await expect(rows).to_contain_text(title)
        await goto(page, "home")


async def test_the_dashboard_says_what_is_next_and_hands_it_over(stage: Stage) -> None:
    page = await stage.signed_in()
    await goto(page, "home")
    await expect(page.locator(".next-card h2")).to_have_text(
        ["Plan this week's work", "Write a first strategy document"]
    )
    await page.locator(".next-card.secondary button").dblclick()
    await expect(page.locator("[data-role=oneliner-runs]")).to_be_visible()
    await expect(page.locator(".oneliner-run-title")).to_have_text("Write a first strategy document")
    await expect(page.locator(".session")).to_have_count(1)
    await page.locator(".composer-field").fill("kept")
    await hand_off(page, "Needs a decision", steps="Only step")
    await expect(page.locator(".plan-step")).to_have_count(1)
    await goto(page, "home")
    await expect(page.locator(".next-card.primary h2")).to_have_text("Decide on “Needs a decision”")
    await page.get_by_role("link", name="Review").click()
    await expect(page.locator(".plan-step")).to_have_count(1)
