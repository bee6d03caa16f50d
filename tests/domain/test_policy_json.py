"""The JSON forms of rules and snapshots: strict for what people write, exact for what is stored."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneliner.domain.errors import Invalid
from oneliner.domain.policy import Confirmation, Layer, LayerName, Rules, effective, take_snapshot
from oneliner.domain.policy_json import (
    LARGEST_BUDGET,
    rules_from_json,
    rules_to_json,
    snapshot_from_json,
    snapshot_to_json,
)

NOW_MS = 1_800_000_000_000

limits = st.none() | st.integers(1, 1_000)
patterns = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)
any_rules = st.builds(
    Rules,
    confirmation=st.none() | st.sampled_from(Confirmation),
    allowed_models=st.none() | st.frozensets(patterns, max_size=4),
    max_steps=limits,
    max_seconds=limits,
    max_output_tokens=limits,
    max_tool_calls=limits,
    approval_seconds=limits,
    approvals=st.none() | st.frozensets(st.just("send_report#0123456789abcdef")),
    run_budget=st.none() | st.integers(0, LARGEST_BUDGET),
    user_day_budget=limits,
    project_day_budget=limits,
    day_budget=limits,
    schedule_confirmation=st.none() | st.sampled_from(Confirmation),
)
any_layers = st.lists(
    st.builds(
        Layer,
        name=st.sampled_from(LayerName),
        scope_key=st.text(max_size=3),
        rules=any_rules,
        version=st.integers(0, 9),
        updated_by=st.text(max_size=3),
        updated_at_ms=st.integers(0, NOW_MS),
        notice=st.text(max_size=3),
        expires_at_ms=st.none() | st.integers(NOW_MS - 2, NOW_MS + 2),
    ),
    max_size=5,
)


@given(st.text(max_size=5), st.text(max_size=5), any_layers)
def test_a_snapshot_survives_its_way_through_json(project_id: str, platform: str, layers: list[Layer]) -> None:
    snapshot = take_snapshot(project_id, platform, layers, NOW_MS)
    read = snapshot_from_json(json.loads(json.dumps(snapshot_to_json(snapshot))))
    assert read == snapshot
    assert hash(read) == hash(snapshot)


def test_a_snapshot_has_the_documented_form() -> None:
    layers = [
        Layer(LayerName.PROJECT, "p1", Rules(max_steps=20, allowed_models=frozenset({"openai/*", "ollama/*"})), 3),
        Layer(LayerName.ADMIN_OVERRIDE, "p1", Rules(max_steps=90), 1, "ada", NOW_MS, "audit week", NOW_MS + 1_500),
    ]
    data = snapshot_to_json(take_snapshot("p1", "web", layers, NOW_MS))
    assert list(data) == ["project_id", "platform", "effective_policy", "layers", "active_admin_override_notice"]
    policy = data["effective_policy"]
    assert isinstance(policy, dict)
    assert policy["max_steps"] == {
        "value": 90,
        "decided_by": "admin_override",
        "others": [{"layer": "system", "value": 40}, {"layer": "project", "value": 20}],
    }
    assert policy["allowed_models"] == {"value": [["ollama/*", "openai/*"]], "decided_by": "project", "others": []}
    assert policy["max_output_tokens"] == {"value": None, "decided_by": "system", "others": []}
    assert data["layers"] == [
        {
            "layer": "system",
            "scope_key": "",
            "version": 0,
            "rules": {
                "confirmation": "never",
                "max_steps": 40,
                "max_seconds": 3600,
                "max_tool_calls": 200,
                "approval_seconds": 86_400,
                "schedule_confirmation": "always",
            },
        },
        {
            "layer": "project",
            "scope_key": "p1",
            "version": 3,
            "rules": {"allowed_models": ["ollama/*", "openai/*"], "max_steps": 20},
        },
        {"layer": "admin_override", "scope_key": "p1", "version": 1, "rules": {"max_steps": 90}},
    ]
    assert data["active_admin_override_notice"] == {
        "notice": "audit week",
        "expires_at": "2027-01-15T08:00:01.500Z",
        "set_by": "ada",
    }


def test_a_run_without_a_project_has_a_blank_snapshot_with_the_system_layer() -> None:
    data = snapshot_to_json(take_snapshot("", "", [], NOW_MS))
    assert data["project_id"] == ""
    assert data["active_admin_override_notice"] is None
    assert isinstance(data["layers"], list)
    assert [la["layer"] for la in data["layers"]] == ["system"]


def test_an_empty_list_and_no_list_stay_apart_in_json() -> None:
    none_allowed = take_snapshot("", "", [Layer(LayerName.USER, "u", Rules(allowed_models=frozenset()))], NOW_MS)
    read = snapshot_from_json(json.loads(json.dumps(snapshot_to_json(none_allowed))))
    assert not read.effective_policy.allows_model("openai/gpt-5")


def test_a_field_that_an_older_snapshot_lacks_has_no_rule() -> None:
    policy = snapshot_from_json({"project_id": "p", "platform": ""}).effective_policy
    assert policy.max_steps.value is None
    assert policy.allows_model("any")


@given(any_rules)
def test_rules_survive_their_way_through_json(rules: Rules) -> None:
    assert rules_from_json(json.loads(json.dumps(rules_to_json(rules)))) == rules


def test_null_says_nothing() -> None:
    assert rules_from_json({"max_steps": None, "allowed_models": None, "confirmation": None}) == Rules()


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"max_step": 3}, "max_step"),
        ({"confirmation": "sometimes"}, "confirmation"),
        ({"confirmation": ["never"]}, "confirmation"),
        ({"confirmation": True}, "confirmation"),
        ({"allowed_models": "openai/*"}, "allowed_models"),
        ({"allowed_models": [1]}, "allowed_models"),
        ({"allowed_models": [""]}, "allowed_models"),
        ({"allowed_models": ["a b"]}, "allowed_models"),
        ({"allowed_models": ["a\n"]}, "allowed_models"),
        ({"allowed_models": ["a" * 201]}, "allowed_models"),
        ({"allowed_models": ["a"] * 201}, "allowed_models"),
        ({"max_steps": 0}, "max_steps"),
        ({"max_steps": -1}, "max_steps"),
        ({"max_steps": True}, "max_steps"),
        ({"max_steps": 1.0}, "max_steps"),
        ({"max_steps": "5"}, "max_steps"),
        ({"max_seconds": 10**30}, "max_seconds"),
        ({"max_output_tokens": []}, "max_output_tokens"),
        ({"max_tool_calls": {}}, "max_tool_calls"),
    ],
)
def test_what_a_field_does_not_take_is_refused_by_name(data: dict[str, object], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        rules_from_json(data)
    assert refused.value.params["field"] == field
    assert refused.value.params["accepted"]
    assert field in refused.value.message


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(("confirmation", "allowed_models", "max_steps", "max_seconds", "other"))


@given(st.dictionaries(names, json_values, max_size=4))
def test_whatever_is_sent_becomes_rules_or_is_refused(data: dict[str, object]) -> None:
    try:
        rules = rules_from_json(data)
    except Invalid:
        return
    effective([Layer(LayerName.USER, "u", rules)], NOW_MS)
