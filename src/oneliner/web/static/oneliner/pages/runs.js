/**
 * All runs, newest first, with filters in the address; they move while one looks. Several that have not ended can be
 * cancelled at once, and all that fit are saved as a file.
 *
 * @import {Run} from "../types.js"
 * @import {PageContext, Route, Shown} from "./router.js"
 */

import { Refused } from "../api.js";
import { h, keepFocus, replaceChildren, setAttribute } from "../dom.js";
import { NEEDS_YOU, UNDER_WAY } from "../picking.js";
import { SavedViews } from "../saved-views.js";
import { storageOf } from "../views/context.js";
import { problemText } from "../views/problem-line.js";
import { elapsedMs, statusBadge } from "../views/run-facts.js";
import { csvButton } from "./csv.js";
import { Following } from "./following.js";
import { choice, filters, labelled, nothing, showAgain, table, when } from "./parts.js";
import { addressOf } from "./router.js";
import { viewsRow } from "./views-row.js";

const STATUSES = ["drafting", "needs_confirmation", "queued", "running", "blocked", "done", "failed", "cancelled"];
/** Several states that one asks for together. @type {Record<string, string[]>} */
const GROUPS = { needs_you: [...NEEDS_YOU], under_way: [...UNDER_WAY], open: [...NEEDS_YOU, ...UNDER_WAY] };
const SHOWN = 25;
/** What the server gives at most. */
const MOST_AT_ONCE = 100;
const CSV = ["id", "title", "run_status", "reason", "user_id", "project_id", "session_id", "total_tokens", "cost", "created_at", "finished_at"];

/** @param {PageContext} context @param {Route} route @returns {Promise<Shown>} */
export async function show(context, route) {
  const { api, words, workspace } = context;
  const given = Object.fromEntries(["status", "q", "project_id", "before", "mine"].map((name) => [name, route.query.get(name)]));
  const read = (/** @type {string|null} */ before, limit = SHOWN) => api.runs({ ...given, status: GROUPS[given.status ?? ""] ?? given.status, before, limit: String(limit) });
  const saved = new SavedViews(api, storageOf("localStorage"), workspace.state.me?.userId ?? "");
  const [page, views] = await Promise.all([read(given.before), saved.all()]);
  const isAdmin = workspace.state.me?.role === "admin";
  const isNarrowed = Object.values(given).some(Boolean);
  const list = h("div", {});
  const refused = h("div", {});
  const following = new Following(api, page.items, () => read(given.before), () => draw());
  const bulk = new Bulk(context, refused, () => following.refresh());

  const columns = [{ text: words.text("column.run"), kind: "wide" }, { text: words.text("column.status") }, ...(isAdmin ? [{ text: words.text("column.user") }] : []), { text: words.text("column.project") },
    { text: words.text("column.took"), kind: "number" }, { text: words.text("column.tokens"), kind: "number" }, { text: words.text("column.cost"), kind: "number" }, { text: words.text("column.created") }];
  const row = (/** @type {Run} */ run, /** @type {boolean} */ hasTicks) => {
    const ms = elapsedMs(run, Date.now());
    const link = h("a", { href: addressOf("run", {}, run.id), data: { focus: run.id } }, run.title);
    return [h("span", { class: "row" }, bulk.tick(run) ?? (hasTicks && h("span", { class: "no-tick" })), link), statusBadge(run, words), ...(isAdmin ? [run.user_id ?? ""] : []), run.project_id || "–", ms === null ? "–" : words.took(ms), words.number(run.usage?.total_tokens ?? 0), words.cost(run.usage?.cost), when(run.created_at, words)];
  };
  const draw = () => keepFocus(node, () => {
    const { runs, newer } = following;
    const hasTicks = runs.some(isStoppable);
    bulk.forget(runs.filter((run) => !isStoppable(run)));
    replaceChildren(above, newer > 0 && !given.before && h("button", { type: "button", class: "button small", data: { focus: "newer" }, on: { click: showAgain } }, words.text("runs.newer", { count: newer })));
    replaceChildren(list, runs.length ? table(words.text("page.runs"), columns, runs.map((run) => row(run, hasTicks)))
      : nothing(words.text(isNarrowed ? "runs.not_found" : "runs.none"), isNarrowed && h("a", { class: "button small", href: addressOf("runs") }, words.text("filter.reset"))));
  });

  const above = h("div", { role: "status" });
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
    refused, above, list, bulk.node,
    h("div", { class: "row" }, newest || null, older || null, page.items.length > 0 && csvButton(words, "runs.csv", CSV, csvRow, (before) => read(before, MOST_AT_ONCE))),
  );
  draw();
  following.start(workspace, { isOfOthers: isAdmin && !given.mine });
  return { title: words.text("page.runs"), node, leave: () => following.leave() };
}

/** @param {Run} run */
function isStoppable(run) {
  return run.allowed_actions.includes("cancel");
}

/** @param {Run} r */
function csvRow(r) {
  return [r.id, r.title, r.run_status, r.reason, r.user_id, r.project_id, r.session_id, String(r.usage?.total_tokens ?? ""), r.usage?.cost, r.created_at, r.finished_at];
}

/** What becomes of the runs that are ticked: all of them are cancelled, after a question. */
class Bulk {
  #context;
  #refused;
  #onDone;
  /** @type {Map<string, Run>} */
  #chosen = new Map();
  node = h("div", { class: "row bulk", hidden: true });

  /** @param {PageContext} context @param {HTMLElement} refused where is told what was not cancelled @param {() => Promise<void>} onDone */
  constructor(context, refused, onDone) {
    this.#context = context;
    this.#refused = refused;
    this.#onDone = onDone;
  }

  /** @param {Run} run @returns {HTMLElement|null} null: it can not be cancelled */
  tick(run) {
    if (!isStoppable(run)) return null;
    const change = (/** @type {any} */ event) => {
      if (event.target.checked) this.#chosen.set(run.id, run);
      else this.#chosen.delete(run.id);
      this.#draw();
    };
    return h("input", { type: "checkbox", "aria-label": this.#context.words.text("runs.choose", { title: run.title }), data: { focus: `choose ${run.id}` }, props: { checked: this.#chosen.has(run.id) }, on: { change } });
  }

  /** @param {Run[]} runs that can no longer be cancelled */
  forget(runs) {
    if (runs.filter((run) => this.#chosen.delete(run.id)).length) this.#draw();
  }

  #draw(isAsked = false) {
    const { words } = this.#context;
    const count = this.#chosen.size;
    setAttribute(this.node, "hidden", count === 0);
    const ask = h("button", { type: "button", class: "button small danger", data: { focus: "bulk" }, on: { click: () => this.#draw(true) } }, words.text("runs.cancel_chosen", { count }));
    const yes = h("button", { type: "button", class: "button small danger", on: { click: () => void this.#cancel() } }, words.text("runs.cancel_yes", { count }));
    const no = h("button", { type: "button", class: "button small", data: { focus: "bulk" }, on: { click: () => this.#draw() } }, words.text("runs.cancel_no"));
    replaceChildren(this.node, ...(isAsked ? [h("span", {}, words.text("runs.cancel_ask")), yes, no] : [ask]));
    if (isAsked) no.focus();
  }

  async #cancel() {
    const { api, announce, words } = this.#context;
    const runs = [...this.#chosen.values()];
    this.#chosen.clear(); // once
    this.#draw();
    const lines = [];
    for (const run of runs) {
      try {
        await api.moveRun(run.id, "cancel", {});
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        lines.push(h("p", { class: "problem", role: "alert" }, `${run.title}: ${problemText(error.problem, words)}`));
      }
    }
    replaceChildren(this.#refused, ...lines);
    await this.#onDone();
    announce(words.text("runs.cancelled", { count: runs.length - lines.length }));
  }
}
