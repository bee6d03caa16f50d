"""The page in a real browser against a real server: what its reader can do, and what must never go wrong."""

from __future__ import annotations

import asyncio
import json
import re
import signal
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from oneliner.testing import Call, Held, Reply, unauthorized
from tests.browser.stage import CUT, Stage, hand_off, say

if TYPE_CHECKING:
    from playwright.async_api import Page, Request

    from oneliner.testing import ModelServer

pytestmark = pytest.mark.browser

LONG = "\n\n".join(f"Paragraph {n} with **bold（重要）**words and `code`, 还有中文 👍." for n in range(30))
HOSTILE = """<img src=https://evil.test/a.png onerror="document.title='pwned'"><script>document.title='pwned'</script>

![p](https://evil.test/p.png) [x](javascript:document.title='pwned') [y](data:text/html,1)

<div style='position:fixed;inset:0;background:red'>overlay</div><iframe src=https://evil.test></iframe>

请**务必（重要）**确认 https://example.com/a，然后"""
ASK = Call(
    "ask_user",
    {
        "question": "Which size?",
        "schema": {
            "type": "object",
            "properties": {"size": {"enum": ["small", "large"], "title": "Size"}, "count": {"type": "integer"}},
            "required": ["size"],
        },
    },
)


def header(page: Page):  # noqa: ANN201 - a Locator, of Playwright
    return page.locator("[data-role=oneliner-runs]")


def answer(page: Page):  # noqa: ANN201
    return page.locator(".message.assistant .md").last


async def test_the_sign_in_link_works_once_and_leaves_the_address(stage: Stage) -> None:
    page = await stage.signed_in()
    assert "code" not in page.url
    await page.reload()
    await expect(page.locator(".composer-field")).to_be_visible()
    other = await stage.page()
    stage.expected = re.compile("401")
    await other.goto(stage.server.link)
    await expect(other.get_by_role("alert")).to_contain_text("used before")


@pytest.mark.parametrize("is_admin", [False, True])
async def test_who_signs_in_next_is_shown_nothing_of_who_was_there_before(
    stage: Stage, models: ModelServer, *, is_admin: bool
) -> None:
    stage.expected = re.compile("404")
    models.script(Reply("Hello."), Reply("Welcome."))
    page = await stage.signed_in()
    await say(page, "Mine alone")
    await expect(page.locator(".end")).to_be_visible()
    await page.locator(".composer-field").fill("and not for others")
    await page.get_by_role("button", name="Sign out").click()
    await page.locator("[name=token]").fill(stage.token("bob", is_admin=is_admin))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="New chat")).to_be_visible()
    await expect(page.locator(".composer-field")).to_have_value("")
    await say(page, "I am bob")
    await expect(answer(page)).to_have_text("Welcome.")
    assert "Mine alone" not in await page.content()


async def test_a_wrong_token_is_refused_in_words(stage: Stage) -> None:
    stage.expected = re.compile("401")
    page = await stage.page()
    await page.goto(stage.server.url)
    await page.get_by_label("Or paste a token").fill("nonsense")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("not accepted")


async def test_a_chat_streams_shows_its_tools_and_what_it_cost(demo: Stage) -> None:
    page = await demo.signed_in()
    await expect(page.get_by_role("note")).to_contain_text("Demo model")
    await say(page, "Calculate 23940 * 0.175")
    await expect(answer(page)).to_contain_text("4189.5")
    await expect(page.locator(".tool")).to_contain_text("calculator")
    await expect(page.locator(".tool")).to_contain_text("done")
    await expect(page.locator(".end .fact").last).to_contain_text("tokens · $0.")
    # Two requests bring the two figures, after the text and in any order.
    await expect(page.locator(".end .fact").last).to_have_text(re.compile(r"^1,\d{3} tokens"))
    await expect(page.locator(".totals .fact")).to_have_text(await page.locator(".end .fact").last.inner_text())
    await expect(page.locator(".session")).to_contain_text("$0.")


async def test_a_drafted_plan_is_edited_by_keyboard_and_what_was_confirmed_is_what_runs(demo: Stage) -> None:
    page = await demo.signed_in()
    await hand_off(page, "Prepare the launch")
    steps = page.locator(".plan-step textarea")
    await expect(steps).to_have_count(4)
    await expect(header(page)).to_contain_text("Needs your confirmation")
    await steps.nth(3).focus()
    await page.keyboard.press("Enter")
    await page.keyboard.type("Tell the team")
    await page.keyboard.press("Alt+ArrowUp")
    await expect(steps.nth(3)).to_have_value("Tell the team")
    await expect(steps.nth(3)).to_be_focused()
    await page.get_by_role("button", name="Remove step 1").press("Enter")
    await page.get_by_role("button", name="Undo").press("Enter")
    await expect(steps).to_have_count(5)
    wanted = [await steps.nth(n).input_value() for n in range(5)]
    await steps.nth(0).focus()
    await page.keyboard.press("Control+Enter")
    await expect(header(page)).to_have_attribute("data-status", "done")
    await page.get_by_role("button", name="Details of the run").click()
    await expect(page.locator(".step-title")).to_have_text([f"{title} (done)" for title in wanted])


async def test_a_double_click_makes_one_run(stage: Stage) -> None:
    page = await stage.signed_in()
    sent: list[Request] = []
    page.on("request", lambda r: sent.append(r) if r.method == "POST" and r.url.endswith("/oneliner/runs") else None)
    await page.get_by_role("button", name="Hand off a task").first.click()
    await page.locator("[name=title]").fill("Once")
    await page.get_by_role("radio", name="No steps").check()
    await page.get_by_role("button", name="Hand off", exact=True).dblclick()
    await expect(page.locator(".plan")).to_be_visible()
    assert len(sent) == 1
    await expect(page.locator(".session")).to_have_count(1)


async def test_a_plan_that_changed_elsewhere_is_not_confirmed_unseen(stage: Stage, models: ModelServer) -> None:
    mine = await stage.signed_in()
    await hand_off(mine, "Shared", steps="First\nSecond")
    theirs = await stage.page(mine.context)
    await theirs.goto(stage.server.url)
    await theirs.locator(".session").click()
    await mine.locator(".plan-step textarea").first.fill("First, mine")
    await mine.keyboard.press("Tab")
    await theirs.locator(".plan-step textarea").last.fill("Second, theirs")
    await theirs.get_by_role("button", name="Save", exact=True).click()
    await expect(mine.locator(".plan-conflict")).to_contain_text("changed elsewhere")
    await mine.get_by_role("button", name="Save and confirm").click(force=True)
    await expect(header(theirs)).to_have_attribute("data-status", "needs_confirmation")
    await mine.get_by_role("button", name="Take the new plan").click()
    await expect(mine.locator(".plan-step textarea").last).to_have_value("Second, theirs")
    models.script(
        Reply(
            tool_calls=(
                Call("mark_step", {"step_id": "s1", "status": "done"}),
                Call("mark_step", {"step_id": "s2", "status": "done"}),
            )
        ),
        Reply("Both done."),
    )
    await mine.get_by_role("button", name="Confirm", exact=True).click()
    await expect(header(theirs)).to_have_attribute("data-status", "done")


async def test_asking_for_another_plan_in_words_drafts_again(demo: Stage) -> None:
    page = await demo.signed_in()
    await hand_off(page, "Prepare the launch")
    await page.get_by_role("button", name="Ask for changes").click()
    await page.locator(".plan-revise textarea").fill("Include the translation")
    await page.keyboard.press("Enter")
    await expect(page.locator(".chips")).to_contain_text("revision 4")
    await page.get_by_role("button", name="Cancel", exact=True).click()
    await expect(header(page)).to_have_attribute("data-status", "cancelled")
    await expect(page.locator(".oneliner-run-title")).to_be_focused()
    await expect(page.locator(".end")).to_contain_text("Cancelled on request")


async def test_a_question_becomes_a_form_and_its_answer_lets_the_run_go_on(stage: Stage, models: ModelServer) -> None:
    models.script(Reply("One question.", (ASK,)), Reply("Thank you."))
    page = await stage.signed_in()
    await say(page, "Order it")
    await expect(page.locator(".question")).to_contain_text("Which size?")
    await expect(page).to_have_title("(1) OneLiner")
    await page.get_by_role("button", name="Answer", exact=True).click()
    await expect(page.locator(".field-error").first).to_have_text("This is needed.")
    await page.get_by_role("radio", name="large").check()
    await page.locator("[name=count]").fill("3")
    await page.reload()
    await expect(page.get_by_role("radio", name="large")).to_be_checked()
    await expect(page.locator("[name=count]")).to_have_value("3")
    await page.get_by_role("button", name="Answer", exact=True).click()
    await expect(answer(page)).to_have_text("Thank you.")
    await expect(page.locator(".asked")).to_contain_text("large · 3")
    sent = [m for m in models.requests[-1].messages if m.get("role") == "tool"]
    assert json.loads(str(sent[-1]["content"])) == {"size": "large", "count": 3}


async def test_a_failed_run_says_why_and_is_tried_again_with_a_reason(stage: Stage, models: ModelServer) -> None:
    models.script(unauthorized(), Reply("Now it works."))
    page = await stage.signed_in()
    await say(page, "Try it")
    await expect(header(page)).to_have_attribute("data-status", "failed")
    await expect(page.locator(".end")).to_contain_text("The model provider refused the request")
    assert "sk-test" not in await page.content()
    await header(page).get_by_role("button", name="Try again").click()
    await page.get_by_label("Reason (optional").fill("the key is set now")
    await page.keyboard.press("Enter")
    await expect(answer(page)).to_have_text("Now it works.")


async def test_a_reload_a_second_tab_and_another_browser_in_mid_answer_show_the_same_text(
    stage: Stage, models: ModelServer
) -> None:
    go_on = asyncio.Event()
    words = " ".join(f"词{n}👍 word" for n in range(200))
    models.script(Held(go_on, Reply(words, chunk_chars=10), after_chunks=60))
    shown = words[:600].strip()
    page = await stage.signed_in()
    await say(page, "Write a lot")
    await expect(answer(page)).to_have_text(shown)
    second = await stage.page(page.context)
    await second.goto(stage.server.url)
    elsewhere = await stage.entered("local")
    for each in (second, elsewhere):
        await each.locator(".session").click()
    await page.reload()
    for each in (page, second, elsewhere):
        await expect(answer(each)).to_have_text(shown)
    go_on.set()
    for each in (page, second, elsewhere):
        await expect(each.locator(".end")).to_be_visible()
        await expect(answer(each)).to_have_text(words)
        assert await answer(each).evaluate("(node) => node.textContent") == words
    await page.reload()
    await expect(answer(page)).to_have_text(words)


async def test_tabs_share_one_stream_and_go_on_when_its_tab_closes(stage: Stage, models: ModelServer) -> None:
    models.script(Reply("To all of you."), Reply("Still here."))
    context = await stage.browser.new_context(locale="en-US")
    streams: list[str] = []
    context.on("request", lambda request: streams.append(request.url) if "/v2/oneliner/stream" in request.url else None)
    first = await stage.signed_in(context)
    others = [await stage.page(context) for _ in range(7)]
    for page in others:
        await page.goto(stage.server.url)
        await expect(page.locator(".composer-field")).to_be_visible()
    assert len(streams) == 1
    await say(others[0], "Hello")
    for page in others:
        await expect(page.locator(".session")).to_have_count(1)
    await first.close()
    await say(others[0], "Anyone?")
    await expect(answer(others[0])).to_have_text("Still here.")
    await others[6].locator(".session").click()
    await expect(answer(others[6])).to_have_text("Still here.")
    assert len(streams) == 2


async def test_a_line_that_breaks_is_said_and_mended_with_nothing_lost(stage: Stage, models: ModelServer) -> None:
    stage.expected = CUT
    go_on = asyncio.Event()
    models.script(Held(go_on, Reply(LONG), after_chunks=150))
    page = await stage.signed_in()
    await say(page, "Write a lot")
    await expect(answer(page)).to_contain_text("Paragraph 5")
    await page.context.set_offline(True)
    await expect(page.locator(".strip")).to_contain_text("Connection lost")
    await page.locator(".composer-field").fill("And then?")
    await page.keyboard.press("Enter")
    await expect(page.locator(".message.user .delivery")).to_contain_text("Not sent yet")
    go_on.set()
    models.script(Reply("Then this."))
    await models.until(lambda: len(models.calls_served) == 1)
    await page.context.set_offline(False)
    await expect(page.locator(".strip")).to_contain_text("Connected again")
    await expect(answer(page)).to_have_text("Then this.")
    await expect(page.locator(".message.user")).to_have_count(2)
    paragraphs = [re.compile(f"^Paragraph {n} ") for n in range(30)]
    await expect(page.locator(".message.assistant .md").first.locator("p")).to_have_text(paragraphs)


async def test_what_could_not_be_read_while_the_line_was_gone_is_read_when_it_is_back(
    stage: Stage, models: ModelServer
) -> None:
    stage.expected = CUT
    page = await stage.signed_in()
    models.script(Reply("All right."))
    await page.route("**/v1/agent/sessions/*", lambda route: route.abort())
    await say(page, "Is it?")
    await expect(page.locator(".end")).to_be_visible()
    await expect(page.locator(".totals")).not_to_contain_text(re.compile(r"[1-9]"))
    await page.context.set_offline(True)
    await expect(page.locator(".strip")).to_contain_text("Connection lost")
    await page.unroute("**/v1/agent/sessions/*")
    await page.context.set_offline(False)
    await expect(page.locator(".totals")).to_contain_text(re.compile(r"[1-9],?\d+ tokens"))


async def test_a_server_that_was_killed_is_found_again(stage: Stage, models: ModelServer) -> None:
    stage.expected = CUT
    page = await stage.signed_in()
    await hand_off(page, "Survive", steps="Only step")
    await expect(page.locator(".plan")).to_be_visible()
    await stage.server.stop(signal.SIGKILL)
    await expect(page.locator(".strip")).to_contain_text("Connection lost")
    await stage.server.start()
    await expect(page.locator(".strip")).to_contain_text("Connected again")
    models.script(Reply(tool_calls=(Call("mark_step", {"step_id": "s1", "status": "done"}),)), Reply("Survived."))
    await page.get_by_role("button", name="Confirm", exact=True).click()
    await expect(answer(page)).to_have_text("Survived.")


async def test_an_enter_that_ends_a_chinese_composition_does_not_send(stage: Stage) -> None:
    page = await stage.signed_in()
    field = page.locator(".composer-field")
    await field.focus()
    devtools = await page.context.new_cdp_session(page)
    await devtools.send("Input.imeSetComposition", {"text": "ni hao", "selectionStart": 6, "selectionEnd": 6})
    await devtools.send(
        "Input.dispatchKeyEvent", {"type": "rawKeyDown", "key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 229}
    )
    await devtools.send("Input.insertText", {"text": "你好"})
    await expect(field).to_have_value("你好")
    await expect(page.locator(".message.user")).to_have_count(0)


async def test_hostile_answers_run_nothing_and_ask_nobody(stage: Stage, models: ModelServer) -> None:
    models.script(Reply(HOSTILE))
    page = await stage.signed_in()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await say(page, "Be nasty")
    await expect(page.locator(".end")).to_be_visible()
    await expect(answer(page).locator("a")).to_have_count(2)
    assert [url for url in asked if not url.startswith(stage.server.url)] == []
    assert "pwned" not in await page.title()
    links = await answer(page).locator("a").evaluate_all("(links) => links.map((a) => a.getAttribute('href'))")
    assert links == ["https://evil.test/p.png", "https://example.com/a"]
    assert await answer(page).locator("img, iframe, script, [style]").count() == 0
    await expect(answer(page).locator("strong")).to_have_text("务必（重要）")


async def test_a_reader_who_scrolled_up_is_left_where_he_is(stage: Stage, models: ModelServer) -> None:
    go_on = asyncio.Event()
    models.script(Reply(LONG), Held(go_on, Reply(LONG), after_chunks=20))
    page = await stage.signed_in()
    await say(page, "First")
    await expect(page.locator(".end")).to_be_visible()
    await say(page, "Second")
    await expect(page.locator(".message.assistant")).to_have_count(2)
    await page.locator(".log").evaluate("(log) => { log.scrollTop = 200; }")
    await expect(page.locator(".jump")).to_be_visible()
    go_on.set()
    await expect(page.locator(".end")).to_have_count(2)
    assert await page.locator(".log").evaluate("(log) => log.scrollTop") == 200
    await page.locator(".jump").click()
    await expect(page.locator(".end").last).to_be_in_viewport()


async def test_a_session_is_deleted_after_asking(stage: Stage, models: ModelServer) -> None:
    models.script(Reply("Hello."))
    page = await stage.signed_in()
    await say(page, "Hello")
    await expect(page.locator(".end")).to_be_visible()
    await page.get_by_role("button", name="Delete “Hello”").click()
    await page.get_by_role("button", name="Keep").click()
    await expect(page.locator(".session")).to_have_count(1)
    await page.get_by_role("button", name="Delete “Hello”").click()
    await page.get_by_role("button", name="Delete", exact=True).click()
    await expect(page.locator(".session")).to_have_count(0)
    await expect(page.locator(".empty")).to_be_visible()


async def test_after_many_tool_calls_the_header_still_tells_how_the_run_got_there(
    stage: Stage, models: ModelServer
) -> None:
    sums = tuple(Call("calculator", {"expression": f"{n} + 1"}) for n in range(35))
    failing = Call("calculator", {"expression": "no sum"})
    models.script(Reply("Let me count.", (*sums, failing)), Held(asyncio.Event(), Reply("So far."), after_chunks=1))
    page = await stage.signed_in()
    await hand_off(page, "Count", steps="Only step")
    await page.get_by_role("button", name="Confirm", exact=True).click()
    await expect(page.locator(".tool-state[data-state=done]")).to_have_count(35)
    await page.reload()
    await page.get_by_role("button", name="Details of the run").click()
    await expect(page.locator(".event-chip")).to_have_text(["created", "confirmed", "started"])
    await expect(page.locator(".tool-state[data-state=failed]")).to_have_count(1)


async def test_a_working_run_is_told_something_from_the_composer(stage: Stage, models: ModelServer) -> None:
    go_on = asyncio.Event()
    models.script(Held(go_on, Reply("One, two, three."), after_chunks=1), Reply("Un, deux, trois."))
    page = await stage.signed_in()
    choice = page.get_by_label("The agent is working")
    await expect(choice).to_be_hidden()
    await say(page, "Count")
    await choice.select_option("Tell it now")
    await say(page, "In French please")
    await expect(page.locator(".message.user")).to_have_text(["Count", "In French please"])
    go_on.set()
    await expect(answer(page)).to_have_text("Un, deux, trois.")
    await expect(page.locator(".end")).to_have_count(1)
    await expect(choice).to_be_hidden()
