"""The window on somebody else's page: another origin, a strict policy, Trusted Types, styles that would spoil it."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Literal

import pytest
from playwright.async_api import expect

from oneliner.testing import Call, Held, Reply
from tests.browser.host import hosted
from tests.browser.stage import Look, axe_findings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from playwright.async_api import Browser, Locator, Page, Request

    from oneliner.testing import ModelServer
    from tests.browser.stage import Stage

pytestmark = pytest.mark.browser
DONE = tuple(Call("mark_step", {"step_id": f"s{n}", "status": "done"}) for n in (1, 2, 3))
PHONE: Look = {"locale": "en-US", "viewport": {"width": 360, "height": 740}}


@pytest.fixture
async def host(browser: Browser, tmp_path: Path, models: ModelServer) -> AsyncIterator[tuple[Stage, str]]:
    async with hosted(browser, tmp_path / "data", models) as found:
        yield found


async def visited(host: tuple[Stage, str], look: Look | None = None) -> Page:
    stage, url = host
    page = await stage.page(None, look or {"locale": "en-US"})
    await page.goto(url)
    await expect(told(page)).to_contain_text(["ready"])
    return page


def told(page: Page) -> Locator:
    return page.locator("#events li")


def header(page: Page) -> Locator:
    return page.locator("[data-role=oneliner-runs]")


async def test_a_handoff_is_confirmed_and_done_by_keyboard_alone_and_the_page_is_told(
    host: tuple[Stage, str], models: ModelServer
) -> None:
    models.script(Reply(tool_calls=DONE), Reply("**Adjusted.**"))
    page = await visited(host)
    await page.locator("#adjust").focus()
    await page.keyboard.press("Enter")
    await expect(header(page)).to_have_attribute("data-status", "needs_confirmation")
    await expect(page.locator(".oneliner-run-title")).to_be_focused()
    await expect(page.locator(".plan-goal textarea")).to_have_value(
        "Check the strategy against the goal and propose changes\n\n"
        "Monthly amount: 250\nRisk: medium\nNotes: Rebalance when one part drifts by more than 5%."
    )
    await expect(page.locator(".plan-step")).to_have_count(3)
    await page.locator(".plan-step textarea").first.focus()
    await page.keyboard.press("Control+Enter")
    await expect(header(page)).to_have_attribute("data-status", "done")
    await expect(page.locator(".message.assistant .md strong")).to_have_text("Adjusted.")
    await expect(told(page).last).to_have_text("run · Adjust the savings strategy: done")
    await expect(told(page).filter(has_text="needs-you · 1")).to_have_count(1)
    await expect(told(page).filter(has_text="needs-you · 0")).to_have_count(1)


async def test_a_double_click_on_the_host_makes_one_run_and_its_secrets_stay_there(host: tuple[Stage, str]) -> None:
    page = await visited(host)
    sent: list[Request] = []
    page.on("request", lambda r: sent.append(r) if r.method == "POST" and r.url.endswith("/oneliner/runs") else None)
    await page.locator("#adjust").dblclick()
    await expect(page.locator(".plan")).to_be_visible()
    await expect(page.locator(".tab")).to_have_count(1)
    assert len(sent) == 1
    assert "4711" not in str(sent[0].post_data)
    asked = sent[0].post_data_json or {}
    assert (asked["source_screen"], asked["source_action_key"]) == ("strategy", "strategy-adjust")
    assert (asked["intent_key"], asked["project_id"]) == ("adjust_strategy", "savings")


async def test_escape_closes_the_window_gives_the_focus_back_and_is_not_the_hosts(host: tuple[Stage, str]) -> None:
    page = await visited(host)
    await page.evaluate(
        "() => addEventListener('keydown', (e) => e.key === 'Escape' && document.body.setAttribute('data-heard', ''))"
    )
    await page.locator("#report").click()
    await expect(page.locator(".plan")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.locator(".window")).to_have_count(0)
    await expect(page.locator("#report")).to_be_focused()
    await expect(page.get_by_role("button", name="Open OneLiner, 1 run needs you")).to_be_visible()
    await expect(page.locator("body")).not_to_have_attribute("data-heard", "")
    await page.keyboard.press("Escape")
    await expect(page.locator("body")).to_have_attribute("data-heard", "")


async def test_a_reload_and_a_second_tab_show_the_same_run_over_one_stream(host: tuple[Stage, str]) -> None:
    stage, url = host
    page = await visited(host)
    await page.locator("#report").click()
    await expect(page.locator(".plan-step")).to_have_count(2)
    await page.reload()
    await expect(page.locator(".plan-step")).to_have_count(2)
    streams: list[str] = []
    page.context.on("request", lambda r: streams.append(r.url) if "/v2/oneliner/stream" in r.url else None)
    second = await stage.page(page.context)
    await second.goto(url)
    await expect(second.locator(".badge")).to_have_text("1")
    await second.locator(".launcher").click()
    await second.get_by_role("button", name="Cancel", exact=True).click()
    await expect(header(page)).to_have_attribute("data-status", "cancelled")
    await expect(page.locator(".badge")).to_have_count(0)
    assert streams == []


async def test_chat_and_sessions_are_found_under_their_tabs(host: tuple[Stage, str], models: ModelServer) -> None:
    models.script(Reply("One."), Reply("Two."))
    page = await visited(host)
    await page.locator(".launcher").click()
    await expect(page.locator(".composer-field")).to_be_focused()
    for text, answer in (("First question", "One."), ("Second question", "Two.")):
        await page.get_by_role("button", name="New chat").click()
        # The next frame takes the field over to the new session, with the draft that is kept there.
        await expect(page.get_by_role("tab", name="New", exact=True)).to_have_attribute("aria-selected", "true")
        await expect(page.locator(".message")).to_have_count(0)
        await page.locator(".composer-field").fill(text)
        await page.keyboard.press("Enter")
        await expect(page.locator(".message.assistant .md")).to_have_text(answer)
        await expect(page.locator(".end")).to_be_visible()
    tabs = page.get_by_role("tab")
    await expect(tabs).to_have_text(["Second question", "First question"])
    await tabs.first.focus()
    await page.keyboard.press("ArrowRight")
    await page.keyboard.press("Enter")
    await expect(page.locator(".message.assistant .md")).to_have_text("One.")
    await expect(page.get_by_role("tab", name="First question")).to_have_attribute("aria-selected", "true")
    await page.get_by_role("button", name="All sessions").click()
    await page.locator(".session").filter(has_text="Second question").click()
    await expect(page.locator(".message.assistant .md")).to_have_text("Two.")


async def test_a_phone_shows_it_on_the_whole_screen_and_a_sidebar_is_remembered(host: tuple[Stage, str]) -> None:
    phone = await visited(host, PHONE)
    await phone.locator(".launcher").click()
    box = await phone.locator(".window").bounding_box()
    assert box is not None
    assert (round(box["width"]), round(box["height"])) == (360, 740)
    await expect(phone.locator(".launcher")).to_be_hidden()
    page = await visited(host)
    await page.locator(".launcher").click()
    await page.get_by_role("button", name="Show as a sidebar").click()
    await page.reload()
    await expect(page.get_by_role("button", name="Show as a window")).to_be_visible()
    height = await page.evaluate("() => innerHeight")
    await expect(page.locator(".window")).to_have_css("height", f"{height}px")


async def test_what_is_wrong_is_said_and_a_token_that_ends_is_asked_for_again(host: tuple[Stage, str]) -> None:
    stage, _ = host
    page = await visited(host)
    said = await page.evaluate("() => { try { OneLiner.init({}); } catch (e) { return e.message; } }")
    assert "init was called before" in said
    await page.evaluate("() => OneLiner.destroy()")
    await expect(page.locator(".launcher")).to_have_count(0)
    said = await page.evaluate("() => OneLiner.init({ tokn: 1 }).catch((e) => e.message)")
    assert "tokn is no option" in said
    asked = await page.evaluate("() => OneLiner.destroy().catch(() => 0)")
    assert asked in (None, 0)
    # A token that is refused first is asked for anew, once, with nothing lost.
    stage.expected = re.compile("401")
    await page.evaluate(
        """async () => {
          globalThis.asked = 0;
          const fresh = async () => (await (await fetch("/agent-token")).json()).token;
          await OneLiner.init({ token: async () => (globalThis.asked++ ? fresh() : "old.token.here") });
        }"""
    )
    await page.locator(".launcher").click()
    await expect(page.locator(".composer-field")).to_be_visible()
    await page.locator("#report").click()
    await expect(page.locator(".plan")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
async def test_axe_finds_nothing_in_the_window(
    host: tuple[Stage, str], models: ModelServer, scheme: Literal["light", "dark"], locale: str
) -> None:
    page = await visited(host, {"locale": locale, "color_scheme": scheme, "reduced_motion": "reduce"})
    # The host's own language would decide, as it should; here the window is asked for the reader's.
    await page.evaluate("(lang) => { document.documentElement.lang = lang; }", locale)
    await page.evaluate("async () => { await OneLiner.destroy(); await OneLiner.init({ tokenUrl: '/agent-token' }); }")
    assert await axe_findings(page) == []
    await page.locator(".launcher").click()
    await expect(page.locator(".empty")).to_be_visible()
    assert await axe_findings(page) == []
    await page.locator("#report").click()
    await expect(page.locator(".plan-step")).to_have_count(2)
    assert await axe_findings(page) == []
    models.script(
        Reply(tool_calls=(Call("list_documents", {}),)),
        Held(asyncio.Event(), Reply("# One\n\n| a |\n|---|\n| `b` |\n\n" * 8), after_chunks=20),
    )
    await page.locator('[data-focus="plan.confirm"]').click()
    await expect(page.locator(".md table").first).to_be_visible()
    assert await axe_findings(page) == []
    await page.locator(".tabs > .icon-button").last.click()
    await expect(page.locator(".session")).to_be_visible()
    assert await axe_findings(page) == []
