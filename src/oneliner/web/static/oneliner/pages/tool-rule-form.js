/**
 * What a layer says about tools, as a form: rules that are added, filled in and taken away. Their order means nothing; the
 * strictest that fits holds.
 *
 * @import {Translator} from "../i18n.js"
 * @import {Book, Condition, Rule} from "../tool-rules.js"
 */

import { h, icon, setAttribute } from "../dom.js";
import { BadValue, OPERATORS, SIGNS, VERDICTS, textOf, valueFrom } from "../tool-rules.js";
import { choice, labelled } from "./parts.js";
import { conditionWords, verdictName } from "./policy.js";

export const TOOL_NAMES = "oneliner-tools";
const NOT_THERE = "not_exists";

export class ToolRulesForm {
  #words;
  #default;
  #rules = h("ul", { class: "tool-rules" });
  node;

  /** @param {Translator} words @param {Book|null|undefined} book */
  constructor(words, book) {
    this.#words = words;
    this.#default = choice("tools_default", [["", words.text("rule.none")], ...VERDICTS.map((v) => /** @type {[string, string]} */ ([v, verdictName(v, words)]))], book?.default ?? "");
    this.#rules.append(...(book?.rules ?? []).map((rule) => this.#rule(rule)));
    const add = h("button", { type: "button", class: "button small", on: { click: () => this.#add() } }, icon("plus"), words.text("toolrules.add"));
    this.node = h("fieldset", { class: "field tool-rule-box" }, h("legend", {}, words.text("toolrules.heading")), h("p", { class: "hint" }, words.text("toolrules.note")),
      h("div", { class: "rule-fields" }, labelled(words.text("toolrules.default"), this.#default)), this.#rules, h("div", {}, add));
  }

  /** @returns {Book|null} null: nothing is said about tools. Throws BadValue, with the field that is wrong marked. */
  value() {
    const rules = [...this.#rules.children].map((item) => ruleOf(/** @type {HTMLElement} */ (item)));
    const verdict = /** @type {any} */ (this.#default.value || null);
    return rules.length || verdict ? { default: verdict, rules } : null;
  }

  #add() {
    const item = this.#rule({ tool: "", verdict: "ask" });
    this.#rules.append(item);
    item.querySelector("input")?.focus();
  }

  /** @param {Rule} rule */
  #rule(rule) {
    const words = this.#words;
    const input = (/** @type {string} */ name, /** @type {string} */ value, /** @type {Record<string, any>} */ more = {}) => h("input", { type: "text", name, autocomplete: "off", spellcheck: "false", maxlength: 200, ...more, props: { value } });
    const conditions = h("ul", { class: "conditions" }, ...(rule.when ?? []).map((one) => this.#condition(one)));
    const addCondition = () => {
      const item = this.#condition({ at: "/", op: "eq", value: "" });
      conditions.append(item);
      item.querySelector("input")?.focus();
    };
    const next = () => /** @type {HTMLElement|null} */ (item.nextElementSibling?.querySelector("input") ?? this.node.querySelector("button:last-of-type"));
    const remove = h("button", { type: "button", class: "icon-button small", "aria-label": words.text("toolrules.remove"), title: words.text("toolrules.remove"), on: { click: () => { const to = next(); item.remove(); to?.focus(); } } }, icon("trash"));
    const item = h("li", { class: "tool-rule" },
      h("div", { class: "tool-rule-head" },
        labelled(words.text("toolrules.tool"), input("tool", rule.tool, { required: true, list: TOOL_NAMES, placeholder: "send_*" })),
        labelled(words.text("toolrules.verdict"), choice("verdict", VERDICTS.map((v) => /** @type {[string, string]} */ ([v, verdictName(v, words)])), rule.verdict)),
        labelled(words.text("toolrules.executor"), input("executor", rule.executor ?? "*", { required: true })),
        remove),
      conditions,
      h("div", {}, h("button", { type: "button", class: "button small quiet", on: { click: addCondition } }, icon("plus"), words.text("toolrules.add_condition"))),
      labelled(words.text("toolrules.why"), input("note", rule.note ?? "", { maxlength: 1_000 })));
    return item;
  }

  /** @param {Condition} one */
  #condition(one) {
    const words = this.#words;
    // Whether an argument is there at all takes no value; its two answers are two comparisons here.
    const op = choice("op", [...OPERATORS, NOT_THERE].map((o) => /** @type {[string, string]} */ ([o, SIGNS[o] ?? conditionWords(o, words)])), one.op === "exists" && one.value === false ? NOT_THERE : one.op);
    const follow = () => setAttribute(value, "hidden", op.value === "exists" || op.value === NOT_THERE);
    op.setAttribute("aria-label", words.text("toolrules.op"));
    const value = h("input", { type: "text", name: "value", autocomplete: "off", spellcheck: "false", "aria-label": words.text("toolrules.value"), placeholder: words.text("toolrules.value"), props: { value: textOf(one.op, one.value) } });
    const at = h("input", { type: "text", name: "at", required: true, pattern: "(\\/[^\\/]*)+", autocomplete: "off", spellcheck: "false", "aria-label": words.text("toolrules.at"), placeholder: "/amount", props: { value: one.at } });
    const remove = h("button", { type: "button", class: "icon-button small", "aria-label": words.text("toolrules.remove_condition"), on: { click: () => { const rule = item.closest(".tool-rule"); item.remove(); /** @type {HTMLElement|null} */ (rule?.querySelector("input"))?.focus(); } } }, icon("cross"));
    op.addEventListener("change", follow);
    follow();
    const item = h("li", { class: "condition" }, at, op, value, remove);
    return item;
  }
}

/** @param {HTMLElement} item @returns {Rule} Throws BadValue. */
function ruleOf(item) {
  const field = (/** @type {string} */ name) => /** @type {HTMLInputElement} */ (item.querySelector(`[name=${name}]`)).value.trim();
  const when = [...item.querySelectorAll(".condition")].map((one) => conditionOf(/** @type {HTMLElement} */ (one)));
  return { tool: field("tool"), verdict: /** @type {any} */ (field("verdict")), executor: field("executor") || "*", when, note: field("note") };
}

/** @param {HTMLElement} item @returns {Condition} Throws BadValue. */
function conditionOf(item) {
  const field = (/** @type {string} */ name) => /** @type {HTMLInputElement} */ (item.querySelector(`[name=${name}]`));
  const value = field("value");
  value.removeAttribute("aria-invalid");
  if (field("op").value === NOT_THERE) return { at: field("at").value.trim(), op: "exists", value: false };
  try {
    return { at: field("at").value.trim(), op: field("op").value, value: valueFrom(field("op").value, value.value) };
  } catch (error) {
    if (error instanceof BadValue) {
      value.setAttribute("aria-invalid", "true");
      value.focus();
    }
    throw error;
  }
}
