"""What policy layers add up to: strictest wins, only a live override loosens, and every decision names its layer."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations, product
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneliner.domain.errors import PolicyDenied
from oneliner.domain.permits import check_model
from oneliner.domain.policy import (
    BUDGETS,
    COUNTS,
    FIELDS,
    Confirmation,
    EffectivePolicy,
    Layer,
    LayerName,
    OverrideNotice,
    Rules,
    active_notice,
    effective,
    needs_confirmation,
    take_snapshot,
    tightened,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

NOW_MS = 1_800_000_000_000
ORDINARY = (LayerName.SYSTEM, LayerName.PLATFORM, LayerName.PROJECT, LayerName.USER)
LIMITS = (*COUNTS, *BUDGETS)
MODELS = ("openai/gpt-5", "openai/gpt-5-mini", "anthropic/claude", "ollama/qwen")


def layer(name: LayerName, rules: Rules, expires_at_ms: int | None = None) -> Layer:
    return Layer(name, f"the-{name}", rules, 1, "ada", NOW_MS - 10, "", expires_at_ms)


def at_most(field: str, limit: int) -> Rules:
    return replace(Rules(), **{field: limit})


def models(*patterns: str) -> Rules:
    return Rules(allowed_models=frozenset(patterns))


# The limits and lists; what tool rules add up to is told in test_tool_rules.py, and approvals are answers to them; a run of a
# schedule waits by default, so that nothing but the system layer and an override can loosen that.
NARROWED = tuple(f for f in FIELDS if f not in {"tools", "approvals", "schedule_confirmation"})
# Each field with what says less and what says more, so that one matrix covers all of them.
LOOSE_AND_STRICT = {
    "confirmation": (Rules(confirmation=Confirmation.NEVER), Rules(confirmation=Confirmation.ALWAYS)),
    "allowed_models": (models("openai/*", "ollama/*"), models("openai/*")),
    **{field: (at_most(field, 30), at_most(field, 7)) for field in LIMITS},
}


def test_the_matrix_has_every_field() -> None:
    assert set(LOOSE_AND_STRICT) == set(NARROWED)


def test_a_run_of_a_schedule_waits_unless_the_system_layer_or_an_override_says_otherwise() -> None:
    never, always = (Rules(schedule_confirmation=c) for c in (Confirmation.NEVER, Confirmation.ALWAYS))

    def value(*layers: Layer) -> Confirmation:
        return effective(layers, NOW_MS).schedule_confirmation.value

    assert value() is Confirmation.ALWAYS
    assert value(layer(LayerName.USER, never), layer(LayerName.PROJECT, never)) is Confirmation.ALWAYS
    assert value(layer(LayerName.SYSTEM, never)) is Confirmation.NEVER
    assert value(layer(LayerName.SYSTEM, never), layer(LayerName.USER, always)) is Confirmation.ALWAYS
    assert value(layer(LayerName.ADMIN_OVERRIDE, never)) is Confirmation.NEVER


@pytest.mark.parametrize("field", NARROWED)
@pytest.mark.parametrize(("one", "other"), list(permutations(ORDINARY, 2)))
def test_of_two_layers_the_stricter_decides(field: str, one: LayerName, other: LayerName) -> None:
    loose, strict = LOOSE_AND_STRICT[field]
    policy = effective([layer(one, loose), layer(other, strict)], NOW_MS)
    alone = effective([layer(other, strict)], NOW_MS)
    decision = getattr(policy, field)
    assert decision.value == getattr(alone, field).value
    assert decision.decided_by is other
    assert one in dict(decision.others)


@pytest.mark.parametrize("field", NARROWED)
@pytest.mark.parametrize(("name", "is_strict"), list(product(ORDINARY, (True, False))))
def test_an_override_replaces_what_any_layer_says(field: str, name: LayerName, is_strict: bool) -> None:  # noqa: FBT001 - a parameter of the matrix
    below, above = LOOSE_AND_STRICT[field][:: -1 if is_strict else 1]
    policy = effective([layer(LayerName.ADMIN_OVERRIDE, above, NOW_MS + 1), layer(name, below)], NOW_MS)
    decision = getattr(policy, field)
    assert decision.value == getattr(effective([layer(LayerName.ADMIN_OVERRIDE, above)], NOW_MS), field).value
    assert decision.decided_by is LayerName.ADMIN_OVERRIDE
    assert dict(decision.others)[name] == getattr(effective([layer(name, below)], NOW_MS), field).value


@pytest.mark.parametrize("field", NARROWED)
@pytest.mark.parametrize("name", ORDINARY)
def test_an_override_leaves_alone_what_it_does_not_state(field: str, name: LayerName) -> None:
    _, strict = LOOSE_AND_STRICT[field]
    policy = effective([layer(LayerName.ADMIN_OVERRIDE, Rules()), layer(name, strict)], NOW_MS)
    assert getattr(policy, field).decided_by is name


@pytest.mark.parametrize("field", NARROWED)
def test_an_override_that_has_expired_does_not_count(field: str) -> None:
    loose, strict = LOOSE_AND_STRICT[field]
    layers = [layer(LayerName.USER, strict), layer(LayerName.ADMIN_OVERRIDE, loose, NOW_MS)]
    assert getattr(effective(layers, NOW_MS - 1), field).decided_by is LayerName.ADMIN_OVERRIDE
    assert getattr(effective(layers, NOW_MS), field).decided_by is LayerName.USER


def test_without_layers_the_system_defaults_hold() -> None:
    policy = effective([], NOW_MS)
    assert policy.confirmation.value is Confirmation.NEVER
    assert policy.max_steps.value == 40
    assert policy.max_seconds.value == 3_600
    assert policy.max_output_tokens.value is None
    assert policy.max_tool_calls.value == 200
    assert policy.allows_model("any/model")
    assert {getattr(policy, f).decided_by for f in FIELDS} == {LayerName.SYSTEM}


def test_a_stored_system_layer_can_loosen_the_built_in_defaults() -> None:
    policy = effective([layer(LayerName.SYSTEM, Rules(max_steps=500))], NOW_MS)
    assert policy.max_steps.value == 500
    assert policy.max_seconds.value == 3_600


def test_of_equal_limits_the_first_layer_decides() -> None:
    policy = effective(
        [layer(LayerName.USER, Rules(max_steps=9)), layer(LayerName.PROJECT, Rules(max_steps=9))], NOW_MS
    )
    assert policy.max_steps.decided_by is LayerName.PROJECT


def test_of_several_overrides_the_strictest_holds() -> None:
    over = [
        Layer(LayerName.ADMIN_OVERRIDE, "user:u", Rules(max_steps=300)),
        Layer(LayerName.ADMIN_OVERRIDE, "project:p", Rules(max_steps=100)),
    ]
    policy = effective([*over, layer(LayerName.USER, Rules(max_steps=5))], NOW_MS)
    assert policy.max_steps.value == 100
    assert policy.max_steps.others == (
        (LayerName.SYSTEM, 40),
        (LayerName.USER, 5),
        (LayerName.ADMIN_OVERRIDE, 300),
    )


def test_model_lists_intersect() -> None:
    policy = effective(
        [layer(LayerName.PROJECT, models("openai/*", "ollama/*")), layer(LayerName.USER, models("*mini", "ollama/*"))],
        NOW_MS,
    )
    assert [m for m in MODELS if policy.allows_model(m)] == ["openai/gpt-5-mini", "ollama/qwen"]


@pytest.mark.parametrize(
    ("pattern", "model", "fits"),
    [
        ("openai/*", "openai/gpt-5", True),
        ("openai/*", "azure/openai/gpt-5", False),
        ("*", "anything", True),
        ("a?c", "abc", False),
        ("a?c", "a?c", True),
        ("a[bc]", "ab", False),
        ("a[bc]", "a[bc]", True),
        ("gpt", "GPT", False),
        ("a*b*c", "a/x/b/y/c", True),
        ("a.c", "abc", False),
    ],
)
def test_only_a_star_is_special_in_a_pattern(pattern: str, model: str, fits: bool) -> None:  # noqa: FBT001 - the expected answer
    assert effective([layer(LayerName.USER, models(pattern))], NOW_MS).allows_model(model) is fits


def test_an_empty_list_allows_no_model() -> None:
    policy = effective([layer(LayerName.PROJECT, models())], NOW_MS)
    with pytest.raises(PolicyDenied, match="no model at all"):
        check_model(policy, "openai/gpt-5")


@pytest.mark.parametrize(
    ("model", "denied_by"),
    [("openai/gpt-5", "user"), ("anthropic/claude-mini", "project"), ("openai/gpt-5-mini", None)],
)
def test_a_denied_model_names_the_field_and_the_layer(model: str, denied_by: str | None) -> None:
    policy = effective([layer(LayerName.PROJECT, models("openai/*")), layer(LayerName.USER, models("*mini"))], NOW_MS)
    if denied_by is None:
        check_model(policy, model)
        return
    with pytest.raises(PolicyDenied) as denied:
        check_model(policy, model)
    assert denied.value.params == {"field": "allowed_models", "layer": denied_by, "model": model}
    assert "ask an administrator" in denied.value.message


def test_a_handoff_always_needs_confirmation() -> None:
    asked = effective([layer(LayerName.USER, Rules(confirmation=Confirmation.ALWAYS))], NOW_MS)
    free = effective([], NOW_MS)
    assert needs_confirmation(free, is_handoff=True)
    assert not needs_confirmation(free, is_handoff=False)
    assert needs_confirmation(asked, is_handoff=False)


def test_the_notice_of_the_override_set_last_is_the_active_one() -> None:
    first = Layer(LayerName.ADMIN_OVERRIDE, "project:p", Rules(), 1, "ada", 100, "audit week", NOW_MS + 5)
    last = Layer(LayerName.ADMIN_OVERRIDE, "user:u", Rules(), 1, "bo", 200, "trial", NOW_MS + 3)
    assert active_notice([last, first], NOW_MS) == OverrideNotice("trial", NOW_MS + 3, "bo")
    assert active_notice([last, first], NOW_MS + 3) == OverrideNotice("audit week", NOW_MS + 5, "ada")
    assert active_notice([last, first], NOW_MS + 5) is None


@pytest.mark.parametrize("field", NARROWED)
def test_a_later_tightening_holds_and_a_later_loosening_does_not(field: str) -> None:
    loose, strict = LOOSE_AND_STRICT[field]
    was_loose = effective([layer(LayerName.PROJECT, loose)], NOW_MS)
    was_strict = effective([layer(LayerName.USER, strict)], NOW_MS)
    assert getattr(tightened(was_loose, was_strict), field) == getattr(was_strict, field)
    assert getattr(tightened(was_strict, was_loose), field) == getattr(was_strict, field)


def test_lists_that_narrow_in_different_ways_both_hold_and_keep_their_layers() -> None:
    promised = effective([layer(LayerName.PROJECT, models("openai/*"))], NOW_MS)
    now = effective([layer(LayerName.USER, models("*mini"))], NOW_MS)
    both = tightened(promised, now)
    assert [m for m in MODELS if both.allows_model(m)] == ["openai/gpt-5-mini"]
    with pytest.raises(PolicyDenied) as denied:
        check_model(both, "anthropic/claude-mini")
    assert denied.value.params["layer"] == "project"
    with pytest.raises(PolicyDenied) as denied:
        check_model(both, "openai/gpt-5")
    assert denied.value.params["layer"] == "user"


def test_a_snapshot_holds_the_system_layer_and_drops_who_wrote_what() -> None:
    over = replace(layer(LayerName.ADMIN_OVERRIDE, Rules(max_steps=90), NOW_MS + 1), notice="trial")
    expired = layer(LayerName.ADMIN_OVERRIDE, Rules(max_steps=900), NOW_MS)
    snapshot = take_snapshot("p", "web", [over, expired, layer(LayerName.USER, Rules(max_steps=3))], NOW_MS)
    assert [la.name for la in snapshot.layers] == [LayerName.SYSTEM, LayerName.USER, LayerName.ADMIN_OVERRIDE]
    assert {la.updated_by for la in snapshot.layers} == {""}
    assert snapshot.effective_policy.max_steps.value == 90
    assert snapshot.active_admin_override_notice == OverrideNotice("trial", NOW_MS + 1, "ada")


limits = st.none() | st.integers(1, 100)
patterns = st.sampled_from(("*", "openai/*", "*mini", "ollama/qwen", "a*b*c", "[", "?"))
any_rules = st.builds(
    Rules,
    confirmation=st.none() | st.sampled_from(Confirmation),
    allowed_models=st.none() | st.frozensets(patterns, max_size=4),
    max_steps=limits,
    max_seconds=limits,
    max_output_tokens=limits,
    max_tool_calls=limits,
)


def layers_of(names: Sequence[LayerName]) -> st.SearchStrategy[list[Layer]]:
    one = st.builds(
        Layer,
        name=st.sampled_from(names),
        scope_key=st.sampled_from(("", "a", "b")),
        rules=any_rules,
        version=st.integers(1, 3),
        expires_at_ms=st.none() | st.sampled_from((NOW_MS - 1, NOW_MS, NOW_MS + 1)),
    )
    return st.lists(one, max_size=5, unique_by=lambda la: (la.name, la.scope_key))


@given(layers_of(tuple(LayerName)), st.randoms(use_true_random=False))
def test_the_order_of_the_layers_does_not_matter(layers: list[Layer], random: Random) -> None:
    shuffled = list(layers)
    random.shuffle(shuffled)
    assert effective(shuffled, NOW_MS) == effective(layers, NOW_MS)


def is_as_strict(one: EffectivePolicy, other: EffectivePolicy) -> bool:
    """Whether *one* allows nothing that *other* forbids."""
    for field in LIMITS:
        mine, others = getattr(one, field).value, getattr(other, field).value
        if others is not None and (mine is None or mine > others):
            return False
    if any(one.allows_model(m) and not other.allows_model(m) for m in MODELS):
        return False
    return one.confirmation.value is Confirmation.ALWAYS or other.confirmation.value is Confirmation.NEVER


@given(layers_of(ORDINARY[1:]), layers_of(ORDINARY[1:]))
def test_a_further_layer_never_loosens(layers: list[Layer], more: list[Layer]) -> None:
    assert is_as_strict(effective([*layers, *more], NOW_MS), effective(layers, NOW_MS))


@given(layers_of(tuple(LayerName)), layers_of(tuple(LayerName)))
def test_tightened_is_as_strict_as_both_and_no_stricter_than_it_must(one: list[Layer], other: list[Layer]) -> None:
    promised, now = effective(one, NOW_MS), effective(other, NOW_MS)
    result = tightened(promised, now)
    assert is_as_strict(result, promised)
    assert is_as_strict(result, now)
    both_allow = [m for m in MODELS if promised.allows_model(m) and now.allows_model(m)]
    assert [m for m in MODELS if result.allows_model(m)] == both_allow
    assert tightened(promised, promised) == promised


@given(layers_of(ORDINARY), any_rules)
def test_an_override_states_its_fields_exactly(layers: list[Layer], rules: Rules) -> None:
    policy = effective([*layers, layer(LayerName.ADMIN_OVERRIDE, rules)], NOW_MS)
    for field in LIMITS:
        if getattr(rules, field) is not None:
            assert getattr(policy, field).value == getattr(rules, field)
    if rules.confirmation is not None:
        assert policy.confirmation.value is rules.confirmation
    if rules.allowed_models is not None:
        alone = effective([layer(LayerName.SYSTEM, Rules(allowed_models=rules.allowed_models))], NOW_MS)
        assert policy.allowed_models.value == alone.allowed_models.value


@given(layers_of(tuple(LayerName)), st.text())
def test_a_model_check_answers_or_denies_and_agrees_with_the_policy(layers: list[Layer], model: str) -> None:
    policy = effective(layers, NOW_MS)
    try:
        check_model(policy, model)
    except PolicyDenied:
        assert not policy.allows_model(model)
    else:
        assert policy.allows_model(model)
