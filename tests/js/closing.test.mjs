import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { at, message, run } from "./page.mjs";

const { awaitClosing, runsLeftOpen } = await import(at("closing.js"));

/** A session whose message is *state*, of a run that is *status*. */
const session = (state, status) => ({ messages: { s1: { items: [message({ state })] } }, runs: { r1: run({ run_status: status }) } });

test("a call is left open when it is still being written and its run has ended", () => {
  assert.deepEqual([...runsLeftOpen(session("streaming", "cancelled"), "s1")], ["r1"]);
  for (const [state, status] of [["streaming", "running"], ["interrupted", "cancelled"], ["complete", "done"]]) {
    assert.deepEqual([...runsLeftOpen(session(state, status), "s1")], []);
  }
  assert.deepEqual([...runsLeftOpen({ messages: {}, runs: {} }, "s1")], []);
});

test("what was left open is read again, less and less often, until it is closed", (t) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  t.after(() => mock.timers.reset());
  let state = session("streaming", "cancelled");
  const read = [];
  awaitClosing(() => state, "s1", (runId) => read.push(runId));
  mock.timers.tick(300);
  mock.timers.tick(600);
  assert.deepEqual(read, ["r1", "r1"]);
  mock.timers.tick(1_100);
  assert.equal(read.length, 2);
  state = session("interrupted", "cancelled");
  mock.timers.tick(600_000);
  assert.equal(read.length, 2);
});

test("nobody is asked for ever", (t) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  t.after(() => mock.timers.reset());
  const read = [];
  awaitClosing(() => session("streaming", "cancelled"), "s1", (runId) => read.push(runId));
  for (let n = 0; n < 1_000; n += 1) mock.timers.tick(1_000);
  assert.equal(read.length, 9);
});
