"""The states of the window on another page, brought about for real, for their pictures.

Each function takes the example's page with the window's launcher on it, and leaves it in its state in either language.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from playwright.async_api import expect

from oneliner.testing import Call, Held, Reply, unauthorized
from tests.browser.stage import CUT, say
from tests.browser.states import ANSWER, QUESTION

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from playwright.async_api import Page

    from oneliner.testing import ModelServer
    from tests.browser.stage import Stage

MARKS = tuple(Call("mark_step", {"step_id": f"s{n}", "status": "done"}) for n in (1, 2))


async def on_the_page(page: Page, url: str, user: str, language: str) -> None:
    """The example's page, its window in *language* and for *user*."""
    await page.goto(url)
    await expect(page.locator("#events li")).to_contain_text(["ready"])
    await page.evaluate(
        "async ([user, language]) => { await OneLiner.destroy(); await OneLiner.init({ tokenUrl: `/agent-token?user=${user}`, language }); }",
        [user, language],
    )


async def _plan(page: Page) -> None:
    await page.locator("#adjust").click()
    await expect(page.locator(".plan-step")).to_have_count(3)


async def window_waiting(_stage: Stage, page: Page, _models: ModelServer) -> None:
    await _plan(page)
    await page.keyboard.press("Escape")
    await expect(page.locator(".badge")).to_have_text("1")


async def window_empty(_stage: Stage, page: Page, _models: ModelServer) -> None:
    await page.locator(".launcher").click()
    await expect(page.locator(".composer-field")).to_be_focused()


async def window_plan(_stage: Stage, page: Page, _models: ModelServer) -> None:
    await _plan(page)
    await page.locator(".plan-step textarea").last.fill("Use write_document, 写入 strategy.md")
    await expect(page.locator(".plan-step-rules .rule-mark")).to_be_visible()


async def window_running(_stage: Stage, page: Page, models: ModelServer) -> None:
    models.script(
        Reply("先读取策略。 Reading first.", (Call("list_documents", {}), *MARKS)),
        Held(asyncio.Event(), Reply(ANSWER), after_chunks=60),
    )
    await _plan(page)
    await page.locator(".plan-actions .primary").click()
    await expect(page.locator(".md table")).to_be_visible()


async def window_question(_stage: Stage, page: Page, models: ModelServer) -> None:
    models.script(Reply("还有一个问题。 One question first.", (QUESTION,)))
    await page.locator(".launcher").click()
    await say(page, "安排投放 Plan the campaign")
    await expect(page.locator(".question")).to_be_visible()


async def window_approval(stage: Stage, page: Page, models: ModelServer) -> None:
    await stage.rule({"tools": {"rules": [{"tool": "write_document", "verdict": "ask"}]}})
    content = "# 策略 Strategy\n\nMonthly amount: 250\nRisk: low\n"
    models.script(
        Reply("建议如下。 This is my proposal.", (Call("write_document", {"path": "strategy.md", "content": content}),))
    )
    await page.locator(".launcher").click()
    await say(page, "降低风险 Lower the risk")
    await expect(page.locator(".change .diff")).to_be_visible()


async def window_done(_stage: Stage, page: Page, models: ModelServer) -> None:
    models.script(Reply("", (*MARKS, Call("mark_step", {"step_id": "s3", "status": "done"}))), Reply(ANSWER))
    await _plan(page)
    await page.locator(".plan-actions .primary").click()
    await expect(page.locator(".end")).to_be_visible()


async def window_sessions(stage: Stage, page: Page, models: ModelServer) -> None:
    await window_done(stage, page, models)
    await page.locator(".tabs > .icon-button").last.click()
    await expect(page.locator(".session")).to_be_visible()


async def window_offline(stage: Stage, page: Page, models: ModelServer) -> None:
    stage.expected = CUT
    await window_done(stage, page, models)
    await page.context.set_offline(True)
    await expect(page.locator(".strip")).to_be_visible()


async def window_drafting(_stage: Stage, page: Page, models: ModelServer) -> None:
    models.script(Held(asyncio.Event(), Reply("…")))
    await page.evaluate("() => void OneLiner.handoff({ title: '周报 Weekly report', goal: 'Write it', draft: true })")
    await expect(page.locator(".oneliner-runs[data-status=drafting]")).to_be_visible()


async def window_failed(_stage: Stage, page: Page, models: ModelServer) -> None:
    models.script(unauthorized())
    await page.locator(".launcher").click()
    await say(page, "本周怎么样？ How was the week?")
    await expect(page.locator(".oneliner-runs[data-status=failed]")).to_be_visible()


async def window_sidebar(stage: Stage, page: Page, models: ModelServer) -> None:
    await window_done(stage, page, models)
    if await page.locator(".mode-toggle").is_visible():
        await page.locator(".mode-toggle").click()
        await expect(page.locator(".launcher")).to_be_hidden()


WINDOW_STATES: Mapping[str, Callable[[Stage, Page, ModelServer], Awaitable[None]]] = {
    f.__name__: f
    for f in (
        window_waiting, window_empty, window_plan, window_running, window_question, window_approval, window_done,
        window_sessions, window_offline, window_drafting, window_failed, window_sidebar,
    )
}  # fmt: skip
