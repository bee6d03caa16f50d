import assert from "node:assert/strict";
import { test } from "node:test";
import { at } from "./page.mjs";

const { linesOf, namesWithout, pairsFrom, pairsTo, patternsFrom } = await import(at("mcp-lines.js"));

test("lines and patterns are taken without what is empty", () => {
  assert.deepEqual(linesOf(" a \n\n b c\n"), ["a", "b c"]);
  assert.deepEqual(patternsFrom("get_*, search_*\nlist"), ["get_*", "search_*", "list"]);
  assert.equal(patternsFrom(" , "), null);
});

test("a value keeps the sign that stands in it", () => {
  assert.deepEqual(pairsFrom("Authorization: Bearer ${MCP_A}\nX: a:b", ":"), { Authorization: "Bearer ${MCP_A}", X: "a:b" });
  assert.deepEqual(pairsFrom("A=b=c", "="), { A: "b=c" });
});

test("what is kept back is shown without a value, and has to be given again", () => {
  const text = pairsTo({ Authorization: "Bearer ${MCP_A}", Tenant: null }, ": ");
  assert.equal(text, "Authorization: Bearer ${MCP_A}\nTenant:");
  assert.deepEqual(namesWithout(text, ":"), ["Tenant"]);
  assert.deepEqual(namesWithout("Tenant", ":"), ["Tenant"]);
  assert.deepEqual(namesWithout("Tenant: ${MCP_T}", ":"), []);
});
