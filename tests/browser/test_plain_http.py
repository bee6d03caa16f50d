"""The page served over plain HTTP by a name, as in a house or an office: browsers keep locks and some more from it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import async_playwright, expect

from oneliner.domain.user import Authority
from oneliner.settings import Settings
from oneliner.testing import Reply
from oneliner.wiring import issue_token
from tests.browser.stage import Server, Stage, hand_off, say

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import BrowserContext, Page

    from oneliner.testing import ModelServer

pytestmark = pytest.mark.browser
NAMES = "--host-resolver-rules=MAP agent.test 127.0.0.1"
TABS = 8


async def test_over_plain_http_all_of_it_works_and_tabs_share_one_stream(
    chromium: str, tmp_path: Path, models: ModelServer
) -> None:
    models.script(Reply("To all of you."), Reply("Still here."))
    async with async_playwright() as playwright, Server(tmp_path / "data", models) as server:
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", NAMES])
        # What Chromium says of a page that is not served by HTTPS.
        stage = Stage(browser, server, expected=re.compile("Cross-Origin-Opener-Policy"))
        context = await browser.new_context(locale="en-US")
        streams: list[str] = []
        context.on("request", lambda r: streams.append(r.url) if "/v2/oneliner/stream" in r.url else None)
        first = await entered(stage, context)
        assert not await first.evaluate("() => isSecureContext")
        await hand_off(first, "By plain HTTP", steps="Only step")
        await expect(first.locator(".plan-step")).to_have_count(1)
        others = [await again(stage, context) for _ in range(TABS - 1)]
        assert len(streams) == 1
        await others[0].get_by_role("button", name="New chat").click()
        await say(others[0], "Hello")
        for page in [first, *others]:
            await expect(page.locator(".session")).to_have_count(2)
        await first.close()
        await say(others[0], "Anyone?")
        await expect(others[0].locator(".message.assistant .md").last).to_have_text("Still here.")
        await others[-1].locator(".session").filter(has_text="Hello").click()
        await expect(others[-1].locator(".message.assistant .md").last).to_have_text("Still here.")
        assert len(streams) == 2
        await stage.check()
        await browser.close()


async def entered(stage: Stage, context: BrowserContext) -> Page:
    """The page by its name, entered with a token."""
    settings = Settings.load(stage.server.variables, data_dir=stage.server.data_dir)
    page = await stage.page(context)
    await page.goto(address(stage))
    await page.locator("[name=token]").fill(issue_token(settings, "ann", authority=Authority.MEMBER, ttl_seconds=3_600))
    await page.keyboard.press("Enter")
    await expect(page.locator(".composer-field")).to_be_visible()
    return page


async def again(stage: Stage, context: BrowserContext) -> Page:
    """Another tab, which is let in by the first."""
    page = await stage.page(context)
    await page.goto(address(stage))
    await expect(page.locator(".composer-field")).to_be_visible()
    return page


def address(stage: Stage) -> str:
    """The server by a name that is not this machine's own."""
    return stage.server.url.replace("127.0.0.1", "agent.test")
