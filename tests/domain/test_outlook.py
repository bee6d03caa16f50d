"""What the rules can say of a tool before its arguments are known holds for whatever they turn out to be."""

from __future__ import annotations

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from oneliner.domain.outlook import outlook
from oneliner.domain.tool_rules import Condition, Operator, RuleBook, ToolRule, ToolUse, Verdict, rule_on

BIG = (Condition("/amount", Operator.GT, 10),)
RULES = st.builds(
    ToolRule,
    tool=st.sampled_from(["pay", "p*", "*", "other"]),
    verdict=st.sampled_from(Verdict),
    when=st.sampled_from([(), BIG, (Condition("/to", Operator.EQ, "ann"),)]),
    executor=st.sampled_from(["*", "main", "writer"]),
)
BOOKS = st.builds(RuleBook, rules=st.lists(RULES, max_size=4).map(tuple), default=st.sampled_from([None, *Verdict]))
LAYERS = st.lists(BOOKS, max_size=3).map(lambda books: [(str(n), book) for n, book in enumerate(books)])
ARGUMENTS = [{"amount": amount, "to": to} for amount, to in product((1, 50, "?"), ("ann", "bob"))]


@given(LAYERS, st.booleans())
def test_no_arguments_are_judged_looser_or_stricter_than_was_said_before(
    layers: list[tuple[str, RuleBook]],
    reads: bool,  # noqa: FBT001 - drawn
) -> None:
    said = outlook(layers, "pay", reads=reads, executor="main")
    assert said.least.rank <= said.most.rank
    for arguments in ARGUMENTS:
        verdict = rule_on(layers, ToolUse("pay", arguments, reads, "main")).verdict
        assert said.least.rank <= verdict.rank <= said.most.rank
    assert all(s.verdict is said.most for s in said.sayings)
    assert bool(said.sayings) is (said.most is not Verdict.ALLOW)


def test_a_rule_with_a_condition_may_hold_and_one_without_does() -> None:
    layers = [("system", RuleBook((ToolRule("pay", Verdict.ASK, BIG), ToolRule("send", Verdict.ASK))))]
    paying = outlook(layers, "pay", reads=False, executor="main")
    sending = outlook(layers, "send", reads=False, executor="main")
    assert (paying.least, paying.most) == (Verdict.ALLOW, Verdict.ASK)
    assert (sending.least, sending.most) == (Verdict.ASK, Verdict.ASK)


def test_the_default_of_a_layer_is_named_where_it_can_hold() -> None:
    layers = [("project", RuleBook((), Verdict.DENY))]
    denied = outlook(layers, "pay", reads=False, executor="main")
    assert [(s.layer, s.rule) for s in denied.sayings] == [("project", None)]
    assert outlook(layers, "pay", reads=True, executor="main").most is Verdict.ALLOW
