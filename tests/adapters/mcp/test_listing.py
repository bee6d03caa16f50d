"""Names that a model can say, and descriptions and schemas that are bounded, whatever a server lists."""

from __future__ import annotations

import re

from oneliner.adapters.tools.mcp.listing import MAX_TOOLS, Listed, name_of, offered
from oneliner.domain.mcp_server import server_from_json

SERVER = server_from_json("s", {"command": "x"})
ANYTHING = {"type": "object"}


def names(*tools: str) -> list[str]:
    return [tool.spec.name for tool in offered(SERVER, [Listed(name, "", ANYTHING) for name in tools])[0]]


def test_every_name_is_one_that_a_model_can_say() -> None:
    odd = ["read.file", "日本", "a" * 200, "a" * 199 + "b", "read/file", "plain"]
    found = names(*odd)
    assert len(set(found)) == len(odd)
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name) for name in found)
    assert found[-1] == "s__plain"
    assert name_of("s", "read.file") == "s__read_file"


def test_a_tool_that_is_listed_twice_is_offered_once() -> None:
    good, refused = offered(SERVER, [Listed("a", "first", ANYTHING), Listed("a", "second", ANYTHING)])
    assert [tool.spec.description for tool in good] == ["first"]
    assert [(tool.name, tool.why) for tool in refused] == [("a", "the server lists it twice")]


def test_too_many_tools_and_too_much_text_are_cut() -> None:
    good, refused = offered(SERVER, [Listed(f"t{n}", "d" * 9_000, ANYTHING) for n in range(MAX_TOOLS + 5)])
    assert (len(good), len(refused)) == (MAX_TOOLS, 5)
    assert len(good[0].spec.description) == 2_000


def test_schemas_that_could_not_be_checked_by_are_refused() -> None:
    deep: dict[str, object] = {"type": "object"}
    for _ in range(60):
        deep = {"type": "object", "properties": {"x": deep}}
    schemas: dict[str, object] = {
        "deep": deep,
        "long": {"type": "object", "description": "x" * 40_000},
        "number": {"type": "object", "properties": {"x": {"maximum": 10**30}}},
        "type": {"type": "string"},
        "none": None,
    }
    good, refused = offered(SERVER, [Listed(name, "", schema) for name, schema in schemas.items()])
    assert list(good) == []
    assert [tool.name for tool in refused] == list(schemas)


def test_a_pattern_of_the_server_is_left_to_the_server() -> None:
    evil = {
        "type": "object",
        "properties": {"x": {"type": "string", "pattern": "^(a+)+$"}, "pattern": {"type": "integer"}},
    }
    (tool,), _ = offered(SERVER, [Listed("t", "", evil)])
    assert list(tool.arguments.iter_errors({"x": "a" * 40 + "!"})) == []
    assert [e.message for e in tool.arguments.iter_errors({"pattern": "no number"})] == [
        "'no number' is not of type 'integer'"
    ]
    assert tool.spec.parameters["properties"] == evil["properties"]
