/**
 * Work that is handed over again and again: each schedule with its next due time, and a form for a new one.
 *
 * @import {PageContext, Route, Shown} from "./router.js"
 * @import {Schedule} from "./schedule-form.js"
 */

import { h, icon } from "../dom.js";
import { badge, filters, labelled, nothing, opened, table, when } from "./parts.js";
import { addressOf } from "./router.js";
import { scheduleForm } from "./schedule-form.js";

/** @param {PageContext} context @param {Route} route @returns {Promise<Shown>} */
export async function show(context, route) {
  const { api, words, workspace } = context;
  const project = route.query.get("project_id");
  const before = route.query.get("before");
  const isAdmin = workspace.state.me?.role === "admin";
  const query = new URLSearchParams({ limit: "25", ...(project ? { project_id: project } : {}), ...(before ? { before } : {}) });
  /** @type {{items: Schedule[], next_cursor: string|null}} */
  const page = await api.ask("GET", `/v2/oneliner/schedules?${query}`);
  const columns = [{ text: words.text("column.schedule"), kind: "wide" }, { text: words.text("column.status") }, { text: words.text("schedules.cron") }, { text: words.text("schedules.timezone") },
    { text: words.text("column.due") }, ...(isAdmin ? [{ text: words.text("column.user") }] : []), { text: words.text("column.project") }];
  const row = (/** @type {Schedule} */ one) => [h("a", { href: addressOf("schedule", {}, one.id) }, one.title), stateOf(one, words), h("code", {}, one.cron), one.timezone,
    one.next_due_at ? [when(one.next_due_at, words), h("span", { class: "hint" }, " ", words.ago(one.next_due_at, Date.now()))] : "–", ...(isAdmin ? [one.user_id] : []), one.project_id || "–"];
  const form = opened([icon("plus"), words.text("schedules.new")], () => scheduleForm(context, null, (made) => {
    context.announce(words.text("schedules.made", { title: made.title }));
    location.hash = addressOf("schedule", {}, made.id);
  }), { isOpen: page.items.length === 0 && !project && !before });
  const node = h("div", { class: "stack" },
    page.items.length > 0 || project || before ? filters(route, words, labelled(words.text("column.project"), h("input", { type: "text", name: "project_id", maxlength: 128, props: { value: project ?? "" } }))) : null,
    page.items.length ? table(words.text("page.schedules"), columns, page.items.map(row)) : nothing(words.text("schedules.none")),
    page.next_cursor && h("a", { class: "button small", href: addressOf("schedules", { project_id: project, before: page.next_cursor }) }, words.text("runs.older")),
    form);
  return { title: words.text("page.schedules"), node };
}

/** @param {Schedule} schedule @param {import("../i18n.js").Translator} words */
export function stateOf(schedule, words) {
  if (schedule.paused) return badge("off", words.text("schedules.is_paused"));
  if (!schedule.next_due_at) return badge("off", words.text("schedules.is_over"));
  return badge("good", words.text(schedule.confirmed_ahead ? "schedules.is_ahead" : "schedules.is_active"));
}
