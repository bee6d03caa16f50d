"""One run's own page: its parts and their addresses, following a run at work, and what is read only on demand."""

from __future__ import annotations

import asyncio
import re
import signal
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from oneliner.testing import Call, Held, Reply
from tests.browser.stage import CUT, Stage, hand_off, say
from tests.browser.test_pages import goto

if TYPE_CHECKING:
    from playwright.async_api import Page

    from oneliner.testing import ModelServer

pytestmark = pytest.mark.browser


async def open_run(page: Page, title: str) -> None:
    await goto(page, "runs")
    await page.get_by_role("link", name=title).click()
    await expect(page.get_by_role("tab", name="Timeline")).to_have_attribute("aria-selected", "true")


async def test_each_part_of_a_run_has_an_address(stage: Stage, models: ModelServer) -> None:
    models.script(Reply("First.", (Call("calculator", {"expression": "6 * 7"}),)), Reply("It is 42."))
    page = await stage.signed_in()
    await say(page, "Six times seven")
    await expect(page.locator(".end")).to_be_visible()
    await open_run(page, "Six times seven")
    await expect(page.get_by_role("heading", name="Result")).to_be_visible()
    await expect(page.locator(".span[data-kind=tool]")).to_contain_text("calculator")
    await page.get_by_role("tab", name="Conversation").click()
    await expect(page.locator(".said")).to_have_count(4)
    await expect(page.locator(".said").nth(1)).to_contain_text("calculator")
    await expect(page.locator(".said").nth(1).locator(".said-head")).to_contain_text("openai/scripted")
    await page.get_by_role("tab", name="Events").click()
    await expect(page.locator(".event-list li").last).to_contain_text("run.completed")
    await page.get_by_label("Kind").select_option("tool")
    await expect(page.locator(".event-list li")).to_have_count(2)
    assert page.url.endswith("?part=events")
    await page.get_by_role("tab", name="Rules").click()
    await expect(page.get_by_role("group", name="What holds").locator("tbody tr").first).to_contain_text("the same")
    await page.get_by_role("tab", name="Audit").click()
    await expect(page.locator(".part .nothing")).to_be_visible()
    await page.go_back()
    await expect(page.get_by_role("group", name="What holds")).to_be_visible()
    await page.reload()
    await expect(page.locator(".page-title")).to_have_text("Six times seven")
    await expect(page.get_by_role("tab", name="Rules")).to_have_attribute("aria-selected", "true")
    await page.get_by_role("link", name="Open the chat").click()
    await expect(page.locator(".message.assistant .md").last).to_have_text("It is 42.")


async def test_the_parts_are_gone_through_by_keyboard_and_the_focus_stays(stage: Stage) -> None:
    page = await stage.signed_in()
    await hand_off(page, "A task", steps="Only step")
    await expect(page.locator(".oneliner-run-title")).to_have_text("A task")
    await open_run(page, "A task")
    await page.get_by_role("tab", name="Timeline").focus()
    await page.keyboard.press("End")
    audit = page.get_by_role("tab", name="Audit")
    await expect(audit).to_be_focused()
    # Only looked at; it is gone to by Enter, or Space as with any tab.
    await expect(audit).to_have_attribute("aria-selected", "false")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("tabpanel", name="Audit")).to_be_visible()
    await expect(audit).to_be_focused()
    await page.keyboard.press("ArrowRight")
    await page.keyboard.press("ArrowRight")
    await page.keyboard.press("Space")
    await expect(page.get_by_role("tabpanel", name="Conversation")).to_be_visible()
    await expect(page.get_by_role("tab", name="Conversation")).to_be_focused()


async def test_a_run_at_work_is_followed_in_every_part(stage: Stage, models: ModelServer) -> None:
    gate = asyncio.Event()
    mark = Call("mark_step", {"step_id": "s1", "status": "done", "note": "as planned"})
    models.script(Held(gate, Reply("Working.", (mark,))), Reply("It is done."))
    page = await stage.signed_in()
    await hand_off(page, "A long task", steps="Only step")
    await expect(page.locator(".oneliner-run-title")).to_have_text("A long task")
    watching = {part: await stage.page(page.context) for part in ("timeline", "conversation", "events", "audit")}
    await open_run(page, "A long task")
    address = page.url.split("?")[0]
    for part, other in watching.items():
        await other.goto(f"{address}?part={part}")
        await expect(other.locator(".part .section-title").first).to_be_visible()
    await expect(watching["audit"].locator(".part .nothing")).to_be_visible()
    await page.get_by_role("link", name="Open the chat").click()
    await page.locator('[data-focus="plan.confirm"]').click()
    await expect(watching["timeline"].locator(".leases .span")).to_contain_text("holds it now")
    await expect(watching["audit"].locator(".part tbody tr")).to_contain_text(["Confirmed it"])
    await expect(watching["events"].locator(".event-list li").last).to_contain_text("step.started")
    # What was opened stays open.
    await watching["events"].locator(".event-list summary").first.click()
    gate.set()
    for other in watching.values():
        await expect(other.locator(".run-top .status")).to_have_text("Done")
        await expect(other.locator(".run-top")).not_to_contain_text("Updates by itself")
    await expect(watching["timeline"].locator(".leases .span")).to_contain_text("finished it")
    await expect(watching["timeline"].locator(".part")).to_contain_text("It is done.")
    await expect(watching["conversation"].locator(".said").last).to_contain_text("It is done.")
    await expect(watching["events"].locator(".event-list li").last).to_contain_text("run.completed")
    await expect(watching["events"].locator(".event-list details").first).to_have_attribute("open", "")


async def test_an_administrator_follows_and_cancels_somebody_elses_run(stage: Stage) -> None:
    ann = await stage.entered("ann", is_admin=False)
    await hand_off(ann, "Ann's task", steps="Only step")
    await expect(ann.locator(".oneliner-run-title")).to_have_text("Ann's task")
    root = await stage.entered("root")
    await open_run(root, "Ann's task")
    await root.get_by_role("tab", name="Audit").click()
    await expect(root.locator(".part .nothing")).to_be_visible()
    await ann.locator(".plan-step textarea").first.fill("Another step")
    await ann.locator('[data-focus="plan.save"]').click()
    lines = root.locator(".part tbody tr")
    await expect(lines).to_contain_text(["Edited the plan"])
    await root.get_by_role("button", name="Cancel", exact=True).click()
    await expect(root.get_by_role("button", name="Leave it")).to_be_focused()
    await root.get_by_role("button", name="Yes, stop it").click()
    await expect(root.locator(".run-top .status")).to_have_text("Cancelled")
    await expect(lines.first).to_contain_text("Cancelled it")
    await expect(lines.first).to_contain_text("root")
    await expect(lines.first).to_contain_text("not its user")
    await expect(root.get_by_role("button", name="Cancel", exact=True)).to_have_count(0)
    # Its user is told the same.
    await open_run(ann, "Ann's task")
    await ann.get_by_role("tab", name="Audit").click()
    await expect(ann.locator(".part tbody tr")).to_contain_text(["Cancelled it", "Edited the plan"])


async def test_a_worker_that_was_lost_is_named_with_who_noticed(stage: Stage, models: ModelServer) -> None:
    stage.expected = CUT
    models.script(Held(asyncio.Event(), Reply("Slow.")))
    page = await stage.signed_in()
    await say(page, "Go on")
    await expect(page.locator(".working")).to_be_visible()
    # It is in the call, and not on its way to it: else the next worker is the one who is kept waiting.
    await models.until(lambda: len(models.requests) == 1)
    await stage.server.stop(signal.SIGKILL)
    models.script(Reply("Here again."))
    await stage.server.start()
    await expect(page.locator(".end")).to_be_visible()
    await open_run(page, "Go on")
    leases = page.locator(".leases .span")
    await expect(leases).to_have_count(2)
    await expect(leases.first).to_contain_text(re.compile("was lost .noticed by [0-9a-f]{8}"))
    noticed = re.search("by ([0-9a-f]{8})", await leases.first.inner_text())
    assert noticed
    await expect(leases.last).to_contain_text(noticed[1])
    await expect(leases.last).to_contain_text("finished it")


async def test_a_run_that_is_over_is_handed_off_again(stage: Stage, models: ModelServer) -> None:
    models.script(Reply("All of it is done."))
    page = await stage.signed_in()
    await hand_off(page, "Every week", steps="Read the figures\nWrite them down")
    await page.get_by_role("button", name="Confirm", exact=True).click()
    await expect(page.locator(".end")).to_be_visible()
    await open_run(page, "Every week")
    await page.get_by_role("button", name="Hand off again").click()
    await expect(page.locator(".oneliner-runs")).to_have_attribute("data-status", "needs_confirmation")
    await expect(page.locator(".oneliner-run-title")).to_have_text("Every week")
    steps = [await step.input_value() for step in await page.locator(".plan-step textarea").all()]
    assert steps == ["Read the figures", "Write them down"]
    await expect(page.locator(".session")).to_have_count(2)


async def test_answers_are_read_as_they_were_meant_on_the_pages_of_a_run_and_a_session(
    stage: Stage, models: ModelServer
) -> None:
    models.script(Reply("It was **good**:\n\n- mail\n- search"))
    page = await stage.signed_in()
    await say(page, "How was **it**?")
    await expect(page.locator(".end")).to_be_visible()
    await open_run(page, "How was")
    await expect(page.locator(".paper strong")).to_have_text("good")
    await page.get_by_role("tab", name="Conversation").click()
    await expect(page.locator(".said .md li")).to_have_text(["mail", "search"])
    await expect(page.locator(".said").first).to_contain_text("How was **it**?")
    await goto(page, "sessions")
    await page.get_by_role("link", name="How was").click()
    await expect(page.locator(".said .md li")).to_have_text(["mail", "search"])


async def test_a_run_of_many_messages_is_read_page_by_page_and_its_session_not_at_all(
    stage: Stage, models: ModelServer
) -> None:
    models.script(
        *(Reply(f"Step {n}.", (Call("calculator", {"expression": f"{n} + 1"}),)) for n in range(30)), Reply("Finished.")
    )
    page = await stage.signed_in()
    await say(page, "Count")
    await expect(page.locator(".end")).to_be_visible()
    await open_run(page, "Count")
    address = page.url
    # Where no chat is open that reads its messages for itself.
    page = await stage.page(page.context)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.goto(address)
    await page.get_by_role("tab", name="Conversation").click()
    said = page.locator(".said")
    await expect(said).to_have_count(50)
    await expect(said.last).to_contain_text("Finished.")
    await page.get_by_role("button", name="Older messages").click()
    await expect(said).to_have_count(62)
    await expect(said.first).to_contain_text("Count")
    await expect(page.get_by_role("button", name="Older messages")).to_be_hidden()
    await expect(page.locator(".said:focus")).to_be_visible()
    assert not [url for url in asked if "/sessions/" in url and url.endswith("/messages")]
