import assert from "node:assert/strict";
import { test } from "node:test";

import { at } from "./page.mjs";

const { decisionOf } = await import(at("views/approval.js"));
const CALL = { id: "c1", name: "pay", arguments: { to: "ann" }, arguments_hash: "h1" };
const entered = (decision, more = {}) => ({ decision, reason: "", edited: null, ...more });

test("a decision is for the arguments that were shown", () => {
  assert.deepEqual(decisionOf(CALL, entered("allow_once")), { call_id: "c1", decision: "allow_once", arguments_hash: "h1" });
});

test("a refusal carries its reason and no arguments", () => {
  const said = decisionOf(CALL, entered("refuse", { reason: " not to her ", edited: { to: "bob" } }));
  assert.deepEqual(said, { call_id: "c1", decision: "refuse", arguments_hash: "h1", reason: "not to her" });
});

test("edited arguments are sent with the decision", () => {
  assert.deepEqual(decisionOf(CALL, entered("allow_run", { edited: { to: "bob" } })).arguments, { to: "bob" });
});

test("without a choice nothing is decided", () => {
  assert.equal(decisionOf(CALL, entered("")), null);
});
