"""What the demo workspace holds, in both of its languages. Nothing is decided here."""

from __future__ import annotations

from dataclasses import dataclass

PROJECT = "demo"
ACCOUNTS_PATH = "accounts.md"
#: Shown where something of the demo is listed among things of one's own.
MARK = "Demo · 演示"


@dataclass(frozen=True, slots=True)
class Task:
    """A handoff of the demo. ``source_action_key`` tells it from others."""

    source_action_key: str
    title: str
    summary: str
    goal: str
    steps: tuple[str, ...]


ABOUT_PATH = "about-this-demo.md"
ABOUT = """# Demo · 演示

This project was made by `oneliner serve --demo`. Its documents and accounts are invented, and the answers come from the
built-in demo model. The runs, the approvals, the budget, the schedule and the bill are real.

- Confirm a run that waits, and watch it work.
- It asks before it changes a document or an account: look at the difference, then approve, edit or refuse.
- The rules of this project (`governance`) say so, and hold a budget for each run and each day.

本项目由 `oneliner serve --demo` 创建。文档和账号都是虚构的，回答来自内置的演示模型；运行、审批、预算、定时任务和账单都是真实的。

- 确认一个等待中的运行，看它如何执行。
- 修改文档或账号之前它会先询问：查看差异，然后批准、编辑或拒绝。
- 这些规则写在本项目的规则（`governance`）里，并为每次运行和每天设定了预算。
"""
STRATEGY_PATH = "strategy/growth.md"
STRATEGY = """# Growth strategy

> Demo document: the figures are invented.

Goal: twenty percent more returning readers by the end of the quarter.

- Paid reach: 60 %
- Partnerships: 15 %
- Keeping readers: 25 %

Reviewed every Monday.
"""
STRATEGY_ZH_PATH = "策略/增长.md"
STRATEGY_ZH = """# 增长策略

> 演示文档：数字是虚构的。

目标：本季度末回访读者增加两成。

- 付费触达：60 %
- 合作推广：15 %
- 留住读者：25 %

每周一复盘。
"""
ACCOUNTS = """# Accounts · 账号

> Demo · 演示

| account | followers | change in a week | status |
|---|---|---|---|
| Aurora | 18200 | +340 | active |
| 晨光 | 9650 | +120 | active |
| Northwind | 4100 | -260 | active |
"""
TASKS = (
    Task(
        "demo-adjust-strategy",
        f"{MARK}: adjust the strategy",
        "Look at the accounts, then move money in the growth strategy to where it keeps readers.",
        f"Adjust the document `{STRATEGY_PATH}` to how the accounts are doing",
        (
            f"Read the document `{STRATEGY_PATH}`",
            "Review the accounts",
            f"Adjust the document `{STRATEGY_PATH}`",
            "Sum up what was changed",
        ),
    ),
    Task(
        "demo-adjust-strategy-zh",
        f"{MARK}：调整策略",
        "先看账号的情况，再把增长策略里的预算调到能留住读者的地方。",
        f"根据账号的情况调整文档“{STRATEGY_ZH_PATH}”",
        (f"阅读文档“{STRATEGY_ZH_PATH}”", "检查账号", f"调整文档“{STRATEGY_ZH_PATH}”", "总结修改了什么"),
    ),
)
REVIEW = Task(
    "demo-review-accounts",
    f"{MARK}: review the accounts · 检查账号",
    "Look at every account and pause the one that loses most followers.",
    "Review the accounts and pause the one that loses most",
    ("Review the accounts", "Pause the account that loses most", "Sum up what was found"),
)
REVIEW_CRON = "0 9 * * 1-5"
