"""Trying rules out: what they say about a call, and what a draft of them would have said about runs that were.

Nothing is written here, and nothing is promised: a simulation judges the calls that were made, not those that a model
would have made after a refusal.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from oneliner.app import governance
from oneliner.app.ports import Page, RunFilter
from oneliner.app.runs import scope_of
from oneliner.domain.errors import PolicyDenied
from oneliner.domain.executor import MAIN_EXECUTOR
from oneliner.domain.outlook import outlook
from oneliner.domain.permits import check_model, judge
from oneliner.domain.policy import Layer, LayerName, effective, standing
from oneliner.domain.tool_rules import ToolUse, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from oneliner.app.model import ToolSpec
    from oneliner.app.ports import Transaction
    from oneliner.domain.outlook import Outlook
    from oneliner.domain.policy import Rules
    from oneliner.domain.run import Run
    from oneliner.domain.tool_rules import Ruling
    from oneliner.domain.user import Caller

MAX_RUNS = 500


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a run did that a draft asks for or denies, and its rules did less. *field* is the rule's; *what* the
    tool, the model or the number it is about; ``call_id`` the row of a tool call.
    """

    field: str
    what: str
    verdict: Verdict
    layer: str
    call_id: str = ""


@dataclass(frozen=True, slots=True)
class Tried:
    """A run that a draft would have stopped somewhere, and where."""

    run: Run
    findings: tuple[Finding, ...]

    @property
    def is_denied(self) -> bool:
        """Whether something would have been denied, and not only asked for."""
        return any(f.verdict is Verdict.DENY for f in self.findings)


@dataclass(frozen=True, slots=True)
class Trial:
    """What a draft would have changed in the newest *runs_checked* runs that its layer is for."""

    runs_checked: int
    tried: tuple[Tried, ...]


def explain(
    tx: Transaction, caller: Caller, use: ToolUse, *, project_id: str, platform: str, user_id: str | None
) -> Ruling:
    """What the rules of now say about *use* in a run of *user_id* (the caller's own for None).

    Raises Forbidden: another user's rules are an administrator's to see, or the token may not use the project.
    """
    caller.check_project(project_id)
    if user_id is not None and user_id != caller.user_id:
        caller.check_admin()
    layers = tx.policies.layers(user_id or caller.user_id, project_id, platform)
    return judge(effective(layers, tx.now_ms), use)


def outlooks(tx: Transaction, caller: Caller, run_id: str, specs: Iterable[ToolSpec]) -> list[Outlook]:
    """What the rules that *run_id* is under can say about each of the tools *specs*. Raises NotFound."""
    run = tx.runs.get(run_id, scope_of(caller))
    rules = governance.in_force(tx, run)
    books = [(str(layer), book) for layer, book in rules.tools.value]
    executor = run.active_executor_key or MAIN_EXECUTOR
    found = [outlook(books, spec.name, reads=spec.read_only, executor=executor) for spec in specs]
    return [_answered(one, rules.approvals.value) for one in found]


def _answered(found: Outlook, approvals: frozenset[str]) -> Outlook:
    """*found*, or that it is allowed where the user has answered for good whatever would ask."""
    is_answered = all(standing(found.tool, one.key) in approvals for one in found.sayings)
    if found.most is not Verdict.ASK or not is_answered:
        return found
    return replace(found, least=Verdict.ALLOW, most=Verdict.ALLOW, sayings=())


def simulate(tx: Transaction, caller: Caller, name: LayerName, scope_key: str, rules: Rules, last: int) -> Trial:
    """What would have been different in the newest *last* runs, had *rules* stood in the layer *name* of *scope_key*.

    Everybody may try the layer of himself; the rest is an administrator's. Raises Forbidden.
    """
    if not (name is LayerName.USER and scope_key == caller.user_id):
        caller.check_admin()
    draft = Layer(name, scope_key, rules)
    only = RunFilter(project_id=scope_key if name is LayerName.PROJECT else None)
    newest = [run for run in tx.runs.page(scope_of(caller), Page(last), only) if _is_for(draft, run)]
    tried = (Tried(run, tuple(_findings(tx, run, draft))) for run in newest)
    return Trial(len(newest), tuple(t for t in tried if t.findings))


def _is_for(draft: Layer, run: Run) -> bool:
    match draft.name:
        case LayerName.USER:
            return run.user_id == draft.scope_key
        case LayerName.PROJECT:
            return run.project_id == draft.scope_key
        case LayerName.PLATFORM:
            return run.platform == draft.scope_key
        case LayerName.ADMIN_OVERRIDE:
            return draft.scope_key in ("", f"project:{run.project_id}", f"user:{run.user_id}")
        case LayerName.SYSTEM:
            return True


def _findings(tx: Transaction, run: Run, draft: Layer) -> Iterable[Finding]:
    was = run.governance.effective_policy
    others = [la for la in run.governance.layers if (la.name, la.scope_key) != (draft.name, draft.scope_key)]
    would = effective([*others, draft], tx.now_ms)
    said = tx.messages.answers(run.id)
    for model in dict.fromkeys(m.model for m in said):
        if was.allows_model(model):
            try:
                check_model(would, model)
            except PolicyDenied as denied:
                yield Finding("allowed_models", model, Verdict.DENY, str(denied.params["layer"]))
    calls = tx.tool_calls.of_run(run.id)
    executors = {m.id: m.executor for m in said}
    for call in calls:
        use = ToolUse(
            call.name,
            _arguments(call.judged),
            call.reads,
            executors.get(call.message_id) or run.executor or MAIN_EXECUTOR,
        )
        ruling = judge(would, use)
        if ruling.verdict.rank > judge(was, use).verdict.rank:
            yield Finding("tools", call.name, ruling.verdict, ruling.sayings[0].layer, call.id)
    for field, taken in (("max_steps", len(said)), ("max_tool_calls", len(calls))):
        limit, before = getattr(would, field), getattr(was, field).value
        if limit.value is not None and taken > limit.value and (before is None or taken <= before):
            yield Finding(field, str(taken), Verdict.DENY, str(limit.decided_by))


def _arguments(text: str) -> dict[str, object]:
    """Arguments as they were judged; none where the model wrote no JSON object, and the call was refused for it."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
