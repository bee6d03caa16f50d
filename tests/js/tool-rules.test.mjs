import assert from "node:assert/strict";
import { test } from "node:test";
import { at } from "./page.mjs";

const { BadValue, OPERATORS, conditionText, textOf, valueFrom } = await import(at("tool-rules.js"));

test("a value is read as what it looks like, and text in quotes as text", () => {
  assert.equal(valueFrom("eq", "12"), 12);
  assert.equal(valueFrom("eq", " -0.5 "), -0.5);
  assert.equal(valueFrom("eq", "true"), true);
  assert.equal(valueFrom("eq", "null"), null);
  assert.equal(valueFrom("eq", "ann@example.com"), "ann@example.com");
  assert.equal(valueFrom("ne", "\"12\""), "12");
  assert.equal(valueFrom("eq", "007"), "007");
  assert.equal(valueFrom("eq", ""), "");
  assert.equal(valueFrom("like", "12*"), "12*");
  assert.deepEqual(valueFrom("in", "EUR, USD ,3"), ["EUR", "USD", 3]);
  assert.equal(valueFrom("exists", ""), true);
});

test("an order needs a number", () => {
  assert.equal(valueFrom("gt", "100"), 100);
  for (const text of ["", "many", "true"]) assert.throws(() => valueFrom("le", text), BadValue);
});

test("what is written is read again as the same", () => {
  for (const value of [1, -2.5, true, false, null, "text", "12", "true", "null", "", "007", "a b"]) {
    assert.equal(valueFrom("eq", textOf("eq", value)), value, JSON.stringify(value));
  }
  for (const list of [[1, "1", "EUR"], [true, "true"], []]) assert.deepEqual(valueFrom("in", textOf("in", list)), list);
  assert.equal(valueFrom("like", textOf("like", "*@example.com")), "*@example.com");
});

test("a condition reads as a comparison", () => {
  const nameOf = (op) => `<${op}>`;
  assert.equal(conditionText({ at: "/amount", op: "gt", value: 100 }, nameOf), "/amount > 100");
  assert.equal(conditionText({ at: "/to/*", op: "not_like", value: "*@x" }, nameOf), "/to/* <not_like> *@x");
  assert.equal(conditionText({ at: "/cc", op: "exists", value: false }, nameOf), "/cc <not_exists>");
  for (const op of OPERATORS) assert.ok(conditionText({ at: "/a", op, value: op === "in" || op === "not_in" ? [1] : 1 }, nameOf).startsWith("/a "));
});
