"""Approving on the page: what is shown is what happens, with the keyboard alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from oneliner.testing import ModelServer
from tests.browser.stage import staged
from tests.browser.states import blocked_approval

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
        editor = page.get_by_label("Arguments as JSON")
        await editor.fill("{")
        await choose(page, "Allow once")
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("This is not valid JSON.")).to_be_visible()
        await expect(editor).to_be_focused()
        await editor.fill('{"path": "strategy/draft.md", "content": "less"}')
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
