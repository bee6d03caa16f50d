import assert from "node:assert/strict";
import { test } from "node:test";
import { at } from "./page.mjs";

const d = await import(at("plan-draft.js"));

const PLAN = { rev: 3, goal: "Goal", steps: ["A", "B", "C"].map((title, n) => ({ id: `s${n + 1}`, title, status: "pending" })) };
const titles = (draft) => draft.steps.map((s) => s.title);

test("steps are moved, reworded, removed and added, and each of it can be undone", () => {
  let draft = d.draftOf(PLAN);
  const seen = [titles(draft)];
  for (const change of [
    (x) => d.moved(x, "s3", -1), (x) => d.reworded(x, "s1", "A!"), (x) => d.removed(x, "s2"), (x) => d.added(x, "New", "s1"), (x) => d.added(x, "Last"),
  ]) {
    draft = change(draft);
    seen.push(titles(draft));
  }
  assert.deepEqual(titles(draft), ["A!", "New", "C", "Last"]);
  for (const wanted of seen.reverse().slice(1)) {
    draft = d.undone(draft);
    assert.deepEqual(titles(draft), wanted);
  }
  assert.equal(d.isChanged(draft), false);
});

test("what is sent names kept steps, leaves empty ones out, and says which plan was seen", () => {
  const draft = d.added(d.added(d.removed(d.draftOf(PLAN), "s1"), " New "), "  ");
  assert.deepEqual(d.toRequest(draft), { plan_rev: 3, goal: "Goal", steps: [{ id: "s2", title: "B" }, { id: "s3", title: "C" }, { title: "New" }] });
});

test("what is typed into one field is one change to undo", () => {
  let draft = d.draftOf(PLAN);
  for (const title of ["Ax", "Axy", "Axyz"]) draft = d.reworded(draft, "s1", title);
  draft = d.withGoal(draft, "Other");
  assert.deepEqual([d.undone(draft).goal, titles(d.undone(draft))[0]], ["Goal", "Axyz"]);
  assert.equal(titles(d.undone(d.undone(draft)))[0], "A");
});

test("a move beyond the ends changes nothing", () => {
  const draft = d.draftOf(PLAN);
  assert.equal(d.moved(draft, "s1", -1), draft);
  assert.equal(d.moved(draft, "s3", 1), draft);
});

test("on another revision the wishes stand, and steps that are gone become new ones", () => {
  const next = { rev: 5, goal: "Goal", steps: [PLAN.steps[0]] };
  const draft = d.rebased(d.reworded(d.draftOf(PLAN), "s2", "B!"), next);
  assert.deepEqual(d.toRequest(draft).steps, [{ id: "s1", title: "A" }, { title: "B!" }, { title: "C" }]);
  assert.equal(draft.rev, 5);
  assert.equal(d.isChanged(draft), true);
});
