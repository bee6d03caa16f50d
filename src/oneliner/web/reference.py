"""The API's reference as one page of HTML, made from its description.

No script and nothing from elsewhere: it works offline, under the strictest policy, and when printed.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any, cast

import orjson

from oneliner.web import problems

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title} API</title>
<link rel="stylesheet" href="/docs/reference.css">
</head>
<body>
"""
_METHODS = ("get", "post", "put", "patch", "delete")
_Schema = dict[str, Any]


class Reference:
    """Makes the page once."""

    def __init__(self) -> None:
        self._html = ""

    def html(self, description: _Schema) -> str:
        """The page for *description*."""
        if not self._html:
            self._html = "".join(_page(description))
        return self._html


def _page(description: _Schema) -> Iterator[str]:
    info = description["info"]
    groups = [(tag["name"], tag["description"], list(_of_tag(description, tag["name"]))) for tag in description["tags"]]
    yield _HEAD.format(title=escape(info["title"]))
    yield '<nav aria-label="Contents"><h2>Contents</h2><ul>'
    for name, _, _ in groups:
        yield f'<li><a href="#{escape(name)}">{escape(name)}</a></li>'
    yield '<li><a href="#problems">problems</a></li><li><a href="#schemas">schemas</a></li></ul>'
    yield '<p><a href="/openapi.json">openapi.json</a></p></nav>\n<main>'
    yield f"<h1>{escape(info['title'])} API <small>{escape(info['version'])}</small></h1>"
    yield f"<p>{_text(info['summary'])}</p><p>{_text(info['description'])}</p>"
    for name, said, operations in groups:
        yield f'\n<section id="{escape(name)}"><h2>{escape(name)}</h2><p>{_text(said)}</p>'
        for method, path, operation in operations:
            yield from _operation(method, path, operation, description)
        yield "</section>"
    yield from _problems()
    yield from _schemas(description["components"]["schemas"])
    yield "</main>\n</body>\n</html>\n"


def _of_tag(description: _Schema, tag: str) -> Iterator[tuple[str, str, _Schema]]:
    for path, item in description["paths"].items():
        for method in _METHODS:
            if tag in item.get(method, {}).get("tags", ()):
                yield method, path, item[method]


def _operation(method: str, path: str, operation: _Schema, description: _Schema) -> Iterator[str]:
    name = escape(operation["operationId"])
    yield f'\n<article id="{name}"><h3><a href="#{name}"><b class="{method}">{method.upper()}</b> '
    yield f"<code>{escape(path)}</code></a></h3><p><strong>{_text(operation['summary'])}.</strong> "
    yield f"{_text(operation.get('description', ''))}</p>"
    parameters = [_resolved(p, description) for p in operation.get("parameters", ())]
    if parameters:
        yield _table(
            ("Parameter", "In", "Type", ""),
            [
                (_code(p["name"]) + _required(p), escape(p["in"]), _type(p["schema"]), _text(p.get("description", "")))
                for p in parameters
            ],
        )
    body = operation.get("requestBody")
    if body is not None:
        schema = body["content"]["application/json"]["schema"]
        optional = "" if body["required"] else " (may be left out)"
        yield f"<p>Body: {_type(schema)}{optional}</p>"
    yield _table(
        ("Status", "Answer", ""),
        [
            (_code(status), ", ".join(_contents(answer)) or "—", _text(answer.get("description", "")))
            for status, answer in operation["responses"].items()
        ],
    )
    yield "</article>"


def _contents(answer: _Schema) -> Iterator[str]:
    for media_type, content in answer.get("content", {}).items():
        known = media_type == "application/json"
        yield _type(content["schema"]) if known else f"{_code(media_type)} {_stream(content)}"


def _stream(content: _Schema) -> str:
    item = content.get("itemSchema")
    if item is None:
        return _type(content["schema"])
    return _type(item["properties"]["data"]["contentSchema"])


def _problems() -> Iterator[str]:
    yield '\n<section id="problems"><h2>problems</h2><p>Every refusal is a '
    yield '<a href="#schema-Problem">Problem</a> with one of these codes.</p>'
    known = {cls.code: (kind.status, kind.title) for cls, kind in problems.PROBLEMS.items()}
    others = {code: (status, title) for status, (code, title) in problems.OTHERS.items()}
    rows = sorted({**known, **others}.items(), key=lambda item: (item[1][0], item[0]))
    yield _table(
        ("Code", "Status", "Meaning"),
        [
            (f'<span id="problem-{escape(code)}">{_code(code)}</span>', str(status), _text(title))
            for code, (status, title) in rows
        ],
    )
    yield "</section>"


def _schemas(schemas: Mapping[str, _Schema]) -> Iterator[str]:
    yield '\n<section id="schemas"><h2>schemas</h2>'
    for name, schema in sorted(schemas.items()):
        yield f'\n<article id="schema-{escape(name)}"><h3>{escape(schema.get("title", name))}</h3>'
        yield f"<p>{_text(schema.get('description', ''))}</p>"
        if "enum" in schema:
            yield f"<p>{' · '.join(_code(value) for value in schema['enum'])}</p>"
        properties = cast("Mapping[str, _Schema]", schema.get("properties", {}))
        if properties:
            required = schema.get("required", ())
            yield _table(
                ("Field", "Type", ""),
                [
                    (_code(f) + _required({"required": f in required}), _type(s), _text(s.get("description", "")))
                    for f, s in properties.items()
                ],
            )
        yield "</article>"
    yield "</section>"


def _type(schema: _Schema) -> str:
    """A schema in a few words, with links to the named ones."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rsplit("/", 1)[-1])
        return f'<a href="#schema-{name}">{name}</a>'
    for word in ("anyOf", "oneOf", "allOf"):
        if word in schema:
            return " or ".join(_type(part) for part in schema[word])
    if "enum" in schema:
        return " · ".join(_code(value) for value in schema["enum"])
    if "const" in schema:
        return _code(schema["const"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return escape(str(schema.get("type", "any JSON"))) + _bounds(schema)


def _bounds(schema: _Schema) -> str:
    said = [escape(str(schema["format"]))] if "format" in schema else []
    for word, sign in (("minimum", "≥"), ("maximum", "≤"), ("minLength", "≥ length"), ("maxLength", "≤ length")):
        if word in schema:
            said.append(f"{sign} {schema[word]}")
    if "default" in schema and schema["default"] is not None:
        said.append(f"default {_code(schema['default'])}")
    return f" <small>({', '.join(said)})</small>" if said else ""


def _resolved(parameter: _Schema, description: _Schema) -> _Schema:
    if "$ref" not in parameter:
        return parameter
    return description["components"]["parameters"][parameter["$ref"].rsplit("/", 1)[-1]]


def _required(thing: _Schema) -> str:
    return ' <b class="required" title="required">*</b>' if thing.get("required") else ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = "".join(f"<th scope='col'>{cell}</th>" for cell in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="table"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def _code(value: object) -> str:
    said = value if isinstance(value, str) and value else orjson.dumps(value).decode()
    return f"<code>{escape(said)}</code>"


def _text(said: str) -> str:
    """Text with its `code` marked."""
    parts = escape(said).split("`")
    return "".join(f"<code>{part}</code>" if n % 2 else part for n, part in enumerate(parts))
