/**
 * What a blocked run asks: a form made from the JSON Schema of the answer, or what became of a tool call whose outcome
 * nobody knows.
 *
 * @import {Field} from "../schema-form.js"
 * @import {Problem, Run} from "../types.js"
 * @import {Context} from "./context.js"
 */

import { h, icon, replaceChildren } from "../dom.js";
import { answerOf, fieldsOf } from "../schema-form.js";
import { problemLine } from "./problem-line.js";
import { budgetAsked } from "./run-facts.js";

/** How the decisions about a lost outcome are said; the rest of a schema speaks for itself. */
const KNOWN_CHOICES = new Set(["run_again", "treat_as_done", "treat_as_failed"]);
let made = 0;

export class Question {
  #context;
  #run;
  #fields;
  #prefix = `q${(made += 1)}`;
  #foot = h("div", { class: "question-foot" });
  /** @type {Record<string, HTMLElement>} */
  #errors = {};
  #busy = "";

  /** @param {Context} context @param {Run} run */
  constructor(context, run) {
    const { words } = context;
    this.#context = context;
    this.#run = run;
    this.#fields = fieldsOf(run.blocked?.schema);
    const entered = context.drafts.get(`answer.${run.id}`) ?? {};
    this.node = h(
      "form",
      {
        class: "question", "aria-label": words.text("question.label"),
        on: { submit: (event) => { event.preventDefault(); void this.#send(); }, input: () => context.drafts.set(`answer.${this.#run.id}`, this.#entered()) },
      },
      h("div", { class: "plan-scroll" }, ...this.#asked(), ...this.#fields.map((field) => this.#drawField(field, entered[field.name]))),
      this.#foot,
    );
  }

  /** @param {Run} run @param {string} busy @param {Problem|null} problem */
  update(run, busy, problem) {
    this.#run = run;
    this.#busy = busy;
    const { words, workspace } = this.#context;
    const can = (/** @type {string} */ action) => run.allowed_actions.includes(action);
    const isWaiting = busy !== "";
    replaceChildren(
      this.#foot,
      problemLine(problem, words),
      h(
        "div", { class: "row" },
        can("resume") && h("button", { type: "submit", class: "button primary", "aria-disabled": isWaiting ? "true" : null }, words.text(busy === "resume" ? "question.sending" : "question.send")),
        can("cancel") && h("button", { type: "button", class: "button", "aria-disabled": isWaiting ? "true" : null, on: { click: () => void workspace.cancel(this.#run) } }, words.text("question.cancel")),
      ),
    );
  }

  #asked() {
    const { words } = this.#context;
    const blocked = this.#run.blocked;
    if (blocked?.kind === "budget") return [h("p", { class: "question-text" }, icon("alert"), h("span", {}, budgetAsked(this.#run, words)))];
    if (blocked?.kind !== "tool_outcome_unknown") return [h("p", { class: "question-text" }, icon("question"), h("span", {}, blocked?.question ?? ""))];
    const calls = (blocked.calls ?? []).map((call) =>
      h("li", {}, h("code", { class: "tool-name" }, call.name), h("pre", { class: "tool-text", tabindex: "0" }, call.arguments)),
    );
    return [
      h("p", { class: "question-text" }, icon("alert"), h("span", {}, words.text("question.unknown_outcome"))),
      h("ul", { class: "question-calls" }, ...calls),
    ];
  }

  /** @param {Field} field @param {any} entered */
  #drawField(field, entered) {
    const { words } = this.#context;
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
    const common = { id, name: field.name, "aria-describedby": described, "aria-required": String(field.required) };
    const value = entered ?? (field.value === null ? "" : typeof field.value === "object" ? JSON.stringify(field.value) : field.value);
    if (field.kind === "flag") return h("input", { ...common, type: "checkbox", props: { checked: Boolean(entered ?? field.value) } });
    if (field.kind === "number") {
      return h("input", { ...common, type: "number", inputmode: "decimal", step: field.isInteger ? "1" : "any", min: field.min, max: field.max, props: { value } });
    }
    if (field.kind === "text") return h("input", { ...common, type: "text", autocomplete: "off", props: { value } });
    return h("textarea", { ...common, rows: 3, props: { value } });
  }

  /** @param {Field} field @param {string} label @param {any} hint @param {HTMLElement} error @param {any} entered */
  #drawChoice(field, label, hint, error, entered) {
    const { words } = this.#context;
    const options = field.choices.map((choice, n) => {
      const isKnown = KNOWN_CHOICES.has(choice.value);
      const input = h("input", { type: "radio", name: `${this.#prefix}-${field.name}`, value: String(n), props: { checked: entered === String(n) || (entered === undefined && field.value === choice.value) } });
      const more = isKnown && h("span", { class: "hint" }, words.text(`decision.${choice.value}.hint`));
      return h("label", { class: "choice" }, input, h("span", {}, isKnown ? words.text(`decision.${choice.value}`) : choice.label, more));
    });
    return h("fieldset", { class: "field" }, h("legend", {}, label), hint, ...options, error);
  }

  /** @returns {Record<string, string|boolean>} */
  #entered() {
    /** @type {Record<string, string|boolean>} */
    const entered = {};
    for (const field of this.#fields) {
      if (field.kind === "choice") {
        const chosen = /** @type {HTMLInputElement|null} */ (this.node.querySelector(`input[name="${this.#prefix}-${CSS.escape(field.name)}"]:checked`));
        entered[field.name] = chosen?.value ?? "";
      } else {
        const control = /** @type {HTMLInputElement} */ (this.node.elements.namedItem(field.name));
        entered[field.name] = field.kind === "flag" ? control.checked : control.value;
      }
    }
    return entered;
  }

  async #send() {
    if (this.#busy !== "") return;
    const { answer, errors } = answerOf(this.#fields, this.#entered());
    for (const field of this.#fields) {
      const error = errors[field.name];
      this.#errors[field.name].textContent = error ? this.#context.words.text(`question.${error}`) : "";
      /** @type {HTMLElement|null} */ (this.node.querySelector(`#${this.#prefix}-${CSS.escape(field.name)}`))?.setAttribute("aria-invalid", String(Boolean(error)));
    }
    const first = Object.keys(errors)[0];
    if (first !== undefined) {
      /** @type {HTMLElement|null} */ (this.node.querySelector(`[name="${CSS.escape(first)}"], [name="${this.#prefix}-${CSS.escape(first)}"]`))?.focus();
      return;
    }
    if (await this.#context.workspace.resume(this.#run, answer)) this.#context.drafts.set(`answer.${this.#run.id}`, null);
  }
}
