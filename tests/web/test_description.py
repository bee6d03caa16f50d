"""The API's description, held against what really happens."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from oneliner.domain.run import Reason, RunStatus, Trigger
from oneliner.web import localise, problems
from oneliner.web.openapi import operations
from tests.support.front import HANDOFF, Front

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

USER_STATUS = "/v2/oneliner/users/{user_id}/status"
UNKNOWN = "01890000-0000-7000-8000-000000000000"


class Checked:
    """Checks answers against the description."""

    def __init__(self, description: dict[str, Any]) -> None:
        self.description = description
        self.seen: set[tuple[str, str]] = set()

    def __call__(self, answer: httpx.Response, template: str) -> Any:
        operation = self.description["paths"][template][answer.request.method.lower()]
        described = operation["responses"][str(answer.status_code)]
        self.seen.add((operation["operationId"], str(answer.status_code)))
        if not answer.content:
            assert "content" not in described
            return None
        schema = described["content"][answer.headers["content-type"].split(";")[0]]["schema"]
        jsonschema.validate(answer.json(), {**schema, "components": self.description["components"]})
        return answer.json()


@pytest.fixture
def check(front: Front) -> Checked:
    return Checked(front.app.openapi())


async def test_answers_are_as_described(front: Front, check: Checked, ann: httpx.AsyncClient) -> None:
    run_path = "/v2/oneliner/runs/{run_id}"
    rules = {"max_steps": 5, "allowed_models": ["openai/*"], "confirmation": "always"}
    layer = {"scope": "ann", "rules": rules, "seen_version": 0}
    put = "/v2/oneliner/governance/layers/{layer}"
    check(await ann.put("/v2/oneliner/governance/layers/user", json=layer), put)
    check(await ann.get("/v2/oneliner/governance"), "/v2/oneliner/governance")

    run = check(await ann.post("/v2/oneliner/runs", json=HANDOFF), "/v2/oneliner/runs")
    path = f"/v2/oneliner/runs/{run['id']}"
    check(await ann.patch(f"{path}/plan", json={"plan_rev": 1, "goal": "else"}), f"{run_path}/plan")
    check(await ann.post(f"{path}/confirm", json={"plan_rev": 1}), f"{run_path}/confirm")
    check(await ann.post(f"{path}/confirm", json={"plan_rev": 2}), f"{run_path}/confirm")
    await front.claim(run["id"])
    asked = {"kind": "question", "call_id": "", "question": "sure?", "schema": {"type": "string"}}
    await front.move(run["id"], Trigger.BLOCK, reason="needs_answer", blocked=asked, needs_user_input=True)
    check(await ann.get(path), run_path)
    check(await ann.post(f"{path}/resume", json={"answer": 5}), f"{run_path}/resume")
    check(await ann.post(f"{path}/resume", json={"answer": "yes"}), f"{run_path}/resume")
    check(await ann.post(f"{path}/cancel"), f"{run_path}/cancel")
    check(await ann.get(f"{path}/events"), f"{run_path}/events")
    check(await ann.get("/v2/oneliner/runs"), "/v2/oneliner/runs")
    check(await ann.get(f"/v2/oneliner/runs/{UNKNOWN}"), run_path)
    assert len(check.seen) > 12


async def test_the_other_answers_are_as_described(
    front: Front, check: Checked, ann: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    override = {"rules": {"max_steps": 9}, "notice": "for a day", "expires_at": "2099-01-01T00:00:00+08:00"}
    check(await admin.put("/v2/oneliner/governance/override", json=override), "/v2/oneliner/governance/override")
    session_path = "/v1/agent/sessions/{session_id}"
    check(await ann.delete("/v2/oneliner/governance/override"), "/v2/oneliner/governance/override")
    check(await admin.delete("/v2/oneliner/governance/override"), "/v2/oneliner/governance/override")
    check(await admin.get("/v2/oneliner/governance/history"), "/v2/oneliner/governance/history")
    told = check(await ann.post("/v1/agent/runs", json={"message": "hi"}), "/v1/agent/runs")
    session = f"/v1/agent/sessions/{told['session_id']}"
    check(await ann.get("/v1/agent/sessions"), "/v1/agent/sessions")
    check(await ann.get(session), session_path)
    check(await ann.get(f"{session}/messages"), f"{session_path}/messages")
    check(await ann.patch(session, json={"title": "Another"}), session_path)
    check(await ann.delete(session), session_path)
    check(await admin.post(f"{session}/restore"), f"{session_path}/restore")
    check(await ann.get("/v2/oneliner/me"), "/v2/oneliner/me")
    check(await admin.get("/v2/oneliner/users"), "/v2/oneliner/users")
    check(await admin.get("/v2/oneliner/audit"), "/v2/oneliner/audit")
    retention = "/v2/oneliner/retention"
    check(await admin.put(retention, json={"project_id": "p1", "keep_days": 30}), retention)
    check(await admin.put(retention, json={"project_id": "p1", "keep_days": 0}), retention)
    check(await admin.get(retention), retention)
    check(await admin.delete(f"{retention}?project_id=p1"), retention)
    check(await admin.delete(f"{retention}?project_id=p1"), retention)
    views = "/v2/oneliner/views"
    check(await ann.put(views, json={"name": "Failed", "query": "status=failed"}), views)
    check(await ann.put(views, json={"name": "Failed", "query": ""}), views)
    check(await ann.get(views), views)
    check(await ann.delete(f"{views}?name=Failed"), views)
    check(await ann.delete(f"{views}?name=Failed"), views)
    check(await ann.get("/v2/oneliner/usage"), "/v2/oneliner/usage")
    documents, document_path = "/v2/oneliner/documents", "/v2/oneliner/documents/{document_id}"
    document = check(await ann.put(documents, json={"path": "a.md", "content": "# A"}), documents)
    check(await ann.put(documents, json={"path": "a.md", "content": "# A", "seen_version": 0}), documents)
    check(await ann.get(documents), documents)
    check(await ann.get(f"{documents}/{document['id']}"), document_path)
    check(await ann.get(f"{documents}/{document['id']}/versions"), f"{document_path}/versions")
    check(await ann.get(f"{documents}/search?q=a"), f"{documents}/search")
    check(await admin.put("/v2/oneliner/users/ann/status", json={"status": "approved"}), USER_STATUS)
    check(await admin.put("/v2/oneliner/users/ann/status", json={"status": "odd"}), USER_STATUS)
    check(await ann.post("/v1/auth/exchange", json={"code": "unknown"}), "/v1/auth/exchange")
    export = await ann.get("/v2/oneliner/users/ann/export")
    assert export.headers["content-type"] == "application/jsonl"
    check(await admin.delete("/v2/oneliner/users/ann"), "/v2/oneliner/users/{user_id}")
    check(await ann.get("/healthz"), "/healthz")
    check(await ann.get("/readyz"), "/readyz")
    front.parts["database"] = "the disk is full"
    check(await ann.get("/readyz"), "/readyz")
    assert len(check.seen) > 22


async def test_the_answers_about_webhooks_are_as_described(check: Checked, admin: httpx.AsyncClient) -> None:
    hooks, hook_path = "/v2/oneliner/webhooks", "/v2/oneliner/webhooks/{webhook_id}"
    hook = check(await admin.post(hooks, json={"url": "https://example.com/", "project_id": None}), hooks)
    check(await admin.get(hooks), hooks)
    check(await admin.patch(f"{hooks}/{hook['id']}", json={"description": "ours"}), hook_path)
    check(await admin.post(f"{hooks}/{hook['id']}/rotate"), f"{hook_path}/rotate")
    sent = check(await admin.post(f"{hooks}/{hook['id']}/test"), f"{hook_path}/test")
    deliveries, delivery_path = f"{hooks}/{hook['id']}/deliveries", f"{hook_path}/deliveries/{{delivery_id}}"
    check(await admin.get(deliveries), f"{hook_path}/deliveries")
    check(await admin.get(f"{deliveries}/{sent['id']}"), delivery_path)
    check(await admin.post(f"{deliveries}/{sent['id']}/redeliver"), f"{delivery_path}/redeliver")
    check(await admin.delete(f"{hooks}/{hook['id']}"), hook_path)
    assert len(check.seen) > 6


def test_every_operation_is_complete(front: Front) -> None:
    description = front.app.openapi()
    names = [operation["operationId"] for _, operation in operations(description)]
    assert len(set(names)) == len(names)
    for method, operation in operations(description):
        name = operation["operationId"]
        assert operation["summary"], name
        assert operation["description"], name
        assert operation["tags"], name
        good = [a for status, a in operation["responses"].items() if status in {"200", "202"}]
        assert good or "204" in operation["responses"], name
        for answer in good:
            assert all(content["schema"] for content in answer["content"].values()), name
        if method in {"put", "patch"}:
            assert "requestBody" in operation, name
        for status, answer in operation["responses"].items():
            if int(status) >= 400 and status != "503":
                assert "application/problem+json" in answer["content"], name


def test_every_reference_leads_somewhere(front: Front) -> None:
    description = front.app.openapi()
    for reference in set(re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(description))):
        place: Any = description
        for part in reference.split("/"):
            place = place[part]


def test_every_problem_is_in_the_description(front: Front) -> None:
    codes = front.app.openapi()["components"]["schemas"]["Problem"]["properties"]["code"]["enum"]
    assert {cls.code for cls in problems.PROBLEMS} <= set(codes)


async def test_the_reference_tells_all_of_it(front: Front, ann: httpx.AsyncClient) -> None:
    page = (await ann.get("/docs")).text
    for _, operation in operations(front.app.openapi()):
        assert f'id="{operation["operationId"]}"' in page
    for target in set(re.findall(r'href="#([^"]+)"', page)):
        assert f'id="{target}"' in page, target
    assert "<script" not in page
    assert "style=" not in page
    assert (await ann.get("/problems/plan_changed")).headers["location"] == "/docs#problem-plan_changed"


@pytest.mark.parametrize("path", ["/", "/docs"])
async def test_pages_are_served_under_a_strict_policy(ann: httpx.AsyncClient, path: str) -> None:
    answer = await ann.get(path)
    policy = answer.headers["content-security-policy"]
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_modules_are_served_as_modules_and_revalidated(ann: httpx.AsyncClient) -> None:
    path = "/static/vendor/marked-18.2.1/marked.esm.js"
    answer = await ann.get(path)
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    again = await ann.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    for odd in ("/static/../app.py", "/static/%2e%2e/app.py", "/static/none.js", "/static/%00"):
        assert (await ann.get(odd)).status_code == 404


async def test_files_come_compressed_without_comments_and_for_good_under_their_version(ann: httpx.AsyncClient) -> None:
    home = await ann.get("/")
    path = re.search(r'"(/static/v-[0-9a-f]{12}/oneliner/bundle/page-boot\.js)"', home.text)
    assert path
    zipped = await ann.get(path[1], headers={"Accept-Encoding": "br, gzip"})
    assert zipped.headers["content-encoding"] == "gzip"
    assert "immutable" in zipped.headers["cache-control"]
    assert "/**" not in zipped.text
    plain = await ann.get(path[1], headers={"Accept-Encoding": "gzip;q=0, identity"})
    assert "content-encoding" not in plain.headers
    assert plain.text == zipped.text
    for other in ("/static/oneliner/boot.js", "/static/v-000000000000/oneliner/boot.js"):
        assert (await ann.get(other)).headers["cache-control"] == "no-cache"
    assert (await ann.head(path[1])).content == b""
    again = await ann.get("/", headers={"If-None-Match": home.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["content-security-policy"] == home.headers["content-security-policy"]


async def test_only_configured_origins_may_call_from_a_browser(tmp_path: Path) -> None:
    front = Front(tmp_path / "cors.db", cors_origins=("https://host.example",))
    async with front.client("ann") as ann:
        asked = {
            "Origin": "https://host.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization, content-type, idempotency-key, last-event-id",
        }
        allowed = await ann.options("/v2/oneliner/runs", headers=asked)
        assert allowed.status_code == 200
        assert allowed.headers["access-control-allow-origin"] == "https://host.example"
        refused = await ann.options("/v2/oneliner/runs", headers={**asked, "Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in refused.headers
        got = await ann.get("/v2/oneliner/me", headers={"Origin": "https://host.example"})
        assert "ETag" in got.headers["access-control-expose-headers"]
    await front.close()


def test_every_state_and_reason_is_told_in_both_languages() -> None:
    for status in RunStatus:
        for reason in Reason:
            told = {localise.status_summary(status, reason, language) for language in localise.Language}
            assert len(told) == len(localise.Language)


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("zh", "zh"),
        ("zh-Hant-TW", "zh"),
        ("fr, zh;q=0.5", "zh"),
        ("en;q=0.4, zh;q=0.8", "zh"),
        ("zh;q=0.3, en-GB;q=0.9", "en"),
        ("zh;q=0", "en"),
        ("zh;q=nan, de", "en"),
        (";;,,=", "en"),
    ],
)
def test_the_language_is_the_one_asked_for_most(header: str, language: str) -> None:
    assert localise.language_of(header) == language
