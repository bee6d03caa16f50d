/**
 * Forms for rules. A layer is written for the version that was read: when somebody else was faster, nothing is written,
 * and the reader is told. A draft can be tried on past runs before it is written.
 *
 * @import {PageContext} from "./router.js"
 */

import { h, replaceChildren } from "../dom.js";
import { BadValue } from "../tool-rules.js";
import { attempted, choice, labelled, opened } from "./parts.js";
import { layerName, ruleName } from "./policy.js";
import { triedResult } from "./rule-trial.js";
import { ToolRulesForm } from "./tool-rule-form.js";

const LIMITS = ["max_steps", "max_seconds", "max_output_tokens", "max_tool_calls", "approval_seconds"];
const CONFIRMATIONS = ["confirmation", "schedule_confirmation"];
/** Which layers count all that a budget is about; elsewhere the server refuses it. @type {Record<string, string[]>} */
const BUDGETS = {
  run_budget: ["system", "platform", "project", "user", "admin_override"],
  user_day_budget: ["system", "user", "admin_override"],
  project_day_budget: ["system", "project", "admin_override"],
  day_budget: ["system", "admin_override"],
};
const KNOWN = new Set([...CONFIRMATIONS, "allowed_models", "tools", ...LIMITS, ...Object.keys(BUDGETS)]);
const LAST = ["50", "200", "500"];
const HOUR_MS = 3_600_000;

/** The fields of one layer's rules. */
class RuleFields {
  #layer;
  #kept;
  #tools;
  node;

  /** @param {PageContext} context @param {string} layer @param {Record<string, any>} rules */
  constructor({ words }, layer, rules) {
    this.#layer = layer;
    // What has no field here, such as standing approvals, is written as it was read.
    this.#kept = Object.fromEntries(Object.entries(rules).filter(([name]) => !KNOWN.has(name)));
    this.#tools = new ToolRulesForm(words, rules.tools);
    const none = words.text("rule.none");
    const confirmations = CONFIRMATIONS.map((name) => labelled(ruleName(name, words), choice(name, [["", none], ...["never", "always"].map((v) => /** @type {[string, string]} */ ([v, words.text(`rule.value.${v}`)]))], rules[name] ?? "")));
    const models = h("input", { type: "text", name: "allowed_models", placeholder: "openai/*, anthropic/*", props: { value: (rules.allowed_models ?? []).join(", ") } });
    const limits = LIMITS.map((name) => labelled(ruleName(name, words), h("input", { type: "number", name, min: 1, step: 1, placeholder: none, props: { value: rules[name] ?? "" } })));
    const budgets = this.#budgets.map((name) => labelled(ruleName(name, words), h("input", { type: "text", name, inputmode: "decimal", pattern: "[0-9]+([.][0-9]{1,9})?", placeholder: none, props: { value: rules[name] ?? "" } })));
    this.node = h("div", { class: "stack" }, h("div", { class: "rule-fields" }, labelled(ruleName("allowed_models", words), models), ...confirmations, ...limits, ...budgets), this.#tools.node);
  }

  get #budgets() {
    return Object.keys(BUDGETS).filter((name) => BUDGETS[name].includes(this.#layer));
  }

  /** @param {HTMLFormElement} form @returns {Record<string, any>} Throws BadValue. */
  value(form) {
    const given = new FormData(form);
    const entered = (/** @type {string} */ name) => String(given.get(name) ?? "").trim();
    /** @type {Record<string, any>} */
    const rules = { ...this.#kept };
    for (const name of [...CONFIRMATIONS, ...this.#budgets]) if (entered(name)) rules[name] = entered(name);
    if (entered("allowed_models")) rules.allowed_models = entered("allowed_models").split(/[\s,]+/).filter(Boolean);
    for (const name of LIMITS) if (entered(name)) rules[name] = Number(entered(name));
    const book = this.#tools.value();
    if (book) rules.tools = book;
    return rules;
  }
}

/** @param {PageContext} context @param {HTMLElement} problem @param {() => Promise<any>} work @returns {Promise<boolean>} */
function tried({ words }, problem, work) {
  return attempted(words, problem, work, (error) => (error instanceof BadValue ? h("p", { class: "problem", role: "alert" }, words.text("toolrules.bad_value")) : null));
}

/**
 * The button that tries what the form says now on past runs, and what came of it.
 *
 * @param {PageContext} context @param {() => HTMLFormElement} form @param {RuleFields} fields @param {string} layer @param {() => string} scope
 */
function trial(context, form, fields, layer, scope) {
  const { api, words } = context;
  const result = h("div", { class: "trial", role: "status" });
  const last = choice("last", LAST.map((n) => [n, words.text("trial.last", { count: Number(n) })]), "200");
  last.setAttribute("aria-label", words.text("trial.how_many"));
  const go = () => tried(context, result, async () => {
    if (!form().reportValidity()) return;
    const body = { layer, scope: scope(), rules: fields.value(form()), last: Number(last.value) };
    replaceChildren(result, h("p", { class: "hint" }, words.text("trial.asking")));
    replaceChildren(result, triedResult(await api.ask("POST", "/v2/oneliner/governance/simulate", body), words));
  });
  const buttons = h("span", { class: "row trial-ask" }, h("button", { type: "button", class: "button", on: { click: () => void go() } }, words.text("trial.try")), last);
  return { result, buttons };
}

/** @param {PageContext} context @param {{layer: string, scope_key: string, version: number, rules: Record<string, any>}} layer @param {() => void} onDone */
export function layerForm(context, layer, onDone) {
  const { words } = context;
  const name = layer.scope_key ? `${layerName(layer.layer, words)} · ${layer.scope_key}` : layerName(layer.layer, words);
  const said = layer.version ? words.text("documents.version", { version: layer.version }) : words.text(layer.layer === "system" ? "rules.defaults" : "rules.says_nothing");
  return opened([name, h("span", { class: "hint" }, " ", said)], () => layerFields(context, layer, name, onDone));
}

/** @param {PageContext} context @param {{layer: string, scope_key: string, version: number, rules: Record<string, any>}} layer @param {string} name @param {() => void} onDone */
function layerFields(context, layer, name, onDone) {
  const { api, words } = context;
  const problem = h("div", {});
  const fields = new RuleFields(context, layer.layer, layer.rules);
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const body = () => ({ scope: layer.scope_key, rules: fields.value(form), seen_version: layer.version });
    if (await tried(context, problem, async () => api.ask("PUT", `/v2/oneliner/governance/layers/${layer.layer}`, body()))) {
      context.announce(words.text("rules.saved"));
      onDone();
    }
  };
  const { result, buttons } = trial(context, () => form, fields, layer.layer, () => layer.scope_key);
  const form = h("form", { class: "stack", "aria-label": name, on: { submit } }, fields.node, problem,
    h("div", { class: "row" }, h("button", { type: "submit", class: "button primary" }, words.text("rules.save")), buttons), result);
  return form;
}

/** @param {PageContext} context @param {string} project @param {() => void} onDone */
export function overrideForm(context, project, onDone) {
  return opened([context.words.text("rules.new_override")], () => overrideFields(context, project, onDone));
}

/** @param {PageContext} context @param {string} project @param {() => void} onDone */
function overrideFields(context, project, onDone) {
  const { api, words } = context;
  const problem = h("div", {});
  const soon = new Date(Date.now() + HOUR_MS - new Date().getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
  const scope = h("input", { type: "text", name: "scope", maxlength: 200, placeholder: words.text("rules.everybody"), props: { value: project ? `project:${project}` : "" } });
  const notice = h("input", { type: "text", name: "notice", maxlength: 1_000, required: true });
  const expires = h("input", { type: "datetime-local", name: "expires_at", required: true, props: { value: soon } });
  const fields = new RuleFields(context, "admin_override", {});
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const body = () => ({ scope: scope.value.trim(), rules: fields.value(form), notice: notice.value, expires_at: new Date(expires.value).toISOString() });
    if (await tried(context, problem, async () => api.ask("PUT", "/v2/oneliner/governance/override", body()))) {
      context.announce(words.text("rules.saved"));
      onDone();
    }
  };
  const form = h("form", { class: "stack", "aria-label": words.text("rules.new_override"), on: { submit } },
    h("div", { class: "rule-fields" }, labelled(words.text("column.scope"), scope), labelled(words.text("rules.expires"), expires), labelled(words.text("rules.notice"), notice)),
    h("p", { class: "hint" }, words.text("rules.scope_note")), fields.node, problem,
    h("div", { class: "row" }, h("button", { type: "submit", class: "button primary" }, words.text("rules.override_now"))));
  return form;
}
