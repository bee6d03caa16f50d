"""What holds in every state of the page: WCAG 2.2 AA, nothing beside the page, no word in the other language."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from oneliner.testing import ModelServer
from tests.browser.hindered_states import HINDERED
from tests.browser.stage import AXE, Look, axe_findings, staged
from tests.browser.states import SLOW_TOOLS, STATES

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import Browser

pytestmark = pytest.mark.browser

LOOKS: dict[str, Look] = {
    "light, English, wide": {"color_scheme": "light", "locale": "en-US", "viewport": {"width": 1280, "height": 800}},
    "dark, Chinese, narrow": {"color_scheme": "dark", "locale": "zh-CN", "viewport": {"width": 360, "height": 740}},
}


@pytest.fixture
def axe() -> None:
    if not AXE.exists():
        assert not os.environ.get("CI"), "CI needs axe-core: npm ci --ignore-scripts"
        pytest.skip("no axe-core: npm ci --ignore-scripts")


@pytest.mark.usefixtures("axe")
@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("state", [*STATES, *HINDERED])
async def test_a_state_is_accessible_and_fits(state: str, look: str, browser: Browser, tmp_path: Path) -> None:
    async with ModelServer() as models, staged(browser, tmp_path / "data", models, SLOW_TOOLS) as stage:
        page = await stage.signed_in(look=LOOKS[look])
        await {**STATES, **HINDERED}[state](stage, page, models)
        assert await axe_findings(page) == []
        too_wide = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert await page.evaluate(too_wide) == 0
