"""A plan: the goal of a run and its ordered steps.

A plan is editable until it is confirmed. Every change gives it a new ``rev``; a confirmation names the rev it saw, so
that nobody confirms a plan he was not shown. Steps keep their id through rewording and reordering.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from oneliner.domain.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_STEPS = 50
MAX_STEP_CHARS = 1_000
MAX_GOAL_CHARS = 8_000


class StepStatus(StrEnum):
    """How far a step is."""

    PENDING = "pending"
    ACTIVE = "active"
    DONE = "done"
    SKIPPED = "skipped"


CLOSED = frozenset({StepStatus.DONE, StepStatus.SKIPPED})


@dataclass(frozen=True, slots=True)
class Step:
    """One step. ``id`` is unique within the plan and never reused; ``note`` is what the agent said when it closed it."""

    id: str
    title: str
    status: StepStatus = StepStatus.PENDING
    note: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Goal and steps. ``awaits_draft`` is true while the agent still has to draft it; ``next_id`` numbers new steps."""

    goal: str = ""
    steps: tuple[Step, ...] = ()
    rev: int = 1
    next_id: int = 1
    awaits_draft: bool = False
    instruction: str = ""

    @property
    def open_steps(self) -> tuple[Step, ...]:
        """The steps that are neither done nor skipped, in order."""
        return tuple(s for s in self.steps if s.status not in CLOSED)

    @property
    def done_count(self) -> int:
        """How many steps are done or skipped."""
        return len(self.steps) - len(self.open_steps)


def new_plan(goal: str, titles: Sequence[str], *, awaits_draft: bool = False) -> Plan:
    """A first revision with *titles* as pending steps. Raises Invalid: too many steps, an empty or oversized one."""
    return Plan(
        goal=_checked(goal, MAX_GOAL_CHARS, "plan.goal", may_be_empty=True),
        steps=tuple(Step(f"s{n}", title) for n, title in enumerate(_titles(titles), 1)),
        next_id=len(titles) + 1,
        awaits_draft=awaits_draft,
    )


def edited(plan: Plan, *, goal: str | None, steps: Sequence[tuple[str | None, str]] | None) -> Plan:
    """*plan* with another goal and with exactly *steps*, each (id of a step to keep, or None for a new one; title).

    Order is the order given; steps left out are removed. Raises Invalid: an unknown or repeated id, a bad title.
    """
    changed = plan if goal is None else replace(plan, goal=_checked(goal, MAX_GOAL_CHARS, "goal", may_be_empty=True))
    if steps is not None:
        changed = _with_steps(changed, steps)
    return replace(changed, rev=plan.rev + 1)


def redrafted(plan: Plan, titles: Sequence[str], goal: str | None = None) -> Plan:
    """*plan* with fresh steps drafted by the agent, as a new revision. Raises Invalid as :func:`new_plan` does."""
    fresh = new_plan(goal or plan.goal, titles)
    steps = tuple(replace(s, id=f"s{plan.next_id + n}") for n, s in enumerate(fresh.steps))
    return replace(fresh, steps=steps, next_id=plan.next_id + len(steps), rev=plan.rev + 1)


def awaiting_draft(plan: Plan, instruction: str) -> Plan:
    """*plan* sent back to the agent with what the user wants changed, as a new revision."""
    return replace(plan, awaits_draft=True, instruction=instruction, rev=plan.rev + 1)


def marked(plan: Plan, step_id: str, status: StepStatus, note: str = "") -> Plan:
    """*plan* with one step at *status*. Not a new revision: progress is not an edit. Raises Invalid: no such step."""
    if not any(s.id == step_id for s in plan.steps):
        raise Invalid(f"the plan has no step {step_id!r}; its steps are {[s.id for s in plan.steps]}", step=step_id)
    steps = tuple(replace(s, status=status, note=note) if s.id == step_id else s for s in plan.steps)
    return replace(plan, steps=steps)


def plan_to_json(plan: Plan) -> dict[str, object]:
    """The stored and served form."""
    return {
        "rev": plan.rev,
        "goal": plan.goal,
        "steps": [{"id": s.id, "title": s.title, "status": str(s.status), "note": s.note} for s in plan.steps],
        "awaits_draft": plan.awaits_draft,
        "instruction": plan.instruction,
        "next_id": plan.next_id,
    }


def plan_from_json(data: Mapping[str, object]) -> Plan:
    """The inverse of :func:`plan_to_json`, for what this product itself has stored."""
    steps = data.get("steps")
    return Plan(
        goal=str(data.get("goal", "")),
        steps=tuple(_step_from_json(s) for s in steps) if isinstance(steps, list) else (),
        rev=_int(data.get("rev"), 1),
        next_id=_int(data.get("next_id"), 1),
        awaits_draft=bool(data.get("awaits_draft", False)),
        instruction=str(data.get("instruction", "")),
    )


def _step_from_json(data: Mapping[str, object]) -> Step:
    return Step(str(data["id"]), str(data["title"]), StepStatus(str(data["status"])), str(data.get("note", "")))


def _int(value: object, default: int) -> int:
    return value if isinstance(value, int) else default


def _with_steps(plan: Plan, steps: Sequence[tuple[str | None, str]]) -> Plan:
    known = {s.id: s for s in plan.steps}
    kept = [step_id for step_id, _ in steps if step_id is not None]
    if len(set(kept)) != len(kept):
        raise Invalid("a step id appears twice; send each step once", steps=kept)
    unknown = [k for k in kept if k not in known]
    if unknown:
        raise Invalid(f"the plan has no step {unknown[0]!r}; leave the id out to add a step", step=unknown[0])
    next_id = plan.next_id
    result: list[Step] = []
    for (step_id, _), title in zip(steps, _titles([t for _, t in steps]), strict=True):
        if step_id is None:
            result.append(Step(f"s{next_id}", title))
            next_id += 1
        else:
            result.append(replace(known[step_id], title=title))
    return replace(plan, steps=tuple(result), next_id=next_id)


def _titles(titles: Sequence[str]) -> list[str]:
    if len(titles) > MAX_STEPS:
        raise Invalid(f"a plan has at most {MAX_STEPS} steps, this one has {len(titles)}", limit=MAX_STEPS)
    return [_checked(t, MAX_STEP_CHARS, f"plan.steps[{n}]") for n, t in enumerate(titles)]


def _checked(text: str, limit: int, where: str, *, may_be_empty: bool = False) -> str:
    text = text.strip()
    if not text and not may_be_empty:
        raise Invalid(f"{where} is empty; write what the step does", field=where)
    if len(text) > limit:
        raise Invalid(f"{where} has {len(text)} characters, at most {limit} are allowed", field=where, limit=limit)
    return text
