"""The console: sessions, what happens live, schedules, MCP servers, the system."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from oneliner.testing import Call, Reply
from tests.browser.stage import Server, Stage, hand_off, say
from tests.browser.states import save_views
from tests.browser.test_pages import goto, read
from tests.support import modern_mcp_server
from tests.webhooks.receiver import Receiver

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from playwright.async_api import Browser, Locator, Page

    from oneliner.testing import ModelServer

pytestmark = pytest.mark.browser

MCP_SERVER = str(Path(modern_mcp_server.__file__))
MANY = 50_000
MAX_TABS = 80


@asynccontextmanager
async def staged_with(browser: Browser, data_dir: Path, variables: dict[str, str]) -> AsyncGenerator[Stage]:
    """A stage whose server has settings of its own."""
    async with Server(data_dir, None, variables=variables) as server:
        stage = Stage(browser, server)
        yield stage
        await stage.check()


async def talk(page: Page, text: str) -> None:
    await say(page, text)
    await expect(page.locator(".end")).to_be_visible()


async def test_a_session_is_found_exported_deleted_and_restored(stage: Stage, models: ModelServer) -> None:
    models.script(Reply("It is 42."), Reply("Later."))
    page = await stage.signed_in()
    await talk(page, "Six times seven")
    await page.locator(".nav-actions .button").first.click()
    # What is typed before that is kept as the draft of the session that was open.
    await expect(page.get_by_role("heading", name="New chat")).to_be_visible()
    await talk(page, "Something else")
    await goto(page, "sessions")
    rows = page.locator(".table tbody tr")
    await expect(rows).to_have_count(2)
    await page.get_by_label("Search").fill("SEVEN")
    await page.keyboard.press("Enter")
    await expect(rows).to_have_count(1)
    assert "q=SEVEN" in page.url
    await page.get_by_role("link", name="Six times seven").click()
    await expect(page.locator(".said")).to_have_count(2)
    await expect(page.locator(".said").last).to_contain_text("It is 42.")
    for name, ending in (("Export as JSONL", "jsonl"), ("Export as Markdown", "md")):
        async with page.expect_download() as saved:
            await page.get_by_role("button", name=name).click()
        file = await saved.value
        assert file.suggested_filename.endswith(f".{ending}")
        text = read(await file.path())
        assert "It is 42." in text
        assert ending == "md" or json.loads(text.splitlines()[-1])["kind"] == "end"
    await page.get_by_role("button", name="Delete", exact=True).click()
    await expect(page.get_by_role("button", name="Leave it")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("button", name="Delete", exact=True)).to_be_focused()
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Yes, delete").click()
    await expect(rows).to_have_count(1)
    await expect(page.locator(".session")).to_have_count(1)
    await page.get_by_label("Which").select_option("true")
    await expect(rows).to_have_count(1)
    assert "deleted=true" in page.url
    await page.get_by_role("button", name="Restore “Six times seven”").click()
    await expect(page.locator(".nothing")).to_be_visible()
    await expect(page.locator(".session")).to_have_count(2)


async def test_a_session_is_renamed_where_its_title_stands_and_on_its_page(stage: Stage, models: ModelServer) -> None:
    models.script(Reply("It is 42."))
    page = await stage.signed_in()
    await talk(page, "Six times seven")
    title = page.locator(".page-title")
    opener = page.get_by_role("button", name="Rename the session")
    await opener.click()
    field = page.get_by_label("Title of the session")
    await expect(field).to_be_focused()
    await expect(field).to_have_value("Six times seven")
    await page.keyboard.press("Escape")
    await expect(opener).to_be_focused()
    await expect(title).to_have_text("Six times seven")
    await page.keyboard.press("Enter")
    await field.fill("Multiplication 乘法")
    await page.keyboard.press("Enter")
    await expect(title).to_have_text("Multiplication 乘法")
    await expect(page.locator(".session-title").first).to_have_text("Multiplication 乘法")
    await expect(opener).to_be_focused()
    await goto(page, "sessions")
    await page.get_by_role("link", name="Multiplication").click()
    await page.get_by_role("button", name="Rename", exact=True).click()
    await field.fill("Sums")
    await page.keyboard.press("Enter")
    await expect(title).to_have_text("Sums")
    await page.reload()
    await expect(title).to_have_text("Sums")
    await page.get_by_role("link", name="Six times seven").click()
    await page.get_by_role("tab", name="Audit").click()
    await expect(page.locator(".part")).to_contain_text("Renamed its session")


async def test_a_view_of_runs_is_named_gone_to_and_removed(stage: Stage) -> None:
    page = await stage.signed_in()
    for title in ("First task", "Second task"):
        await hand_off(page, title, steps="Only step")
        await expect(page.locator(".oneliner-run-title")).to_have_text(title)
    await goto(page, "runs")
    rows = page.locator(".table tbody tr")
    await page.get_by_role("link", name="Needs somebody").click()
    await expect(rows).to_have_count(2)
    await expect(page.get_by_label("Status")).to_have_value("needs_you")
    await page.get_by_role("link", name="Failed").click()
    await expect(page.locator(".nothing")).to_be_visible()
    await page.get_by_role("link", name="Show all").click()
    await expect(rows).to_have_count(2)
    await page.get_by_label("Search").fill("second")
    await page.keyboard.press("Enter")
    await expect(rows).to_have_count(1)
    await page.get_by_role("button", name="Save this view").click()
    await page.get_by_label("Name of the view").fill("The second")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("link", name="The second")).to_be_focused()
    await page.get_by_role("link", name="All", exact=True).click()
    await expect(rows).to_have_count(2)
    await page.reload()
    await page.get_by_role("link", name="The second").click()
    await expect(rows).to_have_count(1)
    await expect(page.get_by_role("link", name="The second")).to_have_attribute("aria-current", "true")
    await page.get_by_role("button", name="Remove the view “The second”").click()
    await expect(page.get_by_role("link", name="The second")).to_have_count(0)
    await expect(page.get_by_role("link", name="Failed")).to_be_focused()
    await expect(page.get_by_role("button", name="Save this view")).to_be_visible()


async def test_saved_views_are_there_in_every_browser_and_those_a_browser_held_are_handed_over(stage: Stage) -> None:
    page = await stage.signed_in()
    held = [{"name": "Held here", "query": "q=held"}, {"name": "Also", "query": "mine=true"}]
    await page.evaluate("(text) => localStorage.setItem('oneliner.views.runs.local', text)", json.dumps(held))
    await goto(page, "runs")
    await expect(page.get_by_role("link", name="Held here")).to_be_visible()
    assert await page.evaluate("() => localStorage.getItem('oneliner.views.runs.local')") is None
    elsewhere = await stage.entered("local")
    await goto(elsewhere, "runs")
    await expect(elsewhere.get_by_role("link", name="Also")).to_be_visible()
    await elsewhere.get_by_role("button", name="Remove the view “Held here”").click()
    await expect(elsewhere.get_by_role("link", name="Held here")).to_have_count(0)
    await page.reload()
    await expect(page.get_by_role("link", name="Also")).to_be_visible()
    await expect(page.get_by_role("link", name="Held here")).to_have_count(0)
    other = await stage.entered("bob")
    await goto(other, "runs")
    await expect(other.get_by_role("link", name="Needs somebody")).to_be_visible()
    await expect(other.get_by_role("link", name="Also")).to_have_count(0)


async def test_an_administrator_renames_anothers_session_and_it_does_not_come_among_his_own(stage: Stage) -> None:
    await stage.hand_over("Of Bob", user_id="bob")
    page = await stage.signed_in()
    await goto(page, "sessions")
    await page.get_by_role("link", name="Of Bob").click()
    await page.get_by_role("button", name="Rename", exact=True).click()
    await page.get_by_label("Title of the session").fill("Of Bob, checked")
    await page.keyboard.press("Enter")
    await expect(page.locator(".page-title")).to_have_text("Of Bob, checked")
    await expect(page.locator(".session")).to_have_count(0)


@pytest.mark.parametrize(
    ("locale", "why"), [("en-US", "This name cannot be taken: 50 views are kept already"), ("zh-CN", "数量已达上限")]
)
async def test_a_view_that_cannot_be_saved_says_why_and_keeps_its_name(stage: Stage, locale: str, why: str) -> None:
    stage.expected = re.compile("422")
    page = await stage.signed_in(look={"locale": locale})
    await save_views(page, 50)
    await page.evaluate("() => { location.hash = '#/runs?status=failed&mine=true'; }")
    await page.locator(".view-save").click()
    name = page.locator(".view-form input")
    await name.fill("One more")
    await page.keyboard.press("Enter")
    await expect(page.locator(".views .problem")).to_contain_text(why)
    await expect(name).to_have_value("One more")
    await page.keyboard.press("Escape")
    await expect(page.locator(".view-save")).to_be_focused()


async def test_what_happens_is_shown_as_it_happens_and_stands_still_when_paused(
    stage: Stage, models: ModelServer
) -> None:
    models.script(Reply("One."), Reply("Two."))
    page = await stage.signed_in()
    other = await stage.page(page.context)
    await other.goto(f"{stage.server.url}/#/live")
    await expect(other.locator(".nothing")).to_be_visible()
    await talk(page, "First")
    lines = other.locator(".tail-line")
    await expect(lines.first).to_contain_text("run.completed")
    await expect(lines.first.get_by_role("link")).to_have_text("First")
    count = await lines.count()
    await other.get_by_role("button", name="Pause").click()
    await talk(page, "Second")
    await expect(other.get_by_role("button", name=re.compile(r"Go on \([1-9]"))).to_be_visible()
    assert await lines.count() == count
    await other.get_by_role("button", name="Go on").click()
    await expect(lines.first.get_by_role("link")).to_have_text("Second")
    await other.get_by_label("Search").fill("first")
    await expect(lines).to_have_count(count)
    await other.get_by_label("Kind").select_option("message")
    await expect(other.locator(".tail-type").first).to_have_text("message.completed")
    assert "kind=message" in other.url
    await goto(other, "runs")
    await goto(other, "live")
    await expect(lines.first).to_be_visible()
    await lines.first.get_by_role("link").click()
    await expect(other.locator(".page-title")).to_have_text("Second")


async def test_fifty_thousand_events_leave_a_bounded_list_and_a_page_that_answers(
    stage: Stage, models: ModelServer
) -> None:
    models.script(Reply("One."))
    leader = await stage.signed_in()
    await talk(leader, "First")
    page = await stage.page(leader.context)
    await page.goto(f"{stage.server.url}/#/live")
    await expect(page.locator(".nothing")).to_be_visible()
    # The way in which the tab that reads the stream passes on what it reads.
    await page.evaluate(
        """async (many) => {
          const channel = new BroadcastChannel("oneliner:local");
          const run_id = "01890a5d-ac96-774b-bcce-b302099a8057";
          for (let seq = 1; seq <= many; seq += 1) {
            channel.postMessage({ type: "frame", id: null, frame: { type: "step.started", seq, run_id, session_id: run_id, at: "2026-01-01T00:00:00.000Z", summary: `number ${seq}`, details: {} } });
            if (seq % 5000 === 0) await new Promise((resolve) => setTimeout(resolve));
          }
        }""",
        MANY,
    )
    stage.expected = re.compile("404")
    await expect(page.locator(".page .fact").first).to_contain_text(f"{MANY:,} events")
    await expect(page.locator(".tail-line").first).to_contain_text(f"number {MANY}")
    assert await page.locator(".tail-line").count() == 100
    await page.get_by_label("Search").fill("number 48001")
    await expect(page.locator(".tail-line")).to_have_count(1)
    await page.get_by_label("Search").fill("number 48000")
    await expect(page.locator(".page .nothing")).to_be_visible()


async def test_a_schedule_is_made_with_a_preview_paused_changed_and_deleted(stage: Stage) -> None:
    page = await stage.signed_in()
    await goto(page, "schedules")
    form = page.get_by_role("form", name="New schedule")
    await form.get_by_label("Task").fill("Review the accounts")
    await form.get_by_label("Steps, one per line").fill("Read\nDecide")
    await form.get_by_label("When").select_option(label="Monday to Friday at 9")
    await expect(form.get_by_label("Cron expression")).to_have_value("0 9 * * MON-FRI")
    await form.get_by_label("Time zone").fill("Asia/Shanghai")
    await expect(form.locator(".due-list li").first).to_contain_text("09:00 GMT+8")
    stage.expected = re.compile("422")
    await form.get_by_label("Cron expression").fill("0 25 * * *")
    await expect(form.locator(".field-error")).to_be_visible()
    await expect(form.get_by_label("Cron expression")).to_have_attribute("aria-invalid", "true")
    await form.get_by_label("Cron expression").fill("30 8 * * *")
    await expect(form.locator(".due-list li").first).to_contain_text("08:30 GMT+8")
    await form.get_by_role("button", name="Create the schedule").click()
    await expect(page.locator(".page-title")).to_have_text("Review the accounts")
    await expect(page.locator(".numbered li")).to_have_text(["Read", "Decide"])
    await page.get_by_role("button", name="Pause").click()
    await expect(page.locator(".page .status")).to_have_text("Paused")
    await expect(page.locator(".due-list")).to_have_count(0)
    await page.get_by_role("button", name="Resume").click()
    await expect(page.locator(".due-list li")).to_have_count(5)
    await page.locator("summary", has_text="Change this schedule").click()
    change = page.get_by_role("form", name="Change this schedule")
    await expect(change.get_by_label("Cron expression")).to_have_value("30 8 * * *")
    await change.get_by_label("Task").fill("Review all accounts")
    await change.get_by_label("The agent drafts the plan each time").check()
    await expect(change.get_by_label("Steps, one per line")).to_be_hidden()
    await expect(change.get_by_label("Confirm ahead")).to_be_disabled()
    await change.get_by_role("button", name="Save the changes").click()
    await expect(page.locator(".page-title")).to_have_text("Review all accounts")
    await goto(page, "schedules")
    await expect(page.locator(".table tbody tr")).to_have_count(1)
    await page.get_by_role("link", name="Review all accounts").click()
    await page.get_by_role("button", name="Delete", exact=True).click()
    await page.get_by_role("button", name="Yes, delete").click()
    await expect(page.locator(".nothing")).to_be_visible()


async def test_an_mcp_server_is_added_seen_at_work_changed_and_removed(browser: Browser, tmp_path: Path) -> None:
    async with staged_with(browser, tmp_path / "data", {"ONELINER_MCP_ADMIN": "all"}) as stage:
        page = await stage.signed_in()
        await goto(page, "mcp")
        form = page.get_by_role("form", name="Add an MCP server")
        await form.get_by_label("Name").fill("shop")
        await form.get_by_label("Reached by").select_option("command")
        await form.get_by_label("Command", exact=True).fill(sys.executable)
        await form.get_by_label("Arguments, one per line").fill(MCP_SERVER)
        await form.get_by_label("Variables, one per line").fill("TOKEN=")
        await form.get_by_role("button", name="Save the server").click()
        await expect(form.locator(".problem")).to_contain_text("TOKEN")
        await form.get_by_label("Variables, one per line").fill("")
        await form.get_by_role("button", name="Save the server").click()
        card = page.locator(".card", has_text="shop")
        await expect(card.locator("summary .status")).to_have_text("Ready")
        await card.locator("summary").first.click()
        await expect(card.get_by_role("group", name="Tools of shop").locator("tbody tr").first).to_contain_text(
            "shop__buy"
        )
        await goto(page, "system")
        await expect(page.get_by_role("group", name="Tools")).to_contain_text("shop__buy")
        await goto(page, "mcp")
        await card.locator("summary").first.click()
        await card.locator("summary", has_text="Change").click()
        change = page.get_by_role("form", name="Change shop")
        await change.get_by_label("Tools offered (patterns)").fill("buy")
        await change.get_by_role("button", name="Save the server").click()
        await expect(card.locator("summary").first).to_contain_text("1 tool")
        await card.locator("summary").first.click()
        await card.get_by_role("button", name="Remove").click()
        await card.get_by_role("button", name="Yes, remove").click()
        await expect(page.locator(".nothing")).to_be_visible()


async def test_a_server_that_cannot_be_reached_says_why(browser: Browser, tmp_path: Path) -> None:
    async with staged_with(browser, tmp_path / "data", {"ONELINER_MCP_ADMIN": "all"}) as stage:
        page = await stage.signed_in()
        await goto(page, "mcp")
        form = page.get_by_role("form", name="Add an MCP server")
        await form.get_by_label("Name").fill("nowhere")
        await form.get_by_role("textbox", name="Address").fill("http://127.0.0.1:9/mcp")
        await form.get_by_role("button", name="Save the server").click()
        card = page.locator(".card", has_text="nowhere")
        await expect(card.locator("summary .status")).to_have_text("Failed")
        await card.locator("summary").first.click()
        await expect(card.locator(".problem")).to_be_visible()


async def test_the_system_page_shows_parts_and_settings_and_no_secret(stage: Stage) -> None:
    page = await stage.signed_in()
    await goto(page, "system")
    await expect(page.get_by_role("group", name="Health").locator("tbody tr").first).to_contain_text("OK")
    settings = page.get_by_role("group", name="Settings in effect")
    await expect(settings.locator("tr", has_text="ONELINER_MODEL_API_KEY")).to_contain_text("set, not shown")
    await expect(settings.locator("tr", has_text="ONELINER_LEASE_SECONDS")).to_contain_text("deployment")
    await expect(settings.locator("tr", has_text="ONELINER_QUEUE")).to_contain_text("default")
    assert "sk-test" not in await page.content()


async def test_a_member_is_not_shown_what_is_an_administrators(stage: Stage) -> None:
    page = await stage.entered("ann", is_admin=False)
    await expect(page.locator(".page-nav [data-page=schedules]")).to_be_visible()
    for name in ("mcp", "webhooks", "system"):
        await expect(page.locator(f".page-nav [data-page={name}]")).to_have_count(0)
    await goto(page, "sessions")
    await expect(page.get_by_label("Which")).to_have_count(0)
    stage.expected = re.compile("403")
    await page.evaluate("() => { location.hash = '#/system'; }")
    await expect(page.locator(".page .problem")).to_be_visible()


RULE = "Ask before anything dear"


async def test_a_tool_rule_is_filled_in_tried_on_past_runs_saved_and_asked(stage: Stage, models: ModelServer) -> None:
    models.script(Reply("Let me see.", (Call("calculator", {"expression": "6 * 7"}),)), Reply("It is 42."))
    page = await stage.signed_in()
    await talk(page, "Six times seven")
    await goto(page, "rules")
    card = page.locator(".card", has_text="User · local")
    await card.locator("summary").first.click()
    form = page.get_by_role("form", name="User · local")
    await form.get_by_role("button", name="Add a rule").click()
    await expect(form.get_by_label("Tool", exact=True)).to_be_focused()
    await page.keyboard.type("calc*")
    await form.get_by_label("Verdict").select_option("deny")
    await form.get_by_label("Why, for those it stops").fill(RULE)
    await form.get_by_role("button", name="Only for some arguments").click()
    await form.get_by_label("Argument, such as").fill("/expression")
    await form.get_by_label("Comparison").select_option("gt")
    await form.get_by_label("Value", exact=True).fill("much")
    await form.get_by_role("button", name="Try on past runs").click()
    await expect(form.locator(".problem")).to_have_text("This comparison needs a number.")
    await expect(form.get_by_label("Value", exact=True)).to_be_focused()
    await form.get_by_label("Comparison").select_option("like")
    await form.get_by_label("Value", exact=True).fill("* * *")
    await form.get_by_role("button", name="Try on past runs").click()
    await expect(form.locator(".trial-said")).to_have_text(
        "1 of the last 1 run would have been stopped, and 0 more would have asked first."
    )
    await expect(form.get_by_role("link", name="Six times seven")).to_be_visible()
    await form.get_by_label("Verdict").select_option("ask")
    await form.get_by_role("button", name="Try on past runs").click()
    await expect(form.locator(".trial-said")).to_contain_text("0 of the last 1 run ")
    await form.get_by_role("button", name="Save these rules").click()
    said = "calc*: ask first when /expression is like * * *"
    await expect(page.get_by_role("group", name="Layers")).to_contain_text(said)
    asking = page.get_by_role("form", name="Ask the rules")
    await asking.get_by_label("Tool", exact=True).fill("calculator")
    await asking.get_by_label("Arguments, as JSON").fill("no json")
    await page.keyboard.press("Tab")
    await asking.get_by_role("button", name="Ask").click()
    await expect(asking.locator(".problem")).to_have_text("The arguments are no JSON object.")
    await asking.get_by_label("Arguments, as JSON").fill('{"expression": "6 * 7"}')
    await asking.get_by_role("button", name="Ask").click()
    await expect(asking.locator(".trial-said")).to_contain_text("ask first A rule of the User layer decides.")
    await expect(asking.locator(".trial-said")).to_contain_text(RULE)
    await asking.get_by_label("Arguments, as JSON").fill('{"expression": "6"}')
    await asking.get_by_role("button", name="Ask").click()
    await expect(asking.locator(".trial-said")).to_contain_text("allow")
    # The form reads what it wrote, and a rule that is taken away is gone.
    await card.locator("summary").first.click()
    await expect(form.get_by_label("Tool", exact=True)).to_have_value("calc*")
    await expect(form.get_by_label("Value", exact=True)).to_have_value("* * *")
    await form.get_by_role("button", name="Remove this rule").click()
    await form.get_by_role("button", name="Save these rules").click()
    await expect(page.get_by_role("group", name="Layers")).not_to_contain_text("calc*")


async def test_a_webhook_is_made_tested_looked_into_and_deleted(browser: Browser, tmp_path: Path) -> None:
    receiver = Receiver()
    await receiver.start()
    try:
        allowed = {"ONELINER_WEBHOOK_NETWORKS": "127.0.0.0/8"}
        async with staged_with(browser, tmp_path / "data", allowed) as stage:
            page = await stage.signed_in()
            await goto(page, "webhooks")
            form = page.get_by_role("form", name="New webhook")
            await form.get_by_label("Address").fill(receiver.url)
            await form.get_by_label("Description").fill("The host product")
            await form.get_by_role("button", name="Create the webhook").click()
            await expect(page.locator(".secret")).to_have_text(re.compile("^whsec_"))
            secret = await page.locator(".secret").inner_text()
            await page.get_by_role("link", name="I have written it down").click()
            await expect(page.locator(".page-title")).to_have_text("The host product")
            assert secret not in await page.content()
            await page.get_by_role("button", name="Send a test").click()
            await receiver.until(1)
            deliveries = page.get_by_role("group", name="Deliveries")
            async with asyncio.timeout(20):  # its receiver has it before the server has noted that
                while not await deliveries.get_by_text("Delivered", exact=True).is_visible():
                    await page.reload()
                    await expect(deliveries).to_be_visible()
            await page.get_by_label("Status").select_option("delivered")
            row = deliveries.locator("tbody tr").first
            await expect(row).to_contain_text("webhook.test")
            await row.locator("summary").click()
            await expect(row.locator(".detail .hint").first).to_contain_text("204")
            await row.get_by_role("button", name="Send webhook.test again").click()
            await receiver.until(2)
            await page.get_by_role("button", name="New secret").click()
            await page.get_by_role("button", name="Yes, a new secret").click()
            await expect(page.locator(".secret")).not_to_have_text(secret)
            await page.get_by_role("button", name="Disable").click()
            await expect(page.locator(".page .status").first).to_have_text("Disabled")
            await page.get_by_role("button", name="Delete", exact=True).click()
            await page.get_by_role("button", name="Yes, delete").click()
            await expect(page.locator(".nothing")).to_be_visible()
    finally:
        await receiver.stop()


async def test_a_version_of_the_rules_is_restored_and_a_run_says_what_has_changed_since(
    stage: Stage, models: ModelServer
) -> None:
    models.script(Reply("Hello."))
    page = await stage.signed_in()
    await stage.rule({"max_steps": 12})
    await talk(page, "Say hello")
    await stage.rule({"max_steps": 9})
    await goto(page, "rules")
    history = page.get_by_role("group", name="History").locator("tbody tr")
    await expect(history).to_have_count(2)
    await expect(history.first).to_contain_text("Model calls in a run: 12 → 9 tighter")
    await expect(history.first.get_by_role("button")).to_have_count(0)
    await history.nth(1).get_by_role("button", name="Restore version 1").click()
    await history.nth(1).get_by_role("button", name="Yes, restore").click()
    await expect(history).to_have_count(3)
    await expect(history.first).to_contain_text("9 → 12 looser")
    await stage.rule({"max_steps": 9})
    await goto(page, "runs")
    await page.get_by_role("link", name="Say hello").click()
    spans = page.locator(".timeline:not(.leases) .span")
    await expect(spans.last).to_contain_text("Model openai/scripted")
    await expect(spans.first).to_contain_text("Waited for its turn")
    await page.get_by_role("tab", name="Rules").click()
    await expect(page.locator(".page")).to_contain_text("What has changed since then")
    await expect(page.locator(".page")).to_contain_text("Model calls in a run: 12 → 9 tighter")
    await expect(page.locator(".page")).to_contain_text("System: version 1, now 4")
    held = page.get_by_role("group", name="What holds").locator("tr", has_text="Model calls in a run")
    await expect(held.locator(".changed")).to_have_text("9")


async def test_what_is_allowed_for_good_is_seen_and_revoked(stage: Stage, models: ModelServer) -> None:
    rule = {"tool": "calculator", "verdict": "ask", "note": "counts"}
    await stage.rule({"tools": {"rules": [rule]}})
    models.script(Reply("Let me see.", (Call("calculator", {"expression": "6 * 7"}),)), Reply("It is 42."))
    page = await stage.signed_in()
    await say(page, "Six times seven")
    await page.get_by_role("radio", name="Always allow").check()
    await page.get_by_role("button", name="Decide").click()
    await expect(page.locator(".end")).to_be_visible()
    await goto(page, "rules")
    standing = page.get_by_role("group", name="Standing approvals").locator("tbody tr")
    await expect(standing).to_have_count(1)
    await expect(standing).to_contain_text("System: calculator: ask first")
    await standing.get_by_role("button", name="Revoke").click()
    await standing.get_by_role("button", name="Yes, revoke").click()
    await expect(standing).to_have_count(0)
    await expect(page.locator(".nothing", has_text="Nothing is allowed for good")).to_be_visible()


async def test_the_day_budget_stands_beside_the_bars_and_tools_have_their_bill(demo: Stage) -> None:
    page = await demo.signed_in()
    await talk(page, "What is 17.5% of 23,940?")
    await demo.rule({"day_budget": "0.000001"})
    await goto(page, "costs")
    await expect(page.locator(".chart-limit")).to_have_count(1)
    await expect(page.locator("figcaption")).to_contain_text("Budget of a day, USD")
    await demo.rule({"day_budget": "900"})
    await page.get_by_label("Period").select_option("7")
    await expect(page.locator(".chart-bar")).to_have_count(7)
    await expect(page.locator(".chart-limit")).to_have_count(0)
    await expect(page.locator("figcaption")).to_contain_text("$900.00")
    await page.locator("[name=group_by]").select_option("tool")
    await expect(page.locator(".table tbody")).to_contain_text("calculator")
    await goto(page, "home")
    await page.locator(".figure a").first.click()
    await expect(page.get_by_label("Status")).to_have_value("needs_you")


async def tab_to(page: Page, wanted: Locator) -> None:
    """Go on by the keyboard until *wanted* has the focus."""
    for _ in range(MAX_TABS):
        if await wanted.evaluate("(node) => node === document.activeElement"):
            return
        await page.keyboard.press("Tab")
    raise AssertionError(f"{wanted} is not reached by Tab")


async def test_a_schedule_is_made_paused_and_deleted_by_keyboard_alone(stage: Stage) -> None:
    page = await stage.signed_in()
    await tab_to(page, page.locator(".page-nav [data-page=schedules]"))
    await page.keyboard.press("Enter")
    form = page.get_by_role("form", name="New schedule")
    await expect(form).to_be_visible()
    await tab_to(page, form.get_by_label("Task"))
    await page.keyboard.type("Review the accounts")
    await tab_to(page, form.get_by_label("When"))
    await page.keyboard.type("every M")
    await expect(form.get_by_label("Cron expression")).to_have_value("0 9 * * MON")
    await tab_to(page, form.get_by_role("button", name="Create the schedule"))
    await page.keyboard.press("Enter")
    await expect(page.locator(".page-title")).to_have_text("Review the accounts")
    await expect(page.locator(".page-title")).to_be_focused()
    await tab_to(page, page.get_by_role("button", name="Pause"))
    await page.keyboard.press("Enter")
    await expect(page.locator(".page .status")).to_have_text("Paused")
    await tab_to(page, page.get_by_role("button", name="Delete", exact=True))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Leave it")).to_be_focused()
    await page.keyboard.press("Shift+Tab")
    await page.keyboard.press("Enter")
    await expect(page.locator(".nothing")).to_be_visible()


async def test_on_a_phone_the_drawer_leads_to_a_page_and_the_focus_goes_along(stage: Stage) -> None:
    page = await stage.signed_in(look={"locale": "en-US", "viewport": {"width": 360, "height": 740}})
    opener = page.locator(".drawer-opener")
    await opener.focus()
    await page.keyboard.press("Enter")
    await expect(page.locator(".sidebar")).to_have_class(re.compile("open"))
    await expect(page.locator(".main")).to_have_attribute("inert", "")
    await page.keyboard.press("Escape")
    await expect(opener).to_be_focused()
    await page.keyboard.press("Enter")
    await tab_to(page, page.locator(".page-nav [data-page=system]"))
    await page.keyboard.press("Enter")
    await expect(page.locator(".page-title")).to_have_text("System")
    await expect(page.locator(".page-title")).to_be_focused()
    await opener.click()
    await page.set_viewport_size({"width": 1280, "height": 800})
    await expect(page.locator(".main")).not_to_have_attribute("inert", "")
