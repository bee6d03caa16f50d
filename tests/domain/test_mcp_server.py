"""The configuration of MCP servers: what is read, what is refused and by which words, what is shown."""

from __future__ import annotations

import pytest

from oneliner.domain.errors import Invalid
from oneliner.domain.mcp_server import (
    filled,
    server_from_json,
    server_to_json,
    servers_from_file,
    variables_of,
    without_literals,
)

FULL: dict[str, object] = {
    "command": "uvx",
    "args": ["mcp-server-git", "--key", "${KEY}"],
    "env": {"TOKEN": "${TOKEN}", "LEVEL": "debug"},
    "cwd": "/srv",
    "enabled": False,
    "tools": ["git_*"],
    "read_only": ["git_log"],
    "idempotent": ["git_add"],
    "trust_hints": True,
    "repeat_after_question": True,
    "call_seconds": 5.0,
    "connect_seconds": 3.0,
}


def test_a_file_of_the_usual_shape_is_read() -> None:
    document = {
        "mcpServers": {
            "git": {"command": "uvx", "args": ["mcp-server-git"]},
            "web": {
                "type": "http",
                "url": "https://mcp.example.com/mcp",
                "headers": {"Authorization": "Bearer ${KEY}"},
            },
            "off": {"command": "x", "disabled": True},
        }
    }
    git, web, off = servers_from_file(document)
    assert (git.command, git.args, git.enabled) == ("uvx", ("mcp-server-git",), True)
    assert (web.url, web.headers["Authorization"]) == ("https://mcp.example.com/mcp", "Bearer ${KEY}")
    assert not off.enabled


def test_what_is_written_is_read_again_as_it_was() -> None:
    server = server_from_json("git", FULL)
    assert server_to_json(server) == FULL
    assert server_from_json("git", server_to_json(server)) == server


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("Git", {"command": "x"}, "no name for an MCP server"),
        ("a__b", {"command": "x"}, "no name for an MCP server"),
        ("a" * 25, {"command": "x"}, "no name for an MCP server"),
        ("git", [], "must be an object"),
        ("git", {}, "command or url must be given"),
        ("git", {"command": "x", "url": "http://x"}, "command or url must be given, and not both"),
        ("git", {"command": "x", "comand": "y"}, "comand is not known"),
        ("git", {"command": "x", "args": "y"}, "args must be a list"),
        ("git", {"command": "x", "args": [3]}, "args must be a text"),
        ("git", {"command": "x", "env": {"A B": "y"}}, "which is no name of a variable"),
        ("git", {"command": "x", "headers": {"A": "y"}}, "headers go with a url"),
        ("git", {"url": "http://x", "args": ["y"]}, "are for a command"),
        ("git", {"url": "http://x", "headers": {"A": "y\r\nB: z"}}, "not one line"),
        ("git", {"url": "ftp://x"}, "must be an http:// or https://"),
        ("git", {"url": "http://user:secret@x"}, "put secrets into headers"),
        ("git", {"url": "http://x:y"}, "must be an http:// or https://"),
        ("git", {"type": "sse", "url": "http://x"}, "is sse, which is not supported"),
        ("git", {"type": "carrier", "url": "http://x"}, "must be stdio or http"),
        ("git", {"type": "http", "command": "x"}, "url must be given"),
        ("git", {"command": "x", "call_seconds": 0}, "must be a number of seconds"),
        ("git", {"command": "x", "call_seconds": True}, "must be a number of seconds"),
        ("git", {"command": "x", "trust_hints": "yes"}, "must be true or false"),
    ],
)
def test_what_is_wrong_is_named(name: str, value: object, why: str) -> None:
    with pytest.raises(Invalid, match=why):
        server_from_json(name, value)


@pytest.mark.parametrize("document", [[], {}, {"mcpServers": []}, {"mcpServers": {f"s{n}": {} for n in range(51)}}])
def test_a_document_of_another_shape_is_refused(document: object) -> None:
    with pytest.raises(Invalid, match=r"mcpServers|at most 50"):
        servers_from_file(document)


def test_secrets_are_references_to_the_environment() -> None:
    server = server_from_json("git", FULL)
    assert variables_of(server) == {"KEY", "TOKEN"}
    assert filled("Bearer ${KEY}", {"KEY": "s3cret"}) == "Bearer s3cret"
    with pytest.raises(Invalid, match="the environment variable KEY is not set"):
        filled("${KEY}", {"KEY": ""})


def test_what_is_no_reference_is_not_shown() -> None:
    assert without_literals({"A": "Bearer ${KEY}", "B": "sk-12345"}) == {"A": "Bearer ${KEY}", "B": None}


def test_hints_are_believed_only_where_the_configuration_says_so() -> None:
    plain, trusting = (server_from_json("s", {"command": "x", **more}) for more in ({}, {"trust_hints": True}))
    assert not plain.is_read_only("t", hint=True)
    assert trusting.is_read_only("t", hint=True)
    assert not trusting.is_read_only("t", hint=False)
    named = server_from_json("s", {"command": "x", "read_only": ["get_*"], "idempotent": ["put"]})
    assert (named.is_read_only("get_x", hint=False), named.is_read_only("put", hint=True)) == (True, False)
    assert named.is_idempotent("put", hint=False)
