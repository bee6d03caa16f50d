from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oneliner.adapters.models.demo import DEMO_MODEL, DemoModel
from oneliner.adapters.models.demo_mind import reply_to
from oneliner.adapters.models.demo_skills import document_names, expression_in
from oneliner.adapters.models.served import Wire, read_request
from oneliner.app.history import SUMMARISE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence


def tool(name: str, *required: str, **optional: str) -> dict[str, Any]:
    types = {**dict.fromkeys(required, "string"), **optional}
    properties = {key: {"type": kind} for key, kind in types.items()}
    parameters = {"type": "object", "properties": properties, "required": list(required)}
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


CHAT_TOOLS = [
    tool("calculator", "expression"),
    tool("current_time", timezone="string"),
    tool("list_documents"),
    tool("read_document", "path"),
    tool("write_document", "path", "content", base_version="integer"),
    tool("ask_user", "question", schema="object"),
]
PLANNER = [tool("propose_plan", "goal", steps="array")]
MARKER = tool("mark_step", "step_id", "status", "note")
RESULTS: Mapping[str, str] = {
    "calculator": "84",
    "current_time": "2026-05-01T10:00:00Z",
    "list_documents": '[{"path": "strategy.md", "title": "Strategy", "version": 4}]',
    "read_document": '{"path": "strategy.md", "version": 4, "content": "# Strategy\\nGrow slowly."}',
    "write_document": "written",
    "ask_user": '{"answer": "only the German market"}',
    "mark_step": "ok",
    "propose_plan": "ok",
}


@pytest.fixture
async def demo() -> AsyncIterator[DemoModel]:
    model = DemoModel(token_delay_seconds=0)
    await model.start()
    yield model
    await model.stop()


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as open_client:
        yield open_client


def conversation(user: str, system: str = "You are helpful.") -> list[dict[str, Any]]:
    return [{"role": "system", "content": system}, {"role": "user", "content": user}]


def answered(messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    body = {"model": DEMO_MODEL, "messages": messages, "tools": tools}
    request = read_request(json.dumps(body).encode(), {})
    return json.loads(Wire(reply_to(request), request).whole())["choices"][0]["message"]


def converse(
    messages: list[dict[str, Any]], tools: Sequence[Mapping[str, Any]], results: Mapping[str, str] = RESULTS
) -> list[tuple[str, dict[str, Any]]]:
    """The calls until the model only talks, with *messages* grown by everything said; ends within 60 answers."""
    calls: list[tuple[str, dict[str, Any]]] = []
    for _ in range(60):
        message = answered(messages, tools)
        messages.append(message)
        if not message.get("tool_calls"):
            return calls
        for call in message["tool_calls"]:
            name = call["function"]["name"]
            calls.append((name, json.loads(call["function"]["arguments"])))
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": results[name]})
    raise AssertionError("the conversation did not end")


def names(calls: list[tuple[str, dict[str, Any]]]) -> list[str]:
    return [name for name, _ in calls]


async def test_it_streams_over_http_with_counted_usage_and_says_that_it_is_the_demo(
    demo: DemoModel, client: aiohttp.ClientSession
) -> None:
    body: dict[str, Any] = {"model": DEMO_MODEL, "messages": conversation("hello"), "stream": True}
    body["stream_options"] = {"include_usage": True}
    texts: list[str] = []
    for _ in range(2):
        async with client.post(f"{demo.base_url}/chat/completions", json=body) as response:
            assert response.status == 200
            every = (await response.text()).removesuffix("\n\n").split("\n\n")
        assert every[-1] == "data: [DONE]"
        streamed = [json.loads(frame.removeprefix("data: ")) for frame in every[:-1]]
        texts.append("".join(c["delta"].get("content", "") for s in streamed for c in s["choices"]))
        usage = streamed[-1]["usage"]
        assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
        assert usage["completion_tokens"] > 20
    assert texts[0] == texts[1]
    assert "demo model" in texts[0]


async def test_streamed_and_whole_answers_are_the_same_and_charged_the_same(
    demo: DemoModel, client: aiohttp.ClientSession
) -> None:
    body = {"model": DEMO_MODEL, "messages": conversation("What is 3 * 4?"), "tools": CHAT_TOOLS}
    async with client.post(f"{demo.base_url}/chat/completions", json=body) as response:
        whole = await response.json()
    options = {"stream": True, "stream_options": {"include_usage": True}}
    async with client.post(f"{demo.base_url}/chat/completions", json=body | options) as response:
        every = (await response.text()).removesuffix("\n\n").split("\n\n")[:-1]
    streamed = [json.loads(frame.removeprefix("data: ")) for frame in every]
    fragments = [f for s in streamed for c in s["choices"] for f in c["delta"].get("tool_calls", [])]
    call = whole["choices"][0]["message"]["tool_calls"][0]
    assert fragments[0]["id"] == call["id"]
    assert "".join(f["function"]["arguments"] for f in fragments) == call["function"]["arguments"]
    assert streamed[-1]["usage"] == whole["usage"]


async def test_it_lists_its_name_and_refuses_what_is_no_request(demo: DemoModel, client: aiohttp.ClientSession) -> None:
    async with client.get(f"{demo.base_url}/models") as response:
        assert [m["id"] for m in (await response.json())["data"]] == [DEMO_MODEL]
    async with client.post(f"{demo.base_url}/chat/completions", data=b"{}") as response:
        assert response.status == 400


async def test_it_can_be_stopped_in_the_middle_of_an_answer(client: aiohttp.ClientSession) -> None:
    slow = DemoModel(token_delay_seconds=30)
    await slow.start()
    body: dict[str, Any] = {"model": DEMO_MODEL, "messages": conversation("hello"), "stream": True}
    async with client.post(f"{slow.base_url}/chat/completions", json=body) as response:
        await response.content.readany()
        await slow.stop()
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()


@pytest.mark.parametrize(
    ("text", "word"),
    [("tell me about fish", "demo model"), ("讲讲鱼", "演示模型"), ("你能做什么？", "演示模型"), ("", "demo")],
)
def test_plain_talk_says_what_it_is_in_the_users_language(text: str, word: str) -> None:
    message = answered(conversation(text), CHAT_TOOLS)
    assert word in message["content"]
    assert "tool_calls" not in message


def test_a_sum_and_the_time_are_asked_of_tools_at_once_and_answered_from_their_results() -> None:
    messages = conversation("What is 12 * (3 + 4), and what time is it?")
    calls = converse(messages, CHAT_TOOLS)
    assert calls == [("calculator", {"expression": "12 * (3 + 4)"}), ("current_time", {})]
    assert len(messages[2]["tool_calls"]) == 2
    assert "**84**" in messages[-1]["content"]
    assert "2026-05-01T10:00:00Z" in messages[-1]["content"]


def test_a_tool_that_is_not_offered_is_not_called() -> None:
    message = answered(conversation("What is 12 * 7?"), [])
    assert "tool_calls" not in message
    assert "offers me none" in message["content"]


def test_a_failed_tool_is_told_and_not_called_again() -> None:
    messages = conversation("12 * 7")
    calls = converse(messages, CHAT_TOOLS, {**RESULTS, "calculator": "error: out of order"})
    assert names(calls) == ["calculator"]
    assert "did not work" in messages[-1]["content"]


def test_a_document_is_found_and_read() -> None:
    messages = conversation("总结一下策略文档")
    calls = converse(messages, CHAT_TOOLS)
    assert calls == [("list_documents", {}), ("read_document", {"path": "strategy.md"})]
    assert "Grow slowly." in messages[-1]["content"]
    assert "演示模型" in messages[-1]["content"]


def test_a_new_document_is_written_under_the_name_it_was_given() -> None:
    calls = converse(conversation("write a document `ideas/cats.md`"), CHAT_TOOLS)
    assert names(calls) == ["list_documents", "write_document"]
    assert calls[-1][1]["path"] == "ideas/cats.md"
    assert "base_version" not in calls[-1][1]


def test_a_document_that_exists_is_read_first_and_keeps_what_it_said() -> None:
    calls = converse(conversation("update strategy.md, our strategy document"), CHAT_TOOLS)
    assert names(calls) == ["list_documents", "read_document", "write_document"]
    written = calls[-1][1]
    assert written["content"].startswith("# Strategy\nGrow slowly.\n\n## Note")
    assert written["base_version"] == 4


@pytest.mark.parametrize("text", ["ask me something", "请问我一个问题"])
def test_it_asks_once_and_uses_the_answer(text: str) -> None:
    messages = conversation(text)
    calls = converse(messages, CHAT_TOOLS)
    assert names(calls) == ["ask_user"]
    assert calls[0][1]["schema"]["required"] == ["answer"]
    assert "only the German market" in messages[-1]["content"]


@pytest.mark.parametrize(
    ("goal", "part"),
    [
        ("Review the strategy document and compute 12*7, then write a summary", "compute 12*7"),
        ("优化增长策略文档，然后问我是否满意", "优化增长策略文档"),
        ("Fix it", "Fix it"),
        ("One. Two things. Three things. Four things. Five things.", "Two things"),
    ],
)
def test_a_plan_has_three_to_five_steps_from_the_goal(goal: str, part: str) -> None:
    messages = conversation(goal)
    calls = converse(messages, PLANNER)
    assert names(calls) == ["propose_plan"]
    assert calls[0][1]["goal"] == goal
    steps = calls[0][1]["steps"]
    assert 3 <= len(steps) <= 5
    assert any(part in step for step in steps)
    assert messages[-1]["content"]


def test_a_labelled_revision_keeps_the_plan_and_adds_what_was_asked() -> None:
    text = (
        "Goal: Improve onboarding\n\nCurrent plan:\n"
        "[s1] (pending) Look around\n[s2] (pending) Sum up\n\nInstruction: mention pricing"
    )
    (call,) = converse(conversation(text), PLANNER)
    assert call[1]["goal"] == "Improve onboarding"
    assert call[1]["steps"] == ["Look around", "As you asked: mention pricing", "Sum up"]


def test_a_revision_in_conversation_keeps_the_plan_and_adds_what_was_asked() -> None:
    messages = conversation("Improve onboarding")
    (first,) = converse(messages, PLANNER)
    messages.append({"role": "user", "content": "mention pricing"})
    (second,) = converse(messages, PLANNER)
    assert second[1]["goal"] == "Improve onboarding"
    assert [s for s in second[1]["steps"] if s not in first[1]["steps"]] == ["As you asked: mention pricing"]
    assert len(second[1]["steps"]) == len(first[1]["steps"]) + 1


PLAN = """Goal: get ready
[s1] (pending) Gather what is already known
[s2] (pending) Review the strategy document
[s3] (active) compute 12*7
[s4] (done) Sleep
- [s5] (pending) Talk to people
[s6] (pending) Sum up"""


def test_a_strategy_is_adjusted_where_it_says_shares_and_kept_otherwise() -> None:
    text = "# Strategy\n\n- Reach: 60 %\n- Partners: 15 %\n- Keeping: 25 %\n"
    results = {**RESULTS, "read_document": json.dumps({"path": "strategy.md", "version": 4, "content": text})}
    calls = converse(conversation("Adjust the document strategy.md"), CHAT_TOOLS, results)
    assert names(calls) == ["list_documents", "read_document", "write_document"]
    written = calls[-1][1]["content"]
    assert written.startswith("# Strategy\n\n- Reach: 50 %\n- Partners: 15 %\n- Keeping: 35 %\n")
    calls = converse(conversation("Adjust the document strategy.md"), CHAT_TOOLS)
    assert calls[-1][1]["content"].startswith("# Strategy\nGrow slowly.")


@pytest.mark.parametrize(
    "text", ["Review the accounts and pause the one that loses most", "检查账号，暂停流失最多的一个"]
)
def test_the_account_that_loses_most_is_paused_and_only_when_that_is_asked(text: str) -> None:
    accounts = [
        {"account": name, "change_in_a_week": change, "status": status}
        for name, change, status in (("a", "+3", "active"), ("b", "-9", "paused"), ("c", "-5", "active"))
    ]
    tools = [tool("list_accounts"), tool("set_account_status", "account", "status", reason="string")]
    results = {**RESULTS, "list_accounts": json.dumps(accounts), "set_account_status": "{}"}
    calls = converse(conversation(text), tools, results)
    assert names(calls) == ["list_accounts", "set_account_status"]
    assert (calls[1][1]["account"], calls[1][1]["status"]) == ("c", "paused")
    assert names(converse(conversation("Review the accounts"), tools, results)) == ["list_accounts"]


def test_a_summary_quotes_what_the_user_said_and_keeps_an_earlier_one() -> None:
    quoted = "The summary so far:\n\n- wants red [1]\n\nThe conversation:\n\n[5] user: and blue\n[6] assistant: ok"
    answer = answered(conversation(quoted, SUMMARISE), [])
    assert answer["content"] == "- wants red [1]\n- and blue [5]"


def test_a_plan_is_carried_out_step_by_step_and_summed_up() -> None:
    messages = conversation("Go ahead", PLAN)
    calls = converse(messages, [*CHAT_TOOLS, MARKER])
    marks = [arguments for name, arguments in calls if name == "mark_step"]
    assert [m["step_id"] for m in marks] == ["s1", "s2", "s3", "s5", "s6"]
    assert {m["status"] for m in marks} == {"done"}
    assert all(m["note"] for m in marks)
    assert names(calls)[:4] == ["list_documents", "mark_step", "read_document", "mark_step"]
    assert "calculator" in names(calls)
    assert messages[-1]["content"].startswith("## The plan is carried out\n\n**Goal:** get ready")


def test_steps_without_calls_of_their_own_are_marked_in_parallel() -> None:
    plan = "\n".join(f"[s{n}] (pending) 第{n}步" for n in range(1, 6))
    messages = conversation("开始", plan)
    converse(messages, [MARKER])
    assert [len(m.get("tool_calls", [])) for m in messages if m["role"] == "assistant"] == [1, 2, 1, 1, 0]
    assert messages[-1]["content"].startswith("## 计划已执行完毕")


def test_a_plan_that_the_system_prompt_shows_updated_goes_on_where_it_is() -> None:
    messages = conversation("Go ahead", PLAN.replace("pending", "done"))
    calls = converse(messages, [MARKER])
    assert [a["step_id"] for _, a in calls] == ["s3"]


def test_marking_that_always_fails_still_ends() -> None:
    calls = converse(conversation("Go ahead", PLAN), [*CHAT_TOOLS, MARKER], dict.fromkeys(RESULTS, "error: no"))
    assert names(calls).count("mark_step") == 5


def test_a_question_wished_for_in_a_plan_is_asked_once() -> None:
    calls = converse(conversation("Go ahead, but ask me first", PLAN), [*CHAT_TOOLS, MARKER])
    assert names(calls)[0] == "ask_user"
    assert names(calls).count("ask_user") == 1


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("what is 12*7?", "12*7"),
        ("计算12 乘以 7", "12 * 7"),
        ("12 plus 7", "12 + 7"),
        ("15% of 80", "15 / 100 * 80"),
        ("What is 17.5% of 23,940?", "17.5 / 100 * 23940"),
        ("23,940 的 17.5% 是多少？", "17.5 / 100 * 23940"),
        ("1,2 + 3", "2 + 3"),
        ("(1 + 2) × 3 ÷ 4", "(1 + 2) * 3 / 4"),
        ("2^10", "2**10"),
        ("due on 2026-05-01", None),
        ("make 3-5 steps", None),
        ("open 24/7", None),
        ("3-5", "3-5"),
        ("gpt-4-1 or v1-2", None),
        ("no numbers", None),
    ],
)
def test_arithmetic_is_told_from_other_numbers(text: str, expression: str | None) -> None:
    assert expression_in(text) == expression


@pytest.mark.parametrize(
    ("result", "found"),
    [
        ('[{"path": "a.md"}, {"name": "b.md"}]', ["a.md", "b.md"]),
        ('{"items": ["a.md", "b.md"]}', ["a.md", "b.md"]),
        ("- a.md (version 3)\n- `b.md`: about b\n", ["a.md", "b.md"]),
        ("no documents", []),
        ("[]", []),
        ("7", []),
    ],
)
def test_document_names_are_found_in_what_a_list_may_look_like(result: str, found: list[str]) -> None:
    assert document_names(result) == found


WORDS = st.sampled_from(
    [
        "12*7",
        "ask me",
        "问我",
        "what time is it",
        "read",
        "write",
        "strategy",
        "document",
        "策略",
        "x.md",
        "Goal:",
        "\n",
    ]
)


@settings(deadline=None)
@given(
    said=st.lists(WORDS | st.text(max_size=8), max_size=8).map(" ".join),
    titles=st.lists(st.lists(WORDS, min_size=1, max_size=3).map(" ".join), max_size=6),
    result=st.sampled_from(["", "ok", "[]", '{"a": [1]}', '"x"', "null", "error", '[{"path": "strategy"}]'])
    | st.text(),
    tools=st.sampled_from([CHAT_TOOLS, PLANNER, [*CHAT_TOOLS, MARKER], [MARKER], []]),
)
def test_every_conversation_ends_whatever_is_said_and_whatever_tools_return(
    said: str, titles: list[str], result: str, tools: list[dict[str, Any]]
) -> None:
    plan = "\n".join(f"[s{n}] (pending) {title}" for n, title in enumerate(titles))
    messages = conversation(said, plan)
    converse(messages, tools, dict.fromkeys(RESULTS, result))
    assert messages[-1]["content"].strip()


@pytest.mark.timeout(20)
@pytest.mark.parametrize("unit", [" ", "1", "(", "\n", "a", "[", "*", "1-", "goal", "-\t"])
def test_hostile_repetition_is_answered_quickly(unit: str) -> None:
    for tools in (CHAT_TOOLS, PLANNER, [MARKER]):
        messages = conversation(unit * 200_000, "[s1] (pending) x")
        assert answered(messages, tools)
