"""Approving on the page: what is shown is what happens, with the keyboard alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from oneliner.testing import ModelServer
from tests.browser.stage import staged
from tests.browser.states import blocked_approval, document_proposed

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import Browser, Page

pytestmark = pytest.mark.browser


def results(models: ModelServer) -> list[str]:
    return [str(m["content"]) for m in models.requests[-1].messages if m["role"] == "tool"]


async def choose(page: Page, label: str) -> None:
    choice = page.get_by_role("radio", name=label)
    await choice.focus()
    await page.keyboard.press("Space")


async def test_edited_arguments_are_what_is_carried_out(browser: Browser, tmp_path: Path) -> None:
    async with ModelServer() as models, staged(browser, tmp_path / "data", models) as stage:
        page = await stage.signed_in()
        await blocked_approval(stage, page, models)
        await expect(page.locator(".question-calls")).to_contain_text("real documents")
        await page.keyboard.press("Tab")
        edit = page.get_by_role("button", name="Edit the arguments")
        await edit.focus()
        await page.keyboard.press("Enter")
        path, content = page.get_by_label("path"), page.get_by_label("content")
        await expect(path).to_be_focused()
        await path.fill("")
        await choose(page, "Allow once")
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("This is needed.")).to_be_visible()
        await expect(path).to_be_focused()
        await path.fill("strategy/draft.md")
        await content.fill("less")
        await expect(page.locator(".change-head")).to_contain_text("strategy/draft.md")
        await expect(page.locator(".diff-line")).to_have_text(["+added:less"])
        await choose(page, "Allow once")
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("Written / 已写入")).to_be_visible()
        assert "strategy/draft.md" in results(models)[0]
        await stage.check()


async def test_a_refusal_and_its_reason_reach_the_agent(browser: Browser, tmp_path: Path) -> None:
    async with ModelServer() as models, staged(browser, tmp_path / "data", models) as stage:
        page = await stage.signed_in()
        await blocked_approval(stage, page, models)
        await page.get_by_role("button", name="Decide").click()
        await expect(page.get_by_text("This is needed.")).to_be_visible()
        await choose(page, "Refuse")
        await page.get_by_label("Why not?").fill("not this one")
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("Written / 已写入")).to_be_visible()
        assert results(models) == ["the user refused this call: not this one"]
        await stage.check()


async def test_a_document_is_adjusted_as_its_difference_was_approved(browser: Browser, tmp_path: Path) -> None:
    async with ModelServer() as models, staged(browser, tmp_path / "data", models) as stage:
        page = await stage.signed_in()
        await document_proposed(stage, page, models)
        # Nothing is written before the yes, and what would be is shown line by line.
        change = page.locator(".change")
        await expect(change.locator(".change-head")).to_have_text("strategy/2026.md version 1 becomes 2")
        await expect(change.locator(".diff-line[data-kind=removed]")).to_have_text(["−removed:Threshold: 0.6"])
        await expect(change.locator(".diff-line[data-kind=added]")).to_contain_text(["Threshold: 0.7"])
        await expect(change.locator(".diff-fold")).to_be_visible()
        await choose(page, "Allow once")
        await page.keyboard.press("Enter")
        await expect(page.locator(".message.assistant .md").last).to_contain_text("Adjusted")
        written = page.locator(".written-list li")
        await expect(written).to_contain_text("strategy/2026.md")
        await written.get_by_role("button", name="Show the change").press("Enter")
        await expect(written.locator(".diff-line[data-kind=added]")).to_contain_text(["Threshold: 0.7"])
        await written.get_by_role("link", name="strategy/2026.md").press("Enter")
        await expect(page.locator(".versions li").first).to_contain_text("the agent")
        await expect(page.locator(".paper")).to_contain_text("Threshold: 0.7")
        await stage.check()


async def test_a_proposal_for_a_document_that_has_changed_since_says_so(browser: Browser, tmp_path: Path) -> None:
    async with ModelServer() as models, staged(browser, tmp_path / "data", models) as stage:
        page = await stage.signed_in()
        await document_proposed(stage, page, models, seen_version=0)
        await expect(page.locator(".change .notice")).to_contain_text("has read version 0; the newest is 1")
        await choose(page, "Refuse")
        await page.get_by_label("Why not?").fill("read it first")
        await page.keyboard.press("Enter")
        await expect(page.locator(".message.assistant .md").last).to_contain_text("Adjusted")
        assert "the user refused this call: read it first" in results(models)
        await expect(page.locator(".written")).to_have_count(0)
        await stage.check()
