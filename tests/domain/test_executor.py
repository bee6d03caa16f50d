"""Definitions of executors: what they take, what they refuse, and who may ask whom."""

from __future__ import annotations

import tomllib
from dataclasses import replace

import pytest

from oneliner.domain.errors import Invalid
from oneliner.domain.executor import MAX_DEPTH, Executor, Roster, executors_from_document, limited
from oneliner.domain.policy import effective

FREE = effective((), 0)


def read(text: str) -> list[Executor]:
    return executors_from_document(tomllib.loads(text))


def test_a_table_is_an_executor() -> None:
    text = """
    [executors.researcher]
    description = "finds out"
    instructions = "Look."
    model = "openai/gpt-5-mini"
    fallbacks = ["openai/gpt-5"]
    tools = ["look_*", "calculator"]
    delegates_to = ["*"]
    max_steps = 3
    """
    assert read(text) == [
        Executor(
            name="researcher",
            description="finds out",
            instructions="Look.",
            model="openai/gpt-5-mini",
            fallbacks=("openai/gpt-5",),
            tools=("look_*", "calculator"),
            delegates_to=("*",),
            max_steps=3,
        )
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "table"),
        ("x = 1", "table"),
        ("[executors]\na = 1", "'a' must be a table"),
        ("[executors.Researcher]", "no name"),
        ("[executors.a]\ntool = ['x']", "no field 'tool'; there are: delegates_to"),
        ("[executors.a]\nname = 'b'", "no field 'name'"),
        ("[executors.a]\ntools = 'x'", "must be a list"),
        ("[executors.a]\ntools = [1]", "must be a list"),
        ("[executors.a]\nmax_steps = 0", "from 1"),
        ("[executors.a]\nmax_steps = true", "from 1"),
        ("[executors.a]\nmax_tool_calls = 1.5", "from 1"),
        ("[executors.a]\nmodel = 3", "must be text"),
        ("[executors.a]\nfallbacks = ['openai/x']", "no model of its own"),
    ],
)
def test_what_is_wrong_is_refused_and_named(text: str, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        read(text)


def test_a_roster_has_the_main_agent_and_each_name_once() -> None:
    roster = Roster([Executor(name="a"), Executor(name="b")])
    assert [one.name for one in roster] == ["main", "a", "b"]
    for twice in ("a", "main"):
        with pytest.raises(Invalid, match="two executors"):
            Roster([Executor(name="a"), Executor(name=twice)])
    with pytest.raises(Invalid, match="there are: main, a, b"):
        roster.find("c")
    with pytest.raises(Invalid, match="no such executor"):
        Roster([Executor(name="a", delegates_to=("b*",))])


def test_nobody_is_asked_twice_in_one_line_and_no_line_is_too_long() -> None:
    everybody = Roster([Executor(name=name, delegates_to=("*",)) for name in "abcd"])
    lines = [("main",)]
    longest = 0
    while lines:
        line = lines.pop()
        longest = max(longest, len(line))
        assert len(set(line)) == len(line)
        lines += [(*line, one.name) for one in everybody.asked_by(line[-1], line[:-1])]
    assert longest == MAX_DEPTH + 1


def test_the_stricter_limit_holds() -> None:
    small, large = Executor(name="a", max_output_tokens=10), Executor(name="b", max_output_tokens=1_000)
    ruled = replace(FREE, max_output_tokens=replace(FREE.max_output_tokens, value=100))
    assert [limited(policy, small).max_output_tokens.value for policy in (FREE, ruled)] == [10, 10]
    assert [limited(policy, large).max_output_tokens.value for policy in (FREE, ruled)] == [1_000, 100]
    assert limited(ruled, None) is ruled
