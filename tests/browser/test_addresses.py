"""Addresses as people keep, send and mistype them: each shows its page or says in words why not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import httpx
import pytest
from playwright.async_api import expect

from oneliner.domain.user import Authority
from oneliner.settings import Settings
from oneliner.wiring import issue_token
from tests.browser.stage import hand_off

if TYPE_CHECKING:
    from playwright.async_api import Page

    from tests.browser.stage import Stage

pytestmark = pytest.mark.browser


async def go(page: Page, address: str) -> None:
    await page.evaluate("(address) => { location.hash = address; }", address)


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
async def test_an_address_that_leads_nowhere_says_so_and_leads_home(stage: Stage, locale: str) -> None:
    page = await stage.signed_in(look={"locale": locale})
    none, home = ("No such page", "Home") if locale == "en-US" else ("没有此页面", "首页")
    for address in ("#/nothing", "#/toString", "#/constructor/x", "#/run/%E0%A4%A", "#/%3Cimg%3E"):
        await go(page, "#chat")
        await expect(page.locator(".composer-field")).to_be_visible()
        await go(page, address)
        await expect(page.locator(".page-title")).to_have_text(none)
    await page.locator(".nothing a").click()
    await expect(page.locator(".page-title")).to_have_text(home)


async def test_an_id_in_the_address_leads_to_no_other_route(stage: Stage) -> None:
    stage.expected = re.compile("404")
    page = await stage.signed_in()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for address in ("#/run/..%2Fme", "#/session/..%2F..%2F..%2Fv2%2Foneliner%2Fme", "#/document/..%2Fme"):
        await go(page, address)
        await expect(page.locator(".page .problem")).to_have_text("This does not exist, or it was deleted.")
        await go(page, "#chat")
        await expect(page.locator(".composer-field")).to_be_visible()
    assert [url for url in asked if url.endswith("/oneliner/me")] == []


async def test_what_an_address_asks_beyond_the_choices_is_the_usual_choice(stage: Stage) -> None:
    page = await stage.signed_in()
    for query in ("days=abc", "days=100000000", "days=-5", "group_by=zzz"):
        await go(page, f"#/costs?{query}")
        await expect(page.locator(".page .nothing")).to_be_visible()
        await expect(page.get_by_label("Days")).to_have_value("30")
        await go(page, "#chat")
        await expect(page.locator(".composer-field")).to_be_visible()


async def test_what_is_anothers_is_not_there_by_any_address_nor_remembered(stage: Stage) -> None:
    stage.expected = re.compile("404|403")
    settings = Settings.load(stage.server.variables, data_dir=stage.server.data_dir)
    token = issue_token(settings, "bob", authority=Authority.MEMBER, ttl_seconds=600)
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=stage.server.url, headers=headers) as client:
        handoff = {
            "source_screen": "s",
            "source_action_key": "k",
            "title": "Bob's secret",
            "plan_request": {"goal": "g"},
        }
        run = (await client.post("/v2/oneliner/runs", json=handoff)).raise_for_status().json()
        text = {"project_id": "", "path": "secret.md", "content": "Bob's secret", "seen_version": 0}
        document = (await client.put("/v2/oneliner/documents", json=text)).raise_for_status().json()
    page = await stage.entered("ann", is_admin=False)
    for address in (f"#/run/{run['id']}", f"#/session/{run['session_id']}", f"#/document/{document['id']}"):
        await go(page, address)
        await expect(page.locator(".page .problem")).to_have_text("This does not exist, or it was deleted.")
        await go(page, "#chat")
        await expect(page.locator(".composer-field")).to_be_visible()
    for name in ("system", "mcp", "webhooks", "sessions?deleted=true"):
        await go(page, f"#/{name}")
        await expect(page.locator(".page .problem")).to_have_text("Your role does not allow this.")
        await go(page, "#chat")
        await expect(page.locator(".composer-field")).to_be_visible()
    await page.evaluate("(id) => sessionStorage.setItem('oneliner.session', id)", run["session_id"])
    await page.reload()
    await expect(page.locator(".empty")).to_be_visible()
    await expect(page.locator(".page-title")).to_have_text("New chat")
    assert "secret" not in await page.locator("body").inner_text()


async def test_the_way_back_leads_through_pages_as_they_were_gone_to(stage: Stage) -> None:
    page = await stage.signed_in()
    await hand_off(page, "Look around", steps="Only step")
    await expect(page.locator(".plan-step")).to_have_count(1)
    await page.locator("[data-page=home]").click()
    await page.locator("[data-page=runs]").click()
    await page.get_by_label("Status").select_option("needs_confirmation")
    await page.get_by_role("link", name="Look around").click()
    await expect(page.locator(".page-title")).to_have_text("Look around")
    await page.go_back()
    await expect(page.get_by_label("Status")).to_have_value("needs_confirmation")
    await page.go_back()
    await expect(page.get_by_label("Status")).to_have_value("")
    await page.go_back()
    await expect(page.locator(".page-title")).to_have_text("Home")
    await page.go_back()
    await expect(page.locator(".plan-step")).to_have_count(1)
    await page.go_forward()
    await expect(page.locator(".page-title")).to_have_text("Home")
    # Somebody who was sent an address and is not signed in comes to it all the same.
    await page.evaluate("() => sessionStorage.clear()")
    await page.goto("about:blank")
    await page.goto(f"{stage.server.url}/#/runs?status=failed")
    settings = Settings.load(stage.server.variables, data_dir=stage.server.data_dir)
    await page.locator("[name=token]").fill(issue_token(settings, "ann", authority=Authority.MEMBER, ttl_seconds=600))
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("Status")).to_have_value("failed")


async def test_the_rules_have_tags_that_hand_over_what_holds(stage: Stage) -> None:
    page = await stage.signed_in()
    await go(page, "#/rules?project_id=savings")
    tags = page.get_by_role("list", name="Hand over to the agent")
    await expect(tags.get_by_role("button")).to_have_text(
        ["Explain these rules", "Find what could be tighter", "Propose budgets"]
    )
    async with page.expect_request(lambda r: r.method == "POST" and r.url.endswith("/oneliner/runs")) as sent:
        await tags.get_by_role("button", name="Propose budgets").dblclick()
    asked = (await sent.value).post_data_json or {}
    assert (asked["source_screen"], asked["source_action_key"]) == ("agent-governance", "governance-budget")
    assert (asked["intent_key"], asked["project_id"]) == ("budget_rules", "savings")
    assert "Model calls in a run" in asked["plan_request"]["goal"]
    await expect(page.locator(".oneliner-run-title")).to_have_text("Propose budgets")
    await expect(page.locator(".session")).to_have_count(1)
