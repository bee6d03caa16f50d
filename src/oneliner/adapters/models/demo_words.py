"""What the demo model says, in both of its languages.

Texts with ``{names}`` are filled by ``str.format``. Nothing is decided here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_CHINESE = re.compile("[\u3400-\u9fff]")


@dataclass(frozen=True, slots=True)
class Words:
    """Everything the demo model can say in one language."""

    greeting: str
    about: str
    thanks: str
    echo: str
    not_offered: str
    abilities: str
    footer: str
    before_tools: str
    before_question: str
    question: str
    answer_field: str
    answered: str
    noted: str
    results: str
    calculated: str
    time: str
    documents: str
    no_documents: str
    read: str
    wrote: str
    accounts: str
    account_set: str
    account_reason: str
    other_result: str
    failed: str
    note_heading: str
    note_body: str
    plan_intro: str
    plan_done: str
    step_gather: str
    step_work: str
    step_check: str
    step_summary: str
    step_revised: str
    plan_start: str
    step_reading: str
    step_done: str
    step_note: str
    step_note_found: str
    summary_heading: str
    summary_goal: str
    summary_findings: str


ENGLISH = Words(
    greeting="Hello! I am OneLiner's built-in **demo model**.",
    about="I am OneLiner's built-in **demo model**: no provider is configured, so nothing leaves this machine and "
    "my answers follow simple rules.",
    thanks="You are welcome. I am only the built-in **demo model**, but everything around me is real.",
    echo='You wrote: "{text}"\n\nI am the built-in **demo model** and cannot reason about that as a real model would.',
    not_offered="That needs a tool, and the server offers me none for it.",
    abilities="Things to try with me:\n\n"
    "- a calculation, such as `12 * (3 + 4)`\n"
    "- the time or the date\n"
    "- your project documents: list, read or write one\n"
    "- `ask me` something, to see a question come back to you\n\n"
    "Set `ONELINER_MODEL` and `ONELINER_MODEL_API_KEY` to talk to a real model.",
    footer="*Answered by the built-in demo model.*",
    before_tools="Let me look that up.",
    before_question="One question before I go on.",
    question="What should I keep in mind while I work on this?",
    answer_field="Your answer",
    answered="You answered: **{result}**",
    noted="Thank you. A real model would now go on with that.",
    results="Here is what I found:",
    calculated="`{name}` = **{result}**",
    time="It is now **{result}**",
    documents="Your project has these documents: {result}",
    no_documents="Your project has no documents yet",
    read="From the document **{name}**: {result}",
    wrote="I have written the document **{name}**",
    accounts="The accounts and how their followers changed in a week: {result}",
    account_set="The account **{name}** is now {result}",
    account_reason="It lost {count} followers in a week.",
    other_result="`{name}`: {result}",
    failed="`{name}` did not work: {result}",
    note_heading="Note from the demo model",
    note_body="Asked for: {text}",
    plan_intro="Here is a plan for this.",
    plan_done="The plan is ready: **{goal}**, in {count} steps. Change what you like, then confirm it.",
    step_gather="Gather what is already known",
    step_work="Work out: {topic}",
    step_check="Check the result against the goal",
    step_summary="Summarise the outcome and what to do next",
    step_revised="As you asked: {instruction}",
    plan_start="I start on the plan: {count} open steps.",
    step_reading="For **{title}** I need a look at something first.",
    step_done="Done: **{titles}**.",
    step_note="Walked through by the demo model",
    step_note_found="Demo model: {found}",
    summary_heading="## The plan is carried out",
    summary_goal="**Goal:** {goal}",
    summary_findings="### Found on the way",
)

CHINESE = Words(
    greeting="你好！我是 OneLiner 内置的**演示模型**。",
    about="我是 OneLiner 内置的**演示模型**：还没有配置模型服务，所以数据不会离开这台机器，我的回答只遵循简单的规则。",
    thanks="不客气。我只是内置的**演示模型**，但我周围的一切都是真实的。",
    echo="你写的是：“{text}”\n\n我是内置的**演示模型**，无法像真正的模型那样思考这个问题。",
    not_offered="这需要用到工具，而当前会话没有向我提供对应的工具。",
    abilities="你可以这样试试：\n\n"
    "- 一道计算题，例如 `12 * (3 + 4)`\n"
    "- 现在的时间或日期\n"
    "- 项目文档：列出、阅读或写入\n"
    "- 说“问我”，看看我如何向你提问\n\n"
    "设置 `ONELINER_MODEL` 和 `ONELINER_MODEL_API_KEY` 后即可使用真正的模型。",
    footer="*由内置的演示模型回答。*",
    before_tools="我来查一下。",
    before_question="继续之前，先问一个问题。",
    question="做这件事时，我需要注意什么？",
    answer_field="你的回答",
    answered="你的回答是：**{result}**",
    noted="谢谢。真正的模型会据此继续。",
    results="结果如下：",
    calculated="`{name}` = **{result}**",
    time="现在是 **{result}**",
    documents="项目里有这些文档：{result}",
    no_documents="项目里还没有文档",
    read="文档 **{name}** 的内容：{result}",
    wrote="文档 **{name}** 已经写好",
    accounts="账号及其一周内的粉丝变化：{result}",
    account_set="账号 **{name}** 现在的状态是 {result}",
    account_reason="一周内减少了 {count} 个粉丝。",
    other_result="`{name}`：{result}",
    failed="`{name}` 没有成功：{result}",
    note_heading="演示模型的记录",
    note_body="要求：{text}",
    plan_intro="我为此拟了一份计划。",
    plan_done="计划已拟好：**{goal}**，共 {count} 步。可以修改，满意后请确认。",
    step_gather="收集已有的信息",
    step_work="处理：{topic}",
    step_check="对照目标检查结果",
    step_summary="总结结果和下一步建议",
    step_revised="按你的要求：{instruction}",
    plan_start="开始执行计划，还有 {count} 步。",
    step_reading="在做**{title}**之前，我先查看一下资料。",
    step_done="已完成：**{titles}**。",
    step_note="由演示模型走完这一步",
    step_note_found="演示模型：{found}",
    summary_heading="## 计划已执行完毕",
    summary_goal="**目标：**{goal}",
    summary_findings="### 过程中的发现",
)


def words_for(text: str) -> Words:
    """The words of the language that *text* is in: Chinese if it holds a Chinese character, English otherwise."""
    return CHINESE if _CHINESE.search(text) else ENGLISH
