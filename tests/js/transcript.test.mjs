import assert from "node:assert/strict";
import { test } from "node:test";
import { at, message, run } from "./page.mjs";

const { initialState, reduce } = await import(at("state.js"));
const { transcriptOf } = await import(at("transcript.js"));

const user = message({ id: "u", role: "user", content: "Do it", position: 1 });
const calling = (...tool_calls) => message({ id: "a", position: 2, content: "I look.", tool_calls });
const result = (tool_call_id, content) => message({ id: `t${tool_call_id}`, role: "tool", position: 3, content, tool_call_id });
const lines = (messages, runs = [run()], ...more) =>
  transcriptOf([{ type: "messages", sessionId: "s1", messages, more: null }, { type: "runs", runs }, ...more].reduce(reduce, initialState()), "s1");
const tool = (type, seq, details) => ({ type: "frame", frame: { type, seq, run_id: "r1", session_id: "s1", details } });

test("a call of a tool is a card under what was said, with its result", () => {
  const found = lines([user, calling({ id: "c1", name: "search", arguments: '{"q":1}' }), result("c1", "42")]);
  assert.deepEqual(found.map((l) => l.kind), ["user", "assistant", "tools", "working"]);
  assert.deepEqual([found[2].tools[0].state, found[2].tools[0].result], ["done", "42"]);
});

test("two equal calls are told apart by their order, and events say how each went", () => {
  const call = { name: "search", arguments: "{}" };
  const found = lines(
    [user, calling({ ...call, id: "c1" }, { ...call, id: "c2" })],
    [run()],
    tool("tool.started", 3, { tool_call_id: "x", ...call }),
    tool("tool.started", 4, { tool_call_id: "y", ...call, attempt: 2 }),
    tool("tool.failed", 5, { tool_call_id: "x", name: "search", result: "no" }),
  );
  assert.deepEqual(found.find((l) => l.kind === "tools").tools.map((t) => [t.state, t.attempt]), [["failed", 1], ["running", 2]]);
});

test("what steers the run is no card; a question stands with its answer", () => {
  const asked = { id: "c1", name: "ask_user", arguments: '{"question":"Which?"}' };
  const found = lines([user, calling(asked, { id: "c2", name: "mark_step", arguments: "{}" }), result("c1", '{"answer":"Both"}')]);
  assert.equal(found.some((l) => l.kind === "tools"), false);
  const line = found.find((l) => l.kind === "asked");
  assert.deepEqual([line.question, line.answer], ["Which?", "Both"]);
});

test("what a plan was drafted with is not part of the conversation", () => {
  assert.deepEqual(lines([user, message({ id: "p", position: 2, purpose: "plan" })]).map((l) => l.kind), ["user", "working"]);
});

test("a summary of the older part has its own line, and none when it was not made", () => {
  const summary = message({ id: "s", position: 2, purpose: "summary", content: "- wants red [1]" });
  const [, line] = lines([user, summary, message({ id: "a", position: 3 })]);
  assert.deepEqual([line.kind, line.text], ["summary", "- wants red [1]"]);
  const failed = { ...summary, content: "", state: "interrupted" };
  assert.deepEqual(lines([user, failed]).map((l) => l.kind), ["user", "working"]);
});

test("a run says at its place how it ended", () => {
  const found = lines([user, message({ id: "a", position: 2 })], [run({ run_status: "failed", reason: "model_error" })]);
  assert.deepEqual(found.map((l) => l.kind), ["user", "assistant", "end"]);
});

test("a run that is done shows its end when its last message is whole", () => {
  const writing = message({ id: "a", position: 2, state: "streaming", content: "Hal" });
  assert.deepEqual(lines([user, writing], [run({ run_status: "done" })]).map((l) => l.kind), ["user", "assistant"]);
  assert.deepEqual(lines([user, writing], [run({ run_status: "cancelled" })]).map((l) => l.kind), ["user", "assistant", "end"]);
});

test("text that is written has its line before its message is known, and keeps its key", () => {
  const delta = { type: "frame", frame: { type: "message.delta", run_id: "r1", session_id: "s1", message_id: "new", offset: 0, text: "Hel" } };
  const found = lines([user], [run()], delta);
  assert.deepEqual(found.map((l) => [l.kind, l.key]), [["user", "u"], ["assistant", "new"]]);
  assert.equal(found[1].isStreaming, true);
});

test("what a specialist says carries its name, and its calls have results of their own", () => {
  const delegate = { id: "c1", name: "delegate", arguments: '{"executor":"researcher","task":"look"}' };
  const inner = { position: 3, scope: "t1", executor: "researcher" };
  const found = lines([
    user,
    calling(delegate),
    message({ id: "b", content: "Let me see.", tool_calls: [{ id: "c1", name: "search", arguments: "{}" }], ...inner }),
    message({ id: "r", role: "tool", content: "42", tool_call_id: "c1", ...inner, position: 4 }),
    message({ id: "q", role: "tool", content: "It is 42.", tool_call_id: "c1", position: 5 }),
  ]);
  assert.deepEqual(found.filter((l) => l.kind === "assistant").map((l) => l.helper), ["", "researcher"]);
  assert.deepEqual(found.filter((l) => l.kind === "tools").map((l) => l.tools[0].result), ["It is 42.", "42"]);
});
