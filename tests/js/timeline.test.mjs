import assert from "node:assert/strict";
import { test } from "node:test";
import { at } from "./page.mjs";

const { spansOf } = await import(at("timeline.js"));
const START = Date.parse("2026-01-01T00:00:00.000Z");
const events = (...lines) => lines.map(([ms, event_type, details = {}], n) => ({ seq: n + 1, event_type, created_at: new Date(START + ms).toISOString(), details }));
const told = (lines, now = 100_000) => spansOf(events(...lines), START + now).map(({ kind, label, from, to, isOpen, isBad }) => [kind, label, from - START, to - START, ...(isOpen ? ["open"] : []), ...(isBad ? ["bad"] : [])]);

test("a run from its creation to its end", () => {
  assert.deepEqual(told([
    [0, "run.created"], [5_000, "run.confirmed"], [5_000, "run.queued"], [6_000, "run.started"], [6_000, "step.started"], [8_000, "message.completed", { model: "m" }],
    [8_000, "tool.started", { tool_call_id: "a", name: "read" }], [9_000, "tool.completed", { tool_call_id: "a", name: "read" }], [11_000, "message.completed", { model: "m" }], [11_000, "run.completed"],
  ]), [["person", "", 0, 5_000], ["queue", "", 5_000, 6_000], ["model", "m", 6_000, 8_000], ["tool", "read", 8_000, 9_000], ["model", "m", 9_000, 11_000]]);
});

test("tools that run beside each other have bars beside each other", () => {
  assert.deepEqual(told([
    [0, "run.started"], [100, "tool.started", { tool_call_id: "a", name: "one" }], [100, "tool.started", { tool_call_id: "b", name: "two" }],
    [300, "tool.failed", { tool_call_id: "b", name: "two" }], [500, "tool.completed", { tool_call_id: "a", name: "one" }], [600, "run.cancelled"],
  ]), [["tool", "two", 100, 300, "bad"], ["tool", "one", 100, 500]]);
});

test("a lost worker, a retry and a wait for a person are seen", () => {
  assert.deepEqual(told([
    [0, "run.started"], [1_000, "message.retrying", { kind: "rate_limited" }], [3_000, "run.recovered", { cause: "lease_lost" }], [3_000, "run.queued"], [4_000, "run.started"],
    [5_000, "message.completed", { model: "m" }], [5_000, "run.blocked"], [9_000, "run.resumed"], [9_000, "run.queued"], [9_500, "run.started"], [10_000, "run.failed"],
  ]), [["retry", "rate_limited", 0, 1_000, "bad"], ["lost", "lease_lost", 3_000, 3_000, "bad"], ["queue", "", 3_000, 4_000], ["model", "m", 4_000, 5_000], ["person", "", 5_000, 9_000], ["queue", "", 9_000, 9_500]]);
});

test("a draft waits for a worker and then for the model, and for nobody", () => {
  const claimed_at = new Date(START + 2_000).toISOString();
  assert.deepEqual(told([
    [0, "run.created", { run_status: "drafting" }], [5_000, "message.completed", { model: "m" }], [5_000, "run.planned", { run_status: "needs_confirmation", claimed_at }], [9_000, "run.confirmed"],
  ]), [["queue", "", 0, 2_000], ["model", "m", 2_000, 5_000], ["person", "", 5_000, 9_000]]);
});

test("what has not ended goes on until now", () => {
  assert.deepEqual(told([[0, "run.created"]], 700), [["person", "", 0, 700, "open"]]);
  assert.deepEqual(told([[0, "run.started"], [10, "tool.started", { tool_call_id: "a", name: "slow" }]], 700), [["tool", "slow", 10, 700, "open"]]);
  assert.deepEqual(told([]), []);
});
