/**
 * One document: its text, who changed what, the way back, and the way to the agent.
 *
 * A version that the agent wrote is shown as what it changed. Restoring writes the old text as a new version: nothing is
 * ever lost.
 *
 * @import {PageContext, Route, Shown} from "./router.js"
 */

import { h, icon, setAttribute } from "../dom.js";
import { diffView } from "../views/diff-view.js";
import { MarkdownView } from "../views/markdown-view.js";
import { attempted, nothing, section, showAgain, when } from "./parts.js";
import { addressOf } from "./router.js";

/** @param {PageContext} context @param {Route} route @returns {Promise<Shown>} */
export async function show(context, route) {
  const { api, words, workspace } = context;
  const path = `/v2/oneliner/documents/${encodeURIComponent(route.id)}`;
  const [newest, history] = await Promise.all([api.ask("GET", path), api.ask("GET", `${path}/versions`)]);
  const at = Number(route.query.get("version")) || newest.version;
  const shown = at === newest.version ? newest : await api.ask("GET", `${path}?version=${at}`);
  const earlier = at > 1 ? await api.ask("GET", `${path}?version=${at - 1}`) : null;
  const problem = h("div", {});
  const isMine = newest.user_id === workspace.state.me?.userId;

  const write = (/** @type {string} */ content) => attempted(words, problem, async () => {
    await api.ask("PUT", "/v2/oneliner/documents", { project_id: newest.project_id, path: newest.path, content, seen_version: newest.version });
    drafts.set(draftKey, null);
    const address = addressOf("document", {}, route.id);
    if (location.hash === address) showAgain();
    else location.hash = address;
  });
  const { drafts } = context;
  const draftKey = `document.${route.id}.${newest.version}`;
  const field = h("textarea", { class: "editor", rows: 16, "aria-label": words.text("documents.text"), props: { value: drafts.get(draftKey) ?? newest.content }, on: { input: () => drafts.set(draftKey, field.value) } });
  const editor = h("div", { class: "stack", hidden: drafts.get(draftKey) === null }, field,
    h("div", { class: "row" }, h("button", { type: "button", class: "button primary", on: { click: () => void write(field.value) } }, words.text("documents.save")),
      h("button", { type: "button", class: "button", on: { click: () => { drafts.set(draftKey, null); field.value = newest.content; setAttribute(editor, "hidden", true); } } }, words.text("documents.discard"))));
  const edit = h("button", { type: "button", class: "button", on: { click: () => { setAttribute(editor, "hidden", null); field.focus(); } } }, icon("edit"), words.text("documents.edit"));
  const restore = h("button", { type: "button", class: "button", on: { click: () => void write(shown.content) } }, icon("undo"), words.text("documents.restore", { version: at }));
  const hand = h("button", {
    type: "button", class: "button primary",
    data: {
      action: "handoff-to-main-agent", title: words.text("documents.adjust_title", { path: newest.path }).slice(0, 200), goal: words.text("documents.adjust_goal", { path: newest.path, version: newest.version }), draft: "",
      projectId: newest.project_id, sourceScreen: "strategy", actionKey: "strategy-adjust", intent: "adjust_document", askBefore: "write_document",
    },
  }, icon("hand"), words.text("documents.adjust"));
  const text = new MarkdownView(words);
  text.update(shown.content, false);
  const author = shown.run_id ? h("a", { href: addressOf("run", {}, shown.run_id) }, words.text("documents.by_agent")) : shown.author;
  const node = h(
    "div", { class: "stack" },
    h("div", { class: "row" }, h("span", { class: "fact" }, words.text("documents.at", { version: at, newest: newest.version }), " · ", author), isMine && hand, isMine && (at === newest.version ? edit : restore)),
    problem, isMine && editor,
    h("div", { class: "columns" },
      h("div", { class: "stack" },
        earlier && section(words.text("documents.diff", { version: at - 1 }), diffView(earlier.content, shown.content, words)),
        h("div", { class: "paper" }, shown.content ? text.node : nothing(words.text("documents.empty")))),
      section(words.text("documents.versions"), versions(context, route, history.items, at))),
  );
  return { title: newest.path, node };
}

/** @param {PageContext} context @param {Route} route @param {Record<string, any>[]} items @param {number} at */
function versions({ words }, route, items, at) {
  return h("ol", { class: "versions" }, ...items.map((item) => h("li", {},
    h("a", { href: addressOf("document", { version: String(item.version) }, route.id), "aria-current": item.version === at ? "true" : null }, words.text("documents.version", { version: item.version })),
    " ", h("span", { class: "hint" }, item.run_id ? words.text("documents.by_agent") : item.author, " · ", when(item.created_at, words)))));
}
