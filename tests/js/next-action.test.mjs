import assert from "node:assert/strict";
import { test } from "node:test";
import { at, run } from "./page.mjs";

const { nextActions } = await import(at("next-action.js"));
const kinds = (runs, documents = []) => nextActions(runs, documents).map((action) => action.kind);
const paper = (path, updated_at) => ({ id: path, path, project_id: "", updated_at });

test("with nothing there, a plan is the next thing", () => {
  assert.deepEqual(kinds([]), ["plan", "plan"]);
});

test("what waits for a person goes first, then what failed last, then the latest document", () => {
  const waits = run({ id: "w", run_status: "needs_confirmation", created_at: "2026-01-01T00:00:00Z" });
  const failed = run({ id: "f", run_status: "failed", created_at: "2026-01-02T00:00:00Z" });
  const documents = [paper("old.md", "2026-01-01"), paper("new.md", "2026-01-03")];
  assert.deepEqual(kinds([failed, waits], documents), ["needs_you", "failed"]);
  assert.deepEqual(kinds([failed], documents), ["failed", "document"]);
  assert.equal(nextActions([], documents)[0].document.path, "new.md");
});

test("a failure that something newer came after is no longer the next thing", () => {
  const failed = run({ run_status: "failed", created_at: "2026-01-01T00:00:00Z" });
  const done = run({ id: "d", run_status: "done", created_at: "2026-01-02T00:00:00Z" });
  assert.deepEqual(kinds([failed, done]), ["plan", "plan"]);
});

test("of several that wait for a person the first is named, and beside it stands something to hand over", () => {
  const waiting = ["a", "b"].map((id) => run({ id, run_status: "blocked", created_at: "2026-01-01T00:00:00Z" }));
  assert.deepEqual(kinds(waiting), ["needs_you", "plan"]);
  assert.deepEqual(kinds(waiting, [paper("plan.md", "2026-01-01")]), ["needs_you", "document"]);
});
