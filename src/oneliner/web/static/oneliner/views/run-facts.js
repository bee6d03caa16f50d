/**
 * Small pieces that say something of a run: its status, its figures, its progress.
 *
 * @import {Translator} from "../i18n.js"
 * @import {Run} from "../types.js"
 */

import { h } from "../dom.js";
import { ENDED } from "../picking.js";

/** @param {Run} run @param {Translator} words */
export function statusBadge(run, words) {
  return h(
    "span",
    { class: "status", data: { status: run.run_status } },
    h("span", { class: "status-dot", "aria-hidden": "true" }),
    words.text(`status.${run.run_status}`),
  );
}

/** What it is doing now, in one line: the step it works on, the server's summary, or why it ended. @param {Run} run @param {Translator} words */
export function summaryOf(run, words) {
  const reason = reasonOf(run, words);
  if ((run.run_status === "failed" || run.run_status === "cancelled") && reason) return reason;
  if (run.run_status === "running") {
    const active = run.plan.steps.find((step) => step.status === "active");
    if (active) return active.title;
  }
  if (run.run_status === "queued" && run.queue?.position) return words.text("queue.ahead", { count: run.queue.position });
  return run.status_summary || words.text(`status.${run.run_status}`);
}

/** @param {Run} run @param {Translator} words */
export function reasonOf(run, words) {
  const key = `reason.${run.reason}`;
  return run.reason && words.has(key) ? words.text(key) : "";
}

/** @param {Run} run @param {Translator} words @returns {HTMLElement|null} tokens and cost */
export function usageFact(run, words) {
  const usage = run.usage;
  if (!usage || !(usage.total_tokens || Number(usage.cost))) return null;
  const exact = usage.cost == null ? words.text("cost.unknown_title") : words.text("cost.exact", { cost: usage.cost });
  const tokens = words.text("tokens", { count: usage.total_tokens });
  const detail = words.text("tokens.detail", {
    input: usage.input_tokens,
    output: usage.output_tokens,
    cached: usage.cached_tokens,
  });
  const estimated = usage.estimated ? ` ${words.text("cost.estimated")}` : "";
  return h("span", { class: "fact", title: `${exact}\n${detail}` }, `${tokens} · ${words.cost(usage.cost)}${estimated}`);
}

/** @param {Run} run @param {Translator} words @returns {HTMLElement|null} the budget with the least left, of those it is under */
export function budgetFact(run, words) {
  const budgets = run.usage?.budgets ?? [];
  if (!budgets.length || ENDED.has(run.run_status)) return null;
  const said = budgets.map((budget) => words.text("budget.of", { name: words.text(`budget.${budget.budget}`), ...moneyOf(budget, words) }));
  const tightest = budgets.reduce((least, budget) => (Number(budget.left) < Number(least.left) ? budget : least));
  return h("span", { class: "fact", title: said.join("\n") }, words.text("budget.left", { left: words.cost(tightest.left) }));
}

/** What a budget allows and has spent, in words. @param {{limit?: string, granted?: string, used?: string}} budget @param {Translator} words */
export function moneyOf(budget, words) {
  const limit = Number(budget.limit) + Number(budget.granted ?? 0);
  return { limit: words.cost(String(limit)), used: words.cost(budget.used ?? "0") };
}

/** How long it has been executed, or took; null before it was. @param {Run} run @param {number} nowMs */
export function elapsedMs(run, nowMs) {
  if (!run.started_at || run.run_status === "needs_confirmation") return null;
  const end = ENDED.has(run.run_status) && run.finished_at ? Date.parse(run.finished_at) : nowMs;
  return end - Date.parse(run.started_at);
}

/** @param {Run} run */
export function isTicking(run) {
  return run.started_at !== null && (run.run_status === "running" || run.run_status === "drafting");
}

/** @param {Run} run @param {Translator} words @returns {HTMLElement|null} a bar of steps done */
export function progressBar(run, words) {
  const total = run.plan.steps.length;
  if (!total || !["running", "queued", "blocked"].includes(run.run_status)) return null;
  const done = run.plan.steps.filter((s) => s.status === "done" || s.status === "skipped").length;
  const said = words.text("progress.said", { done, total });
  const parts = run.plan.steps.map((s) => h("span", { class: "progress-part", data: { status: s.status } }));
  return h(
    "div",
    {
      class: "progress", role: "progressbar", "aria-valuemin": 0, "aria-valuemax": total, "aria-valuenow": done,
      "aria-valuetext": said, "aria-label": words.text("progress.label"),
    },
    ...parts,
  );
}

/** @param {Run} run @param {Translator} words @returns {HTMLElement} facts as chips */
export function chips(run, words) {
  const layers = (run.governance_snapshot?.layers ?? []).map((/** @type {{layer: string, version: number}} */ { layer, version }) => {
    const name = words.text(`layer.${layer}`);
    return version ? words.text("chip.layer", { layer: name, version }) : name; // the defaults have no version
  });
  const total = run.plan.steps.length;
  const all = [
    run.source_type === "handoff" && words.text("chip.handoff", { screen: run.source_screen || "–" }),
    total > 0 && words.text("chip.steps", { count: total }),
    total > 0 && run.plan.rev > 1 && words.text("chip.rev", { rev: run.plan.rev }),
    run.project_id && words.text("chip.project", { project: run.project_id }),
    layers.length > 0 && words.text("chip.rules", { layers: layers.join(" · ") }),
  ];
  return h("ul", { class: "chips", "aria-label": words.text("chip.label") }, ...all.filter(Boolean).map((c) => h("li", { class: "chip" }, String(c))));
}
