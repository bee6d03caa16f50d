"""A real server, a scripted model and a real browser; whatever the page complains about fails the test."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self, TypedDict

import httpx
from playwright.async_api import expect

from oneliner.domain.user import Authority
from oneliner.settings import Settings
from oneliner.wiring import issue_token

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping
    from types import TracebackType

    from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, ViewportSize

    from oneliner.testing import ModelServer

READY = "Ctrl-C stops it."
SHORT_MS = 20_000
expect.set_options(timeout=SHORT_MS)
ROOT = Path(__file__).resolve().parents[2]
#: What the scripted model costs.
PRICES = Path(__file__).with_name("prices.json")
AXE = ROOT / "node_modules/axe-core/axe.min.js"
#: What a browser says of a line that was cut on purpose.
CUT = re.compile(
    r"net::ERR_(INTERNET_DISCONNECTED|CONNECTION_REFUSED|CONTENT_LENGTH_MISMATCH|INCOMPLETE_CHUNKED|NETWORK_CHANGED|CONNECTION_RESET|SOCKET_NOT_CONNECTED|EMPTY_RESPONSE|FAILED)"
)
_WATCH = """() => {
  globalThis.violations = [];
  document.addEventListener("securitypolicyviolation", (e) => globalThis.violations.push(e.violatedDirective + " " + e.blockedURI));
}"""


class Look(TypedDict, total=False):
    """How a page is looked at."""

    viewport: ViewportSize
    color_scheme: Literal["light", "dark"]
    locale: str
    reduced_motion: Literal["reduce"]


ENGLISH: Look = {"locale": "en-US"}


class Server:
    """``oneliner serve`` as a process of its own; it can be killed and started again on the same port."""

    def __init__(
        self,
        data_dir: Path,
        models: ModelServer | None,
        *modules: str,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.data_dir = data_dir
        self._modules = modules
        self.variables: Mapping[str, str] = dict(variables or {}) | (
            {}
            if models is None
            else {
                "ONELINER_MODEL": "openai/scripted",
                "ONELINER_MODEL_BASE_URL": models.base_url,
                "ONELINER_MODEL_API_KEY": "sk-test",
                "ONELINER_PRICES": str(PRICES),
            }
        )
        self._port = 0
        self.url = ""
        self.link = ""

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop(signal.SIGKILL)

    async def start(self) -> None:
        """Start it, on the port it had before."""
        home = {"HOME": str(self.data_dir.parent), "PYTHONUNBUFFERED": "1", "PATH": os.environ["PATH"]}
        # A lost worker is noticed soon; the tests' own modules can be imported.
        home |= {"ONELINER_LEASE_SECONDS": "3", "ONELINER_SWEEP_SECONDS": "1", "PYTHONPATH": str(ROOT)}
        arguments = (
            "-m",
            "oneliner",
            "serve",
            *self._modules,
            "--port",
            str(self._port),
            "--data-dir",
            str(self.data_dir),
        )
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            env={**home, **self.variables},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        printed = await asyncio.wait_for(self._read_until_ready(), 60)
        found = re.search(r"(http://\S+?)/?#code=\S+", printed)
        assert found, printed
        self.link, self.url = found[0], found[1]
        self._port = int(self.url.rsplit(":", 1)[1])

    async def stop(self, how: signal.Signals) -> None:
        """End it, and wait for that."""
        if self._process.returncode is None:
            self._process.send_signal(how)
        # What it says on its way out is read, so that it never waits for a full pipe.
        await self._process.communicate()

    async def _read_until_ready(self) -> str:
        assert self._process.stdout is not None
        printed = ""
        while READY not in printed:
            line = await self._process.stdout.readline()
            assert line, f"the server ended: {printed}"
            printed += line.decode()
        return printed


@dataclass
class Stage:
    """A test's browser at a test's server."""

    browser: Browser
    server: Server
    complaints: list[str] = field(default_factory=list[str])
    #: What is allowed to be complained of, because the test brings it about.
    expected: re.Pattern[str] | None = None

    async def page(self, context: BrowserContext | None = None, look: Look = ENGLISH) -> Page:
        """A page in *context* or in a context of its own, whose complaints are collected."""
        context = context or await self.browser.new_context(**look)
        page = await context.new_page()
        page.set_default_timeout(SHORT_MS)
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("console", self._heard)
        await page.add_init_script(f"({_WATCH})()")
        return page

    async def signed_in(self, context: BrowserContext | None = None, look: Look = ENGLISH) -> Page:
        """A page that came in by the sign-in link."""
        page = await self.page(context, look)
        await page.goto(self.server.link)
        await expect(page.locator(".composer-field")).to_be_visible()
        return page

    async def entered(self, user_id: str, look: Look = ENGLISH, *, is_admin: bool = True) -> Page:
        """A page that came in with a token of *user_id*, who has a workspace of his own."""
        page = await self.page(None, look)
        await page.goto(self.server.url)
        await page.locator("[name=token]").fill(self.token(user_id, is_admin=is_admin))
        await page.keyboard.press("Enter")
        await expect(page.locator(".composer-field")).to_be_visible()
        return page

    def token(self, user_id: str, *, is_admin: bool = True) -> str:
        """A token of *user_id* for an hour."""
        settings = Settings.load(self.server.variables, data_dir=self.server.data_dir)
        authority = Authority.ADMIN if is_admin else Authority.MEMBER
        return issue_token(settings, user_id, authority=authority, ttl_seconds=3_600, name=user_id)

    async def rule(self, rules: Mapping[str, object]) -> None:
        """Set the system's rules."""
        headers = {"Authorization": f"Bearer {self.token('local')}"}
        async with httpx.AsyncClient(base_url=self.server.url, headers=headers) as client:
            answer = await client.put("/v2/oneliner/governance/layers/system", json={"rules": rules})
            answer.raise_for_status()

    async def hand_over(self, *titles: str, user_id: str = "local") -> None:
        """Make runs that wait for their confirmation, as another program would."""
        headers = {"Authorization": f"Bearer {self.token(user_id)}"}
        async with httpx.AsyncClient(base_url=self.server.url, headers=headers) as client:
            for title in titles:
                plan = {"steps": ["Only step"]}
                body = {"title": title, "source_screen": "api", "source_action_key": "api", "plan_request": plan}
                answer = await client.post("/v2/oneliner/runs", json=body)
                answer.raise_for_status()

    async def check(self) -> None:
        """Fails when anything was complained of, or the security policy was touched."""
        for context in self.browser.contexts:
            for page in context.pages:
                if page.url.startswith("http"):
                    self.complaints += await page.evaluate("() => globalThis.violations ?? []")
        left = [c for c in self.complaints if not (self.expected and self.expected.search(c))]
        assert not left, left

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text}")


@asynccontextmanager
async def staged(browser: Browser, data_dir: Path, models: ModelServer | None, *modules: str) -> AsyncGenerator[Stage]:
    """A stage with the tools of *modules*, that is checked at its end."""
    async with Server(data_dir, models, *modules) as server:
        stage = Stage(browser, server)
        yield stage
        await stage.check()


async def axe_findings(page: Page) -> list[str]:
    """What axe finds against WCAG 2.2 AA and best practice, one line for each."""
    await page.evaluate(AXE.read_text("utf-8"))
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = await page.evaluate(
        "async (tags) => (await globalThis.axe.run(document, {runOnly: tags})).violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html.slice(0, 120) + ' ' + ([...n.any, ...n.all, ...n.none][0]?.message ?? '')).join(' | ')}`)",
        tags,
    )
    return [str(line) for line in found]


async def say(page: Page, text: str) -> None:
    """Send a message."""
    await page.locator(".composer-field").fill(text)
    await page.keyboard.press("Enter")


async def hand_off(page: Page, title: str, *, steps: str | None = None) -> None:
    """Hand a task off by the form, with *steps* (one a line) or with a drafted plan."""
    await open_handoff(page)
    await page.locator("[name=title]").fill(title)
    if steps is not None:
        await page.locator(".handoff [value=steps]").check()
        await page.locator("[name=steps]").fill(steps)
    await page.locator(".handoff [type=submit]").click()


async def open_handoff(page: Page) -> None:
    """Open the form, from the side or, on a narrow page, from the drawer."""
    if await page.locator(".drawer-opener").is_visible():
        await page.locator(".drawer-opener").click()
    await page.locator(".nav-actions .button").nth(1).click()
