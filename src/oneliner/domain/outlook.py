"""What the rules say about calls of a tool before anybody knows their arguments: at least this, at most that.

A rule without conditions fits every call of its tools; one with conditions may fit. So a layer's verdict lies between
its loosest and its strictest possibility, and the strictest layer holds for both ends. Nothing is promised by it: every
call is judged with its arguments when it is about to begin.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from oneliner.domain.tool_rules import RuleBook, Saying, ToolRule, Verdict, fits

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Outlook:
    """The loosest and the strictest verdict that a call of *tool* can get, and who says the strictest."""

    tool: str
    reads: bool
    least: Verdict
    most: Verdict
    sayings: tuple[Saying, ...]


def outlook(books: Iterable[tuple[str, RuleBook]], tool: str, *, reads: bool, executor: str) -> Outlook:
    """What *books*, each with the name of its layer, can say about calls of *tool* by *executor*."""
    said = [(layer, _about(book, tool, executor), book) for layer, book in books]
    ends = [_ends(rules, book, reads=reads) for _, rules, book in said]
    least = max((end[0] for end in ends), key=_rank, default=Verdict.ALLOW)
    most = max((end[1] for end in ends), key=_rank, default=Verdict.ALLOW)
    sayings = [one for layer, rules, book in said for one in _sayings(layer, rules, book, most, reads=reads)]
    return Outlook(tool, reads, least, most, tuple(sayings))


def _about(book: RuleBook, tool: str, executor: str) -> list[ToolRule]:
    return [rule for rule in book.rules if fits(rule.tool, tool) and fits(rule.executor, executor)]


def _ends(rules: list[ToolRule], book: RuleBook, *, reads: bool) -> tuple[Verdict, Verdict]:
    """The loosest and the strictest that one book can say."""
    always = [rule.verdict for rule in rules if not rule.when]
    sometimes = [rule.verdict for rule in rules if rule.when]
    # Where no rule fits every call, none may fit, and the default holds.
    certain = max(always, key=_rank) if always else _default(book, reads=reads)
    loosest = [certain] if always else [certain, *sometimes]
    return min(loosest, key=_rank), max([certain, *sometimes], key=_rank)


def _sayings(layer: str, rules: list[ToolRule], book: RuleBook, verdict: Verdict, *, reads: bool) -> list[Saying]:
    """What says *verdict*: the rules that do, or the default where it can hold."""
    if verdict is Verdict.ALLOW:
        return []
    found = [Saying(layer, verdict, rule) for rule in rules if rule.verdict is verdict]
    is_default = all(rule.when for rule in rules) and _default(book, reads=reads) is verdict
    return [*found, Saying(layer, verdict)] if is_default else found


def _default(book: RuleBook, *, reads: bool) -> Verdict:
    return Verdict.ALLOW if reads or book.default is None else book.default


def _rank(verdict: Verdict) -> int:
    return verdict.rank
