import assert from "node:assert/strict";
import { test } from "node:test";
import { at } from "./page.mjs";

const { diffLines } = await import(at("diff.js"));
const shown = (before, after) => diffLines(before, after).map(({ kind, text }) => `${{ same: " ", added: "+", removed: "-" }[kind]}${text}`);

test("what stays is shown once, what goes before what comes", () => {
  assert.deepEqual(shown("a\nb\nc", "a\nx\nc"), [" a", "-b", "+x", " c"]);
  assert.deepEqual(shown("a\nb\nc\nd", "b\nd\ne"), ["-a", " b", "-c", " d", "+e"]);
});

test("nothing, the same, and everything new", () => {
  assert.deepEqual(shown("", ""), []);
  assert.deepEqual(shown("a", "a"), [" a"]);
  assert.deepEqual(shown("", "a\nb"), ["+a", "+b"]);
  assert.deepEqual(shown("a", ""), ["-a"]);
});

test("taking away what was added and putting back what was removed gives the text before", () => {
  const before = Array.from({ length: 200 }, (_, n) => `line ${(n * 7) % 13}`).join("\n");
  const after = Array.from({ length: 180 }, (_, n) => `line ${(n * 5) % 11}`).join("\n");
  const lines = diffLines(before, after);
  assert.equal(lines.filter((l) => l.kind !== "added").map((l) => l.text).join("\n"), before);
  assert.equal(lines.filter((l) => l.kind !== "removed").map((l) => l.text).join("\n"), after);
});

test("texts too long to be compared are shown one after the other", () => {
  const long = (mark) => Array.from({ length: 3_000 }, (_, n) => `${mark}${n}`).join("\n");
  const lines = diffLines(long("a"), long("b"));
  assert.equal(lines.length, 6_000);
  assert.equal(lines[0].kind, "removed");
  assert.equal(lines[5_999].kind, "added");
});
