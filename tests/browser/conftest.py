from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import async_playwright

from oneliner.testing import ModelServer
from tests.browser.stage import Stage, staged

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from playwright.async_api import Browser


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium; never skipped in CI."""
    found = os.environ.get("ONELINER_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        assert not os.environ.get("CI"), "CI needs Chromium"
        pytest.skip("no Chromium")
    return found


@pytest.fixture
async def browser(chromium: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        await browser.close()


@pytest.fixture
async def models() -> AsyncIterator[ModelServer]:
    async with ModelServer() as server:
        yield server


@pytest.fixture
async def stage(browser: Browser, tmp_path: Path, models: ModelServer) -> AsyncIterator[Stage]:
    """A server that asks the scripted model."""
    async with staged(browser, tmp_path / "data", models) as stage:
        yield stage


@pytest.fixture
async def demo(browser: Browser, tmp_path: Path) -> AsyncIterator[Stage]:
    """A server with nothing configured: the demo model."""
    async with staged(browser, tmp_path / "data", None) as stage:
        yield stage
