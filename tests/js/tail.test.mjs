import assert from "node:assert/strict";
import { test } from "node:test";
import { at } from "./page.mjs";

const { Tail } = await import(at("tail.js"));
const ALL = { kind: "", text: "" };
const frame = (seq, type = "run.queued", summary = "") => ({ type, seq, run_id: "r1", session_id: "s1", summary });
const about = (one) => `${one.type} ${one.summary}`;
const numbers = (tail, filter = ALL, most = 1_000) => tail.shown(filter, about, most).map((one) => one.seq);
const filled = (most, count) => {
  const tail = new Tail(most);
  for (let seq = 1; seq <= count; seq += 1) tail.add(frame(seq));
  return tail;
};

test("the newest come first, and no more than are kept", () => {
  assert.deepEqual(numbers(filled(10, 3)), [3, 2, 1]);
  const full = filled(4, 10);
  assert.deepEqual(numbers(full), [10, 9, 8, 7]);
  assert.equal(full.count, 10);
  assert.equal(full.kept, 4);
  assert.deepEqual(numbers(full, ALL, 2), [10, 9]);
});

test("fifty thousand are counted and the bound is kept", () => {
  const tail = filled(2_000, 50_000);
  assert.equal(tail.count, 50_000);
  assert.equal(tail.kept, 2_000);
  assert.deepEqual(numbers(tail, ALL, 2), [50_000, 49_999]);
  assert.equal(numbers(tail, ALL, 5_000).at(-1), 48_001);
});

test("a filter narrows by kind and by what is said", () => {
  const tail = new Tail(10);
  tail.add(frame(1, "tool.started", "send_email"));
  tail.add(frame(2, "run.queued"));
  tail.add(frame(3, "tool.completed", "calculator"));
  assert.deepEqual(numbers(tail, { kind: "tool", text: "" }), [3, 1]);
  assert.deepEqual(numbers(tail, { kind: "tool", text: "email" }), [1]);
  assert.deepEqual(numbers(tail, { kind: "step", text: "" }), []);
});

test("what is shown stands still while it is paused, and what came meanwhile is there afterwards", () => {
  const tail = filled(3, 3);
  tail.pause();
  for (let seq = 4; seq <= 9; seq += 1) tail.add(frame(seq));
  assert.deepEqual(numbers(tail), [3, 2, 1]);
  assert.equal(tail.waiting, 6);
  tail.resume();
  assert.equal(tail.isPaused, false);
  assert.equal(tail.waiting, 0);
  assert.deepEqual(numbers(tail), [9, 8, 7]);
});

test("cleared is empty, paused or not, and goes on", () => {
  const tail = filled(3, 5);
  tail.pause();
  tail.clear();
  assert.deepEqual(numbers(tail), []);
  tail.add(frame(6));
  assert.equal(tail.waiting, 1);
  tail.resume();
  assert.deepEqual(numbers(tail), [6]);
});
