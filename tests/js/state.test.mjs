import assert from "node:assert/strict";
import { test } from "node:test";
import { at, message, run } from "./page.mjs";

const { initialState, reduce } = await import(at("state.js"));
const { transcriptOf } = await import(at("transcript.js"));

const after = (...actions) => actions.reduce(reduce, initialState());
const frame = (type, more = {}) => ({ type: "frame", frame: { type, run_id: "r1", session_id: "s1", ...more } });
const event = (seq, type, details = {}) => frame(type, { seq, at: "2026-01-01T00:00:05.000Z", details });
const delta = (offset, text) => frame("message.delta", { message_id: "m1", offset, text });
const snapshot = (text) => frame("message.snapshot", { message_id: "m1", text });
const live = (state) => state.live.m1;

test("deltas make the text, in characters and not in UTF-16 units", () => {
  const state = after(delta(0, "👍"), delta(1, "好"), delta(2, "!"));
  assert.deepEqual([live(state).text, live(state).length, live(state).gap], ["👍好!", 3, false]);
});

test("a delta that was seen is dropped, one that overlaps adds what is new", () => {
  const state = after(delta(0, "abc"), delta(0, "abc"), delta(1, "bcd"));
  assert.equal(live(state).text, "abcd");
});

test("a hole is marked and a snapshot mends it", () => {
  const holed = after(delta(0, "ab"), delta(5, "f"));
  assert.equal(live(holed).gap, true);
  assert.equal(live(holed).text, "ab");
  const mended = [snapshot("abcdef"), delta(6, "g")].reduce(reduce, holed);
  assert.deepEqual([live(mended).text, live(mended).gap], ["abcdefg", false]);
});

test("a snapshot that is older than the text changes nothing", () => {
  assert.equal(live(after(delta(0, "abcd"), snapshot("ab"))).text, "abcd");
});

test("an event is taken once", () => {
  const first = after({ type: "runs", runs: [run({ plan: { rev: 1, goal: "", steps: [{ id: "a", title: "A", status: "pending" }] } })] }, event(3, "step.started", { step_id: "a" }));
  assert.equal(first.runs.r1.plan.steps[0].status, "active");
  assert.equal(reduce(first, event(3, "step.completed", { step_id: "a" })), first);
});

test("a run never goes back: an answer older than an event is dropped, so is an event older than an answer", () => {
  const state = after(
    { type: "runs", runs: [run({ last_seq: 2 })] },
    event(4, "run.completed", { run_status: "done" }),
    { type: "runs", runs: [run({ last_seq: 3, run_status: "running" })] },
  );
  assert.equal(state.runs.r1.run_status, "done");
  assert.deepEqual(state.runs.r1.allowed_actions, []);
  const later = [{ type: "runs", runs: [run({ last_seq: 6, run_status: "queued" })] }, event(5, "run.failed", { run_status: "failed" })].reduce(reduce, state);
  assert.equal(later.runs.r1.run_status, "queued");
});

test("the end of a message closes its live text, and a late delta does not open it again", () => {
  const state = after(
    { type: "messages", sessionId: "s1", messages: [message({ state: "streaming", content: "" })], more: null },
    delta(0, "Hel"),
    event(3, "message.completed", { message_id: "m1", text: "Hello", text_truncated: false }),
    delta(3, "lo"),
  );
  assert.equal(live(state), undefined);
  assert.equal(state.messages.s1.items[0].content, "Hello");
});

test("a message whose event holds only its beginning keeps what was streamed until it is fetched", () => {
  const state = after(
    { type: "messages", sessionId: "s1", messages: [message({ state: "streaming", content: "" })], more: null },
    delta(0, "long text"),
    event(3, "message.completed", { message_id: "m1", text: "long", text_truncated: true }),
  );
  assert.equal(state.messages.s1.items[0].content, "long text");
});

test("a list asked for before the end of a message does not open it again", () => {
  const state = after(
    { type: "messages", sessionId: "s1", messages: [message()], more: null },
    { type: "messages", sessionId: "s1", messages: [message({ state: "streaming", content: "" })], more: undefined },
  );
  assert.equal(state.messages.s1.items[0].content, "Hello");
});

test("older pages go before, and a page with a hole behind it starts anew", () => {
  const at3 = message({ id: "c", position: 3 });
  const at1 = message({ id: "a", position: 1 });
  const both = after(
    { type: "messages", sessionId: "s1", messages: [at3], more: "x" },
    { type: "messages", sessionId: "s1", messages: [at1], more: null },
  );
  assert.deepEqual(both.messages.s1.items.map((m) => m.id), ["a", "c"]);
  const fresh = reduce(both, { type: "messages", sessionId: "s1", messages: [message({ id: "z", position: 90 })], more: "y", isFresh: true });
  assert.deepEqual(fresh.messages.s1.items.map((m) => m.id), ["z"]);
});

test("what one sends stands in the conversation until its message is there", () => {
  const outgoing = { key: "k", sessionId: "s1", text: "Hi", status: "sent", runId: "r1", problem: null };
  const sent = after({ type: "messages", sessionId: "s1", messages: [], more: null }, { type: "outgoing", outgoing });
  assert.deepEqual(transcriptOf(sent, "s1").map((l) => [l.kind, l.text]), [["user", "Hi"]]);
  const there = reduce(sent, { type: "messages", sessionId: "s1", messages: [message({ role: "user", content: "Hi" })] });
  assert.equal(there.outbox.length, 0);
  assert.deepEqual(transcriptOf(there, "s1").map((l) => l.kind), ["user"]);
});

test("a deleted session takes its runs and messages along", () => {
  const state = after(
    { type: "opened", sessionId: "s1" },
    { type: "runs", runs: [run()] },
    { type: "messages", sessionId: "s1", messages: [message()], more: null },
    { type: "session_gone", sessionId: "s1" },
  );
  assert.deepEqual([state.runs, state.messages, state.sessionId], [{}, {}, null]);
});

test("an administrator's page holds his own work, though he is sent everybody's", () => {
  const state = after(
    { type: "me", me: { userId: "ann" } },
    { type: "runs", runs: [run({ user_id: "ann" }), run({ id: "r2", user_id: "bob" })] },
    { type: "sessions", sessions: [{ id: "s1", user_id: "ann" }, { id: "s2", user_id: "bob" }] },
  );
  assert.deepEqual([Object.keys(state.runs), Object.keys(state.sessions)], [["r1"], ["s1"]]);
});

test("a retry is told until text comes", () => {
  const waiting = after({ type: "runs", runs: [run()] }, event(3, "message.retrying", { attempt: 2, kind: "unavailable", after_seconds: 1.5 }));
  assert.deepEqual(waiting.retrying.r1, { attempt: 2, kind: "unavailable", afterSeconds: 1.5 });
  assert.equal(reduce(waiting, delta(0, "a")).retrying.r1, undefined);
});

test("what was said to a working run from elsewhere stands in the conversation, once", () => {
  const steered = event(3, "message.steered", { message_id: "m9", text: "in French", by: "alice" });
  const state = after({ type: "messages", sessionId: "s1", messages: [message()], more: null }, steered);
  assert.deepEqual(state.messages.s1.items.map((m) => [m.id, m.role, m.content]).at(-1), ["m9", "user", "in French"]);
  const fetched = reduce(state, { type: "messages", sessionId: "s1", messages: [message({ id: "m9", role: "user", content: "in French", position: 2 })] });
  assert.equal(fetched.messages.s1.items.length, 2);
});

test("who is at work follows what is delegated and what comes back", () => {
  const begun = [{ type: "runs", runs: [run({ last_seq: 1 })] }, event(2, "executor.started", { active_executor_key: "researcher" })].reduce(reduce, initialState());
  assert.equal(begun.runs.r1.active_executor_key, "researcher");
  const back = reduce(begun, event(3, "executor.finished", { active_executor_key: "main" }));
  assert.equal(back.runs.r1.active_executor_key, "main");
});
