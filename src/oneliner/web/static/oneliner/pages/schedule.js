/**
 * One schedule: what it hands over, when it is due next, what came of the times that were, and its change.
 *
 * @import {PageContext, Route, Shown} from "./router.js"
 * @import {Schedule} from "./schedule-form.js"
 * @typedef {{due_at: string, first_due_at: string, outcome: "fired"|"refused", run_id: string|null}} Fire
 */

import { newKey } from "../api.js";
import { h, icon } from "../dom.js";
import { attempted, badge, facts, nothing, opened, section, showAgain, sureButton, table, when } from "./parts.js";
import { addressOf } from "./router.js";
import { dueList, scheduleForm } from "./schedule-form.js";
import { stateOf } from "./schedules.js";

/** @param {PageContext} context @param {Route} route @returns {Promise<Shown>} */
export async function show(context, route) {
  const { api, words, workspace } = context;
  const path = `/v2/oneliner/schedules/${encodeURIComponent(route.id)}`;
  const before = route.query.get("before");
  /** @type {Schedule} */
  const schedule = await api.ask("GET", path);
  const [fires, next] = await Promise.all([
    api.ask("GET", `${path}/fires?${new URLSearchParams({ limit: "25", ...(before ? { before } : {}) })}`),
    schedule.paused ? { items: [] } : api.ask("GET", `/v2/oneliner/due-times?${new URLSearchParams({ cron: schedule.cron, timezone: schedule.timezone })}`),
  ]);
  const isMine = workspace.state.me?.userId === schedule.user_id;
  const problem = h("div", {});
  const act = async (/** @type {string} */ move) => {
    if (await attempted(words, problem, () => api.ask("POST", `${path}/${move}`, undefined, newKey()))) showAgain();
  };
  const remove = async () => {
    if (await attempted(words, problem, () => api.ask("DELETE", path))) location.hash = addressOf("schedules");
  };
  const move = schedule.paused ? "resume" : "pause";
  const node = h("div", { class: "stack" },
    h("div", { class: "row" }, stateOf(schedule, words),
      h("button", { type: "button", class: "button small", on: { click: () => void act(move) } }, icon(schedule.paused ? "play" : "pause"), words.text(`schedules.${move}`)),
      sureButton(words, { text: words.text("schedules.delete"), ask: words.text("schedules.delete_ask"), yes: words.text("schedules.delete_yes"), icon: "trash" }, () => void remove())),
    problem,
    facts([
      [words.text("schedules.cron"), h("code", {}, schedule.cron)], [words.text("schedules.timezone"), schedule.timezone], [words.text("handoff.goal"), schedule.handoff.goal || "–"],
      [words.text("plan.steps"), steps(schedule, words)], [words.text("fact.user"), schedule.user_id], [words.text("fact.project"), schedule.project_id || "–"],
    ]),
    next.items.length > 0 && h("div", { class: "preview" }, dueList(next.items.map((/** @type {any} */ item) => item.due_at), schedule.timezone, words)),
    section(words.text("schedules.fires"), fires.items.length ? fireTable(context, fires.items) : nothing(words.text("schedules.no_fires")),
      fires.next_cursor && h("a", { class: "button small", href: addressOf("schedule", { before: fires.next_cursor }, schedule.id) }, words.text("runs.older"))),
    isMine && opened([icon("edit"), words.text("schedules.change")], () => scheduleForm(context, schedule, () => { context.announce(words.text("schedules.saved")); showAgain(); })));
  return { title: schedule.title, node };
}

/** @param {Schedule} schedule @param {import("../i18n.js").Translator} words */
function steps(schedule, words) {
  if (schedule.handoff.draft) return words.text("handoff.plan_draft");
  const all = schedule.handoff.steps ?? [];
  return all.length ? h("ol", { class: "plain numbered" }, ...all.map((/** @type {string} */ step) => h("li", {}, step))) : words.text("handoff.plan_none");
}

/** @param {PageContext} context @param {Fire[]} fires */
function fireTable({ words }, fires) {
  const columns = [{ text: words.text("column.due") }, { text: words.text("column.status") }, { text: words.text("column.run") }, { text: words.text("column.note"), kind: "wide" }];
  return table(words.text("schedules.fires"), columns, fires.map((fire) => [
    when(fire.due_at, words), badge(fire.outcome === "fired" ? "good" : "bad", words.text(`schedules.outcome.${fire.outcome}`)),
    fire.run_id ? h("a", { href: addressOf("run", {}, fire.run_id) }, words.text("schedules.its_run")) : "–",
    fire.first_due_at < fire.due_at ? [words.text("schedules.missed"), " ", when(fire.first_due_at, words)] : "",
  ]));
}
