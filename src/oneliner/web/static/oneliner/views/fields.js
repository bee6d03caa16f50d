/**
 * The fields of a form as the page draws them, and what was entered in them. Which fields there are is said by
 * ``schema-form.js``; what becomes of the answer is its owner's.
 *
 * @import {Translator} from "../i18n.js"
 * @import {Field} from "../schema-form.js"
 */

import { h } from "../dom.js";
import { answerOf } from "../schema-form.js";

/** How the decisions about a lost outcome are said; the rest of a schema speaks for itself. */
const KNOWN_CHOICES = new Set(["run_again", "treat_as_done", "treat_as_failed"]);
let made = 0;

export class Fields {
  #words;
  #fields;
  #prefix = `f${(made += 1)}`;
  /** @type {Record<string, HTMLElement>} */
  #errors = {};

  /** @param {Translator} words @param {Field[]} fields @param {Record<string, string|boolean>} [entered] what was entered before */
  constructor(words, fields, entered = {}) {
    this.#words = words;
    this.#fields = fields;
    this.node = h("div", { class: "fields" }, ...fields.map((field) => this.#draw(field, entered[field.name])));
  }

  /** @returns {Record<string, string|boolean>} */
  entered() {
    /** @type {Record<string, string|boolean>} */
    const entered = {};
    for (const field of this.#fields) {
      if (field.kind === "choice") {
        const chosen = /** @type {HTMLInputElement|undefined} */ (this.#controls(field).find((input) => /** @type {HTMLInputElement} */ (input).checked));
        entered[field.name] = chosen?.value ?? "";
      } else {
        const [control] = /** @type {HTMLInputElement[]} */ (this.#controls(field));
        entered[field.name] = field.kind === "flag" ? control.checked : control.value;
      }
    }
    return entered;
  }

  /** As :meth:`entered`, without what is secret: to be kept. @returns {Record<string, string|boolean>} */
  kept() {
    const secret = new Set(this.#fields.filter((field) => field.isSecret).map((field) => field.name));
    return Object.fromEntries(Object.entries(this.entered()).filter(([name]) => !secret.has(name)));
  }

  /**
   * The answer as the schema wants it, or null: then what is wrong stands beside its field, and the first has the focus.
   *
   * @returns {Record<string, any>|null}
   */
  answer() {
    const { answer, errors } = answerOf(this.#fields, this.entered());
    for (const field of this.#fields) {
      const error = errors[field.name];
      this.#errors[field.name].textContent = error ? this.#words.text(`question.${error}`) : "";
      for (const control of this.#controls(field)) control.setAttribute("aria-invalid", String(Boolean(error)));
    }
    const wrong = this.#fields.find((field) => errors[field.name]);
    if (wrong) this.#controls(wrong)[0].focus();
    return wrong ? null : answer;
  }

  focus() {
    /** @type {HTMLElement|null} */ (this.node.querySelector("input, textarea"))?.focus();
  }

  /** @param {Field} field @returns {HTMLElement[]} */
  #controls(field) {
    return [...this.node.querySelectorAll(`[data-field="${CSS.escape(field.name)}"]`)].map((node) => /** @type {HTMLElement} */ (node));
  }

  /** @param {Field} field @param {any} entered */
  #draw(field, entered) {
    const words = this.#words;
    const id = `${this.#prefix}-${field.name}`;
    const own = `field.${field.name}`;
    const label = field.label || (words.has(own) ? words.text(own) : field.name);
    // Where the field has words of ours, the schema's own would only repeat them, in one language.
    const isOurs = !field.label && words.has(own);
    const hint = field.hint && !isOurs && h("span", { class: "hint", id: `${id}-hint` }, field.hint);
    const error = h("span", { class: "field-error", id: `${id}-error`, role: "alert" });
    this.#errors[field.name] = error;
    const described = (hint ? `${id}-hint ` : "") + `${id}-error`;
    if (field.kind === "choice") return this.#drawChoice(field, label, hint, error, entered);
    const control = this.#control(field, id, described, entered);
    if (field.kind === "flag") return h("div", { class: "field flag" }, h("label", {}, control, h("span", {}, label)), hint, error);
    const optional = !field.required && h("span", { class: "optional" }, words.text("question.optional"));
    return h("div", { class: "field" }, h("label", { for: id }, label, optional), hint, control, error);
  }

  /** @param {Field} field @param {string} id @param {string} described @param {any} entered */
  #control(field, id, described, entered) {
    const common = { id, name: field.name, data: { field: field.name }, "aria-describedby": described };
    const value = entered ?? (field.value === null ? "" : typeof field.value === "object" ? JSON.stringify(field.value, null, 2) : field.value);
    if (field.kind === "flag") return h("input", { ...common, type: "checkbox", props: { checked: Boolean(entered ?? field.value) } });
    const needed = { ...common, "aria-required": String(field.required) };
    if (field.kind === "number") {
      return h("input", { ...needed, type: "number", inputmode: "decimal", step: field.isInteger ? "1" : "any", min: field.min, max: field.max, props: { value } });
    }
    if (field.kind === "text") return h("input", { ...needed, type: field.isSecret ? "password" : "text", autocomplete: "off", props: { value } });
    return h("textarea", { ...needed, rows: 3, spellcheck: field.kind === "json" ? "false" : null, props: { value } });
  }

  /** @param {Field} field @param {string} label @param {any} hint @param {HTMLElement} error @param {any} entered */
  #drawChoice(field, label, hint, error, entered) {
    const words = this.#words;
    const options = field.choices.map((choice, n) => {
      const isKnown = KNOWN_CHOICES.has(choice.value);
      const input = h("input", { type: "radio", name: `${this.#prefix}-${field.name}`, data: { field: field.name }, value: String(n), props: { checked: entered === String(n) || (entered === undefined && field.value === choice.value) } });
      const more = isKnown && h("span", { class: "hint" }, words.text(`decision.${choice.value}.hint`));
      return h("label", { class: "choice" }, input, h("span", {}, isKnown ? words.text(`decision.${choice.value}`) : choice.label, more));
    });
    return h("fieldset", { class: "field" }, h("legend", {}, label), hint, ...options, error);
  }
}
