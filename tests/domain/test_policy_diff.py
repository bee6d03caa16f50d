"""What is different between two versions of rules, and which way it goes."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneliner.domain.policy import FIELDS, JOINS, Confirmation, EffectivePolicy, Layer, LayerName, Rules, effective
from oneliner.domain.policy_diff import Direction, change_to_json, changed_policy, changed_rules
from oneliner.domain.tool_rules import Condition, Operator, RuleBook, ToolRule, Verdict

ASK = ToolRule("pay", Verdict.ASK, (Condition("/amount", Operator.GT, 100),), note="much money")
DENY = ToolRule("erase*", Verdict.DENY)
RULES = st.builds(
    Rules,
    confirmation=st.sampled_from([None, *Confirmation]),
    allowed_models=st.sampled_from(
        [None, frozenset({"*"}), frozenset({"openai/*"}), frozenset({"openai/*", "demo/*"})]
    ),
    max_steps=st.sampled_from([None, 1, 40]),
    run_budget=st.sampled_from([None, 0, 10**9]),
    tools=st.sampled_from([None, RuleBook((ASK,)), RuleBook((ASK, DENY)), RuleBook((), Verdict.DENY)]),
    approvals=st.sampled_from([None, frozenset({"pay#0123456789abcdef"})]),
)


@pytest.mark.parametrize(
    ("before", "after", "direction"),
    [
        (Rules(), Rules(max_steps=20), Direction.TIGHTER),
        (Rules(max_steps=20), Rules(max_steps=30), Direction.LOOSER),
        (Rules(max_steps=20), Rules(), Direction.LOOSER),
        (Rules(), Rules(confirmation=Confirmation.ALWAYS), Direction.TIGHTER),
        (Rules(allowed_models=frozenset({"a/*", "b/*"})), Rules(allowed_models=frozenset({"a/*"})), Direction.TIGHTER),
        (Rules(allowed_models=frozenset({"a/*"})), Rules(allowed_models=frozenset({"b/*"})), Direction.DIFFERENT),
        (Rules(), Rules(allowed_models=frozenset({"*"})), Direction.DIFFERENT),
        (Rules(), Rules(tools=RuleBook((ASK,))), Direction.TIGHTER),
        (Rules(tools=RuleBook((ASK,))), Rules(tools=RuleBook((DENY,))), Direction.DIFFERENT),
        (Rules(), Rules(approvals=frozenset({"pay#0123456789abcdef"})), Direction.LOOSER),
    ],
)
def test_a_change_says_which_way_it_goes(before: Rules, after: Rules, direction: Direction) -> None:
    (change,) = changed_rules(LayerName.PROJECT, before, after)
    assert change.direction is direction


def test_of_lists_it_says_what_came_and_what_went() -> None:
    (change,) = changed_rules(
        LayerName.USER, Rules(tools=RuleBook((ASK,))), Rules(tools=RuleBook((DENY,), default=Verdict.ASK))
    )
    told = change_to_json(change)
    assert [r["tool"] for r in told["added"]] == ["erase*"]  # type: ignore[attr-defined]
    assert [r["note"] for r in told["removed"]] == ["much money"]  # type: ignore[attr-defined]
    assert told["decided_by_after"] is None


@given(RULES, RULES)
def test_exactly_the_fields_that_are_different_are_told(before: Rules, after: Rules) -> None:
    changed = {c.field for c in changed_rules(LayerName.USER, before, after)}
    assert changed == {f for f in FIELDS if getattr(before, f) != getattr(after, f)}
    opposite = {Direction.TIGHTER: Direction.LOOSER, Direction.LOOSER: Direction.TIGHTER}
    back = {c.field: c.direction for c in changed_rules(LayerName.USER, after, before)}
    for change in changed_rules(LayerName.USER, before, after):
        assert back[change.field] is opposite.get(change.direction, Direction.DIFFERENT)


@given(RULES, RULES)
def test_a_layer_that_is_added_never_makes_a_policy_looser_but_by_approvals(system: Rules, user: Rules) -> None:
    layers = [Layer(LayerName.SYSTEM, "", replace(system, approvals=None))]
    before = effective(layers, 0)
    after = effective([*layers, Layer(LayerName.USER, "ann", replace(user, approvals=None))], 0)
    changes = changed_policy(before, after)
    assert all(c.direction is Direction.TIGHTER for c in changes)
    assert all(c.decided_by_after is LayerName.USER for c in changes if c.field != "tools")


def test_every_field_of_a_policy_can_be_compared() -> None:
    assert set(JOINS) == {f.name for f in fields(EffectivePolicy)} == set(FIELDS)
