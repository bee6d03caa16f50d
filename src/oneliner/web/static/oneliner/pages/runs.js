/**
 * All runs, newest first, with filters in the address. Several that have not ended can be cancelled at once.
 *
 * @import {Run} from "../types.js"
 * @import {PageContext, Route, Shown} from "./router.js"
 */

import { Refused } from "../api.js";
import { h, replaceChildren, setAttribute } from "../dom.js";
import { NEEDS_YOU, UNDER_WAY } from "../picking.js";
import { SavedViews } from "../saved-views.js";
import { storageOf } from "../views/context.js";
import { problemText } from "../views/problem-line.js";
import { elapsedMs, statusBadge } from "../views/run-facts.js";
import { choice, csvButton, filters, labelled, nothing, table, when } from "./parts.js";
import { addressOf } from "./router.js";
import { viewsRow } from "./views-row.js";

const STATUSES = ["drafting", "needs_confirmation", "queued", "running", "blocked", "done", "failed", "cancelled"];
/** Several states that one asks for together. @type {Record<string, string[]>} */
const GROUPS = { needs_you: [...NEEDS_YOU], under_way: [...UNDER_WAY], open: [...NEEDS_YOU, ...UNDER_WAY] };

/** @param {PageContext} context @param {Route} route @returns {Promise<Shown>} */
export async function show(context, route) {
  const { api, words, workspace } = context;
  const given = Object.fromEntries(["status", "q", "project_id", "before", "mine"].map((name) => [name, route.query.get(name)]));
  const saved = new SavedViews(api, storageOf("localStorage"), workspace.state.me?.userId ?? "");
  const [page, views] = await Promise.all([api.runs({ ...given, status: GROUPS[given.status ?? ""] ?? given.status, limit: "25" }), saved.all()]);
  const isAdmin = workspace.state.me?.role === "admin";
  const isNarrowed = Object.values(given).some(Boolean);
  /** @type {Map<string, Run>} */
  const chosen = new Map();
  const bulk = h("div", { class: "row bulk", hidden: true });

  const drawBulk = (isAsked = false) => {
    setAttribute(bulk, "hidden", chosen.size === 0);
    const count = chosen.size;
    const ask = h("button", { type: "button", class: "button small danger", on: { click: () => drawBulk(true) } }, words.text("runs.cancel_chosen", { count }));
    const yes = h("button", { type: "button", class: "button small danger", on: { click: () => void cancelAll() } }, words.text("runs.cancel_yes", { count }));
    const no = h("button", { type: "button", class: "button small", on: { click: () => drawBulk() } }, words.text("runs.cancel_no"));
    replaceChildren(bulk, ...(isAsked ? [h("span", {}, words.text("runs.cancel_ask")), yes, no] : [ask]));
    if (isAsked) no.focus();
  };
  const cancelAll = async () => {
    setAttribute(bulk, "hidden", true); // once
    const refused = [];
    for (const run of chosen.values()) {
      try {
        await api.moveRun(run.id, "cancel", {});
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        refused.push({ run, problem: error.problem });
      }
    }
    const fresh = await show(context, route);
    node.replaceWith(fresh.node);
    if (refused.length) fresh.node.prepend(...refused.map(({ run, problem }) => h("p", { class: "problem", role: "alert" }, `${run.title}: ${problemText(problem, words)}`)));
    context.announce(words.text("runs.cancelled", { count: chosen.size - refused.length }));
  };
  const tick = (/** @type {Run} */ run) => run.allowed_actions.includes("cancel") && h("input", {
    type: "checkbox", "aria-label": words.text("runs.choose", { title: run.title }),
    on: { change: (/** @type {any} */ event) => { if (event.target.checked) chosen.set(run.id, run); else chosen.delete(run.id); drawBulk(); } },
  });
  const hasTicks = page.items.some((run) => run.allowed_actions.includes("cancel"));
  const columns = [{ text: words.text("column.run"), kind: "wide" }, { text: words.text("column.status") }, ...(isAdmin ? [{ text: words.text("column.user") }] : []), { text: words.text("column.project") },
    { text: words.text("column.took"), kind: "number" }, { text: words.text("column.tokens"), kind: "number" }, { text: words.text("column.cost"), kind: "number" }, { text: words.text("column.created") }];
  const row = (/** @type {Run} */ run) => {
    const ms = elapsedMs(run, Date.now());
    const link = h("a", { href: addressOf("run", {}, run.id) }, run.title);
    return [h("span", { class: "row" }, tick(run) || (hasTicks && h("span", { class: "no-tick" })), link), statusBadge(run, words), ...(isAdmin ? [run.user_id ?? ""] : []), run.project_id || "–", ms === null ? "–" : words.took(ms), words.number(run.usage?.total_tokens ?? 0), words.cost(run.usage?.cost), when(run.created_at, words)];
  };
  const csv = () => [["id", "title", "run_status", "reason", "user_id", "project_id", "session_id", "total_tokens", "cost", "created_at", "finished_at"],
    ...page.items.map((r) => [r.id, r.title, r.run_status, r.reason, r.user_id, r.project_id, r.session_id, String(r.usage?.total_tokens ?? ""), r.usage?.cost, r.created_at, r.finished_at])];
  const older = page.next_cursor && h("a", { class: "button small", href: addressOf("runs", { ...given, before: page.next_cursor }) }, words.text("runs.older"));
  const newest = given.before && h("a", { class: "button small", href: addressOf("runs", { ...given, before: null }) }, words.text("runs.newest"));
  const usual = [{ text: words.text("filter.all"), query: {} }, ...["needs_you", "under_way", "failed"].map((status) => ({ text: words.text(status in GROUPS ? `runs.group.${status}` : `status.${status}`), query: { status } }))];
  const groups = Object.keys(GROUPS).map((name) => /** @type {[string, string]} */ ([name, words.text(`runs.group.${name}`)]));
  const node = h(
    "div", { class: "stack" },
    viewsRow(context, route, usual, { ...given, before: null }, saved, views),
    filters(route, words,
      labelled(words.text("column.status"), choice("status", [["", words.text("filter.all")], ...groups, ...STATUSES.map((s) => /** @type {[string, string]} */ ([s, words.text(`status.${s}`)]))], given.status ?? "")),
      labelled(words.text("filter.search"), h("input", { type: "search", name: "q", maxlength: 200, props: { value: given.q ?? "" } })),
      labelled(words.text("column.project"), h("input", { type: "text", name: "project_id", maxlength: 128, props: { value: given.project_id ?? "" } })),
      ...(isAdmin ? [labelled(words.text("filter.whose"), choice("mine", [["", words.text("filter.everybody")], ["true", words.text("filter.mine")]], given.mine ?? ""))] : [])),
    page.items.length ? table(words.text("page.runs"), columns, page.items.map(row)) : nothing(words.text(isNarrowed ? "runs.not_found" : "runs.none"), isNarrowed && h("a", { class: "button small", href: addressOf("runs") }, words.text("filter.reset"))),
    bulk,
    h("div", { class: "row" }, newest || null, older || null, page.items.length > 0 && csvButton(words, csv, "runs.csv")),
  );
  return { title: words.text("page.runs"), node };
}
