"""The demo workspace: a project in which everything can be seen without a key.

It is made once, in one transaction, through the same use cases as anybody's work, and belongs to the project ``demo``
alone. Whether it is there is told by its first document; what people change in it afterwards stays as they left it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from oneliner.app import demo_texts as texts
from oneliner.app import documents, governance, lanes, runs, schedules
from oneliner.app.ports import Page
from oneliner.domain.policy import LayerName, Rules
from oneliner.domain.run import handoff_lane
from oneliner.domain.tool_rules import RuleBook, ToolRule, Verdict
from oneliner.domain.usage import NANOS_PER_USD

if TYPE_CHECKING:
    from oneliner.app.demo_texts import Task
    from oneliner.app.ports import Transaction
    from oneliner.domain.user import Caller

#: What asks before it changes something, and how much money there is. The demo model costs as much as a small real one.
RULES = Rules(
    tools=RuleBook(
        (
            ToolRule("write_document", Verdict.ASK, note="demo: look at the difference first · 演示：先看差异"),
            ToolRule(
                "set_account_status", Verdict.ASK, note="demo: accounts are changed by people · 演示：账号由人决定"
            ),
        )
    ),
    run_budget=NANOS_PER_USD // 10,
    project_day_budget=NANOS_PER_USD // 2,
    max_output_tokens=2_000,
)
_FIRST = Page(1)
_DOCUMENTS = {
    texts.ABOUT_PATH: texts.ABOUT,
    texts.STRATEGY_PATH: texts.STRATEGY,
    texts.STRATEGY_ZH_PATH: texts.STRATEGY_ZH,
    texts.ACCOUNTS_PATH: texts.ACCOUNTS,
}


def make(tx: Transaction, caller: Caller) -> bool:
    """Make the workspace of *caller*, an administrator; False, and nothing is written, when it was made before.

    Processes that start together take turns by the lane of the project's handoffs. Raises Forbidden.
    """
    caller.check_admin()
    lanes.hold(tx, handoff_lane(caller.user_id, texts.PROJECT))
    if documents.list_documents(tx, caller.user_id, texts.PROJECT, _FIRST, texts.ABOUT_PATH):
        return False
    for path, content in _DOCUMENTS.items():
        documents.write(tx, caller.user_id, texts.PROJECT, path, content, None, caller.user_id)
    if tx.policies.get(LayerName.PROJECT, texts.PROJECT) is None:
        governance.put_layer(tx, caller, LayerName.PROJECT, texts.PROJECT, RULES, None)
    for task in texts.TASKS:
        runs.hand_off(tx, caller, _handoff(task))
    schedules.create(tx, caller, _handoff(texts.REVIEW), texts.REVIEW_CRON, "UTC", confirmed_ahead=False)
    return True


def _handoff(task: Task) -> runs.Handoff:
    return runs.Handoff(
        title=task.title,
        source_screen="demo",
        source_action_key=task.source_action_key,
        summary=task.summary,
        project_id=texts.PROJECT,
        goal=task.goal,
        steps=task.steps,
    )
