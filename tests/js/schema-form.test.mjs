import assert from "node:assert/strict";
import { test } from "node:test";
import { at } from "./page.mjs";

const { answerOf, fieldsOf } = await import(at("schema-form.js"));

const SCHEMA = {
  type: "object",
  properties: {
    name: { type: "string", title: "Name" },
    amount: { type: "integer", minimum: 1, maximum: 5 },
    size: { type: "string", enum: ["small", "large"] },
    level: { enum: [1, 2] },
    urgent: { type: "boolean" },
    extra: { type: "object" },
  },
  required: ["name", "amount"],
};

test("a schema becomes fields, each of its kind", () => {
  assert.deepEqual(fieldsOf(SCHEMA).map((f) => [f.name, f.kind, f.required]), [
    ["name", "text", true], ["amount", "number", true], ["size", "choice", false], ["level", "choice", false], ["urgent", "flag", false], ["extra", "json", false],
  ]);
  assert.deepEqual(fieldsOf(undefined), []);
});

test("what was entered becomes an answer with the schema's types", () => {
  const entered = { name: " Ann ", amount: "3", size: "1", level: "0", urgent: true, extra: '{"a":1}' };
  assert.deepEqual(answerOf(fieldsOf(SCHEMA), entered), {
    answer: { name: "Ann", amount: 3, size: "large", level: 1, urgent: true, extra: { a: 1 } },
    errors: {},
  });
});

test("what is missing or does not fit is named, what is optional may be left out", () => {
  const { answer, errors } = answerOf(fieldsOf(SCHEMA), { name: "", amount: "7", size: "", extra: "{" });
  assert.deepEqual(errors, { name: "missing", amount: "number", extra: "json" });
  assert.deepEqual(answer, { urgent: false });
});
