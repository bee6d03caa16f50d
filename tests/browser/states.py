"""Every state the page can be in, brought about for real: for the checks of all of them, and for their pictures.

Each function takes a page that has just been opened and leaves it in its state, with the same clicks in either language
and at any width.
"""

from __future__ import annotations

import asyncio
import re
import signal
from typing import TYPE_CHECKING

from playwright.async_api import expect

from oneliner.testing import Call, Held, Reply, rate_limited, unauthorized
from tests.browser.stage import CUT, hand_off, open_handoff, say

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from playwright.async_api import Page

    from oneliner.testing import ModelServer
    from tests.browser.stage import Stage

#: What a browser says of a request that the server does not accept.
REFUSED = re.compile("422")
SLOW_TOOLS = "tests.browser.slow_tools"
PLAN = "读取当前策略\nBacktest the new threshold\n写入新阈值\nTell the team"
ANSWER = """## 本周结果

三个渠道里，**邮件（已确认）**表现最好。See https://example.com/report，然后决定。

| Channel | Visits | Cost |
|---|--:|--:|
| Email | 12,480 | $31.20 |
| 搜索 | 8,112 | $44.90 |

1. Keep the `weekly_digest` as it is
2. 停止 *展示广告*
   - its cost per visit doubled

```python
def threshold(history: list[float]) -> float:
    return max(history) * 0.7
```

> Nothing was changed yet.
"""
QUESTION = Call(
    "ask_user",
    {
        "question": "预算怎么定？ How large may the budget be?",
        "schema": {
            "type": "object",
            "properties": {
                "limit": {"type": "number", "title": "Limit / 上限", "description": "USD"},
                "pace": {"enum": ["steady", "front-loaded"], "title": "Pace / 节奏"},
                "notify": {"type": "boolean", "title": "Tell me / 通知我"},
            },
            "required": ["limit", "pace"],
        },
    },
)


def marks(*steps: str) -> tuple[Call, ...]:
    """The agent says of these steps that they are done."""
    return tuple(Call("mark_step", {"step_id": s, "status": "done", "note": "完成 / as planned"}) for s in steps)


def header(page: Page, status: str) -> Awaitable[None]:
    """The run header shows a run that is *status*."""
    return expect(page.locator("[data-role=oneliner-runs]")).to_have_attribute("data-status", status)


async def empty(_stage: Stage, page: Page, _models: ModelServer) -> None:
    await expect(page.locator(".empty")).to_be_visible()


async def sign_in(_stage: Stage, page: Page, _models: ModelServer) -> None:
    if await page.locator(".drawer-opener").is_visible():
        await page.locator(".drawer-opener").click()
    await page.locator(".nav-foot .icon-button").last.click()
    await expect(page.locator(".sign-in")).to_be_visible()


async def handoff_form(_stage: Stage, page: Page, _models: ModelServer) -> None:
    await open_handoff(page)
    await page.locator(".handoff [value=steps]").check()


async def drafting(_stage: Stage, page: Page, models: ModelServer) -> None:
    models.script(Held(asyncio.Event(), Reply("…")))
    await hand_off(page, "定投策略 Weekly plan")
    await header(page, "drafting")


async def needs_confirmation(_stage: Stage, page: Page, _models: ModelServer) -> None:
    await hand_off(page, "定投策略 Weekly plan", steps=PLAN)
    await header(page, "needs_confirmation")
    await expect(page.locator(".plan-step-tools").first).to_be_visible()


async def plan_edited(stage: Stage, page: Page, models: ModelServer) -> None:
    await needs_confirmation(stage, page, models)
    await page.locator(".plan-step textarea").nth(1).fill("Backtest with 0.7, 再对比 0.6")
    await expect(page.locator('[data-focus="plan.save"]')).to_be_visible()
    await page.locator('[data-focus="plan.revise"]').click()


async def running(_stage: Stage, page: Page, models: ModelServer) -> None:
    models.script(
        Reply("先读取策略。 Reading the strategy first.", (Call("list_documents", {}), *marks("s1"))),
        Held(asyncio.Event(), Reply(ANSWER), after_chunks=40),
    )
    await hand_off(page, "定投策略 Weekly plan", steps=PLAN)
    await page.locator('[data-focus="plan.confirm"]').click()
    await expect(page.locator(".message.assistant").nth(1)).to_be_visible()
    await page.locator("[data-focus=run-toggle]").click()


async def queued(stage: Stage, page: Page, models: ModelServer) -> None:
    await running(stage, page, models)
    await hand_off(page, "Second in line 排队的任务", steps="Only step")
    await page.locator('[data-focus="plan.confirm"]').click()
    await expect(page.locator(".working")).to_be_visible()
    await page.locator("[data-focus=others]").click()


async def streaming(_stage: Stage, page: Page, models: ModelServer) -> None:
    models.script(Held(asyncio.Event(), Reply(ANSWER), after_chunks=60))
    await say(page, "本周怎么样？ How was the week?")
    await expect(page.locator(".md table")).to_be_visible()


async def retrying(_stage: Stage, page: Page, models: ModelServer) -> None:
    models.script(rate_limited(30))
    await say(page, "本周怎么样？ How was the week?")
    await expect(page.locator(".working.retrying")).to_be_visible()


async def blocked_question(_stage: Stage, page: Page, models: ModelServer) -> None:
    models.script(Reply("还有一个问题。 One question first.", (QUESTION,)))
    await say(page, "安排投放 Plan the campaign")
    await expect(page.locator(".question")).to_be_visible()


async def blocked_approval(stage: Stage, page: Page, models: ModelServer) -> None:
    note = "改动正式文档 / real documents"
    await stage.rule({"tools": {"rules": [{"tool": "write_document", "verdict": "ask", "note": note}]}})
    written = {"path": "strategy/2026.md", "content": "新阈值 / the new threshold is 0.7"}
    models.script(Reply("", [Call("write_document", written)]), Reply("Written / 已写入"))
    await say(page, "写入新阈值")
    await header(page, "blocked")
    await expect(page.locator(".question-calls")).to_be_visible()


async def approval_edited(stage: Stage, page: Page, models: ModelServer) -> None:
    await blocked_approval(stage, page, models)
    await page.locator(".arguments-box > .button").click()
    await page.locator(".arguments [name=content]").fill("改小一点 A smaller change")
    await page.locator(".decision [value=refuse]").check()
    await page.locator(".question .approval > input").fill("还不行 Not yet")
    await page.reload()
    await expect(page.locator(".question .approval > input")).to_have_value("还不行 Not yet")


async def question_secret(_stage: Stage, page: Page, models: ModelServer) -> None:
    properties = {
        "account": {"type": "string", "title": "账号 Account"},
        "password": {"type": "string", "title": "密码 Password", "format": "password"},
    }
    schema = {"type": "object", "properties": properties, "required": ["account", "password"]}
    models.script(Reply("", (Call("ask_user", {"question": "怎么登录？ How do I get in?", "schema": schema}),)))
    await say(page, "登录 Log in there")
    await page.locator(".question [name=password]").fill("secret")


async def blocked_outcome(stage: Stage, page: Page, models: ModelServer) -> None:
    stage.expected = CUT
    models.script(
        Reply("发送邮件。 Sending it.", (Call("send_email", {"to": "team@example.com", "subject": "周报 Weekly"}),))
    )
    await say(page, "发周报 Send the weekly report")
    await expect(page.locator(".tool-state[data-state=running]")).to_be_visible()
    await stage.server.stop(signal.SIGKILL)
    await stage.server.start()
    await expect(page.locator(".question")).to_be_visible()
    await expect(page.locator(".strip")).to_be_hidden()


async def done(_stage: Stage, page: Page, models: ModelServer) -> None:
    models.script(
        Reply("我来算一下。 Let me work it out.", (Call("calculator", {"expression": "12480 / 31.2"}),)), Reply(ANSWER)
    )
    await say(page, "本周怎么样？ How was the week?")
    await expect(page.locator(".end")).to_be_visible()
    await page.locator(".tool summary").click()


async def done_with_plan(_stage: Stage, page: Page, models: ModelServer) -> None:
    models.script(Reply("", marks("s1", "s2", "s3", "s4")), Reply("全部完成。 All done, **nothing** is left."))
    await hand_off(page, "定投策略 Weekly plan", steps=PLAN)
    await page.locator('[data-focus="plan.confirm"]').click()
    await expect(page.locator(".end")).to_be_visible()
    await page.locator("[data-focus=run-toggle]").click()


async def failed(_stage: Stage, page: Page, models: ModelServer) -> None:
    models.script(unauthorized())
    await say(page, "本周怎么样？ How was the week?")
    await header(page, "failed")
    await page.locator("[data-focus=run-retry]").click()
    await page.locator(".retry summary").click()


async def cancelled(stage: Stage, page: Page, models: ModelServer) -> None:
    await needs_confirmation(stage, page, models)
    await page.locator('[data-focus="plan.cancel"]').click()
    await header(page, "cancelled")


async def offline(stage: Stage, page: Page, models: ModelServer) -> None:
    stage.expected = CUT
    await done(stage, page, models)
    await page.context.set_offline(True)
    await expect(page.locator(".strip")).to_be_visible()
    await say(page, "还在吗？ Are you there?")
    await expect(page.locator(".delivery.waiting")).to_be_visible()


async def goto(page: Page, name: str) -> None:
    """One of the pages beside the chat, when it is there."""
    await page.evaluate("(name) => { location.hash = `#/${name}`; }", name)
    await expect(page.locator(".page-nav [aria-current]")).to_have_attribute("data-page", name)
    await expect(page.locator(".page > .stack").first).to_be_visible()


async def home(stage: Stage, page: Page, models: ModelServer) -> None:
    await needs_confirmation(stage, page, models)
    await goto(page, "home")
    await expect(page.locator(".next-card.primary .button")).to_be_visible()


async def runs_page(stage: Stage, page: Page, models: ModelServer) -> None:
    await failed(stage, page, models)
    await needs_confirmation(stage, page, models)
    await goto(page, "runs")
    await page.locator(".table [type=checkbox]").first.check()
    await expect(page.locator(".bulk .button")).to_be_visible()
    mine = await page.locator(".who").get_attribute("title") or ""
    await stage.hand_over("Compare the offers", "Write to the suppliers", user_id=mine)
    await expect(page.locator("[data-focus=newer]")).to_be_visible()


async def run_page(stage: Stage, page: Page, models: ModelServer) -> None:
    await done_with_plan(stage, page, models)
    await _open_run(page, "timeline")
    await expect(page.locator(".leases .span")).to_be_visible()


async def _open_run(page: Page, part: str) -> None:
    """The part of the newest run's own page."""
    await goto(page, "runs")
    await page.locator(".table a").first.click()
    await page.locator(f"#part-{part}").click()
    await expect(page.locator(f"#part-{part}[aria-selected=true]")).to_be_visible()
    await expect(page.locator(".part:not([aria-busy]) .section-title").first).to_be_visible()


async def run_lost(stage: Stage, page: Page, models: ModelServer) -> None:
    await blocked_outcome(stage, page, models)
    await _open_run(page, "timeline")
    await expect(page.locator(".leases .changed")).to_be_visible()
    await page.locator(".leases").scroll_into_view_if_needed()


async def run_conversation(stage: Stage, page: Page, models: ModelServer) -> None:
    await done(stage, page, models)
    await _open_run(page, "conversation")
    await expect(page.locator(".said")).to_have_count(4)


async def run_events(stage: Stage, page: Page, models: ModelServer) -> None:
    await done_with_plan(stage, page, models)
    await _open_run(page, "events")
    await page.locator(".event-list summary").first.click()


async def run_rules(stage: Stage, page: Page, models: ModelServer) -> None:
    await stage.rule({"max_steps": 30})
    await needs_confirmation(stage, page, models)
    await stage.rule({"max_steps": 9})
    await _open_run(page, "rules")
    await expect(page.locator(".direction").first).to_be_visible()


async def run_audit(stage: Stage, page: Page, models: ModelServer) -> None:
    await plan_edited(stage, page, models)
    await page.locator('[data-focus="plan.save"]').click()
    await expect(page.locator('[data-focus="plan.save"]')).to_be_hidden()
    written = {"path": "strategy/2026.md", "content": "新阈值 / the new threshold is 0.7"}
    await stage.rule({"tools": {"rules": [{"tool": "write_document", "verdict": "ask"}]}})
    models.script(
        Reply("", [*marks("s1", "s2", "s3", "s4"), Call("write_document", written)]), Reply("Written / 已写入")
    )
    await page.locator('[data-focus="plan.confirm"]').click()
    await page.locator(".question [value=allow_always]").check()
    await page.locator(".question [type=submit]").click()
    await header(page, "done")
    await _open_run(page, "audit")
    await expect(page.locator(".part tbody tr")).to_have_count(5)


async def run_audit_empty(stage: Stage, page: Page, models: ModelServer) -> None:
    await needs_confirmation(stage, page, models)
    await _open_run(page, "audit")
    await expect(page.locator(".part .nothing")).to_be_visible()


async def _wrote(page: Page, text: str) -> None:
    await page.locator(".page .row .button").nth(1).click()
    await page.locator(".editor").fill(text)
    await page.locator(".editor ~ .row .primary").click()


async def documents(_stage: Stage, page: Page, _models: ModelServer) -> None:
    await goto(page, "documents")
    await page.locator("[name=path]").fill("strategy/2026.md")
    await page.locator("[name=content]").fill("# 策略 Strategy\n\nOne line.\n")
    await page.locator(".page [type=submit].primary").click()
    await expect(page.locator(".versions li")).to_have_count(1)
    await goto(page, "documents")
    await expect(page.locator(".table a")).to_have_count(1)


async def document(stage: Stage, page: Page, models: ModelServer) -> None:
    await documents(stage, page, models)
    await page.locator(".table a").click()
    await expect(page.locator(".versions li")).to_have_count(1)
    await _wrote(page, ANSWER)
    await expect(page.locator(".diff-line[data-kind=added]").first).to_be_visible()


STRATEGY = (
    "# 策略 Strategy\n\n" + "\n".join(f"Rule {n}: 保持不变 stays as it is" for n in range(9)) + "\n\nThreshold: {}\n"
)


async def document_proposed(_stage: Stage, page: Page, models: ModelServer, seen_version: int = 1) -> None:
    """A document is handed to the agent, whose change of it waits for a yes."""
    await goto(page, "documents")
    await page.locator("[name=path]").fill("strategy/2026.md")
    await page.locator("[name=content]").fill(STRATEGY.format("0.6"))
    await page.locator(".page [type=submit].primary").click()
    await expect(page.locator(".versions li")).to_have_count(1)
    proposed = {
        "path": "strategy/2026.md",
        "content": STRATEGY.format("0.7") + "Reason: 回测更稳 steadier in the backtest\n",
        "seen_version": seen_version,
    }
    models.script(
        Reply(
            "",
            (
                Call(
                    "propose_plan",
                    {"goal": "调整阈值 Adjust the threshold", "steps": ["读取 Read it", "写入 Write it"]},
                ),
            ),
        ),
        Reply("先读取。 Reading it first.", (Call("read_document", {"path": "strategy/2026.md"}), *marks("s1"))),
        Reply("我建议这样改。 This is what I propose.", (Call("write_document", proposed),)),
        Reply("", marks("s2")),
        Reply("已按批准调整。 Adjusted as approved."),
    )
    await page.locator("[data-action=handoff-to-main-agent]").last.click()
    await page.locator('[data-focus="plan.confirm"]').click()
    await header(page, "blocked")
    await expect(page.locator(".change .diff")).to_be_visible()


async def document_written(stage: Stage, page: Page, models: ModelServer) -> None:
    await document_proposed(stage, page, models)
    await page.locator(".decision input[value=allow_once]").check()
    await page.locator(".question-foot .primary").click()
    await header(page, "done")
    await page.locator(".written-line .link").click()
    await expect(page.locator(".written-change .diff")).to_be_visible()


async def rules(_stage: Stage, page: Page, _models: ModelServer) -> None:
    await goto(page, "rules")
    form = page.locator(".card").last
    await form.locator("summary").first.click()
    await form.locator("[name=max_steps]").fill("80")
    await form.locator("[name=notice]").fill("本周放宽 Relaxed for the launch")
    await form.locator("[type=submit]").click()
    await expect(page.locator(".page .notice")).to_be_visible()
    await page.locator(".card summary").first.click()


async def costs(stage: Stage, page: Page, models: ModelServer) -> None:
    await done(stage, page, models)
    await goto(page, "costs")
    await expect(page.locator(".table")).to_be_visible()


async def rule_form(stage: Stage, page: Page, models: ModelServer) -> None:
    await done(stage, page, models)
    await goto(page, "rules")
    await page.locator(".page form[aria-label] [name=tool]").fill("send_email")
    await page.locator(".page [name=arguments]").fill('{"to": "ann@example.com", "subject": "你好"}')
    await page.locator(".page form[aria-label] .button").first.click()
    await expect(page.locator(".trial-said")).to_be_visible()
    await page.locator(".page .card > summary").first.click()
    form = page.locator(".page .card form").first
    await form.locator(".tool-rule-box > div > .button").click()
    await form.locator(".tool-rule-head [name=tool]").fill("calc*")
    await form.locator(".tool-rule > div > .button").click()
    await form.locator("[name=at]").fill("/expression")
    await form.locator("[name=op]").select_option("exists")
    await form.locator("[name=note]").fill("先问一声 Ask before it counts")
    await form.locator(".trial-ask .button").click()
    await expect(form.locator(".trial-said")).to_be_visible()


async def rules_past(stage: Stage, page: Page, models: ModelServer) -> None:
    await stage.rule(
        {"max_steps": 12, "tools": {"rules": [{"tool": "calculator", "verdict": "ask", "note": "要算清楚"}]}}
    )
    models.script(Reply("", (Call("calculator", {"expression": "6 * 7"}),)), Reply(ANSWER))
    await say(page, "六乘七 Six times seven")
    await page.locator(".question [value=allow_always], .question input[type=radio]").nth(2).check()
    await page.locator(".question [type=submit]").click()
    await expect(page.locator(".end")).to_be_visible()
    await stage.rule(
        {"max_steps": 9, "tools": {"rules": [{"tool": "calculator", "verdict": "ask", "note": "要算清楚"}]}}
    )
    await goto(page, "rules")
    await page.locator(".table").last.scroll_into_view_if_needed()
    await expect(page.locator(".direction").first).to_be_visible()


async def sessions(stage: Stage, page: Page, models: ModelServer) -> None:
    await done(stage, page, models)
    await goto(page, "sessions")
    await expect(page.locator(".table tbody tr").first).to_be_visible()


async def runs_view(stage: Stage, page: Page, models: ModelServer) -> None:
    await needs_confirmation(stage, page, models)
    await page.evaluate("() => { location.hash = '#/runs?status=needs_you&mine=true'; }")
    await page.locator(".views .button").click()
    await page.locator(".view-form input").fill("要我处理 Mine to decide")
    await page.keyboard.press("Enter")
    await expect(page.locator(".view[aria-current]")).to_be_visible()


async def save_views(page: Page, count: int) -> None:
    """Save as many views of the runs."""
    await page.evaluate(
        """async (count) => {
          const headers = { "Content-Type": "application/json", Authorization: `Bearer ${sessionStorage.getItem("oneliner.token")}` };
          for (let n = 1; n <= count; n += 1) await fetch("/v2/oneliner/views", { method: "PUT", headers, body: JSON.stringify({ name: `视图 View ${n}`, query: `q=${n}` }) });
        }""",
        count,
    )


async def runs_view_refused(stage: Stage, page: Page, _models: ModelServer) -> None:
    stage.expected = REFUSED
    await save_views(page, 50)
    await page.evaluate("() => { location.hash = '#/runs?status=failed&mine=true'; }")
    await page.locator(".view-save").click()
    await page.locator(".view-form input").fill("再来一个 One more")
    await page.keyboard.press("Enter")
    await expect(page.locator(".views .problem")).to_be_visible()


async def sessions_deleted(stage: Stage, page: Page, models: ModelServer) -> None:
    await session(stage, page, models)
    await page.locator(".page .button.danger").click()
    await page.locator(".page .button.danger").click()
    await expect(page.locator(".page-nav [aria-current]")).to_have_attribute("data-page", "sessions")
    await page.locator("[name=deleted]").select_option("true")
    await expect(page.locator(".table button").first).to_be_visible()


async def session(stage: Stage, page: Page, models: ModelServer) -> None:
    await done_with_plan(stage, page, models)
    await goto(page, "sessions")
    await page.locator(".table a").first.click()
    await expect(page.locator(".said").first).to_be_visible()


async def live(stage: Stage, page: Page, models: ModelServer) -> None:
    await goto(page, "live")
    await expect(page.locator(".page .nothing")).to_be_visible()
    await page.evaluate("() => { location.hash = '#chat'; }")
    await done(stage, page, models)
    await goto(page, "live")
    await page.locator(".tail-line summary").first.click()
    await page.locator(".filters .button").first.click()
    await expect(page.locator(".filters .button[aria-pressed=true]")).to_be_visible()


async def _open_card(page: Page) -> None:
    if await page.locator(".page .card[open]").count() == 0:
        await page.locator(".page .card > summary").last.click()


async def schedules_empty(_stage: Stage, page: Page, _models: ModelServer) -> None:
    await goto(page, "schedules")
    await _open_card(page)
    await expect(page.locator(".due-list li")).to_have_count(5)


async def schedule(_stage: Stage, page: Page, _models: ModelServer) -> None:
    await goto(page, "schedules")
    await _open_card(page)
    await page.locator(".page [name=title]").fill("核对重点账号 Review the key accounts")
    await page.locator(".page [name=goal]").fill("知道哪些需要处理")
    await page.locator(".page [name=steps]").fill("Read the accounts\n决定下一步")
    await page.locator(".page [name=timezone]").fill("Asia/Shanghai")
    await page.locator(".page [type=submit].primary").click()
    await expect(page.locator(".page .numbered")).to_be_visible()


async def schedules(stage: Stage, page: Page, models: ModelServer) -> None:
    await schedule(stage, page, models)
    await page.locator(".page .row .button").first.click()
    await expect(page.locator(".page .status[data-state=off]")).to_be_visible()
    await goto(page, "schedules")
    await expect(page.locator(".table tbody tr").first).to_be_visible()


async def mcp_none(_stage: Stage, page: Page, _models: ModelServer) -> None:
    await goto(page, "mcp")
    await expect(page.locator(".page form")).to_be_visible()


async def webhook_secret(_stage: Stage, page: Page, _models: ModelServer) -> None:
    await goto(page, "webhooks")
    await _open_card(page)
    await page.locator(".page [name=url]").fill("https://app.example.com/oneliner")
    await page.locator(".page [name=description]").fill("宿主产品 The host product")
    await page.locator(".page .card [type=submit]").click()
    await expect(page.locator(".secret")).to_be_visible()


async def webhook(stage: Stage, page: Page, models: ModelServer) -> None:
    await webhook_secret(stage, page, models)
    await page.locator(".page .card a.button").click()
    await page.locator(".page .row .button").nth(1).click()
    await expect(page.locator(".page .status[data-state=off]")).to_be_visible()


async def webhooks(stage: Stage, page: Page, models: ModelServer) -> None:
    await webhook_secret(stage, page, models)
    await page.evaluate("() => { location.hash = '#/home'; }")
    await goto(page, "webhooks")
    await expect(page.locator(".table tbody tr").first).to_be_visible()


async def system(_stage: Stage, page: Page, _models: ModelServer) -> None:
    await goto(page, "system")
    await expect(page.locator(".table").last).to_be_visible()


STATES: Mapping[str, Callable[[Stage, Page, ModelServer], Awaitable[None]]] = {
    f.__name__: f
    for f in (
        empty, handoff_form, drafting, needs_confirmation, plan_edited, queued, running, streaming, retrying,
        blocked_question, question_secret, blocked_approval, approval_edited, blocked_outcome, done, done_with_plan, failed, cancelled, offline, sign_in,
        home, runs_page, run_page, run_lost, run_conversation, run_events, run_rules, run_audit, run_audit_empty, documents, document, document_proposed, document_written, rules, costs,
        rule_form, rules_past, runs_view, runs_view_refused, sessions, session, sessions_deleted, live, schedules_empty, schedule, schedules, mcp_none, webhook_secret, webhook, webhooks, system,
    )
}  # fmt: skip
