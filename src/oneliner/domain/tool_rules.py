"""What the rules say about one tool call: a small language of patterns, argument conditions and verdicts.

A layer states a :class:`RuleBook`: rules, and what holds for tools that change something when no rule fits. Its verdict
on a call is the strictest of its fitting rules, else its default. Over several layers the strictest verdict holds, deny
over ask over allow; so adding a book never loosens anything, and a book that allows only answers its own default.

Conditions read the arguments as they were checked, defaults filled in. What cannot be compared (text with a number, a
value that is no number) counts for the stricter side: it makes a rule that asks or denies fit, and one that allows not.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

Scalar: TypeAlias = str | int | float | bool | None
_EACH = "*"


class Verdict(StrEnum):
    """What a rule says about a call, from the loosest to the strictest."""

    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"

    @property
    def rank(self) -> int:
        """Its place between the loosest (0) and the strictest."""
        return _RANK[self]


_RANK = {verdict: rank for rank, verdict in enumerate(Verdict)}


class Operator(StrEnum):
    """How a condition compares an argument with its value."""

    EQ = "eq"
    NE = "ne"
    LT = "lt"
    LE = "le"
    GT = "gt"
    GE = "ge"
    IN = "in"
    NOT_IN = "not_in"
    LIKE = "like"
    NOT_LIKE = "not_like"
    EXISTS = "exists"


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison: the argument at the JSON pointer *at* (``*`` in it stands for each element) against *value*.

    ``in`` and ``not_in`` take a tuple, ``exists`` takes a bool, ``like`` and ``not_like`` a pattern with ``*``.
    """

    at: str
    op: Operator
    value: Scalar | tuple[Scalar, ...] = None


@dataclass(frozen=True, slots=True)
class ToolRule:
    """*verdict* on calls of tools whose name fits *tool*, by executors that fit *executor*, when all of *when* hold."""

    tool: str
    verdict: Verdict
    when: tuple[Condition, ...] = ()
    executor: str = _EACH
    note: str = ""


@dataclass(frozen=True, slots=True)
class RuleBook:
    """What one layer says about tools. *default* is for tools that change something; those that read are allowed."""

    rules: tuple[ToolRule, ...] = ()
    default: Verdict | None = None


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A call as the rules see it. *reads*: the tool changes nothing."""

    tool: str
    arguments: Mapping[str, object]
    reads: bool
    executor: str


@dataclass(frozen=True, slots=True)
class Saying:
    """What one layer says about one call, by *rule*, or by its default where that is None."""

    layer: str
    verdict: Verdict
    rule: ToolRule | None = None

    @property
    def key(self) -> str:
        """Names the layer's rule by all that it says, so that an approval lapses when the rule changes."""
        told = [self.layer, str(self.verdict), None if self.rule is None else _told(self.rule)]
        return hashlib.sha256(json.dumps(told, ensure_ascii=False).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Ruling:
    """The verdict on a call, with everything that was said about it, the strictest first. Nothing said: allowed."""

    verdict: Verdict
    sayings: tuple[Saying, ...]

    @property
    def decided_by(self) -> Saying | None:
        """The first of the strictest sayings, or None when nobody said anything."""
        return self.sayings[0] if self.sayings else None

    @property
    def asking(self) -> frozenset[str]:
        """The keys of the rules that ask."""
        return frozenset(s.key for s in self.sayings if s.verdict is Verdict.ASK)


def rule_on(books: Iterable[tuple[str, RuleBook]], use: ToolUse) -> Ruling:
    """What *books*, each with the name of its layer, say about *use*; books come in the order of their layers."""
    said = [saying for layer, book in books for saying in _sayings(layer, book, use)]
    said.sort(key=lambda s: -s.verdict.rank)
    return Ruling(said[0].verdict if said else Verdict.ALLOW, tuple(said))


def fits(pattern: str, name: str) -> bool:
    """Whether *name* fits *pattern*, in which ``*`` stands for any characters and everything else for itself.

    Takes time in proportion to *name*, which a model may have written, however many stars there are.
    """
    first, *rest = pattern.split("*")
    if not rest:
        return name == pattern
    *middle, last = rest
    if len(name) < len(first) + len(last) or not name.startswith(first) or not name.endswith(last):
        return False
    at, end = len(first), len(name) - len(last)
    for part in middle:
        found = name.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def arguments_hash(arguments: Mapping[str, object]) -> str:
    """A hash of *arguments* that is the same for the same JSON value, however it was written."""
    text = json.dumps(arguments, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def _told(rule: ToolRule) -> list[object]:
    return [rule.tool, str(rule.verdict), rule.executor, [[c.at, str(c.op), c.value] for c in rule.when]]


def _sayings(layer: str, book: RuleBook, use: ToolUse) -> list[Saying]:
    """What *book* says: its strictest fitting rules, or its default."""
    fitting = [rule for rule in book.rules if _is_about(rule, use)]
    if not fitting:
        return [] if use.reads or book.default is None else [Saying(layer, book.default)]
    strictest = max(rule.verdict.rank for rule in fitting)
    return [Saying(layer, rule.verdict, rule) for rule in fitting if rule.verdict.rank == strictest]


def _is_about(rule: ToolRule, use: ToolUse) -> bool:
    if not fits(rule.tool, use.tool) or not fits(rule.executor, use.executor):
        return False
    is_strict = rule.verdict is not Verdict.ALLOW
    return all(_holds(condition, use.arguments, is_strict=is_strict) for condition in rule.when)


def _holds(condition: Condition, arguments: Mapping[str, object], *, is_strict: bool) -> bool:
    """Whether *condition* holds: for a strict rule of any element it points at, for one that allows of all of them."""
    found = _at(arguments, condition.at)
    if condition.op is Operator.EXISTS:
        return bool(found) is condition.value
    if not found:
        return condition.op in _HOLDS_WITHOUT
    judged = [_compare(condition, value) for value in found]
    truths = [is_strict if truth is None else truth for truth in judged]
    return any(truths) if is_strict else all(truths)


def _at(arguments: object, pointer: str) -> list[object]:
    """The values at *pointer*; none where it leads nowhere."""
    found = [arguments]
    for token in pointer.split("/")[1:]:
        found = [inner for value in found for inner in _step(value, token)]
    return found


def _step(value: object, token: str) -> list[object]:
    key = token.replace("~1", "/").replace("~0", "~")
    if isinstance(value, dict):
        if token == _EACH:
            return list(value.values())
        return [value[key]] if key in value else []
    if isinstance(value, list):
        if token == _EACH:
            return list(value)
        return [value[int(key)]] if key.isascii() and key.isdigit() and int(key) < len(value) else []
    return []


def _compare(condition: Condition, value: object) -> bool | None:
    """Whether the comparison is true of *value*; None when the two cannot be compared."""
    return _COMPARISONS[condition.op](value, condition.value)


def _is_number(value: object) -> bool:
    if isinstance(value, float):
        return not math.isnan(value)
    return isinstance(value, int) and not isinstance(value, bool)


def _same(one: object, other: object) -> bool | None:
    if isinstance(one, dict | list) or (isinstance(one, float) and math.isnan(one)):
        return None
    if _is_number(one) and _is_number(other):
        return one == other
    return type(one) is type(other) and one == other


def _among(one: object, others: object) -> bool | None:
    judged = [_same(one, other) for other in others] if isinstance(others, tuple) else []
    return None if None in judged else any(judged)


def _like(one: object, pattern: object) -> bool | None:
    return fits(pattern, one) if isinstance(one, str) and isinstance(pattern, str) else None


def _ordered(test: Callable[[float, float], bool]) -> Callable[[object, object], bool | None]:
    def compare(one: object, other: object) -> bool | None:
        if isinstance(one, int | float) and isinstance(other, int | float) and _is_number(one) and _is_number(other):
            return test(one, other)
        return None

    return compare


def _negated(test: Callable[[object, object], bool | None]) -> Callable[[object, object], bool | None]:
    def compare(one: object, other: object) -> bool | None:
        truth = test(one, other)
        return None if truth is None else not truth

    return compare


#: True of an argument that is not there: it is not that value.
_HOLDS_WITHOUT = frozenset({Operator.NE, Operator.NOT_IN, Operator.NOT_LIKE})
_COMPARISONS: Mapping[Operator, Callable[[object, object], bool | None]] = {
    Operator.EQ: _same,
    Operator.NE: _negated(_same),
    Operator.LT: _ordered(lambda one, other: one < other),
    Operator.LE: _ordered(lambda one, other: one <= other),
    Operator.GT: _ordered(lambda one, other: one > other),
    Operator.GE: _ordered(lambda one, other: one >= other),
    Operator.IN: _among,
    Operator.NOT_IN: _negated(_among),
    Operator.LIKE: _like,
    Operator.NOT_LIKE: _negated(_like),
}


def describe(saying: Saying) -> str:
    """*saying* in words, for errors: which layer, which rule."""
    if saying.rule is None:
        return f"the {saying.layer} layer's default for tools that change something"
    note = f" ({saying.rule.note})" if saying.rule.note else ""
    about = f"the {saying.layer} layer's rule for {saying.rule.tool!r}"
    return f"{about}{_conditions(saying.rule.when)}{note}"


def _conditions(when: Sequence[Condition]) -> str:
    said = [f"{c.at} {c.op} {json.dumps(c.value, ensure_ascii=False)}" for c in when]
    return f" where {' and '.join(said)}" if said else ""
