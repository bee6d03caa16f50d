import assert from "node:assert/strict";
import { test } from "node:test";
import { at } from "./page.mjs";

const { MILESTONES, toldOf } = await import(at("milestones.js"));
const { initialState, reduce } = await import(at("state.js"));
const { en } = await import(at("words/en.js"));

const trail = (...types) => types.map((type, n) => ({ seq: n + 1, type, at: "2026-01-01T00:00:00.000Z" }));
const told = (most, ...types) => toldOf(trail(...types), most).map(({ type, count }) => (count > 1 ? `${type} ×${count}` : type));

test("what everybody expects to follow is told only while nothing did", () => {
  const way = ["run.created", "run.planned", "run.confirmed", "run.queued"];
  assert.deepEqual(told(6, ...way), way);
  assert.deepEqual(told(6, ...way, "run.started"), ["run.created", "run.planned", "run.confirmed", "run.started"]);
  const asked = ["run.blocked", "run.resumed", "run.queued", "run.started"];
  assert.deepEqual(told(6, ...way, "run.started", ...asked, ...asked, "run.completed"), ["run.confirmed", "run.blocked", "run.resumed", "run.blocked", "run.resumed", "run.completed"]);
});

test("what happened several times in a row is told once, as it was last", () => {
  assert.deepEqual(told(6, "run.confirmed", "message.retrying", "message.retrying", "message.retrying", "run.failed"), ["run.confirmed", "message.retrying ×3", "run.failed"]);
  assert.equal(toldOf(trail("message.retrying", "message.retrying"), 6)[0].seq, 2);
  assert.deepEqual(toldOf([], 6), []);
});

test("however many calls a run made, what matters of it stays known", () => {
  const frame = (seq, type) => ({ type: "frame", frame: { type, seq, run_id: "r1", session_id: "s1", at: "2026-01-01T00:00:00.000Z", details: {} } });
  let state = [["run.created", 1], ["run.started", 2]].reduce((s, [type, seq]) => reduce(s, frame(seq, type)), initialState());
  for (let seq = 3; seq < 400; seq += 1) state = reduce(state, frame(seq, "tool.completed"));
  assert.deepEqual(state.trails.r1.map((event) => event.type), ["run.created", "run.started"]);
});

test("each of them has its word", () => {
  assert.deepEqual(MILESTONES.filter((type) => !(`event.${type}` in en)), []);
});
