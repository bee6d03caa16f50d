import assert from "node:assert/strict";
import { test } from "node:test";
import { at } from "./page.mjs";

const { SavedViews, queryOf, toHandOver } = await import(at("saved-views.js"));
const { Refused } = await import(at("api.js"));
const KEY = "oneliner.views.runs.ann";

class Kept {
  #items = new Map();
  getItem(key) { return this.#items.get(key) ?? null; }
  setItem(key, value) { this.#items.set(key, value); }
  removeItem(key) { this.#items.delete(key); }
}

/** The server's side of it, with room for *most*. */
class Server {
  views = new Map();
  puts = 0;
  constructor(most = 50) { this.most = most; }
  async ask(method, path, body) {
    if (method === "GET") return { items: [...this.views].map(([name, query]) => ({ name, query })), next_cursor: null };
    if (method === "DELETE") return this.views.delete(new URL(path, "http://x").searchParams.get("name")) && null;
    this.puts += 1;
    if (this.views.size >= this.most && !this.views.has(body.name)) throw new Refused({ status: 422, code: "invalid", title: "", detail: "" });
    this.views.set(body.name, body.query);
    return body;
  }
}

test("a view is the server's, whatever its name, and goes when it is removed", async () => {
  const server = new Server();
  const views = new SavedViews(server, new Kept(), "ann");
  await views.save(" 失败? & mine/ ", "status=failed");
  assert.deepEqual(await new SavedViews(server, null, "ann").all(), [{ name: "失败? & mine/", query: "status=failed" }]);
  await views.remove("失败? & mine/");
  assert.deepEqual(await views.all(), []);
});

test("what a browser kept before is handed over once and then gone from there", async () => {
  const [server, storage] = [new Server(), new Kept()];
  storage.setItem(KEY, JSON.stringify([{ name: "Mine", query: "mine=true" }, { name: "Failed", query: "status=failed" }]));
  storage.setItem("oneliner.views.runs.bob", "[]");
  const views = new SavedViews(server, storage, "ann");
  assert.deepEqual((await views.all()).map((view) => view.name), ["Mine", "Failed"]);
  assert.equal(storage.getItem(KEY), null);
  assert.equal(storage.getItem("oneliner.views.runs.bob"), "[]");
  await views.remove("Mine");
  assert.deepEqual((await views.all()).map((view) => view.name), ["Failed"]);
  assert.equal(server.puts, 2);
});

test("what the server has no room for stays in the browser for another time", async () => {
  const [server, storage] = [new Server(1), new Kept()];
  storage.setItem(KEY, JSON.stringify([{ name: "A", query: "q=a" }, { name: "B", query: "q=b" }]));
  const views = new SavedViews(server, storage, "ann");
  assert.deepEqual((await views.all()).map((view) => view.name), ["A"]);
  assert.deepEqual(JSON.parse(storage.getItem(KEY)), [{ name: "B", query: "q=b" }]);
  await views.remove("A");
  assert.deepEqual((await views.all()).map((view) => view.name), ["B"]);
  assert.equal(storage.getItem(KEY), null);
});

test("what the server has already is not handed over, and a name that says something else gets a number", () => {
  const there = [{ name: "Mine", query: "mine=true" }, { name: "Failed", query: "status=failed" }];
  const held = [...there.slice(0, 1), { name: " Failed ", query: "q=x&status=failed" }, { name: "Failed", query: "q=y&status=failed" }, { name: "", query: "q=z" }, { name: "All", query: "" }];
  assert.deepEqual(toHandOver(JSON.stringify(held), there), [{ name: "Failed (2)", query: "q=x&status=failed" }, { name: "Failed (3)", query: "q=y&status=failed" }]);
});

test("what others wrote there is no view", () => {
  for (const text of ["no json", "{}", "[1, {\"name\": 2}]"]) assert.deepEqual(toHandOver(text, []), []);
});

test("two addresses with the same filters are the same", () => {
  assert.equal(queryOf({ status: "failed", q: null, mine: "true" }), "mine=true&status=failed");
  assert.equal(queryOf({ mine: "true", status: "failed", before: "" }), "mine=true&status=failed");
});
