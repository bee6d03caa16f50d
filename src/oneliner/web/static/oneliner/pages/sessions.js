/**
 * All conversations with what they cost, newest first; for an administrator also those that were deleted and can still be
 * restored.
 *
 * @import {Session} from "../types.js"
 * @import {PageContext, Route, Shown} from "./router.js"
 */

import { newKey } from "../api.js";
import { h } from "../dom.js";
import { csvButton } from "./csv.js";
import { attempted, choice, filters, labelled, nothing, showAgain, table, when } from "./parts.js";
import { addressOf } from "./router.js";

const CSV = ["id", "title", "user_id", "project_id", "message_count", "total_tokens", "total_cost", "created_at", "updated_at", "deleted_at"];

/** @param {PageContext} context @param {Route} route @returns {Promise<Shown>} */
export async function show(context, route) {
  const { api, words, workspace } = context;
  const given = Object.fromEntries(["q", "project_id", "mine", "deleted", "before"].map((name) => [name, route.query.get(name)]));
  const isAdmin = workspace.state.me?.role === "admin";
  const isBin = given.deleted === "true";
  /** @returns {Promise<{items: Session[], next_cursor: string|null}>} */
  const read = (/** @type {string|null} */ before, limit = "25") =>
    api.ask("GET", `/v1/agent/sessions?${new URLSearchParams(Object.entries({ ...given, before, limit }).flatMap(([name, value]) => (value ? [[name, value]] : [])))}`);
  const page = await read(given.before);
  const problem = h("div", {});
  const columns = [{ text: words.text("column.session"), kind: "wide" }, ...(isBin ? [{ text: words.text("column.action") }] : []), ...(isAdmin ? [{ text: words.text("column.user") }] : []), { text: words.text("column.project") },
    { text: words.text("column.messages"), kind: "number" }, { text: words.text("column.tokens"), kind: "number" }, { text: words.text("column.cost"), kind: "number" },
    { text: words.text(isBin ? "column.deleted" : "column.changed") }];
  const row = (/** @type {Session} */ session) => {
    const title = session.title || words.text("sessions.untitled");
    const bring = h("button", { type: "button", class: "button small", "aria-label": words.text("sessions.restore_one", { title }), on: { click: () => void restore(context, session, problem) } }, words.text("sessions.restore"));
    return [isBin ? title : h("a", { href: addressOf("session", {}, session.id) }, title), ...(isBin ? [bring] : []), ...(isAdmin ? [session.user_id ?? ""] : []), session.project_id || "–", words.number(session.message_count),
      words.number(session.total_tokens), h("span", { title: session.total_cost ?? "" }, words.cost(session.total_cost)), when((isBin && session.deleted_at) || session.updated_at, words)];
  };
  const csvRow = (/** @type {Session} */ s) => [s.id, s.title, s.user_id, s.project_id, String(s.message_count), String(s.total_tokens), s.total_cost, s.created_at, s.updated_at, s.deleted_at];
  const older = page.next_cursor && h("a", { class: "button small", href: addressOf("sessions", { ...given, before: page.next_cursor }) }, words.text("runs.older"));
  const newest = given.before && h("a", { class: "button small", href: addressOf("sessions", { ...given, before: null }) }, words.text("runs.newest"));
  const node = h(
    "div", { class: "stack" },
    filters(route, words,
      labelled(words.text("filter.search"), h("input", { type: "search", name: "q", maxlength: 200, props: { value: given.q ?? "" } })),
      labelled(words.text("column.project"), h("input", { type: "text", name: "project_id", maxlength: 128, props: { value: given.project_id ?? "" } })),
      ...(isAdmin ? [
        labelled(words.text("filter.whose"), choice("mine", [["", words.text("filter.everybody")], ["true", words.text("filter.mine")]], given.mine ?? "")),
        labelled(words.text("sessions.which"), choice("deleted", [["", words.text("sessions.present")], ["true", words.text("sessions.deleted")]], given.deleted ?? "")),
      ] : [])),
    isBin && h("p", { class: "hint" }, words.text("sessions.deleted_note")),
    problem,
    page.items.length ? table(words.text("page.sessions"), columns, page.items.map(row)) : empty(context, given),
    h("div", { class: "row" }, newest || null, older || null, page.items.length > 0 && csvButton(words, "sessions.csv", CSV, csvRow, (before) => read(before, "100"))),
  );
  return { title: words.text("page.sessions"), node };
}

/** @param {PageContext} context @param {Record<string, string|null>} given */
function empty({ words }, given) {
  if (given.deleted) return nothing(words.text("sessions.none_deleted"));
  if (given.q || given.project_id || given.before) return nothing(words.text("sessions.not_found"), h("a", { class: "button small", href: addressOf("sessions") }, words.text("filter.reset")));
  return nothing(words.text("sessions.none"), h("a", { class: "button small", href: "#chat" }, words.text("nav.new_chat")));
}

/** @param {PageContext} context @param {Session} session @param {HTMLElement} problem */
async function restore({ api, words, workspace, announce }, session, problem) {
  const isDone = await attempted(words, problem, () => api.ask("POST", `/v1/agent/sessions/${session.id}/restore`, undefined, newKey()));
  if (!isDone) return;
  if (session.user_id === workspace.state.me?.userId) void workspace.load();
  announce(words.text("sessions.restored", { title: session.title }));
  showAgain();
}
