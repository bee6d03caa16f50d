import assert from "node:assert/strict";
import { test } from "node:test";
import { at } from "./page.mjs";

const { leasesOf } = await import(at("leases.js"));
const START = Date.parse("2026-01-01T00:00:00.000Z");
const events = (...lines) => lines.map(([ms, event_type, details = {}], n) => ({ seq: n + 1, event_type, created_at: new Date(START + ms).toISOString(), details }));
const told = (lines, now = 100_000) => leasesOf(events(...lines), START + now).map(({ worker, from, to, end, noticedBy }) => [worker, from - START, to - START, end, ...(noticedBy ? [noticedBy] : [])]);

test("each worker held it from when it took the run until it let go", () => {
  assert.deepEqual(told([
    [0, "run.created"], [0, "run.queued"], [1_000, "run.started", { worker: "a1", fence: 1 }], [3_000, "run.blocked"], [9_000, "run.resumed"], [9_000, "run.queued"],
    [9_500, "run.started", { worker: "b2", fence: 2 }], [10_000, "run.completed"],
  ]), [["a1", 1_000, 3_000, "blocked"], ["b2", 9_500, 10_000, "done"]]);
});

test("a worker that was lost, and one that handed the run back, are told apart, with who noticed the loss", () => {
  assert.deepEqual(told([
    [0, "run.started", { worker: "a1", fence: 1 }], [4_000, "run.recovered", { cause: "worker_lost", fence: 1, recovered_by: "b2" }], [4_000, "run.queued"],
    [5_000, "run.started", { worker: "b2", fence: 2 }], [6_000, "run.recovered", { cause: "handed_back", fence: 2, worker: "b2" }], [6_000, "run.queued"],
    [7_000, "run.started", { worker: "c3", fence: 3 }], [8_000, "run.failed", { code: "worker_lost", recovered_by: "d4" }],
  ]), [["a1", 0, 4_000, "lost", "b2"], ["b2", 5_000, 6_000, "handed_back"], ["c3", 7_000, 8_000, "lost", "d4"]]);
});

test("who holds it now has not let go", () => {
  assert.deepEqual(told([[0, "run.started", { worker: "a1" }]], 700), [["a1", 0, 700, "held"]]);
});

test("who drafted a plan, or failed to, is known at the end of the draft", () => {
  const since = (ms, worker) => ({ claimed_at: new Date(START + ms).toISOString(), worker });
  assert.deepEqual(told([
    [0, "run.created"], [3_000, "run.failed", { code: "plan_not_drafted", ...since(1_000, "a1") }], [4_000, "run.retried"], [8_000, "run.planned", since(5_000, "b2")], [9_000, "run.cancelled"],
  ]), [["a1", 1_000, 3_000, "failed"], ["b2", 5_000, 8_000, "drafted"]]);
});

test("a history of before, or one that was purged, names no worker", () => {
  assert.deepEqual(told([[0, "run.started"], [1_000, "run.completed"]]), [["", 0, 1_000, "done"]]);
  assert.deepEqual(told([[0, "run.created"], [1_000, "run.cancelled"]]), []);
});
