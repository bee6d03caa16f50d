import assert from "node:assert/strict";
import { test } from "node:test";
import { at } from "./page.mjs";

const { RunHistory } = await import(at("run-history.js"));

/** A server whose run has *count* events. */
function server(count) {
  const asked = [];
  const told = { count, asked };
  const ask = async (_method, path) => {
    const query = new URL(path, "http://server").searchParams;
    const [after, limit] = [Number(query.get("after")), Number(query.get("limit"))];
    asked.push(after);
    const items = Array.from({ length: Math.min(limit, told.count - after) }, (_, n) => ({ seq: after + n + 1 }));
    const last = after + items.length;
    return { items, next_cursor: last < told.count ? String(last) : null };
  };
  return { told, history: new RunHistory({ ask }, "id") };
}
const isWhole = (history, count) => assert.deepEqual(history.events.map((event) => event.seq), Array.from({ length: count }, (_, n) => n + 1));

test("it is read as far as somebody wants", async () => {
  const { told, history } = server(50_000);
  await history.readUpTo(1_200);
  assert.deepEqual([history.events.length, history.hasMore, told.asked], [1_500, true, [0, 500, 1_000]]);
  await history.readUpTo(1_500);
  assert.equal(told.asked.length, 3);
  await history.readMore();
  isWhole(history, 2_000);
});

test("what is written later is read behind it, and nothing twice", async () => {
  const { told, history } = server(3);
  await history.readUpTo(100);
  told.count = 5;
  await Promise.all([history.catchUp(), history.catchUp()]);
  isWhole(history, 5);
  told.count = 1_700;
  await history.catchUp();
  isWhole(history, 1_700);
});

test("while older events wait to be read there is nothing to catch up with", async () => {
  const { told, history } = server(900);
  await history.readMore();
  told.count = 1_000;
  await history.catchUp();
  assert.deepEqual([history.events.length, told.asked], [500, [0]]);
});

test("a reading that failed is tried again by the next one", async () => {
  let isDown = true;
  const history = new RunHistory({ ask: async () => { if (isDown) throw new Error("down"); return { items: [{ seq: 1 }], next_cursor: null }; } }, "id");
  await assert.rejects(history.readMore(), /down/);
  isDown = false;
  await history.readMore();
  isWhole(history, 1);
});
