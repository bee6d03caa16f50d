"""The JSON form of tool rules, and the strict reading of those that people write."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, cast

from oneliner.domain.errors import Invalid
from oneliner.domain.tool_rules import Condition, Operator, RuleBook, ToolRule, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oneliner.domain.outlook import Outlook
    from oneliner.domain.tool_rules import Ruling, Saying, Scalar

MAX_RULES = 200
MAX_CONDITIONS = 20
MAX_CHARS = 500
MAX_VALUES = 200

#: The names of tools and executors in a rule, with ``*`` for any characters.
NAME_PATTERN = r"[a-zA-Z0-9_.*:-]{1,200}"
_NAME = re.compile(NAME_PATTERN)
_POINTER = re.compile(r"(/([^~/]|~[01])*)+")
_ORDER = frozenset({Operator.LT, Operator.LE, Operator.GT, Operator.GE})
_LISTS = frozenset({Operator.IN, Operator.NOT_IN})
_PATTERNS = frozenset({Operator.LIKE, Operator.NOT_LIKE})


def book_from_json(data: object) -> RuleBook | None:
    """The rules in ``{"default", "rules": [{"tool", "verdict", "when", "executor", "note"}]}``; None says nothing.

    Raises Invalid, naming the place and what it takes.
    """
    if data is None:
        return None
    stated = _object(data, "tools", {"default", "rules"})
    rules = stated.get("rules", [])
    if not isinstance(rules, list) or len(rules) > MAX_RULES:
        raise _refused("tools.rules", f"a list of at most {MAX_RULES} rules")
    default = stated.get("default")
    return RuleBook(
        rules=tuple(_rule(rule, f"tools.rules.{n}") for n, rule in enumerate(rules)),
        default=None if default is None else _verdict(default, "tools.default"),
    )


def book_to_json(book: RuleBook) -> dict[str, object]:
    """The stored and served form; the inverse of :func:`book_from_json`."""
    return {
        "default": None if book.default is None else str(book.default),
        "rules": [rule_to_json(rule) for rule in book.rules],
    }


def rule_to_json(rule: ToolRule) -> dict[str, object]:
    """The form of one rule."""
    return {
        "tool": rule.tool,
        "verdict": str(rule.verdict),
        "when": [
            {"at": c.at, "op": str(c.op), "value": list(c.value) if isinstance(c.value, tuple) else c.value}
            for c in rule.when
        ],
        "executor": rule.executor,
        "note": rule.note,
    }


def saying_to_json(saying: Saying) -> dict[str, object]:
    """``{layer, verdict, rule}``, where no rule is the layer's default."""
    rule = None if saying.rule is None else rule_to_json(saying.rule)
    return {"layer": saying.layer, "verdict": str(saying.verdict), "rule": rule}


def ruling_to_json(ruling: Ruling) -> dict[str, object]:
    """``{verdict, decided_by, considered}``; ``decided_by`` is null when nothing was said."""
    considered = [saying_to_json(s) for s in ruling.sayings]
    return {
        "verdict": str(ruling.verdict),
        "decided_by": considered[0] if considered else None,
        "considered": considered,
    }


def outlook_to_json(outlook: Outlook) -> dict[str, object]:
    """``{tool, touches, least, most, said_by}``."""
    return {
        "tool": outlook.tool,
        "touches": "reads" if outlook.reads else "changes",
        "least": str(outlook.least),
        "most": str(outlook.most),
        "said_by": [saying_to_json(s) for s in outlook.sayings],
    }


def stored_book(data: Mapping[str, object]) -> RuleBook:
    """The inverse of :func:`book_to_json` for what this product has stored itself."""
    default = cast("str | None", data.get("default"))
    rules = cast("Sequence[Mapping[str, object]]", data.get("rules") or ())
    return RuleBook(tuple(_stored_rule(r) for r in rules), None if default is None else Verdict(default))


def _stored_rule(data: Mapping[str, object]) -> ToolRule:
    return ToolRule(
        tool=cast("str", data["tool"]),
        verdict=Verdict(cast("str", data["verdict"])),
        when=tuple(
            Condition(cast("str", c["at"]), Operator(cast("str", c["op"])), _stored_value(c["value"]))
            for c in cast("Sequence[Mapping[str, object]]", data.get("when") or ())
        ),
        executor=cast("str", data.get("executor", "*")),
        note=cast("str", data.get("note", "")),
    )


def _stored_value(value: object) -> Scalar | tuple[Scalar, ...]:
    return tuple(cast("Sequence[Scalar]", value)) if isinstance(value, list) else cast("Scalar", value)


def _refused(field: str, accepted: str) -> Invalid:
    return Invalid(f"{field}: accepted is {accepted}", field=field, accepted=accepted)


def _object(data: object, field: str, names: set[str]) -> Mapping[str, object]:
    if not isinstance(data, dict):
        raise _refused(field, f"an object with {', '.join(sorted(names))}")
    unknown = sorted(str(name) for name in set(data) - names)
    if unknown:
        raise _refused(f"{field}.{unknown[0][:MAX_CHARS]}", f"one of {', '.join(sorted(names))}")
    return cast("Mapping[str, object]", data)


def _verdict(value: object, field: str) -> Verdict:
    accepted = [str(v) for v in Verdict]
    if value not in accepted:
        raise _refused(field, " or ".join(accepted))
    return Verdict(cast("str", value))


def _rule(data: object, field: str) -> ToolRule:
    stated = _object(data, field, {"tool", "verdict", "when", "executor", "note"})
    when = stated.get("when", [])
    if not isinstance(when, list) or len(when) > MAX_CONDITIONS:
        raise _refused(f"{field}.when", f"a list of at most {MAX_CONDITIONS} conditions")
    return ToolRule(
        tool=_pattern(stated.get("tool"), f"{field}.tool"),
        verdict=_verdict(stated.get("verdict"), f"{field}.verdict"),
        when=tuple(_condition(c, f"{field}.when.{n}") for n, c in enumerate(when)),
        executor=_pattern(stated.get("executor", "*"), f"{field}.executor"),
        note=_text(stated.get("note", ""), f"{field}.note"),
    )


def _pattern(value: object, field: str) -> str:
    if not isinstance(value, str) or _NAME.fullmatch(value) is None:
        raise _refused(field, "a name, in which * stands for any characters")
    return value


def _text(value: object, field: str) -> str:
    if not isinstance(value, str) or len(value) > MAX_CHARS:
        raise _refused(field, f"text of at most {MAX_CHARS} characters")
    return value


def _condition(data: object, field: str) -> Condition:
    stated = _object(data, field, {"at", "op", "value"})
    at, op = stated.get("at"), stated.get("op")
    if not isinstance(at, str) or len(at) > MAX_CHARS or _POINTER.fullmatch(at) is None:
        raise _refused(f"{field}.at", "a JSON pointer to an argument, such as /amount or /to/*")
    operators = [str(o) for o in Operator]
    if op not in operators:
        raise _refused(f"{field}.op", " or ".join(operators))
    operator = Operator(cast("str", op))
    return Condition(at, operator, _value(stated.get("value"), operator, f"{field}.value"))


def _value(value: object, op: Operator, field: str) -> Scalar | tuple[Scalar, ...]:
    if op in _LISTS:
        if not isinstance(value, list) or len(value) > MAX_VALUES:
            raise _refused(field, f"a list of at most {MAX_VALUES} values")
        return tuple(_scalar(v, field) for v in value)
    if op is Operator.EXISTS and not isinstance(value, bool):
        raise _refused(field, "true or false")
    if op in _PATTERNS and not isinstance(value, str):
        raise _refused(field, "a pattern, in which * stands for any characters")
    if op in _ORDER and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise _refused(field, "a number")
    return _scalar(value, field)


def _scalar(value: object, field: str) -> Scalar:
    if isinstance(value, str):
        return _text(value, field)
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise _refused(field, "text, a number, true, false or null")
