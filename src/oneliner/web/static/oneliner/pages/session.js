/**
 * One session in full: what was said in it with what each message cost, the runs that came of it, and its export.
 *
 * @import {Message, Run, Session} from "../types.js"
 * @import {PageContext, Route, Shown} from "./router.js"
 */

import { h, icon, replaceChildren, setAttribute } from "../dom.js";
import { renameForm } from "../views/rename.js";
import { statusBadge } from "../views/run-facts.js";
import { attempted, facts, nothing, saveAs, section, showAgain, sureButton, table, when } from "./parts.js";
import { addressOf } from "./router.js";
import { said } from "./said.js";

const FORMATS = ["jsonl", "markdown"];
const ENDINGS = { jsonl: "jsonl", markdown: "md" };

/** @param {PageContext} context @param {Route} route @returns {Promise<Shown>} */
export async function show(context, route) {
  const { api, words } = context;
  const session = await api.session(route.id);
  const [runs, newest] = await Promise.all([api.runs({ session_id: session.id, limit: "100" }), api.messages(session.id)]);
  const node = h("div", { class: "stack" }, head(context, session),
    section(words.text("page.runs"), runs.items.length ? runTable(context, runs.items) : nothing(words.text("run.no_messages"))),
    conversation(context, session, newest));
  return { title: session.title || words.text("sessions.untitled"), node };
}

/** @param {PageContext} context @param {Session} session */
function head(context, session) {
  const { words, workspace } = context;
  const problem = h("div", {});
  const isMine = workspace.state.me?.userId === session.user_id;
  const open = isMine && h("a", { class: "button small primary", href: "#chat", on: { click: () => void workspace.open(session.id) } }, words.text("run.open_session"));
  const exports = FORMATS.map((format) => h("button", { type: "button", class: "button small", on: { click: () => void save(context, session, /** @type {any} */ (format), problem) } }, icon("down"), words.text(`sessions.export_${format}`)));
  const remove = sureButton(words, { text: words.text("session.delete"), ask: words.text("session.delete_ask"), yes: words.text("session.delete_yes"), icon: "trash" }, () => void takeAway(context, session, problem));
  const rename = h("button", { type: "button", class: "button small", on: { click: () => replaceChildren(naming, renameForm(context, session, leave)) } }, icon("edit"), words.text("rename.save"));
  const naming = h("div", {});
  const leave = (/** @type {boolean} */ isDone) => {
    replaceChildren(naming);
    rename.focus();
    if (isDone) showAgain();
  };
  return h("div", { class: "stack" },
    facts([
      [words.text("fact.created"), when(session.created_at, words)], [words.text("column.changed"), when(session.updated_at, words)],
      [words.text("column.messages"), words.number(session.message_count)], [words.text("column.tokens"), words.number(session.total_tokens)],
      [words.text("column.cost"), h("span", { title: session.total_cost ?? "" }, words.cost(session.total_cost))],
      [words.text("fact.user"), session.user_id ?? ""], [words.text("fact.project"), session.project_id || "–"], [words.text("fact.id"), h("code", {}, session.id)],
    ]),
    h("div", { class: "row" }, open, rename, ...exports, remove), naming, problem);
}

/** @param {PageContext} context @param {Session} session @param {"jsonl"|"markdown"} format @param {HTMLElement} problem */
async function save({ api, words }, session, format, problem) {
  await attempted(words, problem, async () => saveAs(await api.file(`/v1/agent/sessions/${session.id}/export?format=${format}`), `session-${session.id}.${ENDINGS[format]}`));
}

/** @param {PageContext} context @param {Session} session @param {HTMLElement} problem */
async function takeAway({ words, workspace, announce }, session, problem) {
  const isDone = await attempted(words, problem, () => workspace.removeSession(session.id));
  if (!isDone) return;
  announce(words.text("session.deleted"));
  location.hash = addressOf("sessions");
}

/** @param {PageContext} context @param {Run[]} runs */
function runTable({ words }, runs) {
  const columns = [{ text: words.text("column.run"), kind: "wide" }, { text: words.text("column.status") }, { text: words.text("column.tokens"), kind: "number" }, { text: words.text("column.cost"), kind: "number" }, { text: words.text("column.created") }];
  return table(words.text("page.runs"), columns, runs.map((run) => [h("a", { href: addressOf("run", {}, run.id) }, run.title), statusBadge(run, words), words.number(run.usage?.total_tokens ?? 0), words.cost(run.usage?.cost), when(run.created_at, words)]));
}

/** Oldest first; what is older comes on demand. @param {PageContext} context @param {Session} session @param {{items: Message[], next_cursor: string|null}} first */
function conversation(context, session, first) {
  const { api, words } = context;
  const heading = words.text("sessions.conversation");
  if (!first.items.length) return section(heading, nothing(words.text("run.no_messages")));
  const list = h("ol", { class: "said-list" }, ...[...first.items].reverse().map((message) => said(message, context)));
  let before = first.next_cursor;
  const problem = h("div", {});
  const more = h("button", { type: "button", class: "button small", hidden: !before, on: { click: () => void load() } }, words.text("sessions.older_messages"));
  const load = () => attempted(words, problem, async () => {
    const page = await api.messages(session.id, before);
    list.prepend(...[...page.items].reverse().map((message) => said(message, context)));
    before = page.next_cursor;
    setAttribute(more, "hidden", !before);
    if (!before) replaceChildren(problem);
  });
  return section(heading, more, problem, list);
}
