"""An MCP server of the era before 2026 over standard input and output, which breaks off, lies and asks on request.

Written without the ``mcp`` package, so that it can say what no proper server would. Started as a program.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ANYTHING = {"type": "object"}
OUTPUT = {"type": "object", "properties": {"count": {"type": "integer"}}, "required": ["count"]}
FORM = {"type": "object", "properties": {"size": {"type": "string", "enum": ["S", "L"]}}, "required": ["size"]}
TOOLS: list[dict[str, Any]] = [
    {
        "name": "echo",
        "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
    },
    {"name": "die", "inputSchema": ANYTHING},
    {"name": "hang", "inputSchema": ANYTHING},
    {"name": "huge", "inputSchema": ANYTHING},
    {"name": "lie", "inputSchema": ANYTHING, "outputSchema": OUTPUT},
    {"name": "nothing", "inputSchema": ANYTHING, "outputSchema": OUTPUT},
    {"name": "odd", "inputSchema": ANYTHING},
    {"name": "wrong_id", "inputSchema": ANYTHING},
    {"name": "garbage", "inputSchema": ANYTHING},
    {"name": "grow", "inputSchema": ANYTHING},
    {"name": "order", "inputSchema": ANYTHING, "annotations": {"readOnlyHint": True}},
    {"name": "spawn", "inputSchema": ANYTHING},
    {"name": "pid", "inputSchema": ANYTHING},
    {"name": "environment", "inputSchema": ANYTHING},
    {"name": "remember", "inputSchema": ANYTHING},
    {"name": "bad_schema", "inputSchema": {"type": "object", "properties": {"x": {"type": "nonsense"}}}},
    {"name": "far_schema", "inputSchema": {"type": "object", "properties": {"x": {"$ref": "http://10.0.0.1/x"}}}},
    {"name": "loop", "inputSchema": {"type": "object", "properties": {"x": {"$ref": "#/properties/x"}}}},
]


def say(**message: object) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def text(id_: object, content: str, **more: object) -> None:
    say(id=id_, result={"content": [{"type": "text", "text": content}], **more})


def call(id_: object, name: str, arguments: dict[str, Any]) -> None:  # noqa: C901, PLR0912 - one case for each fault
    match name:
        case "echo":
            text(id_, arguments["text"])
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "hang":
            sys.stderr.write("hanging now\n")
        case "huge":
            text(id_, "x" * 20_000_000)
        case "lie":
            text(id_, "many", structuredContent={"count": "many"})
        case "nothing":
            text(id_, "nothing")
        case "odd":
            say(id=id_, result={"content": "not a list"})
        case "wrong_id":
            text("another", "for somebody else")
        case "garbage":
            sys.stdout.write("this is no JSON\n{\n[]\n")
            for n in range(2_000):
                sys.stderr.write(f"noise {n}\n")
            text(id_, "after the garbage")
        case "grow":
            TOOLS.append({"name": "grown", "inputSchema": ANYTHING})
            say(method="notifications/tools/list_changed")
            text(id_, "grown")
        case "order":
            asked = {"message": "Which size?", "requestedSchema": FORM}
            say(id="ask-1", method="elicitation/create", params=asked)
            answer = next_answer("ask-1")
            text(id_, f"ordered {json.dumps(answer, sort_keys=True)}")
        case "spawn":
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
            text(id_, str(child.pid))
        case "pid":
            text(id_, str(os.getpid()))
        case "environment":
            text(id_, json.dumps(dict(os.environ)))
        case "remember":
            with Path(os.environ["REMEMBER"]).open("a") as file:
                file.write("x")
            time.sleep(0.2)
            os.kill(os.getpid(), signal.SIGKILL)
        case _:
            say(id=id_, error={"code": -32602, "message": f"unknown tool {name}"})


def next_answer(id_: str) -> object:
    for line in sys.stdin:
        message = json.loads(line)
        if message.get("id") == id_:
            return message.get("result") or message.get("error")
        if message.get("method") == "notifications/cancelled":
            return "cancelled"
    return None


def main() -> None:
    if "--no-object" in sys.argv:
        TOOLS.append({"name": "not_an_object", "inputSchema": {"type": "array"}})
    for line in sys.stdin:
        message = json.loads(line)
        match message.get("method"):
            case "initialize":
                info = {"name": "bad", "version": "1"}
                capabilities = {"tools": {"listChanged": True}}
                say(
                    id=message["id"],
                    result={"protocolVersion": "2025-06-18", "capabilities": capabilities, "serverInfo": info},
                )
            case "tools/list":
                say(id=message["id"], result={"tools": TOOLS})
            case "tools/call":
                parameters = message["params"]
                call(message["id"], parameters["name"], parameters.get("arguments") or {})
            case None | "notifications/initialized" | "notifications/cancelled":
                pass
            case other:
                say(id=message.get("id"), error={"code": -32601, "message": f"no method {other}"})


if __name__ == "__main__":
    main()
