"""Tool rules: conditions on arguments, and what several layers make of one call."""

from __future__ import annotations

import json
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneliner.domain.errors import Invalid, PolicyDenied
from oneliner.domain.permits import Arguments, NeedsApproval, check_call, judge
from oneliner.domain.policy import Layer, LayerName, Rules, effective, tightened
from oneliner.domain.tool_rules import (
    Condition,
    Operator,
    RuleBook,
    ToolRule,
    ToolUse,
    Verdict,
    arguments_hash,
    fits,
    rule_on,
)
from oneliner.domain.tool_rules_json import book_from_json, book_to_json, stored_book

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oneliner.domain.policy import EffectivePolicy

NOW_MS = 1_800_000_000_000
ORDINARY = (LayerName.SYSTEM, LayerName.PLATFORM, LayerName.PROJECT, LayerName.USER)
#: What one layer can say about a call; None says nothing.
SAYINGS = (None, Verdict.ALLOW, Verdict.ASK, Verdict.DENY)


def use(tool: str = "send", arguments: Mapping[str, object] | None = None, *, reads: bool = False) -> ToolUse:
    return ToolUse(tool, arguments or {}, reads, "main")


def policy_of(books: Mapping[LayerName, RuleBook | None]) -> EffectivePolicy:
    return effective([Layer(name, "", Rules(tools=book)) for name, book in books.items()], NOW_MS)


def verdict(policy: EffectivePolicy, about: ToolUse) -> Verdict:
    return judge(policy, about).verdict


def book(said: Verdict | None) -> RuleBook | None:
    return None if said is None else RuleBook((ToolRule("send", said),))


def expected(said: Sequence[Verdict | None]) -> Verdict:
    return max((v for v in said if v is not None), key=lambda v: v.rank, default=Verdict.ALLOW)


@pytest.mark.parametrize("said", list(product(SAYINGS, repeat=4)))
def test_of_every_combination_of_layers_the_strictest_verdict_holds_and_names_its_layer(
    said: tuple[Verdict | None, ...],
) -> None:
    policy = policy_of({name: book(v) for name, v in zip(ORDINARY, said, strict=True)})
    ruling = judge(policy, use())
    assert ruling.verdict is expected(said)
    spoke = [(str(name), v) for name, v in zip(ORDINARY, said, strict=True) if v is not None]
    if not spoke:
        assert ruling.decided_by is None
    else:
        assert ruling.decided_by is not None
        first = next(name for name, v in spoke if v is ruling.verdict)
        assert (ruling.decided_by.layer, ruling.decided_by.verdict) == (first, ruling.verdict)
    assert len(ruling.sayings) == len(spoke)


@pytest.mark.parametrize(("below", "above"), list(product(SAYINGS, SAYINGS)))
def test_an_override_replaces_what_every_layer_says_if_it_says_anything(
    below: Verdict | None, above: Verdict | None
) -> None:
    policy = policy_of({**dict.fromkeys(ORDINARY, book(below)), LayerName.ADMIN_OVERRIDE: book(above)})
    assert verdict(policy, use()) is expected([above if above is not None else below])


def test_an_override_without_rules_lifts_them_all() -> None:
    policy = policy_of({LayerName.USER: book(Verdict.DENY), LayerName.ADMIN_OVERRIDE: RuleBook()})
    assert verdict(policy, use()) is Verdict.ALLOW


@pytest.mark.parametrize(
    ("reads", "default", "rule", "becomes"),
    [
        (False, None, None, Verdict.ALLOW),
        (False, Verdict.ASK, None, Verdict.ASK),
        (False, Verdict.DENY, Verdict.ALLOW, Verdict.ALLOW),
        (False, Verdict.ALLOW, Verdict.DENY, Verdict.DENY),
        (True, Verdict.DENY, None, Verdict.ALLOW),
        (True, Verdict.DENY, Verdict.ASK, Verdict.ASK),
    ],
)
def test_a_default_is_for_tools_that_change_something_and_that_no_rule_is_about(
    *, reads: bool, default: Verdict | None, rule: Verdict | None, becomes: Verdict
) -> None:
    rules = () if rule is None else (ToolRule("send", rule),)
    policy = policy_of({LayerName.SYSTEM: RuleBook(rules, default)})
    assert verdict(policy, use(reads=reads)) is becomes


def test_a_layer_that_allows_does_not_answer_for_another_one() -> None:
    policy = policy_of({LayerName.SYSTEM: RuleBook(default=Verdict.ASK), LayerName.USER: book(Verdict.ALLOW)})
    assert verdict(policy, use()) is Verdict.ASK


def test_within_a_layer_deny_goes_over_ask_over_allow() -> None:
    rules = tuple(ToolRule(tool, v) for tool, v in (("*", Verdict.ALLOW), ("s*", Verdict.ASK), ("send", Verdict.DENY)))
    policy = policy_of({LayerName.SYSTEM: RuleBook(rules)})
    assert [verdict(policy, use(t)) for t in ("read", "save", "send")] == [Verdict.ALLOW, Verdict.ASK, Verdict.DENY]


def test_a_rule_can_be_for_one_executor() -> None:
    policy = policy_of({LayerName.SYSTEM: RuleBook((ToolRule("*", Verdict.DENY, executor="research*"),))})
    assert verdict(policy, ToolUse("send", {}, reads=False, executor="researcher")) is Verdict.DENY
    assert verdict(policy, ToolUse("send", {}, reads=False, executor="main")) is Verdict.ALLOW


def holds(at: str, op: str, value: Any, arguments: Mapping[str, object], said: Verdict = Verdict.DENY) -> bool:
    rule = ToolRule("send", said, (Condition(at, Operator(op), value),))
    return bool(rule_on([("system", RuleBook((rule,)))], use(arguments=arguments)).sayings)


@pytest.mark.parametrize(
    ("at", "op", "value", "arguments", "truth"),
    [
        ("/n", "eq", 1, {"n": 1}, True),
        ("/n", "eq", 1, {"n": 1.0}, True),
        ("/n", "eq", 1, {"n": True}, False),
        ("/n", "eq", "1", {"n": 1}, False),
        ("/n", "eq", None, {"n": None}, True),
        ("/n", "ne", 1, {"n": 2}, True),
        ("/n", "ne", 1, {"n": 1}, False),
        ("/n", "lt", 10, {"n": 9}, True),
        ("/n", "lt", 10, {"n": 10}, False),
        ("/n", "le", 10, {"n": 10}, True),
        ("/n", "gt", 10, {"n": 10**400}, True),
        ("/n", "ge", 10, {"n": 9.99}, False),
        ("/n", "in", ("a", "b"), {"n": "b"}, True),
        ("/n", "not_in", ("a", "b"), {"n": "c"}, True),
        ("/n", "like", "*@corp.example", {"n": "ann@corp.example"}, True),
        ("/n", "like", "*@corp.example", {"n": "ann@corp.example.evil"}, False),
        ("/n", "not_like", "*@corp.example", {"n": "eve@evil"}, True),
        ("/n", "exists", True, {"n": None}, True),
        ("/n", "exists", False, {}, True),
        ("/a/b", "eq", 1, {"a": {"b": 1}}, True),
        ("/a/1", "eq", 1, {"a": [0, 1]}, True),
        ("/a~1b", "eq", 1, {"a/b": 1}, True),
        ("/a~0b", "eq", 1, {"a~b": 1}, True),
        ("/to/*", "like", "*@evil", {"to": ["a@corp", "b@evil"]}, True),
        ("/to/*", "like", "*@evil", {"to": ["a@corp"]}, False),
        # What is not there is not that value, and neither more nor less than any.
        ("/n", "gt", 10, {}, False),
        ("/n", "eq", 1, {}, False),
        ("/n", "ne", 1, {}, True),
        ("/n", "not_in", ("a",), {}, True),
        ("/n", "not_like", "a*", {}, True),
    ],
)
def test_conditions_compare_as_documented(
    at: str, op: str, value: Any, arguments: Mapping[str, object], *, truth: bool
) -> None:
    assert holds(at, op, value, arguments) is truth


@pytest.mark.parametrize(
    ("op", "value", "given"),
    [("gt", 10, "500"), ("lt", 10, float("nan")), ("like", "a*", 5), ("eq", "a", ["a"]), ("not_like", "a*", ["a"])],
)
def test_what_cannot_be_compared_counts_for_the_stricter_side(op: str, value: Any, given: object) -> None:
    assert holds("/n", op, value, {"n": given}, Verdict.DENY)
    assert holds("/n", op, value, {"n": given}, Verdict.ASK)
    assert not holds("/n", op, value, {"n": given}, Verdict.ALLOW)


def test_a_rule_that_allows_wants_every_element_and_one_that_denies_any() -> None:
    mixed = {"to": ["a@corp", "b@evil"]}
    assert not holds("/to/*", "like", "*@corp", mixed, Verdict.ALLOW)
    assert holds("/to/*", "like", "*@corp", {"to": ["a@corp"]}, Verdict.ALLOW)
    assert not holds("/to/*", "like", "*@corp", {"to": []}, Verdict.ALLOW)
    assert holds("/to/*", "not_like", "*@corp", mixed, Verdict.DENY)


@pytest.mark.parametrize(
    ("pattern", "name", "truth"),
    [
        ("*", "", True),
        ("a*", "a", True),
        ("*a", "ba", True),
        ("a*b*c", "abbc", True),
        ("ab*ba", "aba", False),
        ("a*b", "acbd", False),
        ("[a]", "a", False),
        ("a?", "ab", False),
        ("*x*", "a\nxb", True),
    ],
)
def test_a_star_stands_for_any_characters_and_nothing_else_does(pattern: str, name: str, *, truth: bool) -> None:
    assert fits(pattern, name) is truth


def test_a_hostile_value_costs_no_more_than_its_length() -> None:
    assert not fits("*a" * 40 + "b*", "a" * 200_000)


def test_a_permit_is_refused_by_the_rule_that_forbids_the_call() -> None:
    rule = ToolRule("send", Verdict.DENY, (Condition("/amount", Operator.GT, 100),), note="ask finance")
    policy = policy_of({LayerName.PROJECT: RuleBook((rule,))})

    def permit(amount: int) -> object:
        values = {"amount": amount}
        return check_call(policy, tool="send", reads=False, executor="main", arguments=Arguments(values, values))

    permit(100)
    with pytest.raises(PolicyDenied, match=r"project layer.*'send' where /amount gt 100 \(ask finance\)"):
        permit(101)


def test_an_approval_is_for_the_arguments_that_were_shown() -> None:
    policy = policy_of({LayerName.SYSTEM: RuleBook(default=Verdict.ASK)})

    def permit(said: Mapping[str, object], approved: Mapping[str, object]) -> object:
        return check_call(
            policy,
            tool="send",
            reads=False,
            executor="main",
            arguments=Arguments(said, said),
            approved_hash=arguments_hash(approved),
        )

    permit({"to": "a", "n": 1}, {"n": 1, "to": "a"})
    with pytest.raises(NeedsApproval):
        permit({"to": "b", "n": 1}, {"n": 1, "to": "a"})


verdicts = st.sampled_from(Verdict)
conditions = st.builds(
    Condition,
    at=st.sampled_from(("/n", "/n/*", "/m")),
    op=st.sampled_from((Operator.EQ, Operator.NE, Operator.GT, Operator.LE)),
    value=st.integers(-2, 2),
)
books = st.builds(
    RuleBook,
    rules=st.lists(
        st.builds(
            ToolRule,
            tool=st.sampled_from(("*", "send", "s*", "read")),
            verdict=verdicts,
            when=st.lists(conditions, max_size=2).map(tuple),
            executor=st.sampled_from(("*", "main", "other")),
        ),
        max_size=4,
    ).map(tuple),
    default=st.none() | verdicts,
)
layers = st.lists(
    st.builds(
        Layer,
        name=st.sampled_from((LayerName.PLATFORM, LayerName.PROJECT, LayerName.USER)),
        scope_key=st.just(""),
        rules=st.builds(Rules, tools=st.none() | books),
    ),
    max_size=4,
)
numbers = st.integers(-3, 3) | st.text(max_size=1) | st.lists(st.integers(-3, 3), max_size=2)
uses = st.builds(
    ToolUse,
    tool=st.sampled_from(("send", "read")),
    arguments=st.dictionaries(st.sampled_from(("n", "m")), numbers, max_size=2),
    reads=st.booleans(),
    executor=st.sampled_from(("main", "other")),
)


@given(layers, layers, uses)
def test_a_further_layer_never_loosens_a_verdict(some: list[Layer], more: list[Layer], about: ToolUse) -> None:
    fewer, all_of_them = effective(some, NOW_MS), effective([*some, *more], NOW_MS)
    assert verdict(all_of_them, about).rank >= verdict(fewer, about).rank


@given(layers, layers, uses)
def test_what_was_promised_and_what_holds_now_add_up_to_the_stricter(
    then: list[Layer], now: list[Layer], about: ToolUse
) -> None:
    promised, current = effective(then, NOW_MS), effective(now, NOW_MS)
    strictest = max(verdict(promised, about), verdict(current, about), key=lambda v: v.rank)
    assert verdict(tightened(promised, current), about) is strictest
    assert tightened(promised, promised) == promised


@given(layers, st.randoms(use_true_random=False))
def test_the_order_of_the_layers_does_not_matter(some: list[Layer], random: Any) -> None:
    shuffled = list(some)
    random.shuffle(shuffled)
    assert effective(shuffled, NOW_MS).tools.value == effective(some, NOW_MS).tools.value


@given(books)
def test_rules_survive_their_way_through_json(one: RuleBook) -> None:
    told = json.loads(json.dumps(book_to_json(one)))
    assert book_from_json(told) == one
    assert stored_book(told) == one


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ([], "tools"),
        ({"rule": []}, "tools.rule"),
        ({"default": "maybe"}, "tools.default"),
        ({"rules": {}}, "tools.rules"),
        ({"rules": [{"tool": "a b", "verdict": "ask"}]}, "tools.rules.0.tool"),
        ({"rules": [{"tool": "a", "verdict": "never"}]}, "tools.rules.0.verdict"),
        ({"rules": [{"tool": "a", "verdict": "ask", "if": []}]}, "tools.rules.0.if"),
        ({"rules": [{"tool": "a", "verdict": "ask", "when": [{"at": "n", "op": "eq"}]}]}, "tools.rules.0.when.0.at"),
        ({"rules": [{"tool": "a", "verdict": "ask", "when": [{"at": "/n", "op": "is"}]}]}, "tools.rules.0.when.0.op"),
        (
            {"rules": [{"tool": "a", "verdict": "ask", "when": [{"at": "/n", "op": "gt", "value": "9"}]}]},
            "tools.rules.0.when.0.value",
        ),
        (
            {"rules": [{"tool": "a", "verdict": "ask", "when": [{"at": "/n", "op": "in", "value": "ab"}]}]},
            "tools.rules.0.when.0.value",
        ),
        (
            {"rules": [{"tool": "a", "verdict": "ask", "when": [{"at": "/n", "op": "exists"}]}]},
            "tools.rules.0.when.0.value",
        ),
    ],
)
def test_what_is_no_rule_is_refused_at_its_place(data: object, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        book_from_json(data)
    assert refused.value.params["field"] == field
