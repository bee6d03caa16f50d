import assert from "node:assert/strict";
import { test } from "node:test";
import { at } from "./page.mjs";

const { diffLines, folded } = await import(at("diff.js"));
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

test("long stretches that stay come down to how many they are, with three lines around what changed", () => {
  const lines = (count) => Array.from({ length: count }, (_, n) => `line ${n}`);
  const before = lines(20).join("\n");
  const after = lines(20).map((line, n) => (n === 10 ? "other" : line)).join("\n");
  const shown = folded(diffLines(before, after)).map((line) => (line.kind === "fold" ? line.count : line.text));
  assert.deepEqual(shown, [7, "line 7", "line 8", "line 9", "line 10", "other", "line 11", "line 12", "line 13", 6]);
  assert.deepEqual(folded(diffLines("a\nb", "a\nc")).map((line) => line.kind), ["same", "removed", "added"]);
});
