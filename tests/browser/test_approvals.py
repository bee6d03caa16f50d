"""Approving on the page: what is shown is what happens, with the keyboard alone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from oneliner.testing import Call, Held, ModelServer, Reply
from tests.browser.stage import say, staged
from tests.browser.states import blocked_approval, document_proposed

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import Browser, Page

pytestmark = pytest.mark.browser


def results(models: ModelServer) -> list[str]:
    return [str(m["content"]) for m in models.requests[-1].messages if m["role"] == "tool"]


async def kept(page: Page) -> list[str]:
    """The names under which the tab keeps unfinished input."""
    return await page.evaluate("() => Object.keys(sessionStorage).filter((key) => key.startsWith('oneliner.draft.'))")


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


async def test_edited_arguments_and_a_reason_outlive_a_reload_and_are_gone_once_sent(
    browser: Browser, tmp_path: Path
) -> None:
    async with ModelServer() as models, staged(browser, tmp_path / "data", models) as stage:
        page = await stage.signed_in()
        await blocked_approval(stage, page, models)
        await page.get_by_role("button", name="Edit the arguments").click()
        await page.get_by_label("path").fill("strategy/draft.md")
        await page.get_by_label("content").fill("less, and 少一点")
        await choose(page, "Refuse")
        await page.get_by_label("Why not?").fill("not yet")
        await page.reload()
        await expect(page.get_by_label("path")).to_have_value("strategy/draft.md")
        await expect(page.get_by_label("content")).to_have_value("less, and 少一点")
        await expect(page.get_by_role("radio", name="Refuse")).to_be_checked()
        await expect(page.get_by_label("Why not?")).to_have_value("not yet")
        # What would become of the document is shown as it was edited, too.
        await expect(page.locator(".change-head")).to_contain_text("strategy/draft.md")
        await expect(page.locator(".diff-line")).to_have_text(["+added:less, and 少一点"])
        await choose(page, "Allow once")
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("Written / 已写入")).to_be_visible()
        assert "strategy/draft.md" in results(models)[0]
        assert await kept(page) == []
        await stage.check()


async def test_what_was_entered_for_a_request_that_is_gone_is_forgotten(browser: Browser, tmp_path: Path) -> None:
    async with ModelServer() as models, staged(browser, tmp_path / "data", models) as stage:
        page = await stage.signed_in()
        await blocked_approval(stage, page, models)
        await choose(page, "Refuse")
        await page.get_by_label("Why not?").fill("not yet")
        assert [name.split(".")[-2] for name in await kept(page)] == ["local/answer"]
        elsewhere = await stage.entered("local")
        await elsewhere.locator(".session").click()
        await elsewhere.get_by_role("button", name="Cancel").click()
        await expect(page.locator("[data-role=oneliner-runs]")).to_have_attribute("data-status", "cancelled")
        await expect(page.locator(".question")).to_be_hidden()
        assert await kept(page) == []
        await stage.check()


async def test_what_is_marked_as_a_secret_is_covered_and_not_kept(browser: Browser, tmp_path: Path) -> None:
    schema = {
        "type": "object",
        "properties": {
            "account": {"type": "string", "title": "Account"},
            "password": {"type": "string", "title": "Password", "format": "password"},
            "login": {"type": "object", "title": "Login", "properties": {"pin": {"type": "string", "writeOnly": True}}},
        },
        "required": ["account", "password"],
    }
    ask = Call("ask_user", {"question": "How do I get in?", "schema": schema})
    async with ModelServer() as models, staged(browser, tmp_path / "data", models) as stage:
        models.script(Reply("", (ask,)), Reply("Thank you."))
        page = await stage.signed_in()
        await say(page, "Log in there")
        await page.get_by_label("Account").fill("ada")
        await expect(page.get_by_label("Password")).to_have_attribute("type", "password")
        await page.get_by_label("Password").fill("open sesame")
        await page.get_by_label("Login").fill('{"pin": "4711"}')
        stored = await page.evaluate("() => JSON.stringify({...sessionStorage}) + JSON.stringify({...localStorage})")
        assert "ada" in stored
        assert "sesame" not in stored
        assert "4711" not in stored
        await page.reload()
        await expect(page.get_by_label("Account")).to_have_value("ada")
        await expect(page.get_by_label("Password")).to_have_value("")
        await page.get_by_label("Password").fill("open sesame")
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("Thank you.")).to_be_visible()
        assert await kept(page) == []
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


async def test_who_looks_at_what_was_written_keeps_his_place_while_the_run_goes_on(
    browser: Browser, tmp_path: Path
) -> None:
    async with ModelServer() as models, staged(browser, tmp_path / "data", models) as stage:
        page = await stage.signed_in()
        gate = asyncio.Event()
        write = Call("write_document", {"path": "notes.md", "content": "One line.", "seen_version": 0})
        models.script(Reply("", (write,)), Held(gate, Reply("It stands there now.")))
        await say(page, "Write it down")
        show = page.locator(".written-list").get_by_role("button", name="Show the change")
        await show.focus()
        gate.set()
        await expect(page.locator(".oneliner-runs")).to_have_attribute("data-status", "done")
        await expect(show).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.locator(".written-list .diff-line[data-kind=added]")).to_contain_text("One line.")
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
