"""What a run read and wrote is listed with the run, version by version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oneliner.adapters.tools.documents import document_tools
from oneliner.adapters.tools.python_tools import PythonTools
from oneliner.app.tools import CallContext
from oneliner.testing.tools import call_tool

if TYPE_CHECKING:
    from tests.support.front import Front


async def test_the_versions_a_run_read_and_wrote_are_listed_with_it(front: Front) -> None:
    async with front.client("ann") as ann, front.client("bob") as bob:
        await ann.put("/v2/oneliner/documents", json={"path": "a.md", "content": "one"})
        told = (await ann.post("/v1/agent/runs", json={"message": "hi"})).json()
        context = CallContext(told["run_id"], told["session_id"], "ann", "", "key", "main")
        tools = PythonTools(document_tools(front.database))
        calls: list[tuple[str, dict[str, object]]] = [
            ("read_document", {"path": "a.md"}),
            ("read_document", {"path": "a.md"}),
            ("write_document", {"path": "a.md", "content": "two", "seen_version": 1}),
            ("write_document", {"path": "b.md", "content": "new"}),
        ]
        for name, arguments in calls:
            await call_tool(tools, name, context, **arguments)
        address = f"/v2/oneliner/runs/{told['run_id']}/documents"
        found = (await ann.get(address)).json()["items"]
        assert [(d["path"], d["version"], d["access"]) for d in found] == [
            ("a.md", 1, "read"),
            ("a.md", 2, "write"),
            ("b.md", 1, "write"),
        ]
        assert (await bob.get(address)).status_code == 404
        await tools.close()


async def test_a_document_is_found_by_its_path_by_its_owner_alone(front: Front) -> None:
    async with front.client("ann") as ann, front.client("bob") as bob:
        for path in ("a.md", "a/b.md"):
            await ann.put("/v2/oneliner/documents", json={"path": path, "content": path})
        found = (await ann.get("/v2/oneliner/documents", params={"path": "a/b.md"})).json()["items"]
        assert [d["path"] for d in found] == ["a/b.md"]
        assert (await ann.get("/v2/oneliner/documents", params={"path": "b.md"})).json()["items"] == []
        assert (await bob.get("/v2/oneliner/documents", params={"path": "a/b.md"})).json()["items"] == []
        assert (await ann.get("/v2/oneliner/documents", params={"path": "../b"})).status_code == 422
