"""The page and the window in a real browser: frames while text streams, large histories, slow lines.

    .venv/bin/python bench/page.py frames     2,000 tokens streamed into the window: how long its frames take
    .venv/bin/python bench/page.py histories  a session of 5,000 messages and a run of 50,000 events: until they can be read
    .venv/bin/python bench/page.py lines      the page and the window over slow lines: until they can be used

Needs Chromium (ONELINER_CHROMIUM, or found on the path). Starts servers of its own on loopback.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from playwright.async_api import async_playwright, expect
from tests.browser.host import hosted
from tests.browser.stage import Stage, say, staged

from oneliner.domain.ids import uuid7
from oneliner.domain.user import Authority
from oneliner.settings import Settings
from oneliner.testing import ModelServer, Reply
from oneliner.wiring import issue_token

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from playwright.async_api import Browser, Page

TOKENS = 2_000
MESSAGES = 5_000
EVENTS = 50_000
#: Round trip in ms and kilobits a second, down and up: as Lighthouse and the browser's own tools slow a page down.
LINES = {
    "loopback": (0, 0, 0),
    "a good line": (40, 10_000, 5_000),
    "fast 4G (browser)": (165, 9_000, 1_500),
    "slow 4G (Lighthouse)": (150, 1_638, 750),
    "slow 4G (browser)": (563, 1_440, 675),
}
_FRAMES = """() => {
  globalThis.frames = [];
  let last = performance.now();
  const next = (now) => { globalThis.frames.push(now - last); last = now; globalThis.frameLoop = requestAnimationFrame(next); };
  globalThis.frameLoop = requestAnimationFrame(next);
}"""


def told(name: str, value: str) -> None:
    print(f"  {name:<58} {value:>18}", flush=True)


@asynccontextmanager
async def a_browser() -> AsyncGenerator[Browser]:
    program = os.environ.get("ONELINER_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        await browser.close()


async def frames() -> None:
    """Tokens come as fast as a quick model writes them, 250 a second."""
    words = ["**bold**", "`code`", "plain", "文字，", "more"]
    text = "".join(words[n % 5] + ("\n\n" if n % 40 == 39 else " ") for n in range(TOKENS))
    async with a_browser() as browser, ModelServer() as models:
        with tempfile.TemporaryDirectory() as folder:
            async with hosted(browser, Path(folder) / "data", models) as (stage, url):
                models.script(Reply(text, chunk_chars=-(-len(text) // TOKENS), delay_seconds=0.004))
                page = await stage.page()
                await page.goto(url)
                await page.locator(".launcher").click()
                await say(page, "Write a lot")
                await expect(page.locator(".message.assistant")).to_be_visible()
                await page.evaluate(_FRAMES)
                await expect(page.locator(".end")).to_be_visible(timeout=120_000)
                took: list[float] = await page.evaluate("() => globalThis.frames")
                cuts = quantiles(took, n=100)
                print(f"{TOKENS:,} tokens in the window, {len(took)} frames")
                told("median frame", f"{cuts[49]:.1f} ms")
                told("99th percentile", f"{cuts[98]:.1f} ms")
                told("longest frame", f"{max(took):.1f} ms")
                told("frames over 50 ms", f"{sum(1 for t in took if t > 50)}")


async def histories() -> None:
    """Rows are put into the database beside the server, as many as years of work would leave."""
    async with a_browser() as browser, ModelServer() as models:
        with tempfile.TemporaryDirectory() as folder:
            data = Path(folder) / "data"
            async with staged(browser, data, models) as stage:
                models.script(Reply("An answer."))
                page = await stage.signed_in()
                await say(page, "A question")
                await expect(page.locator(".end")).to_be_visible()
                await page.context.close()
                await stage.server.stop(signal.SIGTERM)
                _fill(next(data.glob("*.db")))
                await stage.server.start()
                page = await stage.signed_in()
                print(f"a session of {MESSAGES:,} messages, whose last run has {EVENTS:,} events")
                await _timed("the session, until its last message can be read", page, _open_session)
                await _timed("earlier messages, one more page", page, _open_older)
                await _timed("the run's own page, with its timeline", page, _open_run)
                await _timed("its conversation", page, partial(_open_part, "conversation", ".said"))
                await _timed("its events", page, partial(_open_part, "events", ".event-list li"))


def _fill(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(messages)")]
        row = dict(
            zip(columns, database.execute("SELECT * FROM messages WHERE role = 'assistant'").fetchone(), strict=True)
        )
        at = time.time_ns() // 1_000_000
        # Before the run's own messages there are those of earlier ones.
        database.execute("UPDATE messages SET position = position + ?", (2 * MESSAGES,))
        made = []
        for n in range(2, MESSAGES):
            role = "user" if n % 2 == 0 else "assistant"
            made.append(
                {
                    **row,
                    "id": str(uuid7(at, os.urandom(10))),
                    "position": n,
                    "run_id": "",
                    "role": role,
                    "content": f"Message {n}: " + "some words of an exchange, with **marks**. " * 4,
                }
            )
        names = ", ".join(columns)
        database.executemany(f"INSERT INTO messages ({names}) VALUES ({', '.join(f':{c}' for c in columns)})", made)
        columns = [row[1] for row in database.execute("PRAGMA table_info(agent_run_events)")]
        event = dict(
            zip(
                columns,
                database.execute("SELECT * FROM agent_run_events ORDER BY seq DESC LIMIT 1").fetchone(),
                strict=True,
            )
        )
        last, owner_last = event["seq"], event["owner_seq"]
        more = [
            {
                **event,
                "id": str(uuid7(at, os.urandom(10))),
                "seq": last + n,
                "owner_seq": owner_last + n,
                "event_type": "tool.completed",
                "details_json": f'{{"tool_call_id": "c{n}", "name": "calculator"}}',
            }
            for n in range(1, EVENTS)
        ]
        names = ", ".join(columns)
        database.executemany(
            f"INSERT INTO agent_run_events ({names}) VALUES ({', '.join(f':{c}' for c in columns)})", more
        )
        database.execute("UPDATE agent_runs SET last_seq = ?", (last + EVENTS - 1,))
        database.execute("UPDATE users SET event_cursor = ?", (owner_last + EVENTS - 1,))
        database.execute("UPDATE sessions SET message_count = ?", (MESSAGES,))


async def _timed(name: str, page: Page, work: Callable[[Page], Awaitable[None]]) -> None:
    began = time.perf_counter()
    await work(page)
    told(name, f"{(time.perf_counter() - began) * 1_000:.0f} ms")


async def _open_session(page: Page) -> None:
    await page.locator(".session").first.click()
    await expect(page.get_by_text("An answer.")).to_be_visible()


async def _open_older(page: Page) -> None:
    count = await page.locator(".message").count()
    await page.locator(".older").click()
    await page.wait_for_function("(count) => document.querySelectorAll('.message').length > count", arg=count)


async def _open_run(page: Page) -> None:
    await page.evaluate("() => { location.hash = '#/runs'; }")
    await page.locator(".table a[href*='#/run/']").first.click()
    await expect(page.locator(".leases .span").first).to_be_visible()


async def _open_part(part: str, shown: str, page: Page) -> None:
    await page.locator(f"#part-{part}").click()
    await expect(page.locator(shown).first).to_be_visible()


async def lines() -> None:
    """Each line twice: as somebody comes for the first time, and with what the browser has kept."""
    async with a_browser() as browser, ModelServer() as models:
        with tempfile.TemporaryDirectory() as folder:
            async with hosted(browser, Path(folder) / "data", models) as (stage, url):
                for line in LINES:
                    print(f"{line}: round trip {LINES[line][0]} ms, {LINES[line][1] or '–'} kbit/s")
                    await _over(line, stage, url)


async def _over(line: str, stage: Stage, url: str) -> None:
    settings = Settings.load(stage.server.variables, data_dir=stage.server.data_dir)
    token = issue_token(settings, "ann", authority=Authority.ADMIN, ttl_seconds=3_600, name="Ann")
    for measure in (_sign_in, _workbench, _window):
        context = await stage.browser.new_context(locale="en-US")
        if measure is _workbench:
            await context.add_init_script(f"sessionStorage.setItem('oneliner.token', {token!r})")
        for name in ("first visit", "next visit"):
            page = await stage.page(context)
            await _slow(page, line)
            await measure(page, name, stage.server.url, url)
            await page.close()
        await context.close()


async def _sign_in(page: Page, name: str, server: str, _url: str) -> None:
    began = time.perf_counter()
    await page.goto(server, wait_until="commit")
    await _shown(page, ".sign-in")
    told(f"{name}: the page, until one can sign in", _since(began))


async def _workbench(page: Page, name: str, server: str, _url: str) -> None:
    began = time.perf_counter()
    await page.goto(server, wait_until="commit")
    await _shown(page, ".composer-field")
    told(f"{name}: the workbench, until one can write in it", _since(began))


async def _window(page: Page, name: str, _server: str, url: str) -> None:
    began = time.perf_counter()
    await page.goto(url, wait_until="commit")
    await _shown(page, ".launcher")
    told(f"{name}: another page, until the launcher stands", _since(began))
    await expect(page.locator("#events li")).to_contain_text(["ready"], timeout=60_000)
    began = time.perf_counter()
    await page.locator(".launcher").click()
    await _shown(page, ".composer-field")
    told(f"{name}: from the click to a window one can write in", _since(began))


async def _shown(page: Page, selector: str) -> None:
    """Looked at in every frame; a locator looks again only after half a second or a whole one."""
    find = """(selector) => {
      const found = [document, document.querySelector("[data-oneliner]")?.shadowRoot].map((root) => root?.querySelector(selector));
      return found.some((node) => node?.getClientRects().length);
    }"""
    await page.wait_for_function(find, arg=selector, polling="raf", timeout=60_000)


def _since(began: float) -> str:
    return f"{(time.perf_counter() - began) * 1_000:,.0f} ms"


async def _slow(page: Page, line: str) -> None:
    latency, down, up = LINES[line]
    tools = await page.context.new_cdp_session(page)
    await tools.send("Network.enable")
    if latency:
        conditions = {
            "offline": False,
            "latency": latency,
            "downloadThroughput": down * 125,
            "uploadThroughput": up * 125,
        }
        await tools.send("Network.emulateNetworkConditions", conditions)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("what", choices=("frames", "histories", "lines"))
    asyncio.run({"frames": frames, "histories": histories, "lines": lines}[parser.parse_args().what]())


if __name__ == "__main__":
    main()
