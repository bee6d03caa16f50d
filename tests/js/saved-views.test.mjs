import assert from "node:assert/strict";
import { test } from "node:test";
import { at } from "./page.mjs";

const { SavedViews, queryOf } = await import(at("saved-views.js"));

class Kept {
  #items = new Map();
  getItem(key) { return this.#items.get(key) ?? null; }
  setItem(key, value) { this.#items.set(key, value); }
}

test("a view is kept for its user and its page, and goes when it is removed", () => {
  const storage = new Kept();
  const mine = new SavedViews(storage, "runs", "ann");
  mine.save(" Mine ", "mine=true");
  mine.save("Failed here", "project_id=p&status=failed");
  assert.deepEqual(new SavedViews(storage, "runs", "ann").all(), [{ name: "Mine", query: "mine=true" }, { name: "Failed here", query: "project_id=p&status=failed" }]);
  assert.deepEqual(new SavedViews(storage, "runs", "bob").all(), []);
  assert.deepEqual(new SavedViews(storage, "sessions", "ann").all(), []);
  mine.remove("Mine");
  assert.deepEqual(mine.all().map((view) => view.name), ["Failed here"]);
});

test("the same name says something else, and there are never too many", () => {
  const views = new SavedViews(new Kept(), "runs", "ann");
  for (let n = 1; n <= 25; n += 1) views.save(`View ${n}`, `q=${n}`);
  views.save("View 25", "q=new");
  assert.equal(views.all().length, 20);
  assert.deepEqual(views.all().at(-1), { name: "View 25", query: "q=new" });
  assert.equal(views.all()[0].name, "View 6");
});

test("what others wrote there, and a browser that keeps nothing, are no views", () => {
  const storage = new Kept();
  for (const text of ["no json", "{}", "[1, {\"name\": 2}]"]) {
    storage.setItem("oneliner.views.runs.ann", text);
    assert.deepEqual(new SavedViews(storage, "runs", "ann").all(), []);
  }
  const nowhere = new SavedViews(null, "runs", "ann");
  nowhere.save("A", "");
  assert.deepEqual([nowhere.isThere, nowhere.all()], [false, []]);
});

test("two addresses with the same filters are the same", () => {
  assert.equal(queryOf({ status: "failed", q: null, mine: "true" }), "mine=true&status=failed");
  assert.equal(queryOf({ mine: "true", status: "failed", before: "" }), "mine=true&status=failed");
});
