import assert from "node:assert/strict";
import { test } from "node:test";

import { at } from "./page.mjs";

const { HANDOFF_NOTE, byProspect, namedIn, noteOf, prospectOf } = await import(at("outlook.js"));
const tool = (name, least, most) => ({ tool: name, touches: "changes", least, most, said_by: [] });

test("what is certain is said as certain, and what depends on the arguments as what may be", () => {
  const said = [["allow", "allow"], ["ask", "ask"], ["deny", "deny"], ["allow", "ask"], ["allow", "deny"], ["ask", "deny"]].map(([least, most]) => prospectOf(tool("t", least, most)));
  assert.deepEqual(said, ["allow", "ask", "deny", "may_ask", "may_deny", "ask"]);
});

test("tools come by what is to be expected of them, the strictest first", () => {
  const groups = byProspect([tool("a", "allow", "allow"), tool("b", "ask", "ask"), tool("c", "deny", "deny"), tool("d", "ask", "ask")]);
  assert.deepEqual([...groups].map(([name, tools]) => [name, tools.map((t) => t.tool)]), [["deny", ["c"]], ["ask", ["b", "d"]], ["allow", ["a"]]]);
});

test("a step names a tool by its whole name", () => {
  const tools = [tool("write_document", "ask", "ask"), tool("write", "allow", "allow"), tool("files.read", "allow", "allow")];
  const named = (title) => namedIn(title, tools).map((t) => t.tool);
  assert.deepEqual(named("用 write_document 写入新阈值。"), ["write_document"]);
  assert.deepEqual(named("Read with `files.read`, then write."), ["write", "files.read"]);
  assert.deepEqual(named("Rewrite the documents"), []);
});

test("a rule's note is said as it was written, and the server's own one in the reader's language", () => {
  const words = { text: (key) => `<${key}>` };
  assert.equal(noteOf({ note: "money" }, words), "money");
  assert.equal(noteOf({ note: HANDOFF_NOTE }, words), "<rules.handoff_note>");
  assert.equal(noteOf({}, words), "");
  assert.equal(noteOf(null, words), "");
});
