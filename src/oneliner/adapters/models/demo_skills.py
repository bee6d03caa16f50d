"""Which of the offered tools the demo model reaches for, given what a text asks, and what it makes of their results.

Each rule looks at a text and at what was called already, and wants at most one call; a call that was made is never
wanted again, so every conversation comes to an end.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oneliner.adapters.models.demo_conversation import Known, MadeCall
from oneliner.adapters.models.served import Call, OfferedTool

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oneliner.adapters.models.demo_conversation import Conversation
    from oneliner.adapters.models.demo_words import Words

NOTES_NAME = "demo-notes.md"

_NUMBER = r"\(*\s*-?\d+(?:\.\d+)?\s*\)*"
_SUM = re.compile(rf"(?<![A-Za-z0-9_.-]){_NUMBER}(?:\s*(?:\*\*|[-+*/^×÷])\s*{_NUMBER})+")
_DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}|\d{1,4}/\d{1,2}/\d{1,4}|\b24/7\b")
_RANGE = re.compile(r"\d+[-/]\d+")
_CALCULATE = re.compile(r"\b(?:calculate|compute|what is|what's|how much)\b|=|多少|计算|等于", re.IGNORECASE)
_SPOKEN = (
    (re.compile(r"(?<=\d),(?=\d{3}(?!\d))"), ""),
    (re.compile(r"(\d+(?:\.\d+)?)\s*%\s*of\s*", re.IGNORECASE), r"\1 / 100 * "),
    (re.compile(r"(\d+(?:\.\d+)?)\s*的\s*(\d+(?:\.\d+)?)\s*%"), r"\2 / 100 * \1"),
    (re.compile(r"(?<=\d)\s*(?:plus|加上?)\s*(?=\d)", re.IGNORECASE), " + "),
    (re.compile(r"(?<=\d)\s*(?:minus|减去?)\s*(?=\d)", re.IGNORECASE), " - "),
    (re.compile(r"(?<=\d)\s*(?:times|multiplied by|乘以?)\s*(?=\d)", re.IGNORECASE), " * "),
    (re.compile(r"(?<=\d)\s*(?:divided by|除以)\s*(?=\d)", re.IGNORECASE), " / "),
)
_TIME = re.compile(
    r"\b(?:what time|time is it|(?:current|the|local) (?:time|date)|what day|today'?s date|date today|date is it)\b"
    r"|几点|(?:现在|当前|什么)的?时间|日期|几号|星期几",
    re.IGNORECASE,
)
_DOCUMENT = re.compile(r"\b(?:documents?|docs?|strateg(?:y|ies))\b|文档|策略", re.IGNORECASE)
_READ = re.compile(
    r"\b(?:read|show|open|summari[sz]e|review|check|what does)\b|读|看|打开|总结|审阅|检查", re.IGNORECASE
)
_WRITE = re.compile(
    r"\b(?:write|save|create|add|update|record|draft|edit|improve|optimi[sz]e|adjust)\b"
    r"|写|保存|创建|新建|更新|记录|起草|修改|优化|完善|调整",
    re.IGNORECASE,
)
_ADJUST = re.compile(r"\badjust\b|调整", re.IGNORECASE)
#: A line that gives something a share, as a strategy does: "- Paid reach: 60 %".
_SHARE = re.compile(r"^([-*] [^\n:：]{1,80}[:：] ?)(\d{1,3})( ?%)[ \t]*$", re.MULTILINE)
_SHIFT = 10
_LEAST_SHARES = 2
_ACCOUNTS = re.compile(r"\baccounts?\b|账号", re.IGNORECASE)
_PAUSE = re.compile(r"\bpause\b|暂停", re.IGNORECASE)
_ASK = re.compile(r"\bask me\b|问我", re.IGNORECASE)
_NAMED = re.compile(r"[\"'`“‘「]([^\"'`”’」\n]{1,80})[\"'`”’」]|([\w./-]+\.md)\b")
_NAME_KEYS = ("path", "name", "title", "id")
_VERSION_KEYS = ("version", "base_version", "expected_version", "seen_version")
_TEXT_KEYS = ("content", "text", "markdown", "body")
_EXCERPT_CHARS = 280
_READ_CHARS = 2_000  # more of a text is not searched for things to call
_LISTED = 10
_HEAD_CHARS = 400
_VERSION = re.compile(r"\bversion\W{1,3}(\d{1,9})\b", re.IGNORECASE)


def wanted_calls(text: str, talk: Conversation, words: Words) -> list[Call]:
    """The calls that *text* asks for and that were not made yet, in one answer; empty when there is nothing to call."""
    text = text[:_READ_CHARS]
    if _ASK.search(text) and Known.ASK_USER in talk.tools and not talk.made(Known.ASK_USER):
        return [_question(talk.tools[Known.ASK_USER], words)]
    wanted = [
        _calculation(text, talk),
        _clock(text, talk),
        _document_step(text, talk, words),
        _account_step(text, talk, words),
    ]
    return [call for call in wanted if call is not None]


def needs_missing_tool(text: str, talk: Conversation) -> bool:
    """Whether *text* asks for something that one of the usual tools does, and it is not offered."""
    return (
        (expression_in(text) is not None and Known.CALCULATOR not in talk.tools)
        or (_TIME.search(text) is not None and Known.CURRENT_TIME not in talk.tools)
        or (_DOCUMENT.search(text) is not None and Known.LIST_DOCUMENTS not in talk.tools)
    )


def first_look(talk: Conversation) -> list[Call]:
    """A reading call to begin a plan with: the list of documents, if it is offered and was not made."""
    if Known.LIST_DOCUMENTS not in talk.tools or talk.made(Known.LIST_DOCUMENTS):
        return []
    return [_call(talk.tools[Known.LIST_DOCUMENTS], {})]


def expression_in(text: str) -> str | None:
    """The arithmetic in *text* as Python writes it, or None. Dates are none, nor is a range such as "3-5 steps"."""
    said = text = text[:_READ_CHARS]
    for pattern, symbol in _SPOKEN:
        text = pattern.sub(symbol, text)
    found = max(_SUM.findall(_DATE.sub(" ", text)), key=len, default="")
    expression = found.replace("×", "*").replace("÷", "/").replace("^", "**").strip()
    if expression.count("(") != expression.count(")"):
        expression = expression.replace("(", "").replace(")", "")
    if _RANGE.fullmatch(expression) and expression != said.strip(" ?？") and not _CALCULATE.search(said):
        return None
    return " ".join(expression.split()) or None


def findings(calls: Sequence[MadeCall], words: Words) -> list[str]:
    """One line for each of *calls* that says something; the plan's own calls say nothing."""
    return [finding(call, words) for call in calls if call.name not in (Known.MARK_STEP, Known.PROPOSE_PLAN)]


def finding(call: MadeCall, words: Words) -> str:
    """What *call* brought, as one markdown line."""
    if call.has_failed:
        return words.failed.format(name=call.name, result=_excerpt(call.result))
    if call.name == Known.LIST_DOCUMENTS:
        names = document_names(call.result)
        listed = ", ".join(f"`{n}`" for n in names[:_LISTED])
        return words.documents.format(result=listed) if names else words.no_documents
    if call.name == Known.LIST_ACCOUNTS:
        return words.accounts.format(result=", ".join(f"{a.name} ({a.change:+d})" for a in _accounts(call.result)))
    # For each tool: how it is told, which argument names its object, under which fields its result may stand.
    told: Mapping[str, tuple[str, Sequence[str], Sequence[str]]] = {
        Known.CALCULATOR: (words.calculated, ("expression",), ("result", "value")),
        Known.CURRENT_TIME: (words.time, (), ("iso", "time", "now", "utc")),
        Known.ASK_USER: (words.answered, (), ("answer",)),
        Known.READ_DOCUMENT: (words.read, _NAME_KEYS, _TEXT_KEYS),
        Known.WRITE_DOCUMENT: (words.wrote, _NAME_KEYS, ()),
        Known.SET_ACCOUNT_STATUS: (words.account_set, ("account",), ("status",)),
    }
    template, subject, fields = told.get(call.name, (words.other_result, (), ()))
    name = _first(call.arguments, subject) or call.name
    return template.format(name=name, result=_excerpt(_value(call.result, *fields)))


def document_names(result: str) -> list[str]:
    """The names in what ``list_documents`` returned: JSON objects or strings, or one line each."""
    try:
        value = json.loads(result)
    except ValueError:
        return [found[1] for line in result.splitlines() if (found := re.match(r"\s*[-*]\s+`?([^`\s:]+)", line))]
    if isinstance(value, dict):
        value = next((v for v in value.values() if isinstance(v, list)), [])
    items = value if isinstance(value, list) else []
    names = [_first(item, _NAME_KEYS) if isinstance(item, dict) else str(item) for item in items]
    return [name for name in names if name]


def _question(tool: OfferedTool, words: Words) -> Call:
    field = {"type": "string", "title": words.answer_field}
    schema = {"type": "object", "properties": {"answer": field}, "required": ["answer"]}
    return _call(tool, {"question": words.question, "schema": schema})


def _calculation(text: str, talk: Conversation) -> Call | None:
    expression = expression_in(text)
    if expression is None or Known.CALCULATOR not in talk.tools:
        return None
    call = _call(talk.tools[Known.CALCULATOR], {"expression": expression})
    return None if any(c.arguments == call.arguments for c in talk.made(Known.CALCULATOR)) else call


def _clock(text: str, talk: Conversation) -> Call | None:
    if not _TIME.search(text) or Known.CURRENT_TIME not in talk.tools or talk.made(Known.CURRENT_TIME):
        return None
    return _call(talk.tools[Known.CURRENT_TIME], {})


def _document_step(text: str, talk: Conversation, words: Words) -> Call | None:
    """The next call about documents: list them, then read one, then write one, each once and if asked for."""
    if not _DOCUMENT.search(text):
        return None
    listed = talk.made(Known.LIST_DOCUMENTS)
    if Known.LIST_DOCUMENTS in talk.tools and not listed:
        return _call(talk.tools[Known.LIST_DOCUMENTS], {})
    names = document_names(listed[-1].result) if listed else []
    target = _target(text, names)
    is_written = _WRITE.search(text) is not None
    # Before writing to a document that exists it is read, so that nothing in it gets lost.
    if (_READ.search(text) or is_written) and target in names and _may_call(Known.READ_DOCUMENT, talk):
        return _call(talk.tools[Known.READ_DOCUMENT], dict.fromkeys(_NAME_KEYS, target))
    if is_written and _may_call(Known.WRITE_DOCUMENT, talk):
        return _written(text, target if target in names else _new_name(text), talk, words)
    return None


@dataclass(frozen=True, slots=True)
class _Account:
    """An account as it is listed; *change* is that of its followers in a week."""

    name: str
    change: int
    is_active: bool


def _account_step(text: str, talk: Conversation, words: Words) -> Call | None:
    """The next call about accounts: list them, then pause the one that loses most, each once and if asked for."""
    if not _ACCOUNTS.search(text) or Known.LIST_ACCOUNTS not in talk.tools:
        return None
    listed = talk.made(Known.LIST_ACCOUNTS)
    if not listed:
        return _call(talk.tools[Known.LIST_ACCOUNTS], {})
    if not _PAUSE.search(text) or not _may_call(Known.SET_ACCOUNT_STATUS, talk):
        return None
    losing = [a for a in _accounts(listed[-1].result) if a.is_active and a.change < 0]
    if not losing:
        return None
    worst = min(losing, key=lambda a: a.change)
    reason = words.account_reason.format(count=-worst.change)
    values = {"account": worst.name, "status": "paused", "reason": reason}
    return _call(talk.tools[Known.SET_ACCOUNT_STATUS], values)


def _accounts(result: str) -> list[_Account]:
    try:
        listed = json.loads(result)
    except ValueError:
        return []
    rows = [row for row in listed if isinstance(row, dict)] if isinstance(listed, list) else []
    return [
        _Account(str(row.get("account")), _whole(row.get("change_in_a_week")), row.get("status") == "active")
        for row in rows
    ]


def _whole(value: object) -> int:
    text = str(value)
    return int(text) if re.fullmatch(r"[-+]?[0-9]{1,9}", text) else 0


def _adjusted(text: str) -> str:
    """*text* with ten points of the first share in it given to the last; as it is where there are no two."""
    shares = list(_SHARE.finditer(text))
    if len(shares) < _LEAST_SHARES or int(shares[0][2]) < _SHIFT:
        return text
    for share, points in ((shares[-1], _SHIFT), (shares[0], -_SHIFT)):
        line = f"{share[1]}{int(share[2]) + points}{share[3]}"
        text = f"{text[: share.start()]}{line}{text[share.end() :]}"
    return text


def _may_call(name: str, talk: Conversation) -> bool:
    return name in talk.tools and not talk.made(name)


def _target(text: str, names: Sequence[str]) -> str | None:
    named = [quoted or path for quoted, path in _NAMED.findall(text)]
    lowered = text.lower()
    candidates = [n for n in names if n in named or n.lower().removesuffix(".md") in lowered]
    if candidates or _WRITE.search(text):
        return candidates[0] if candidates else None
    return names[0] if names else None


def _new_name(text: str) -> str:
    return next((quoted or path for quoted, path in _NAMED.findall(text)), NOTES_NAME)


def _written(text: str, name: str, talk: Conversation, words: Words) -> Call | None:
    read = [c for c in talk.made(Known.READ_DOCUMENT) if not c.has_failed and _first(c.arguments, _NAME_KEYS) == name]
    listed = talk.made(Known.LIST_DOCUMENTS)
    if not read and listed and name in document_names(listed[-1].result):
        return None  # It exists and could not be read: writing would replace what nobody looked at.
    note = f"## {words.note_heading}\n\n{words.note_body.format(text=text)}\n"
    found = _value(read[-1].result, *_TEXT_KEYS).rstrip() if read else ""
    before = f"{_adjusted(found) if _ADJUST.search(text) else found}\n\n" if found else ""
    values: dict[str, object] = {**dict.fromkeys(_NAME_KEYS[:2], name), **dict.fromkeys(_TEXT_KEYS, before + note)}
    version = _VERSION.search(read[-1].result[:_HEAD_CHARS]) if read else None
    if version is not None:
        values |= dict.fromkeys(_VERSION_KEYS, int(version[1]))
    return _call(talk.tools[Known.WRITE_DOCUMENT], values)


def _call(tool: OfferedTool, values: Mapping[str, object]) -> Call:
    """A call of *tool* with those of *values* its schema knows, and something of the right type where more is required."""
    properties = tool.parameters.get("properties")
    required = tool.parameters.get("required")
    if not isinstance(properties, dict):
        return Call(tool.name, values)
    arguments = {name: _fitting(values[name], schema) for name, schema in properties.items() if name in values}
    for name in required if isinstance(required, list) else []:
        arguments.setdefault(name, _something(properties.get(name), values))
    return Call(tool.name, arguments)


def _fitting(value: object, schema: object) -> object:
    wants_text = isinstance(schema, dict) and schema.get("type") == "string"
    return value if isinstance(value, str) or not wants_text else json.dumps(value, ensure_ascii=False)


def _something(schema: object, values: Mapping[str, object]) -> object:
    kind = schema.get("type") if isinstance(schema, dict) else None
    fallback: Mapping[object, object] = {"integer": 0, "number": 0, "boolean": False, "array": [], "object": {}}
    return fallback.get(kind, next(iter(values.values()), ""))


def _first(values: Mapping[str, object], keys: Sequence[str]) -> str:
    return next((str(values[key]) for key in keys if values.get(key)), "")


def _value(result: str, *keys: str) -> str:
    """The field of a JSON *result* under the first of *keys* it has, or all of *result* when it is something else."""
    try:
        value = json.loads(result)
    except ValueError:
        return result
    return (_first(value, keys) or result) if isinstance(value, dict) else str(value)


def _excerpt(text: str) -> str:
    line = " ".join(text[: 4 * _EXCERPT_CHARS].split())
    return line if len(line) <= _EXCERPT_CHARS else f"{line[:_EXCERPT_CHARS]}…"
