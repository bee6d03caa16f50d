/**
 * The project documents that people and the agent share.
 *
 * @import {PageContext, Route, Shown} from "./router.js"
 */

import { h, icon } from "../dom.js";
import { attempted, filters, labelled, nothing, section, table, when } from "./parts.js";
import { addressOf } from "./router.js";

/** @param {PageContext} context @param {Route} route @returns {Promise<Shown>} */
export async function show(context, route) {
  const { api, words } = context;
  const project = route.query.get("project_id") ?? "";
  const before = route.query.get("before");
  const q = route.query.get("q") ?? "";
  const query = new URLSearchParams({ project_id: project, ...(q ? { q } : before ? { before } : {}) });
  const page = await api.ask("GET", `/v2/oneliner/documents${q ? "/search" : ""}?${query}`);
  const link = (/** @type {any} */ d) => [h("a", { href: addressOf("document", {}, d.id) }, d.path), d.excerpt ? h("span", { class: "hint excerpt" }, d.excerpt) : null];
  const columns = [{ text: words.text("column.document"), kind: "wide" }, { text: words.text("column.title") }, { text: words.text("column.version"), kind: "number" }, { text: words.text("column.changed") }];
  const rows = page.items.map((/** @type {any} */ d) => [link(d), d.title, words.number(d.version), when(d.updated_at, words)]);
  const older = page.next_cursor && h("a", { class: "button small", href: addressOf("documents", { project_id: project, before: page.next_cursor }) }, words.text("documents.next"));
  const node = h(
    "div", { class: "stack" },
    filters(route, words,
      labelled(words.text("column.project"), h("input", { type: "text", name: "project_id", maxlength: 128, props: { value: project } })),
      labelled(words.text("filter.search"), h("input", { type: "search", name: "q", maxlength: 200, props: { value: q } }))),
    rows.length ? table(words.text("page.documents"), columns, rows) : nothing(words.text(q ? "documents.not_found" : "documents.none")),
    older || null,
    writing(context, project),
  );
  return { title: words.text("page.documents"), node };
}

/** A new document. @param {PageContext} context @param {string} project */
function writing({ api, words }, project) {
  const problem = h("div", {});
  const path = h("input", { type: "text", name: "path", required: true, maxlength: 200, placeholder: "strategy/2026.md", autocomplete: "off" });
  const text = h("textarea", { name: "content", rows: 6 });
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    await attempted(words, problem, async () => {
      const made = await api.ask("PUT", "/v2/oneliner/documents", { project_id: project, path: path.value.trim(), content: text.value, seen_version: 0 });
      location.hash = addressOf("document", {}, made.id);
    });
  };
  return section(words.text("documents.new"),
    h("form", { class: "stack narrow", on: { submit } }, labelled(words.text("column.document"), path), labelled(words.text("documents.text"), text), problem,
      h("div", { class: "row" }, h("button", { type: "submit", class: "button primary" }, icon("plus"), words.text("documents.create")))));
}
