/**
 * Forms for rules. A layer is written for the version that was read: when somebody else was faster, nothing is written,
 * and the reader is told.
 *
 * @import {PageContext} from "./router.js"
 */

import { Refused } from "../api.js";
import { h, replaceChildren } from "../dom.js";
import { problemLine } from "../views/problem-line.js";
import { choice, labelled } from "./parts.js";
import { layerName, ruleName } from "./policy.js";

const LIMITS = ["max_steps", "max_seconds", "max_output_tokens", "max_tool_calls"];
const KNOWN = new Set(["confirmation", "allowed_models", ...LIMITS]);
const HOUR_MS = 3_600_000;

/** @param {PageContext} context @param {Record<string, any>} rules */
function fields({ words }, rules) {
  const none = words.text("rule.none");
  const confirmation = choice("confirmation", [["", none], ...["never", "always"].map((v) => /** @type {[string, string]} */ ([v, words.text(`rule.value.${v}`)]))], rules.confirmation ?? "");
  const models = h("input", { type: "text", name: "allowed_models", placeholder: "openai/*, anthropic/*", props: { value: (rules.allowed_models ?? []).join(", ") } });
  const limits = LIMITS.map((name) => labelled(ruleName(name, words), h("input", { type: "number", name, min: 1, step: 1, placeholder: none, props: { value: rules[name] ?? "" } })));
  const rest = Object.fromEntries(Object.entries(rules).filter(([name]) => !KNOWN.has(name)));
  // Rules that have no field of their own here are edited as the API takes them.
  const others = h("textarea", { name: "others", rows: 3, class: "code", spellcheck: "false", props: { value: Object.keys(rest).length ? JSON.stringify(rest, null, 2) : "" } });
  return h("div", { class: "rule-fields" }, labelled(ruleName("confirmation", words), confirmation), labelled(ruleName("allowed_models", words), models), ...limits,
    h("details", { class: "detail", open: others.value !== "" }, h("summary", {}, words.text("rules.others")), labelled(words.text("rules.others_label"), others)));
}

/** @param {HTMLFormElement} form @returns {Record<string, any>} Throws SyntaxError: the other rules are no JSON object. */
function rulesFrom(form) {
  const given = new FormData(form);
  const entered = (/** @type {string} */ name) => String(given.get(name) ?? "").trim();
  /** @type {Record<string, any>} */
  const rules = entered("others") ? JSON.parse(entered("others")) : {};
  if (rules === null || typeof rules !== "object" || Array.isArray(rules)) throw new SyntaxError("not an object");
  if (entered("confirmation")) rules.confirmation = entered("confirmation");
  if (entered("allowed_models")) rules.allowed_models = entered("allowed_models").split(/[\s,]+/).filter(Boolean);
  for (const name of LIMITS) if (entered(name)) rules[name] = Number(entered(name));
  return rules;
}

/** @param {PageContext} context @param {HTMLElement} problem @param {() => Promise<any>} work @returns {Promise<boolean>} */
async function tried({ words }, problem, work) {
  replaceChildren(problem);
  try {
    await work();
    return true;
  } catch (error) {
    if (error instanceof SyntaxError) replaceChildren(problem, h("p", { class: "problem", role: "alert" }, words.text("question.json")));
    else if (error instanceof Refused) replaceChildren(problem, problemLine(error.problem, words));
    else throw error;
    return false;
  }
}

/** @param {PageContext} context @param {{layer: string, scope_key: string, version: number, rules: Record<string, any>}} layer @param {() => void} onDone */
export function layerForm(context, layer, onDone) {
  const { api, words } = context;
  const problem = h("div", {});
  const name = layer.scope_key ? `${layerName(layer.layer, words)} · ${layer.scope_key}` : layerName(layer.layer, words);
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.currentTarget);
    const body = () => ({ scope: layer.scope_key, rules: rulesFrom(form), seen_version: layer.version });
    if (await tried(context, problem, async () => api.ask("PUT", `/v2/oneliner/governance/layers/${layer.layer}`, body()))) {
      context.announce(words.text("rules.saved"));
      onDone();
    }
  };
  return h("details", { class: "card" }, h("summary", {}, name, h("span", { class: "hint" }, " ", layer.version ? words.text("documents.version", { version: layer.version }) : words.text("rules.says_nothing"))),
    h("form", { class: "stack", "aria-label": name, on: { submit } }, fields(context, layer.rules), problem, h("div", { class: "row" }, h("button", { type: "submit", class: "button primary" }, words.text("rules.save")))));
}

/** @param {PageContext} context @param {string} project @param {() => void} onDone */
export function overrideForm(context, project, onDone) {
  const { api, words } = context;
  const problem = h("div", {});
  const soon = new Date(Date.now() + HOUR_MS - new Date().getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
  const scope = h("input", { type: "text", name: "scope", maxlength: 200, placeholder: words.text("rules.everybody"), props: { value: project ? `project:${project}` : "" } });
  const notice = h("input", { type: "text", name: "notice", maxlength: 1_000, required: true });
  const expires = h("input", { type: "datetime-local", name: "expires_at", required: true, props: { value: soon } });
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.currentTarget);
    const body = () => ({ scope: scope.value.trim(), rules: rulesFrom(form), notice: notice.value, expires_at: new Date(expires.value).toISOString() });
    if (await tried(context, problem, async () => api.ask("PUT", "/v2/oneliner/governance/override", body()))) {
      context.announce(words.text("rules.saved"));
      onDone();
    }
  };
  return h("details", { class: "card" }, h("summary", {}, words.text("rules.new_override")),
    h("form", { class: "stack", "aria-label": words.text("rules.new_override"), on: { submit } },
      h("div", { class: "rule-fields" }, labelled(words.text("column.scope"), scope), labelled(words.text("rules.expires"), expires), labelled(words.text("rules.notice"), notice)),
      h("p", { class: "hint" }, words.text("rules.scope_note")), fields(context, {}), problem,
      h("div", { class: "row" }, h("button", { type: "submit", class: "button primary" }, words.text("rules.override_now")))));
}
