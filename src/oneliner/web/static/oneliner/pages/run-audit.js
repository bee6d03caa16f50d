/**
 * Who did what to a run and when, newest first; people by name.
 *
 * @import {Part, RunView} from "./run.js"
 * @import {Translator} from "../i18n.js"
 * @import {Run} from "../types.js"
 * @typedef {{id: string, at: string, actor: string, actor_name: string, action: string, target: string, target_id: string, details: Record<string, any>}} Line
 */

import { part, queryOf } from "../api.js";
import { h, replaceChildren, setAttribute } from "../dom.js";
import { attempted, nothing, section, table, when } from "./parts.js";
import { layerName } from "./policy.js";

/** @param {RunView} view @returns {Promise<Part>} */
export async function auditPart({ context, run }) {
  const { api, words } = context;
  /** @type {Map<string, Line>} */
  const known = new Map();
  /** @type {string|null} */
  let before = null;
  const problem = h("div", {});
  const box = h("div", {});
  const more = h("button", { type: "button", class: "button small", on: { click: () => void older() } }, words.text("audit.older"));
  const draw = () => {
    const lines = [...known.values()].sort((a, b) => (a.id < b.id ? 1 : -1));
    setAttribute(more, "hidden", !before);
    replaceChildren(box, lines.length ? lineTable(lines, run, words) : nothing(words.text("audit.none")));
  };
  const older = () => attempted(words, problem, async () => {
    const page = await auditOf(api, run.id, before);
    for (const line of page.items) known.set(line.id, /** @type {Line} */ (line));
    before = page.next_cursor;
    draw();
    if (!before) /** @type {HTMLElement|null} */ (box.querySelector(".table-box"))?.focus({ preventScroll: true });
  });
  const newest = async () => {
    const page = await auditOf(api, run.id);
    if (page.next_cursor && !page.items.some((line) => known.has(line.id))) known.clear();
    if (known.size === 0) before = page.next_cursor;
    const isNews = page.items.some((line) => !known.has(line.id)) || known.size === 0;
    for (const line of page.items) known.set(line.id, /** @type {Line} */ (line));
    if (isNews) draw();
  };
  await newest();
  const begun = words.text(run.source_type === "handoff" ? "audit.handed_over" : "audit.begun", { screen: run.source_screen || "–" });
  return { node: section(words.text("audit.heading"), h("p", { class: "hint" }, begun, " · ", when(run.created_at, words, { isExact: true })), box, problem, more), follow: newest };
}

/** @param {Line[]} lines @param {Run} run @param {Translator} words */
function lineTable(lines, run, words) {
  const columns = [{ text: words.text("column.action"), kind: "wide" }, { text: words.text("audit.by") }, { text: words.text("audit.when") }];
  return table(words.text("audit.heading"), columns, lines.map((line) => [whatOf(line, words), whoOf(line, run, words), when(line.at, words, { isExact: true })]));
}

/** @param {Line} line @param {Run} run @param {Translator} words */
function whoOf(line, run, words) {
  if (!line.actor) return [words.text("audit.server")];
  const isForeign = line.actor !== run.user_id;
  return [h("span", { title: line.actor }, line.actor_name || line.actor), isForeign && h("span", { class: "hint audit-about" }, words.text("audit.foreign"))];
}

/** @param {Line} line @param {Translator} words */
function whatOf(line, words) {
  const name = words.has(`audit.action.${line.action}`) ? words.text(`audit.action.${line.action}`) : line.action;
  const about = aboutOf(line, words);
  return [h("span", {}, name), about.length > 0 && h("span", { class: "hint audit-about" }, about.join(" · "))];
}

/** The codes and figures of a line, in words. @param {Line} line @param {Translator} words @returns {string[]} */
export function aboutOf({ action, target, target_id, details }, words) {
  const said = [];
  if (target === "layer") said.push(layerOf(target_id, words));
  if (details.tool) said.push(String(details.tool));
  if (details.version) said.push(words.text("audit.version", { version: String(details.version) }));
  if (details.plan_rev) said.push(words.text("chip.rev", { rev: String(details.plan_rev) }));
  if (details.schedule_id) said.push(words.text("audit.ahead"));
  if (details.asked && details.asked !== "approval") said.push(wordOr(`audit.asked.${details.asked}`, details.asked, words));
  for (const one of details.decisions ?? []) said.push(decisionOf(one, words));
  for (const call of details.calls ?? []) said.push(String(call.name));
  if (details.more) said.push(words.text("audit.more", { more: words.cost(details.more), name: wordOr(`budget.${details.budget}`, details.budget, words) }));
  if (action === "run.retried" && details.code) said.push(words.text("audit.had_failed", { reason: wordOr(`reason.${details.code}`, details.code, words) }));
  // Who cancelled it stands beside; only another cause than his will is news.
  if (action === "run.cancelled" && details.code !== "user_cancelled") said.push(wordOr(`reason.${details.code}`, details.code, words));
  return said;
}

/** @param {{name: string, decision: string, edited?: boolean}} one @param {Translator} words */
function decisionOf(one, words) {
  const decided = wordOr(`audit.decision.${one.decision}`, one.decision, words);
  return `${one.name}: ${one.edited ? words.text("audit.edited", { decided }) : decided}`;
}

/** @param {string} target such as ``project:p1`` @param {Translator} words */
function layerOf(target, words) {
  const at = target.indexOf(":");
  const scope = target.slice(at + 1);
  return scope ? `${layerName(target.slice(0, at), words)} (${scope})` : layerName(target.slice(0, at), words);
}

/** @param {string} key @param {unknown} otherwise @param {Translator} words */
function wordOr(key, otherwise, words) {
  return words.has(key) ? words.text(key) : String(otherwise ?? "");
}

/** @param {import("../api.js").Api} api @param {string} runId @param {string|null} [before] @returns {Promise<{items: Line[], next_cursor: string|null}>} newest first */
function auditOf(api, runId, before) {
  return api.ask("GET", `/v2/oneliner/runs/${part(runId)}/audit${queryOf({ before })}`);
}
