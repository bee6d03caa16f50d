import assert from "node:assert/strict";
import { test } from "node:test";
import { at, run } from "./page.mjs";

const { AnswerDraft } = await import(at("answer-draft.js"));
const { Drafts, forgetWhatIsOver } = await import(at("drafts.js"));

/** A browser's storage, with room for so many characters in a value. */
function storage(room = Infinity) {
  const items = {};
  const methods = {
    getItem: (key) => items[key] ?? null,
    removeItem: (key) => { delete items[key]; delete kept[key]; },
    setItem: (key, value) => {
      if (value.length > room) throw new DOMException("full", "QuotaExceededError");
      items[key] = value;
      Object.defineProperty(kept, key, { value, enumerable: true, configurable: true });
    },
  };
  const kept = Object.create(methods);
  return kept;
}
const blocked = (more = {}, overrides = {}) => run({ run_status: "blocked", blocked: { kind: "input", question: "Which?", schema: { properties: {} }, ...more }, ...overrides });
const ann = () => "ann";

test("what was entered outlives the page, and whoever comes next is not shown it", () => {
  const kept = storage();
  let user = "ann";
  const drafts = new Drafts(kept, () => user);
  drafts.set("chat.new", "Dear agent");
  user = "bob.x";
  assert.equal(drafts.get("chat.new"), null);
  drafts.set("chat.new", "Mine");
  user = "bob";
  assert.deepEqual(drafts.names(), []);
  assert.equal(new Drafts(kept, ann).get("chat.new"), "Dear agent");
  assert.deepEqual(new Drafts(kept, ann).names(), ["chat.new"]);
});

test("where nothing is kept, or there is no room, it stays for as long as the page", () => {
  for (const kept of [null, storage(20)]) {
    const drafts = new Drafts(kept, ann);
    drafts.set("chat.new", "short");
    drafts.set("chat.new", "much longer than there is room for");
    assert.equal(drafts.get("chat.new"), "much longer than there is room for");
    assert.deepEqual(drafts.names(), ["chat.new"]);
    // An older text does not come back in its place.
    assert.equal(new Drafts(kept, ann).get("chat.new"), null);
  }
});

test("an answer is kept for the request it was entered for, and for no other of the same run", () => {
  const drafts = new Drafts(storage(), ann);
  new AnswerDraft(drafts, blocked()).keep({ size: "1" });
  assert.deepEqual(new AnswerDraft(drafts, blocked()).entered, { size: "1" });
  assert.deepEqual(new AnswerDraft(drafts, blocked({ question: "And now?" })).entered, {});
  assert.deepEqual(new AnswerDraft(drafts, blocked({ kind: "approval", calls: [{ id: "c1", arguments_hash: "x" }] })).entered, {});
  new AnswerDraft(drafts, blocked()).forget();
  assert.deepEqual(drafts.names(), []);
});

test("what nobody asks for any more is forgotten, and nothing else", () => {
  const drafts = new Drafts(storage(), ann);
  new AnswerDraft(drafts, blocked()).keep({ size: "1" });
  for (const name of ["plan.r1", "retry.r1", "chat.s1", "answer.r9"]) drafts.set(name, "text");
  forgetWhatIsOver(drafts, { r1: blocked() });
  assert.deepEqual(drafts.names().sort(), ["answer.r1", "answer.r9", "chat.s1"]);
  forgetWhatIsOver(drafts, { r1: run({ run_status: "cancelled" }) });
  assert.deepEqual(drafts.names().sort(), ["answer.r9", "chat.s1"]);
});

test("what is still written while its writer signs out is kept for nobody", () => {
  const kept = storage();
  let user = "ann";
  const drafts = new Drafts(kept, () => user);
  drafts.set("chat.new", "Between us");
  user = "";
  drafts.clear();
  drafts.set("chat.new", "Between us");
  assert.equal(drafts.get("chat.new"), null);
  assert.deepEqual(Object.keys(kept), []);
});
