"""The page about watching names every metric, span attribute and log event of the code, and no other; so does the
dashboard with the metrics it asks for."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oneliner.adapters.telemetry import genai

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "observability.md").read_text(encoding="utf-8")
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "oneliner.json").read_text(encoding="utf-8"))
SOURCE = ROOT / "src" / "oneliner"
EVENT = re.compile(r"[a-z]+(\.[a-z_]+)+")
LEVELS = {"debug", "info", "warning", "error", "exception"}
#: What the suffixes of a histogram's series are called.
SERIES = ("_bucket", "_count", "_sum")


def rows(heading: str) -> list[list[str]]:
    """The cells of the table's rows below a heading."""
    part = PAGE.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return [[c.strip() for c in line.strip("|").split(" | ")] for line in part.splitlines() if line.startswith("| `")]


async def families(client: httpx.AsyncClient) -> dict[str, tuple[str, set[str]]]:
    """Every metric that a server tells: its kind and its labels."""
    text = (await client.get("/metrics")).text
    kinds = dict(re.findall(r"^# TYPE (oneliner_\S+) (\S+)", text, re.MULTILINE))
    return {name: (kind, labels_of(name, text)) for name, kind in kinds.items()}


def labels_of(name: str, text: str) -> set[str]:
    found = re.findall(rf"^{name}(?:_bucket|_count|_sum)?{{(.*?)}} ", text, re.MULTILINE)
    return {label for labels in found for label in re.findall(r'(\w+)="', labels)} - {"le"}


async def test_every_metric_is_in_the_docs_with_its_kind_and_no_other(admin: httpx.AsyncClient) -> None:
    await admin.post("/v1/agent/runs", json={"message": "hello"})
    told = await families(admin)
    documented = {cells[0].strip("`"): cells for cells in rows("Metrics")}
    assert sorted(documented) == sorted(told)
    assert {name: cells[1] for name, cells in documented.items()} == {name: kind for name, (kind, _) in told.items()}
    # Of those that have been counted here, the labels too.
    for name, (_, labels) in told.items():
        if labels:
            assert {label.strip() for label in documented[name][2].split(",")} == labels, name


def expressions() -> Iterator[str]:
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            yield target["expr"]
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["query"]["query"]


async def test_the_dashboard_asks_for_metrics_and_labels_that_exist(admin: httpx.AsyncClient) -> None:
    documented = {c[0].strip("`"): {label.strip() for label in c[2].split(",")} for c in rows("Metrics")}
    histograms = {c[0].strip("`") for c in rows("Metrics") if c[1] == "histogram"}
    told = await families(admin)
    asked: set[str] = set()
    for expression in expressions():
        names = set(re.findall(r"oneliner_\w+", expression))
        assert names, expression
        for name in names:
            base = next((name.removesuffix(s) for s in SERIES if name.removesuffix(s) in histograms), name)
            assert base in told, name
            asked.add(base)
            wanted = {w.strip() for by in re.findall(r"by \(([^)]*)\)", expression) for w in by.split(",")}
            assert wanted - {"le", "instance", "job"} <= documented[base], expression
    assert set(told) - asked == set(), "metrics that no panel shows"


def test_every_attribute_of_a_span_is_in_the_docs_and_no_other() -> None:
    ours = {value for name, value in vars(genai).items() if name.isupper() and isinstance(value, str)}
    ours |= set(
        re.findall(r'"((?:http|url|user|oneliner)\.[a-z_.]+)"', (SOURCE / "adapters/telemetry/traces.py").read_text())
    )
    part = PAGE.split("\n## Traces\n", 1)[1].split("\n## ", 1)[0]
    documented = set(re.findall(r"`((?:gen_ai|http|url|user|oneliner|error)\.[a-z_.]+)`", part))
    assert documented == ours - {"oneliner.traces"}


def logged() -> Iterator[tuple[Path, ast.Call, str]]:
    """Every call that writes a log line, and its level."""
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id="log" | "_log"), attr=level)) if level in {
                    *LEVELS,
                    "log",
                }:
                    yield path, node, level
                case _:
                    pass


def event_of(call: ast.Call, level: str) -> Any:
    return getattr(call.args[level == "log"], "value", None)


def test_every_log_line_is_a_fixed_event_with_fields() -> None:
    for path, call, level in logged():
        where = f"{path.name}:{call.lineno}"
        assert len(call.args) == 1 + (level == "log"), where
        assert EVENT.fullmatch(str(event_of(call, level))), where
        assert {k.arg for k in call.keywords} <= {"extra", "exc_info"}, where


def test_every_log_event_is_in_the_docs_with_its_level_and_its_fields() -> None:
    documented = {cells[0].strip("`"): cells for cells in rows("Logs")}
    levels: dict[str, str] = {}
    for path, call, level in logged():
        name = str(event_of(call, level))
        levels[name] = {"exception": "error", "log": "info"}.get(level, level)
        fields = {f.strip() for f in documented[name][3].split(",")} if len(documented[name]) > 3 else set()
        for keyword in call.keywords:
            if isinstance(keyword.value, ast.Dict):
                given = {k.value for k in keyword.value.keys if isinstance(k, ast.Constant)}
                assert given <= fields, f"{path.name}:{call.lineno}"
    assert {name: cells[1] for name, cells in documented.items()} == levels
