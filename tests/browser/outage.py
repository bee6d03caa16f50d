"""An outage in the middle of an answer: a server that is killed, a network that goes."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

from playwright.async_api import expect

from oneliner.testing import Held, Reply
from tests.browser.stage import CUT, say

if TYPE_CHECKING:
    from playwright.async_api import Page

    from oneliner.testing import ModelServer
    from tests.browser.stage import Stage

#: For how long each is away.
AWAY_SECONDS = {"server": 5, "network": 10}
LOST = "Connection lost. Runs go on at the server."
BACK = "Connected again."
WORDS = " ".join(f"词{n}👍 word" for n in range(400))
#: Notes what is said in the live regions, as a screen reader would hear it.
_LISTEN = """() => {
  globalThis.said = [];
  const root = document.querySelector("[data-oneliner]")?.shadowRoot ?? document;
  for (const region of root.querySelectorAll("[role=alert].sr-only, [role=status].sr-only")) new MutationObserver((records) => {
    for (const record of records) for (const node of record.addedNodes) globalThis.said.push(node.textContent);
  }).observe(region, { childList: true });
}"""


async def outage(stage: Stage, page: Page, what: str, meanwhile: asyncio.Event | None = None) -> None:
    """Take *what* away for as long as it says, see it noticed, and give it back; *meanwhile* is set in between."""
    stage.expected = CUT
    await page.evaluate(_LISTEN)
    began = asyncio.get_running_loop().time()
    if what == "server":
        await stage.server.stop(signal.SIGKILL)
    else:
        await page.context.set_offline(True)
    await expect(page.locator(".strip")).to_contain_text("Connection lost")
    if meanwhile is not None:
        meanwhile.set()
    await asyncio.sleep(began + AWAY_SECONDS[what] - asyncio.get_running_loop().time())
    await expect(page.locator(".strip")).to_contain_text("Connection lost")
    if what == "server":
        await stage.server.start()
    else:
        await page.context.set_offline(False)
    await expect(page.locator(".strip")).to_contain_text("Connected again")


async def said_of_it(page: Page) -> list[str]:
    """What was said of the connection since the outage began."""
    said: list[str] = await page.evaluate("() => globalThis.said")
    return [line for line in said if line in {LOST, BACK}]


async def outlasts(stage: Stage, page: Page, models: ModelServer, what: str) -> None:
    """An answer that is being written outlasts the loss of *what*: told once, and not a character of it is lost."""
    go_on = asyncio.Event()
    models.script(Held(go_on, Reply(WORDS, chunk_chars=10), after_chunks=60), Reply(WORDS, chunk_chars=10))
    await say(page, "Write a lot")
    written = page.locator(".message.assistant .md").last
    await expect(written).to_have_text(WORDS[:600].strip())
    await outage(stage, page, what, go_on)
    await expect(page.locator(".end[data-status=done]")).to_be_visible()
    await expect(written).to_have_text(WORDS)
    assert await written.evaluate("(node) => node.textContent") == WORDS
    assert await said_of_it(page) == [LOST, BACK]
    await page.reload()
    await expect(written).to_have_text(WORDS)
    assert await written.evaluate("(node) => node.textContent") == WORDS
