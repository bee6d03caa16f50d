"""The window on pages that are not as one would wish: what they hold, when they hold it, and what they say of their user."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import httpx
import pytest
from playwright.async_api import expect

from tests.browser.host import hosted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from playwright.async_api import Browser, BrowserContext, Page, Route

    from oneliner.testing import ModelServer
    from tests.browser.stage import Stage

pytestmark = pytest.mark.browser
SCRIPT = '<script src="{agent}/embed.js"></script>'
STARTED = '<script src="{agent}/embed.js" data-token-url="/agent-token"></script>'
HAND_OVER = '<button id="go" data-action="handoff-to-main-agent" data-title="Write the report" data-steps="Only step">Go</button>'
#: Starts with what a page gives as a token, and says how that went.
_INIT = """async (token) => {
  globalThis.told = [];
  for (const name of ["ready", "error"]) document.addEventListener(`oneliner:${name}`, (event) => told.push([name, event.detail.problem?.code, event.detail.problem?.detail]));
  await OneLiner.init({ token: eval(token) });
  return told;
}"""


@pytest.fixture
async def host(browser: Browser, tmp_path: Path, models: ModelServer) -> AsyncIterator[tuple[Stage, str]]:
    async with hosted(browser, tmp_path / "data", models) as found:
        yield found


async def opened(
    host: tuple[Stage, str], head: str, body: str = HAND_OVER, context: BrowserContext | None = None, name: str = "page"
) -> Page:
    """A page of the host with *head* and *body*."""
    stage, url = host
    async with httpx.AsyncClient(base_url=url) as client:
        html = f'<!doctype html><html lang="en"><head><title>Odd</title>{head}</head><body><main>{body}</main></body></html>'
        (await client.put(f"/odd/{name}", content=html)).raise_for_status()
    page = await stage.page(context)
    await page.goto(f"{url}/odd/{name}")
    return page


async def works(page: Page) -> None:
    """The page hands over, and its one window shows the run."""
    await page.locator("#go").click()
    await expect(page.locator(".plan-step")).to_have_count(1)
    await expect(page.locator("[data-oneliner]")).to_have_count(1)
    await expect(page.locator(".oneliner-run-title")).to_have_text("Write the report")


async def test_a_tag_that_stands_twice_makes_one_window(host: tuple[Stage, str]) -> None:
    page = await opened(host, STARTED + STARTED)
    await works(page)


@pytest.mark.parametrize("style", ["html { zoom: 1.5 }", "body { zoom: 0.8 }", "html { zoom: 2; font-size: 4px }"])
async def test_the_window_has_its_own_size_on_a_page_that_is_enlarged(host: tuple[Stage, str], style: str) -> None:
    page = await opened(host, STARTED, HAND_OVER + f"<style>{style}</style>")
    await works(page)
    in_place = """() => {
      const { x, y, width } = document.querySelector("[data-oneliner]").shadowRoot.querySelector(".window").getBoundingClientRect();
      return Math.abs(x - 836) < 1 && Math.abs(y - 20) < 1 && Math.abs(width - 424) < 1;
    }"""
    await page.wait_for_function(in_place)
    await page.evaluate("() => { document.documentElement.style.zoom = '1.25'; document.body.style.zoom = '1.3'; }")
    await page.evaluate("() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
    await page.wait_for_function(in_place)


async def test_a_second_tag_that_says_how_starts_what_the_first_has_not(host: tuple[Stage, str]) -> None:
    page = await opened(host, SCRIPT + STARTED)
    await works(page)
    # Put there again by a page that changes in place, once it was taken away.
    await page.evaluate("() => OneLiner.destroy()")
    await expect(page.locator("[data-oneliner]")).to_have_count(0)
    await page.evaluate(
        """() => {
          const again = document.createElement("script");
          again.dataset.tokenUrl = "/agent-token";
          again.src = document.scripts[0].src;
          document.head.append(again);
        }"""
    )
    await expect(page.locator(".launcher")).to_be_visible()


async def test_a_script_that_runs_before_there_is_a_body_waits_for_it(host: tuple[Stage, str]) -> None:
    stage, _ = host
    context = await stage.browser.new_context(locale="en-US")
    # Its modules are in the browser's cache then, and come at once.
    await expect((await opened(host, STARTED, context=context)).locator(".launcher")).to_be_visible()
    page = await opened(host, STARTED + '<script src="/slow.js"></script>', context=context, name="early")
    await works(page)


async def test_a_page_with_a_base_loads_it_from_where_the_script_came_from(host: tuple[Stage, str]) -> None:
    _, url = host
    page = await opened(host, f'<base href="{url}/somewhere/else/">' + STARTED)
    await works(page)


async def test_a_frame_holds_a_window_of_its_own(host: tuple[Stage, str]) -> None:
    await opened(host, STARTED, name="inner")
    page = await opened(host, "", '<iframe src="/odd/inner" title="Inner" width="900" height="700"></iframe>')
    frame = page.frame_locator("iframe")
    await frame.locator("#go").click()
    await expect(frame.locator(".plan-step")).to_have_count(1)


async def test_a_page_that_puts_another_body_in_place_keeps_the_window_and_its_handoffs(
    host: tuple[Stage, str],
) -> None:
    page = await opened(host, STARTED)
    await works(page)
    await page.evaluate(
        """() => {
          const next = document.createElement("body");
          next.append(...document.body.querySelector("main").cloneNode(true).children);
          document.body.replaceWith(next);
        }"""
    )
    await expect(page.locator(".plan-step")).to_be_visible()
    await page.evaluate("() => { document.body.innerHTML = '<main>Another page</main>'; }")
    await expect(page.locator(".plan-step")).to_be_visible()
    await page.get_by_role("button", name="Cancel", exact=True).click()
    await expect(page.locator("[data-role=oneliner-runs]")).to_have_attribute("data-status", "cancelled")


@pytest.mark.parametrize(
    ("token", "code", "detail"),
    [
        ("() => Promise.reject(new Error('not today'))", "no_token", "Error: not today"),
        ("() => { throw new Error('never'); }", "no_token", "Error: never"),
        ("async () => ({ token: 'in an object' })", "no_token", "the page gave no token but [object Object]"),
        ("async () => undefined", "unauthenticated", "a valid bearer token is needed"),
    ],
    ids=["rejects", "throws", "object", "nothing"],
)
async def test_a_page_that_gives_no_token_is_told_so_and_its_reader_tries_again(
    host: tuple[Stage, str], token: str, code: str, detail: str
) -> None:
    stage, _ = host
    stage.expected = re.compile("401")
    page = await opened(host, SCRIPT)
    assert await page.evaluate(_INIT, token) == [["error", code, detail], ["ready", None, None]]
    await page.locator(".launcher").click()
    await expect(page.locator(".window-problem .problem")).to_be_visible()
    await page.evaluate("() => OneLiner.destroy()")
    await expect(page.locator("[data-oneliner]")).to_have_count(0)
    # The next time it gives none at first, and then one: the button in the window is enough.
    await page.evaluate(
        f"""async () => {{
          let asked = 0;
          const none = {token};
          const real = async () => (await (await fetch("/agent-token")).json()).token;
          globalThis.mend = () => {{ asked = 1; }};
          await OneLiner.init({{ token: () => (asked ? real() : none()) }});
          await OneLiner.open();
        }}"""
    )
    await expect(page.locator(".window-problem .problem")).to_be_visible()
    await page.evaluate("() => mend()")
    await page.get_by_role("button", name="Try now").click()
    await expect(page.locator(".window-problem")).to_be_hidden()
    await works(page)


async def test_a_page_that_never_answers_is_waited_for_not_for_ever_and_can_take_it_away_at_any_time(
    host: tuple[Stage, str],
) -> None:
    page = await opened(host, SCRIPT)
    await page.clock.install()
    await page.evaluate("() => { globalThis.init = OneLiner.init({ token: () => new Promise(() => undefined) }); }")
    await page.locator(".launcher").click()
    await expect(page.locator(".composer-field")).to_be_visible()
    await page.clock.run_for(15_000)
    await expect(page.locator(".window-problem")).to_contain_text("could not say who you are")
    await page.evaluate("() => OneLiner.destroy()")
    await expect(page.locator("[data-oneliner]")).to_have_count(0)
    await page.evaluate("() => { OneLiner.init({ token: () => new Promise(() => undefined) }); }")
    await expect(page.locator(".launcher")).to_be_visible()
    await page.evaluate("() => OneLiner.destroy()")
    await expect(page.locator("[data-oneliner]")).to_have_count(0)


async def test_a_token_that_ends_and_is_not_given_for_a_while_lets_the_stream_come_back(
    host: tuple[Stage, str],
) -> None:
    stage, _ = host
    stage.expected = re.compile("401|ERR_INTERNET_DISCONNECTED")
    page = await opened(host, SCRIPT)
    await page.evaluate(
        """async () => {
          globalThis.gives = true;
          const real = async () => (await (await fetch("/agent-token")).json()).token;
          await OneLiner.init({ token: async () => { if (!globalThis.gives) throw new Error("later"); return real(); } });
        }"""
    )
    await works(page)
    await page.evaluate("() => { globalThis.gives = false; }")
    await page.context.set_offline(True)
    await expect(page.locator(".strip")).to_contain_text("Connection lost")
    await page.context.set_offline(False)
    await expect(page.locator(".strip")).to_contain_text(re.compile("Attempt [2-9]"))
    await page.evaluate("() => { globalThis.gives = true; }")
    await page.get_by_role("button", name="Try now").click()
    await expect(page.locator(".strip")).to_contain_text("Connected again")


async def test_a_handoff_that_is_pressed_before_the_window_is_here_waits_for_it(host: tuple[Stage, str]) -> None:
    page = await opened(host, "")
    held: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def late(route: Route) -> None:
        await held
        await route.continue_()

    await page.route("**/oneliner/embed/host.js", late)
    await page.evaluate(
        """(agent) => {
          const script = document.createElement("script");
          script.dataset.tokenUrl = "/agent-token";
          script.src = `${agent}/embed.js`;
          document.head.append(script);
        }""",
        host[0].server.url,
    )
    await page.wait_for_function("() => globalThis.OneLiner !== undefined")
    await page.locator("#go").dblclick()
    await expect(page.locator("#go")).to_have_attribute("aria-busy", "true")
    held.set_result(None)
    await expect(page.locator(".plan-step")).to_have_count(1)
    await expect(page.locator(".tab")).to_have_count(1)
    await expect(page.locator("#go")).not_to_have_attribute("aria-busy", "true")


async def test_a_form_hands_over_when_it_is_submitted_and_what_is_too_long_is_cut(host: tuple[Stage, str]) -> None:
    stage, _ = host
    stage.expected = re.compile("422")
    fields = (
        '<label>Amount <input name="amount" value="250"></label><textarea name="notes" aria-label="Notes"></textarea>'
    )
    form = f'<form data-action="handoff-to-main-agent" data-title="Adjust" data-steps="Only step">{fields}<button>Send</button></form>'
    page = await opened(
        host,
        STARTED,
        form
        + f'<button id="bad" data-action="handoff-to-main-agent" data-title="No" data-steps="{"x" * 1_001}">No</button>',
    )
    await expect(page.locator(".launcher")).to_be_visible()
    sent: list[str] = []
    page.on("request", lambda r: sent.append(r.url) if r.method == "POST" else None)
    await page.locator("#bad").click()
    await expect(page.locator(".window-problem")).to_be_visible()
    sent.clear()
    await page.get_by_label("Notes").fill("note " * 3_000)
    await page.get_by_label("Amount").click()
    assert sent == []
    await page.keyboard.press("Enter")
    await expect(page.locator(".oneliner-run-title")).to_have_text("Adjust")
    await expect(page.locator(".plan-goal textarea")).to_have_value(re.compile(r"^Adjust\n\nAmount: 250\n.*note"))
    await expect(page.locator(".window-problem")).to_be_hidden()
    assert len(sent) == 1


async def test_a_handoff_out_of_a_modal_dialog_of_the_page_opens_where_it_can_be_reached(
    host: tuple[Stage, str],
) -> None:
    page = await opened(host, STARTED, f'<dialog id="own">{HAND_OVER}</dialog>')
    await expect(page.locator(".launcher")).to_be_visible()
    await page.evaluate("() => document.querySelector('#own').showModal()")
    await works(page)
    await expect(page.locator(".oneliner-run-title")).to_be_focused()
    await page.get_by_role("button", name="Cancel", exact=True).click()
    await expect(page.locator("[data-role=oneliner-runs]")).to_have_attribute("data-status", "cancelled")
    # The page's own dialog goes, and the window stays.
    await page.evaluate("() => document.querySelector('#own').close()")
    await expect(page.locator(".composer-field")).to_be_visible()
    await page.locator(".composer-field").click()
    await expect(page.locator(".composer-field")).to_be_focused()
    # It is opened again, and taken away with the whole of its part of the page.
    await page.evaluate("() => document.querySelector('#own').showModal()")
    await page.locator("#go").click()
    await expect(page.locator(".plan-step")).to_have_count(1)
    await page.evaluate("() => document.querySelector('main').remove()")
    await page.locator(".composer-field").click()
    await expect(page.locator(".composer-field")).to_be_focused()


async def test_on_a_page_that_runs_from_right_to_left_it_stands_on_its_side_and_reads_as_its_language(
    host: tuple[Stage, str],
) -> None:
    page = await opened(host, STARTED)
    await page.evaluate("() => { document.documentElement.dir = 'rtl'; }")
    await works(page)
    box = await page.locator(".window").bounding_box()
    assert box is not None
    assert box["x"] < 100
    await expect(page.locator(".composer-note")).to_have_css("direction", "ltr")
    await expect(page.locator(".plan")).to_have_css("direction", "ltr")


@pytest.mark.parametrize(("width", "height"), [(640, 360), (640, 512), (320, 256)])
async def test_on_a_low_screen_all_of_it_can_be_reached(host: tuple[Stage, str], width: int, height: int) -> None:
    page = await opened(host, '<meta name="viewport" content="width=device-width">' + STARTED)
    await page.set_viewport_size({"width": width, "height": height})
    await works(page)
    # A click waits until what is clicked is not covered by anything.
    await page.locator(".composer-field").click(timeout=5_000)
    await expect(page.locator(".composer-field")).to_be_focused()
    await page.locator(".plan-step textarea").click(timeout=5_000)
    await page.get_by_role("button", name="Confirm", exact=True).click(timeout=5_000, trial=True)
    await page.get_by_role("button", name="Cancel", exact=True).click(timeout=5_000)
    await expect(page.locator("[data-role=oneliner-runs]")).to_have_attribute("data-status", "cancelled")


async def test_options_that_are_refused_stand_in_nobodys_way_and_any_language_tag_will_do(
    host: tuple[Stage, str],
) -> None:
    page = await opened(host, SCRIPT)
    said = await page.evaluate(
        "() => OneLiner.init({ tokenUrl: '/agent-token', theme: 'pink' }).catch((e) => e.message)"
    )
    assert "theme is one of auto, light, dark" in said
    await page.evaluate("() => OneLiner.init({ tokenUrl: '/agent-token', language: 'zh-Hans-CN' })")
    await expect(page.get_by_role("button", name="打开 OneLiner")).to_be_visible()
    await page.evaluate(
        "async () => { await OneLiner.destroy(); await OneLiner.init({ tokenUrl: '/agent-token', language: 'fr' }); }"
    )
    await expect(page.get_by_role("button", name="Open OneLiner")).to_be_visible()
