import assert from "node:assert/strict";
import { test } from "node:test";

import { at } from "./page.mjs";

const { decisionOf } = await import(at("views/approval.js"));
const CALL = { id: "c1", name: "pay", arguments: { to: "ann" }, arguments_hash: "h1" };
const entered = (decision, more = {}) => ({ decision, reason: "", text: null, ...more });

test("a decision is for the arguments that were shown", () => {
  assert.deepEqual(decisionOf(CALL, entered("allow_once")).said, { call_id: "c1", decision: "allow_once", arguments_hash: "h1" });
});

test("a refusal carries its reason and no arguments", () => {
  const { said } = decisionOf(CALL, entered("refuse", { reason: " not to her ", text: "{" }));
  assert.deepEqual(said, { call_id: "c1", decision: "refuse", arguments_hash: "h1", reason: "not to her" });
});

test("edited arguments are sent if they are an object", () => {
  assert.deepEqual(decisionOf(CALL, entered("allow_run", { text: '{"to":"bob"}' })).said.arguments, { to: "bob" });
  for (const text of ["{", "[]", "null", "5"]) assert.deepEqual(decisionOf(CALL, entered("allow_once", { text })), { error: "json" });
});

test("without a choice nothing is decided", () => {
  assert.deepEqual(decisionOf(CALL, entered("")), { error: "missing" });
});
