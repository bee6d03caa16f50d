import assert from "node:assert/strict";
import { test } from "node:test";
import { at } from "./page.mjs";

const { answerOf, argumentFieldsOf, argumentsOf, fieldsOf } = await import(at("schema-form.js"));

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

test("the arguments of a call are edited in fields that hold what is proposed, and long text keeps its lines", () => {
  const schema = { properties: { path: { type: "string" }, text: { type: "string" }, n: { type: "integer", default: 0 } }, required: ["path", "text"] };
  const values = { path: "a.md", text: "one\ntwo\n", more: [1] };
  const fields = argumentFieldsOf(schema, values);
  assert.deepEqual(fields.map((f) => [f.name, f.kind, f.value]), [["path", "text", "a.md"], ["text", "long", "one\ntwo\n"], ["n", "number", 0]]);
  const { answer } = answerOf(fields, { path: " b.md ", text: "one\n\n", n: "2" });
  assert.deepEqual(argumentsOf(schema, values, answer), { path: "b.md", text: "one\n\n", n: 2, more: [1] });
});

test("arguments without a schema are edited as JSON and stay an object", () => {
  const [field] = argumentFieldsOf({}, { a: 1 });
  assert.deepEqual([field.kind, field.value], ["json", { a: 1 }]);
  const { answer } = answerOf([field], { [field.name]: '{"a":2}' });
  assert.deepEqual(argumentsOf({}, { a: 1 }, answer), { a: 2 });
  for (const text of ["[]", "5", "null", "{"]) assert.deepEqual(answerOf([field], { [field.name]: text }).errors, { [field.name]: "json" });
});

test("what is marked as a secret, however deep, is told from the rest", () => {
  const secrets = {
    type: "object",
    properties: {
      user: { type: "string" },
      password: { type: "string", format: "password" },
      key: { anyOf: [{ type: "string", writeOnly: true }, { type: "null" }] },
      login: { $ref: "#/$defs/login" },
      list: { type: "array", items: { $ref: "#/$defs/login" } },
      tree: { $ref: "#/$defs/tree" },
      gone: { $ref: "#/$defs/nowhere" },
    },
    $defs: {
      login: { type: "object", properties: { pin: { type: "string", writeOnly: true } } },
      tree: { type: "object", properties: { inside: { $ref: "#/$defs/tree" } } },
    },
  };
  assert.deepEqual(fieldsOf(secrets).filter((f) => f.isSecret).map((f) => f.name), ["password", "key", "login", "list"]);
  assert.deepEqual(argumentFieldsOf(secrets, { password: "x" }).filter((f) => f.isSecret).length, 4);
});

test("a schema that was made from types means what they mean", () => {
  const schema = {
    properties: {
      level: { $ref: "#/$defs/Level", title: "How much" },
      count: { anyOf: [{ type: "integer", minimum: 1 }, { type: "null" }], default: null },
      pace: { anyOf: [{ $ref: "#/$defs/Level" }, { type: "null" }] },
      mixed: { anyOf: [{ type: "integer" }, { type: "string" }] },
      endless: { $ref: "#/$defs/Endless" },
      elsewhere: { $ref: "https://example.com/schema" },
    },
    $defs: { Level: { type: "string", enum: ["low", "high"], title: "Level" }, Endless: { $ref: "#/$defs/Endless" } },
  };
  const fields = fieldsOf(schema);
  assert.deepEqual(fields.map((f) => [f.name, f.kind]), [
    ["level", "choice"], ["count", "number"], ["pace", "choice"], ["mixed", "text"], ["endless", "text"], ["elsewhere", "text"],
  ]);
  assert.equal(fields[0].label, "How much");
  assert.deepEqual(answerOf(fields, { level: "1", count: "3", pace: "0" }).answer, { level: "high", count: 3, pace: "low" });
  assert.deepEqual(answerOf(fields, { count: "0" }).errors, { count: "number" });
});
