"""What people and models do to a page that nobody meant: two clicks for one, full storage, text that hides in text."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from oneliner.testing import Call, Held, Reply
from tests.browser.stage import hand_off, say
from tests.browser.test_pages import goto

if TYPE_CHECKING:
    from playwright.async_api import Page, Request

    from oneliner.testing import ModelServer
    from tests.browser.stage import Stage

pytestmark = pytest.mark.browser
#: Turned around: "invoice" + RLO + "gnp.exe" is read as "invoiceexe.png".
TURNED = "invoice\u202egnp.exe"
TOO_MUCH = """() => {
  for (let size = 2 ** 22; size >= 1; size /= 2) {
    for (let n = 0; n < 3; n += 1) {
      try { sessionStorage.setItem(`full-${size}-${n}`, "x".repeat(size)); } catch { break; }
    }
  }
}"""


def heard(page: Page) -> list[str]:
    """What is sent from here on that changes something."""
    sent: list[str] = []

    def note(request: Request) -> None:
        if request.method != "GET":
            sent.append(f"{request.method} {request.url.rsplit('/', 1)[-1]}")

    page.on("request", note)
    return sent


async def test_two_clicks_make_one_of_everything_that_is_made(stage: Stage) -> None:
    page = await stage.signed_in()
    sent = heard(page)
    await goto(page, "schedules")
    form = page.get_by_role("form", name="New schedule")
    await form.get_by_label("Task").fill("Review the accounts")
    await form.get_by_role("button", name="Create the schedule").dblclick()
    await expect(page.locator(".page-title")).to_have_text("Review the accounts")
    assert sent == ["POST schedules"]
    await goto(page, "documents")
    await page.locator("[name=path]").fill("notes.md")
    await page.locator(".page form [type=submit]").last.dblclick()
    await expect(page.locator(".page-title")).to_have_text("notes.md")
    assert sent[1:] == ["PUT documents"]
    await page.get_by_role("button", name="Edit", exact=True).click()
    await page.locator(".editor").fill("Changed")
    await page.locator(".editor + .row .primary").dblclick()
    await expect(page.locator(".versions li")).to_have_count(2)
    assert sent[2:] == ["PUT documents"]
    await goto(page, "webhooks")
    hook = page.get_by_role("form", name="New webhook")
    await hook.get_by_label("Address").fill("https://example.com/hook")
    await hook.get_by_role("button", name="Create the webhook").dblclick()
    await expect(page.locator(".secret")).to_be_visible()
    assert sent[3:] == ["POST webhooks"]


async def test_two_tabs_that_confirm_at_once_start_it_once_and_neither_is_told_off(
    stage: Stage, models: ModelServer
) -> None:
    # The one that comes second is refused: the browser says so, the page shows what became of the run.
    stage.expected = re.compile("409")
    models.script(Reply(tool_calls=(Call("mark_step", {"step_id": "s1", "status": "done"}),)), Reply("Done."))
    page = await stage.signed_in()
    await hand_off(page, "Race", steps="Only step")
    second = await stage.page(page.context)
    await second.goto(stage.server.url)
    await second.locator(".session").click()
    for each in (page, second):
        await expect(each.locator(".plan-step")).to_have_count(1)
    for each in (page, second):
        # Not by the mouse: that waits until the button stands still, and then it may be gone.
        await each.locator('[data-focus="plan.confirm"]').dispatch_event("click", timeout=2_000)
    for each in (page, second):
        await expect(each.locator(".message.assistant .md")).to_have_text("Done.")
        await expect(each.locator(".problem")).to_have_count(0)
    assert len(models.calls_served) == 2


async def test_who_was_changing_a_plan_that_is_confirmed_elsewhere_is_told_that_the_changes_are_not_in_it(
    stage: Stage, models: ModelServer
) -> None:
    models.script(Reply(tool_calls=(Call("mark_step", {"step_id": "s1", "status": "done"}),)), Reply("Done."))
    page = await stage.signed_in()
    await hand_off(page, "Shared", steps="As handed off")
    second = await stage.page(page.context)
    await second.goto(stage.server.url)
    await second.locator(".session").click()
    await page.locator(".plan-step textarea").fill("As only this tab has it")
    await second.locator('[data-focus="plan.confirm"]').click()
    told = "Your unsaved changes are not part of it."
    await expect(page.locator(".oneliner-run-card")).to_contain_text(told)
    await expect(second.locator(".message.assistant .md")).to_have_text("Done.")
    await expect(second.locator(".oneliner-run-card")).not_to_contain_text(told)
    await page.reload()
    await expect(page.locator(".message.assistant .md")).to_have_text("Done.")
    await expect(page.locator(".oneliner-run-card")).not_to_contain_text(told)


async def test_a_full_storage_stops_nobody_from_writing(stage: Stage, models: ModelServer) -> None:
    models.script(Reply("Answered."))
    page = await stage.signed_in()
    await page.evaluate(TOO_MUCH)
    await page.locator(".composer-field").press_sequentially("Is there any room left?")
    await page.keyboard.press("Enter")
    await expect(page.locator(".message.assistant .md")).to_have_text("Answered.")


async def test_a_plan_ends_at_as_many_steps_as_the_server_takes(stage: Stage) -> None:
    page = await stage.signed_in()
    await hand_off(page, "Long", steps="\n".join(f"Step {n}" for n in range(1, 50)))
    await expect(page.locator(".plan-step")).to_have_count(49)
    add = page.get_by_role("button", name="Add a step")
    await add.click()
    await page.keyboard.type("The last one")
    await expect(add).to_have_attribute("aria-disabled", "true")
    await expect(page.locator(".plan-tools")).to_contain_text("50 steps are the most a plan has")
    await page.keyboard.press("Enter")
    await expect(page.locator(".plan-step")).to_have_count(50)
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page.locator(".plan-rev").last).to_have_text("Revision 2")


async def test_what_a_call_hides_is_laid_bare_before_it_is_decided(stage: Stage, models: ModelServer) -> None:
    await stage.rule({"tools": {"rules": [{"tool": "*", "verdict": "ask"}]}})
    models.script(
        Reply("", (Call("search_documents", {"query": TURNED}),)),
        Reply("", (Call("write_document", {"path": "a.md", "content": f"Pay {TURNED}\u200b now"}),)),
        Held(asyncio.Event(), Reply("x")),
    )
    page = await stage.signed_in()
    await say(page, "Look for it")
    await expect(page.locator(".arguments-box pre")).to_contain_text('"invoice\\u202egnp.exe"')
    await page.get_by_role("radio", name="Allow once").check()
    await page.get_by_role("button", name="Decide").click()
    await expect(page.locator(".change .diff")).to_contain_text("Pay invoice\\u202egnp.exe\\u200b now")
    await expect(page.locator(".tool-brief").first).to_have_text("invoice\\u202egnp.exe")


async def test_what_is_written_from_right_to_left_runs_that_way(stage: Stage, models: ModelServer) -> None:
    models.script(Reply("مرحبا بالعالم\n\nLeft to right"))
    page = await stage.signed_in()
    await say(page, "السلام عليكم")
    await expect(page.locator(".end")).to_be_visible()
    # Where a line begins: at the right edge for the one, at the left for the other.
    starts = await page.locator(".bubble, .md p").evaluate_all(
        """(nodes) => nodes.map((node) => {
          const range = document.createRange();
          range.selectNodeContents(node.firstChild);
          const [text, box] = [range.getBoundingClientRect(), node.getBoundingClientRect()];
          return Math.abs(box.right - text.right) < 20 && box.width - text.width > 40 ? "right" : Math.abs(text.left - box.left) < 20 ? "left" : "?";
        })"""
    )
    assert starts[1:] == ["right", "left"]


async def test_signing_out_ends_it_in_every_tab_and_leaves_nothing_for_the_next(stage: Stage) -> None:
    page = await stage.signed_in()
    second = await stage.page(page.context)
    await second.goto(stage.server.url)
    await second.locator(".composer-field").fill("Between us")
    await page.locator(".composer-field").fill("Not for others")
    await page.get_by_role("button", name="Sign out").click()
    for each in (page, second):
        await expect(each.locator(".sign-in")).to_be_visible()
        assert await each.evaluate("() => Object.keys(sessionStorage)") == []
        await each.reload()
        await expect(each.locator(".sign-in")).to_be_visible()


async def test_the_dashboard_shows_what_came_while_somebody_was_at_one_of_its_buttons(stage: Stage) -> None:
    page = await stage.signed_in()
    await goto(page, "home")
    await page.locator(".next-card.primary button").focus()
    second = await stage.page(page.context)
    await second.goto(stage.server.url)
    await hand_off(second, "Decide me", steps="Only step")
    # It is known here, and nothing moves away from under the focus.
    await expect(page.locator(".session")).to_have_count(1)
    await expect(page.locator(".next-card.primary button")).to_be_focused()
    await page.locator(".page-title").focus()
    await expect(page.locator(".next-card.primary h2")).to_have_text("Decide on “Decide me”")
    await expect(page.locator(".next-card.secondary button")).to_have_count(1)
