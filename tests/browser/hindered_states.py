"""States of the page in which something stands in the way: a rule, a budget, somebody else's change, a lost sign-in.

As in states.py, each function takes a page that has just been opened and leaves it in its state.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import signal
from typing import TYPE_CHECKING

from playwright.async_api import expect

from oneliner.domain.user import Authority
from oneliner.settings import Settings
from oneliner.testing import Call, Held, Reply, unauthorized
from oneliner.wiring import issue_token
from tests.browser.stage import CUT, hand_off, say
from tests.browser.states import ANSWER, PLAN, goto, header, marks, sign_in

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from playwright.async_api import Page

    from oneliner.testing import ModelServer
    from tests.browser.stage import Stage

#: What a browser says of an answer that is a refusal, where the state is about one.
REFUSED = re.compile(rf"{CUT.pattern}|status of 40[134]")


async def plan_conflict(stage: Stage, page: Page, _models: ModelServer) -> None:
    """Two of one's own pages change the same plan."""
    await hand_off(page, "定投策略 Weekly plan", steps=PLAN)
    await page.locator(".plan-step textarea").first.fill("读取当前策略 My own words")
    await page.keyboard.press("Tab")
    other = await stage.page(page.context)
    await other.goto(stage.server.url)
    await other.locator("[data-focus=run-go]").click()
    await other.locator(".plan-step textarea").last.fill("Tell nobody 不要通知")
    await other.locator('[data-focus="plan.save"]').click()
    await expect(page.locator(".plan-conflict p")).to_be_visible()
    await other.close()


async def plan_forbidden(stage: Stage, page: Page, _models: ModelServer) -> None:
    """A plan of which rules forbid one step and ask about another."""
    books = [
        {"tool": "send_email", "verdict": "deny", "note": "对外邮件走市场部 Marketing sends mail"},
        {"tool": "write_document", "verdict": "ask", "note": "改动正式文档 / real documents"},
    ]
    await stage.rule({"tools": {"rules": books}})
    await hand_off(page, "周报 Weekly report", steps="Use list_documents\nUse write_document\nUse send_email")
    await expect(page.locator(".plan-step-rules .rule-mark[data-prospect=deny]")).to_be_visible()
    await page.locator(".plan-rules summary").click()


async def denied(stage: Stage, page: Page, models: ModelServer) -> None:
    """A tool call that a rule forbids; the agent goes on without it."""
    await stage.rule({"tools": {"rules": [{"tool": "send_email", "verdict": "deny", "note": "对外邮件走市场部"}]}})
    mail = Call("send_email", {"to": "team@example.com", "subject": "周报 Weekly"})
    models.script(
        Reply("发送邮件。 Sending it.", (mail,)), Reply("规则不允许我发送。 A rule keeps me from sending it.")
    )
    await say(page, "发周报 Send the weekly report")
    await expect(page.locator(".end")).to_be_visible()
    await page.locator(".tool summary").click()


async def blocked_budget(stage: Stage, page: Page, _models: ModelServer) -> None:
    await stage.rule({"run_budget": "0.000001"})
    await say(page, "本周怎么样？ How was the week?")
    await header(page, "blocked")
    await expect(page.locator(".question")).to_be_visible()


async def stopping(_stage: Stage, page: Page, models: ModelServer) -> None:
    """A stop whose answer does not come."""
    await _working(page, models)
    closed = asyncio.Event()
    page.once("close", lambda _page: closed.set())
    await page.route("**/cancel", lambda _route: closed.wait())
    await page.locator("[data-focus=run-stop]").click()
    await expect(page.locator("[data-focus=run-stop]")).to_have_attribute("aria-disabled", "true")


async def stopped(_stage: Stage, page: Page, models: ModelServer) -> None:
    """A run that was stopped in the middle of its plan."""
    await _working(page, models)
    await page.locator("[data-focus=run-stop]").click()
    await header(page, "cancelled")
    await expect(page.locator(".delivery.interrupted").last).to_be_visible()
    await expect(page.locator(".end")).to_be_visible()
    await page.locator("[data-focus=run-toggle]").click()


async def next_message(_stage: Stage, page: Page, models: ModelServer) -> None:
    """A message that waits for the run before it."""
    models.script(Held(asyncio.Event(), Reply(ANSWER), after_chunks=10))
    await say(page, "本周怎么样？ How was the week?")
    await expect(page.locator(".message.assistant")).to_be_visible()
    await say(page, "之后呢？ And then?")
    await expect(page.locator(".message.user")).to_have_count(2)
    await expect(page.locator(".working")).to_be_visible()


async def failed_in_plan(_stage: Stage, page: Page, models: ModelServer) -> None:
    """A run that failed at its second step."""
    models.script(Reply("先读取。 Reading it first.", marks("s1")), unauthorized())
    await hand_off(page, "定投策略 Weekly plan", steps=PLAN)
    await page.locator('[data-focus="plan.confirm"]').click()
    await header(page, "failed")
    await page.locator("[data-focus=run-toggle]").click()


async def signed_out(stage: Stage, page: Page, models: ModelServer) -> None:
    """The server does not take the page's token any more; what was being written is kept."""
    stage.expected = REFUSED
    models.script(Reply("好的。 All right."))
    await say(page, "本周怎么样？ How was the week?")
    await expect(page.locator(".end")).to_be_visible()
    await page.locator(".composer-field").fill("还没发出的话 Not sent yet")
    await stage.server.stop(signal.SIGKILL)
    stage.server.variables = {**stage.server.variables, "ONELINER_JWT_SECRET": secrets.token_urlsafe(36)}
    await stage.server.start()
    await expect(page.locator(".strip[data-kind=signed-out]")).to_be_visible()


async def unknown_run(stage: Stage, page: Page, _models: ModelServer) -> None:
    """An address of somebody else's run, or of none."""
    stage.expected = REFUSED
    await page.evaluate("() => { location.hash = '#/run/01890000-0000-7000-8000-000000000000'; }")
    await expect(page.locator(".page .problem")).to_be_visible()


async def member(stage: Stage, page: Page, models: ModelServer) -> None:
    """The rules as somebody sees them who is no administrator."""
    await sign_in(stage, page, models)
    settings = Settings.load(stage.server.variables, data_dir=stage.server.data_dir)
    token = issue_token(
        settings, f"bob-{secrets.token_hex(3)}", authority=Authority.MEMBER, ttl_seconds=600, name="Bob 鲍勃"
    )
    await page.locator("[name=token]").fill(token)
    await page.keyboard.press("Enter")
    await expect(page.locator(".composer-field")).to_be_visible()
    await goto(page, "rules")


async def session_removed(_stage: Stage, page: Page, _models: ModelServer) -> None:
    """A session that is about to be deleted, in the side or, on a narrow page, in the drawer."""
    await hand_off(page, "定投策略 Weekly plan", steps=PLAN)
    await header(page, "needs_confirmation")
    if await page.locator(".drawer-opener").is_visible():
        await page.locator(".drawer-opener").click()
    await page.locator(".session").hover()
    await page.locator(".session-remove").click()
    await expect(page.locator(".session-confirm")).to_be_visible()


async def _working(page: Page, models: ModelServer) -> None:
    """A run in the second step of its plan."""
    models.script(
        Reply("先读取策略。 Reading first.", marks("s1")), Held(asyncio.Event(), Reply(ANSWER), after_chunks=20)
    )
    await hand_off(page, "定投策略 Weekly plan", steps=PLAN)
    await page.locator('[data-focus="plan.confirm"]').click()
    await expect(page.locator(".message.assistant").nth(1)).to_be_visible()


HINDERED: Mapping[str, Callable[[Stage, Page, ModelServer], Awaitable[None]]] = {
    f.__name__: f
    for f in (
        plan_conflict, plan_forbidden, denied, blocked_budget, stopping, stopped, next_message, failed_in_plan,
        signed_out, unknown_run, member, session_removed,
    )
}  # fmt: skip
