"""Plans: edits keep what they should, number what is new, and refuse what is wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneliner.domain.errors import Invalid
from oneliner.domain.plan import (
    MAX_STEP_CHARS,
    MAX_STEPS,
    Plan,
    StepStatus,
    awaiting_draft,
    edited,
    marked,
    new_plan,
    plan_from_json,
    plan_to_json,
    redrafted,
)

titles = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).filter(lambda t: t.strip())
plans = st.lists(titles, max_size=8).map(lambda steps: new_plan("goal", steps))


def test_a_new_plan_numbers_its_steps_and_trims_its_words() -> None:
    plan = new_plan("  goal ", [" one ", "two"])
    assert (plan.goal, plan.rev, plan.awaits_draft) == ("goal", 1, False)
    assert [(s.id, s.title, s.status) for s in plan.steps] == [("s1", "one", "pending"), ("s2", "two", "pending")]


@pytest.mark.parametrize(
    ("goal", "steps"),
    [
        ("g", [""]),
        ("g", ["  "]),
        ("g", ["x" * (MAX_STEP_CHARS + 1)]),
        ("g", ["x"] * (MAX_STEPS + 1)),
        ("g" * 8_001, []),
    ],
)
def test_a_plan_out_of_bounds_is_refused(goal: str, steps: list[str]) -> None:
    with pytest.raises(Invalid):
        new_plan(goal, steps)


@given(plans, st.data())
def test_an_edit_gives_exactly_the_steps_that_were_sent(plan: Plan, data: st.DataObject) -> None:
    kept = data.draw(st.permutations(plan.steps).flatmap(lambda p: st.integers(0, len(p)).map(lambda n: p[:n])))
    sent: list[tuple[str | None, str]] = [(s.id, s.title) for s in kept]
    for title in data.draw(st.lists(titles, max_size=3)):
        sent.insert(data.draw(st.integers(0, len(sent))), (None, title))
    after = edited(plan, goal=None, steps=sent)
    assert after.rev == plan.rev + 1
    assert after.goal == plan.goal
    assert [s.title for s in after.steps] == [t.strip() for _, t in sent]
    assert [s.id for s in after.steps if s.id in {k.id for k in plan.steps}] == [k.id for k in kept]
    ids = [s.id for s in after.steps]
    assert len(set(ids)) == len(ids)
    # An id that was once given is never given again.
    again = edited(edited(after, goal=None, steps=[]), goal=None, steps=[(None, "new")])
    assert again.steps[0].id not in {*ids, *(s.id for s in plan.steps)}


@pytest.mark.parametrize("steps", [[("s9", "x")], [("s1", "x"), ("s1", "y")], [("s1", "")], [(None, " ")]])
def test_a_wrong_edit_is_refused(steps: list[tuple[str | None, str]]) -> None:
    with pytest.raises(Invalid):
        edited(new_plan("g", ["one"]), goal=None, steps=steps)


def test_an_edit_keeps_the_progress_of_a_step() -> None:
    plan = marked(new_plan("g", ["one", "two"]), "s1", StepStatus.DONE, "fine")
    after = edited(plan, goal="other", steps=[("s1", "uno"), ("s2", "two")])
    assert [(s.title, s.status, s.note) for s in after.steps] == [("uno", "done", "fine"), ("two", "pending", "")]
    assert after.goal == "other"


def test_progress_is_no_edit() -> None:
    plan = new_plan("g", ["one", "two"])
    after = marked(plan, "s2", StepStatus.SKIPPED)
    assert (after.rev, after.done_count, [s.id for s in after.open_steps]) == (plan.rev, 1, ["s1"])
    with pytest.raises(Invalid):
        marked(plan, "s3", StepStatus.DONE)


def test_a_draft_replaces_the_steps_under_new_ids() -> None:
    plan = awaiting_draft(new_plan("g", ["one", "two"]), "shorter")
    assert (plan.rev, plan.awaits_draft, plan.instruction) == (2, True, "shorter")
    after = redrafted(plan, ["uno"])
    assert (after.rev, after.goal, after.awaits_draft, after.instruction) == (3, "g", False, "")
    assert [s.id for s in after.steps] == ["s3"]
    assert edited(after, goal=None, steps=[(None, "dos")]).steps[0].id == "s4"


@given(plans)
def test_a_plan_survives_being_stored(plan: Plan) -> None:
    assert plan_from_json(plan_to_json(awaiting_draft(plan, "again"))) == awaiting_draft(plan, "again")
    assert plan_from_json({}) == Plan()
