/**
 * Asking the rules: whether a call would be allowed and who says so, and what a draft would have changed in past runs.
 *
 * @import {Translator} from "../i18n.js"
 * @import {PageContext} from "./router.js"
 * @import {Rule} from "../tool-rules.js"
 * @typedef {{layer: string, verdict: string, rule: Rule|null}} Saying
 * @typedef {{runs_checked: number, runs_denied: number, runs_asked: number, runs: {run_id: string, title: string,
 *   findings: {field: string, what: string, verdict: string, layer: string}[]}[]}} Trial
 */

import { h, replaceChildren } from "../dom.js";
import { noteOf } from "../outlook.js";
import { attempted, badge, labelled, table } from "./parts.js";
import { layerName, ruleName, ruleText, verdictName } from "./policy.js";
import { addressOf } from "./router.js";
import { TOOL_NAMES } from "./tool-rule-form.js";

/** @type {Record<string, "good"|"waits"|"bad">} */
const STATES = { allow: "good", ask: "waits", deny: "bad" };

/** @param {string} verdict @param {Translator} words */
export function verdictBadge(verdict, words) {
  return badge(STATES[verdict] ?? "off", verdictName(verdict, words));
}

/** @param {Trial} trial @param {Translator} words */
export function triedResult(trial, words) {
  const sentence = words.text(trial.runs_checked === 0 ? "trial.no_runs" : trial.runs.length === 0 ? "trial.nothing" : "trial.said", { count: trial.runs_checked, denied: trial.runs_denied, asked: trial.runs_asked });
  const columns = [{ text: words.text("column.run"), kind: "wide" }, { text: words.text("trial.would"), kind: "wide" }];
  const rows = trial.runs.map((run) => [h("a", { href: addressOf("run", {}, run.run_id) }, run.title),
    h("ul", { class: "plain" }, ...run.findings.map((one) => h("li", {}, verdictBadge(one.verdict, words), ` ${words.text("pair", { name: ruleName(one.field, words), value: one.what })} · ${layerName(one.layer, words)}`)))]);
  return h("div", { class: "stack" }, h("p", { class: "trial-said" }, sentence), rows.length > 0 && table(words.text("trial.result"), columns, rows));
}

/**
 * May this executor call this tool with these arguments, and why?
 *
 * @param {PageContext} context @param {string} project @param {string} platform @param {string} userId whose rules; empty: the caller's
 */
export function explainForm(context, project, platform, userId) {
  const { api, words, workspace } = context;
  const isAdmin = workspace.state.me?.role === "admin";
  const problem = h("div", {});
  const answer = h("div", { role: "status" });
  const tool = h("input", { type: "text", name: "tool", required: true, maxlength: 200, list: TOOL_NAMES, autocomplete: "off", spellcheck: "false" });
  const given = h("textarea", { name: "arguments", rows: 3, class: "code", spellcheck: "false", props: { value: "{}" } });
  const executor = h("input", { type: "text", name: "executor", required: true, maxlength: 200, autocomplete: "off", props: { value: "main" } });
  const user = h("input", { type: "text", name: "user_id", maxlength: 200, autocomplete: "off", placeholder: workspace.state.me?.userId, props: { value: userId } });
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    replaceChildren(answer);
    const said = objectFrom(given.value);
    given.setAttribute("aria-invalid", String(said === null));
    if (said === null) return replaceChildren(problem, h("p", { class: "problem", role: "alert" }, words.text("explain.no_object")));
    const body = { tool: tool.value.trim(), arguments: said, executor: executor.value.trim(), project_id: project, platform, ...(isAdmin && user.value.trim() ? { user_id: user.value.trim() } : {}) };
    await attempted(words, problem, async () => replaceChildren(answer, explained(await api.ask("POST", "/v2/oneliner/governance/explain", body), words)));
  };
  return h("form", { class: "stack", "aria-label": words.text("explain.heading"), on: { submit } },
    h("div", { class: "rule-fields" }, labelled(words.text("toolrules.tool"), tool), labelled(words.text("toolrules.executor"), executor), isAdmin ? labelled(words.text("fact.user"), user) : null),
    labelled(words.text("explain.arguments"), given), problem, h("div", {}, h("button", { type: "submit", class: "button" }, words.text("explain.ask"))), answer);
}

/** @param {string} text @returns {Record<string, any>|null} null: it is no JSON object */
function objectFrom(text) {
  try {
    const value = JSON.parse(text || "{}");
    return value !== null && typeof value === "object" && !Array.isArray(value) ? value : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** @param {{verdict: string, decided_by: Saying|null, considered: Saying[]}} ruling @param {Translator} words */
function explained(ruling, words) {
  const by = ruling.decided_by;
  const why = by === null ? words.text("explain.nobody") : words.text(by.rule ? "explain.by_rule" : "explain.by_default", { layer: layerName(by.layer, words) });
  const columns = [{ text: words.text("column.layer") }, { text: words.text("toolrules.verdict") }, { text: words.text("column.rule"), kind: "wide" }, { text: words.text("toolrules.why") }];
  const rows = ruling.considered.map((one) => [layerName(one.layer, words), verdictBadge(one.verdict, words), one.rule ? ruleText(one.rule, words) : words.text("explain.default"), noteOf(one.rule, words)]);
  return h("div", { class: "stack" }, h("p", { class: "trial-said" }, verdictBadge(ruling.verdict, words), " ", why, noteOf(by?.rule, words) && ` “${noteOf(by?.rule, words)}”`), rows.length > 0 && table(words.text("explain.considered"), columns, rows));
}
