import assert from "node:assert/strict";
import { test } from "node:test";
import { at, run } from "./page.mjs";

const { pickPrimaryRun, headerRuns, countNeedingYou, countUnderWay } = await import(at("picking.js"));

const byStatus = (run_status, more = {}) => run({ id: run_status, run_status, ...more });
const keyed = (...runs) => Object.fromEntries(runs.map((r) => [r.id, r]));

test("the primary run is the seed's: needs_confirmation, blocked, running, then the latest done", () => {
  const left = ["done", "running", "blocked", "needs_confirmation"].map((s) => byStatus(s));
  for (const wanted of ["needs_confirmation", "blocked", "running", "done"]) {
    assert.equal(pickPrimaryRun(left).run_status, wanted);
    left.splice(left.findIndex((r) => r.run_status === wanted), 1);
  }
  assert.equal(pickPrimaryRun(left), null);
});

test("of several done runs the one that finished last is shown", () => {
  const older = byStatus("done", { id: "a", created_at: "2026-01-03T00:00:00.000Z", finished_at: "2026-01-03T00:00:00.000Z" });
  const newer = byStatus("done", { id: "b", created_at: "2026-01-01T00:00:00.000Z", finished_at: "2026-01-04T00:00:00.000Z" });
  assert.equal(pickPrimaryRun([older, newer]).id, "b");
});

test("between two that wait, the one of the open session goes first", () => {
  const there = byStatus("blocked", { id: "a", session_id: "s2", created_at: "2026-02-01T00:00:00.000Z" });
  const here = byStatus("blocked", { id: "b", session_id: "s1" });
  assert.equal(pickPrimaryRun([there, here], "s1").id, "b");
  assert.equal(pickPrimaryRun([there, here]).id, "a");
});

test("the header holds what is under way anywhere and what ended last here", () => {
  const runs = keyed(
    byStatus("done", { id: "old", created_at: "2026-01-01T00:00:00.000Z" }),
    byStatus("failed", { id: "last", created_at: "2026-01-02T00:00:00.000Z" }),
    byStatus("done", { id: "elsewhere", session_id: "s2" }),
    byStatus("queued", { id: "coming", session_id: "s2" }),
  );
  assert.deepEqual(headerRuns(runs, "s1").map((r) => r.id), ["coming", "last"]);
  assert.deepEqual(headerRuns(runs, null).map((r) => r.id), ["coming"]);
});

test("what needs a person is counted, and apart from it what goes on by itself", () => {
  const runs = keyed(...["drafting", "needs_confirmation", "queued", "running", "blocked", "done", "failed", "cancelled"].map((status) => byStatus(status)));
  assert.equal(countNeedingYou(runs), 2);
  assert.equal(countUnderWay(runs), 3);
});
