"""What must hold of the window on somebody else's page, whatever the model says and whatever becomes of the line."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import httpx
import pytest
from playwright.async_api import expect

from oneliner.testing import Call, Held, Reply
from tests.browser.host import hosted
from tests.browser.outage import AWAY_SECONDS, outlasts
from tests.browser.stage import ROOT, Look

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from playwright.async_api import Browser, Locator, Page

    from oneliner.testing import ModelServer
    from tests.browser.stage import Stage

pytestmark = pytest.mark.browser
HOSTILE: list[str] = json.loads((ROOT / "tests/js/hostile.json").read_text("utf-8"))
PHONE: Look = {"locale": "en-US", "viewport": {"width": 360, "height": 740}}
#: What of an answer could run, load, cover or ask for something.
DANGEROUS = "script, style, link, meta, base, img, picture, svg:not(.icon), iframe, object, embed, video, audio, form, input, button:not(.quiet), dialog, template, slot, [style], [onclick], [onload], [onerror], [ping]"


@pytest.fixture
async def host(browser: Browser, tmp_path: Path, models: ModelServer) -> AsyncIterator[tuple[Stage, str]]:
    async with hosted(browser, tmp_path / "data", models) as found:
        yield found


async def visited(host: tuple[Stage, str], look: Look | None = None) -> Page:
    stage, url = host
    page = await stage.page(None, look or {"locale": "en-US"})
    await page.goto(url)
    await expect(page.locator("#events li")).to_contain_text(["ready"])
    return page


async def plain(host: tuple[Stage, str]) -> Page:
    """The plain page, its window open."""
    stage, url = host
    page = await stage.page(None)
    await page.goto(f"{url}/plain")
    await page.evaluate("async (token) => OneLiner.init({ token: async () => token })", await token(url))
    await page.locator(".launcher").click()
    await expect(page.locator(".composer-field")).to_be_focused()
    return page


async def token(url: str) -> str:
    async with httpx.AsyncClient(base_url=url) as client:
        return str((await client.get("/agent-token")).json()["token"])


def header(page: Page) -> Locator:
    return page.locator("[data-role=oneliner-runs]")


async def say(page: Page, text: str) -> None:
    await page.locator(".composer-field").fill(text)
    await page.keyboard.press("Enter")


async def tab_to(page: Page, selector: str) -> None:
    """Go on with the Tab key until *selector* has the focus."""
    for _ in range(60):
        if await page.locator(f"{selector}:focus").count():
            return
        await page.keyboard.press("Tab")
    raise AssertionError(f"{selector} cannot be reached with the Tab key")


async def test_hostile_answers_run_nothing_load_nothing_and_cover_nothing_on_a_plain_page(
    host: tuple[Stage, str], models: ModelServer
) -> None:
    stage, url = host
    for n, text in enumerate(HOSTILE):
        # Enough for a run that is begun again because the machine was busy elsewhere.
        models.script(*[Reply(text)] * 3, marker=f"#{n}#")
    page = await plain(host)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await say(page, "Be nasty #0#")
    await expect(page.locator(".end")).to_have_count(1)
    tabs = await page.get_by_role("tab").all()
    assert len(tabs) == 1
    headers = {"Authorization": f"Bearer {await token(url)}"}
    async with httpx.AsyncClient(base_url=stage.server.url, headers=headers) as client:
        session_id = (await client.get("/v1/agent/sessions")).json()["items"][0]["id"]
        for n in range(1, len(HOSTILE)):
            body = {"message": f"Be nasty #{n}#", "session_id": session_id}
            (await client.post("/v1/agent/runs", json=body)).raise_for_status()
    # All of them are written into the window while it is looked at.
    await expect(page.locator(".end[data-status=done]")).to_have_count(len(HOSTILE), timeout=120_000)
    found = page.locator(".md").locator(DANGEROUS)
    assert await found.evaluate_all("(nodes) => nodes.map((node) => node.outerHTML)") == []
    links = await page.locator(".md a").evaluate_all(
        "(links) => links.map((a) => [a.protocol, a.rel, a.target].join(' '))"
    )
    assert set(links) <= {f"{p}: noopener noreferrer nofollow _blank" for p in ("http", "https", "mailto")}
    assert [u for u in asked if not u.startswith((stage.server.url, url))] == []
    assert await page.title() == "Plain"
    window = await page.locator(".window").bounding_box()
    assert window is not None
    wide = await page.locator(".log").evaluate("(log) => log.scrollWidth - log.clientWidth")
    assert wide == 0
    await expect(page.locator(".composer-field")).to_be_enabled()


async def test_ten_tabs_with_the_window_share_one_stream_and_go_on_when_its_tab_closes(
    host: tuple[Stage, str], models: ModelServer
) -> None:
    stage, url = host
    models.script(Reply("To all of you."), Reply("Still here."))
    context = await stage.browser.new_context(locale="en-US")
    streams: list[str] = []
    context.on("request", lambda r: streams.append(r.url) if "/v2/oneliner/stream" in r.url else None)
    tabs = [await stage.page(context) for _ in range(10)]
    for page in tabs:
        await page.goto(url)
        await expect(page.locator("#events li")).to_contain_text(["ready"])
    assert len(streams) == 1
    await tabs[1].locator("#report").click()
    for page in tabs[2:]:
        await expect(page.locator(".badge")).to_have_text("1")
    await tabs[0].close()
    await tabs[1].get_by_role("button", name="Cancel", exact=True).click()
    for page in tabs[2:]:
        await expect(page.locator(".badge")).to_have_count(0)
    assert len(streams) == 2


@pytest.mark.parametrize("what", AWAY_SECONDS)
async def test_an_answer_outlasts_a_server_killed_for_5_s_and_a_network_gone_for_10_s(
    what: str, host: tuple[Stage, str], models: ModelServer
) -> None:
    stage, _ = host
    page = await visited(host)
    await page.locator(".launcher").click()
    await outlasts(stage, page, models, what)


async def test_an_enter_that_ends_a_chinese_composition_does_not_send_from_the_window(host: tuple[Stage, str]) -> None:
    page = await visited(host)
    await page.locator(".launcher").click()
    field = page.locator(".composer-field")
    await expect(field).to_be_focused()
    devtools = await page.context.new_cdp_session(page)
    await devtools.send("Input.imeSetComposition", {"text": "ni hao", "selectionStart": 6, "selectionEnd": 6})
    await devtools.send(
        "Input.dispatchKeyEvent", {"type": "rawKeyDown", "key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 229}
    )
    await devtools.send("Input.insertText", {"text": "你好"})
    await expect(field).to_have_value("你好")
    await expect(page.locator(".message.user")).to_have_count(0)


async def test_on_a_phone_it_is_a_modal_and_the_page_behind_it_rests(host: tuple[Stage, str]) -> None:
    page = await visited(host, PHONE)
    await page.locator(".launcher").click()
    await expect(page.locator(".composer-field")).to_be_focused()
    assert await page.locator(".window").evaluate("(node) => node.matches(':modal')")
    inside = "() => document.activeElement?.matches('[data-oneliner]') || document.activeElement === document.body"
    for _ in range(25):
        await page.keyboard.press("Tab")
        assert await page.evaluate(inside)
    # Nothing of the page can take the focus, not even when it is given to it.
    await page.evaluate("() => document.querySelector('#report').focus()")
    assert await page.evaluate(inside)
    await page.get_by_role("button", name="All sessions").click()
    await page.keyboard.press("Escape")
    await expect(page.locator(".all-sessions")).to_be_hidden()
    await page.keyboard.press("Escape")
    await expect(page.locator(".window")).to_have_count(0)
    await expect(page.locator(".launcher")).to_be_focused()
    await page.locator("#report").click()
    await expect(page.locator(".plan-step")).to_have_count(2)
    # Turned to a wide screen it stands beside the page, and what was being read is still there.
    await page.set_viewport_size({"width": 1280, "height": 800})
    await expect(page.locator(".plan-step")).to_have_count(2)
    assert not await page.locator(".window").evaluate("(node) => node.matches(':modal')")
    await page.locator("[name=amount]").fill("300")


async def test_a_handoff_is_edited_confirmed_and_approved_by_keyboard_alone(
    host: tuple[Stage, str], models: ModelServer
) -> None:
    stage, _ = host
    await stage.rule({"tools": {"rules": [{"tool": "write_document", "verdict": "ask"}]}})
    write = Call("write_document", {"path": "report.md", "content": "# Report\n\nAll is well.\n"})
    marks = tuple(Call("mark_step", {"step_id": s, "status": "done"}) for s in ("s1", "s3"))
    models.script(Reply("", (write,)), Reply("", marks), Reply("**Written.**"))
    page = await visited(host)
    await tab_to(page, "#report")
    await page.keyboard.press("Enter")
    await expect(page.locator(".oneliner-run-title")).to_be_focused()
    await tab_to(page, ".plan-step:last-child textarea")
    await page.keyboard.press("Enter")
    await page.keyboard.type("Use write_document for report.md")
    await expect(page.locator(".plan-step:last-child .rule-mark")).to_have_text("asks you first: write_document")
    await tab_to(page, ".plan-step:nth-child(2) [data-act=remove]")
    await page.keyboard.press("Enter")
    await expect(page.locator(".plan-step")).to_have_count(2)
    await tab_to(page, ".plan-actions .primary")
    await page.keyboard.press("Enter")
    await expect(header(page)).to_have_attribute("data-status", "blocked")
    await expect(page.locator(".change .diff-line")).to_have_count(4)
    await tab_to(page, ".decision input")
    await page.keyboard.press("Space")
    await tab_to(page, ".question-foot .primary")
    await page.keyboard.press("Enter")
    await expect(header(page)).to_have_attribute("data-status", "done")
    await expect(page.locator(".message.assistant .md strong")).to_have_text("Written.")
    await expect(page.locator(".written-line")).to_contain_text("report.md")


async def test_two_thousand_tokens_leave_a_reader_where_he_is(host: tuple[Stage, str], models: ModelServer) -> None:
    go_on = asyncio.Event()
    text = "\n\n".join(f"Paragraph {n} with **bold** words and `code`, 还有中文." for n in range(200))
    models.script(Held(go_on, Reply(text, chunk_chars=max(1, len(text) // 2_000)), after_chunks=400))
    page = await visited(host)
    await page.locator(".launcher").click()
    await say(page, "Write a lot")
    await expect(page.locator(".message.assistant")).to_contain_text("Paragraph 30")
    await page.locator(".log").evaluate("(log) => { log.scrollTop = 120; }")
    await expect(page.locator(".jump")).to_be_visible()
    go_on.set()
    await expect(page.locator(".end")).to_be_attached()
    await expect(page.locator(".message.assistant .md p")).to_have_count(200)
    assert await page.locator(".log").evaluate("(log) => log.scrollTop") == 120
