/**
 * Tool calls that a rule asks for: each with what it would do, who asked, and a choice; arguments can be edited before
 * they are allowed.
 *
 * @import {Problem, Run, Waiting} from "../types.js"
 * @import {Context} from "./context.js"
 */

import { h, icon, replaceChildren } from "../dom.js";
import { problemLine } from "./problem-line.js";

const DECISIONS = ["allow_once", "allow_run", "allow_always", "refuse"];
let made = 0;

/**
 * What is answered for one call, or which field is wrong. Pure.
 *
 * @param {Waiting} call
 * @param {{decision: string, reason: string, text: string|null}} entered ``text``: the arguments if they were edited
 * @returns {{said?: Record<string, any>, error?: "missing"|"json"}}
 */
export function decisionOf(call, entered) {
  if (!DECISIONS.includes(entered.decision)) return { error: "missing" };
  const said = { call_id: call.id, decision: entered.decision, arguments_hash: call.arguments_hash };
  if (entered.decision === "refuse") return { said: { ...said, reason: entered.reason.trim() } };
  if (entered.text === null) return { said };
  try {
    const edited = JSON.parse(entered.text);
    const isObject = typeof edited === "object" && edited !== null && !Array.isArray(edited);
    return isObject ? { said: { ...said, arguments: edited } } : { error: "json" };
  } catch {
    return { error: "json" };
  }
}

export class Approval {
  #context;
  #run;
  #busy = "";
  #prefix = `a${(made += 1)}`;
  /** @type {{call: Waiting, edited: boolean, node: HTMLElement, editor: HTMLTextAreaElement, reason: HTMLInputElement, error: HTMLElement}[]} */
  #cards;
  #foot = h("div", { class: "question-foot" });

  /** @param {Context} context @param {Run} run */
  constructor(context, run) {
    const { words } = context;
    this.#context = context;
    this.#run = run;
    const calls = /** @type {Waiting[]} */ (/** @type {any} */ (run.blocked?.calls ?? []));
    this.#cards = calls.map((call, n) => this.#card(call, `${this.#prefix}-${n}`));
    this.node = h(
      "form",
      { class: "question", "aria-label": words.text("approval.label"), on: { submit: (event) => { event.preventDefault(); void this.#send(); } } },
      h("p", { class: "question-text" }, icon("alert"), h("span", {}, words.text("approval.text"))),
      h("ul", { class: "question-calls" }, ...this.#cards.map((card) => card.node)),
      this.#foot,
    );
  }

  /** @param {Run} run @param {string} busy @param {Problem|null} problem */
  update(run, busy, problem) {
    this.#run = run;
    this.#busy = busy;
    const { words, workspace } = this.#context;
    const disabled = { "aria-disabled": busy !== "" ? "true" : null };
    replaceChildren(
      this.#foot,
      problemLine(problem, words),
      h(
        "div", { class: "row" },
        run.allowed_actions.includes("resume") && h("button", { type: "submit", class: "button primary", ...disabled }, words.text(busy === "resume" ? "question.sending" : "approval.send")),
        run.allowed_actions.includes("cancel") && h("button", { type: "button", class: "button", ...disabled, on: { click: () => void workspace.cancel(this.#run) } }, words.text("question.cancel")),
      ),
    );
  }

  /** @param {Waiting} call @param {string} id */
  #card(call, id) {
    const { words } = this.#context;
    const shown = JSON.stringify(call.arguments, null, 2);
    const text = h("pre", { class: "tool-text", tabindex: "0" }, shown);
    const editor = h("textarea", { rows: 5, hidden: true, spellcheck: "false", "aria-label": words.text("approval.arguments"), "aria-describedby": `${id}-error`, props: { value: shown } });
    const reason = h("input", { type: "text", maxlength: 2000, autocomplete: "off", hidden: true, "aria-label": words.text("approval.reason"), placeholder: words.text("approval.reason") });
    const error = h("span", { class: "field-error", id: `${id}-error`, role: "alert" });
    const edit = h("button", { type: "button", class: "button" }, words.text("approval.edit"));
    const choices = DECISIONS.map((decision) =>
      h(
        "label", { class: "choice" },
        h("input", { type: "radio", name: id, value: decision, on: { change: () => { reason.hidden = decision !== "refuse"; } } }),
        h("span", {}, words.text(`approval.${decision}`), h("span", { class: "hint" }, words.text(`approval.${decision}.hint`))),
      ),
    );
    const node = h(
      "li", {},
      h("p", {}, h("code", { class: "tool-name" }, call.name), " ", words.text(`approval.${call.touches}`)),
      text, editor, edit,
      ...call.asked_by.map((by) => h("p", { class: "hint" }, words.text("approval.asked_by", { layer: by.layer }), by.rule?.note ? `: ${by.rule.note}` : "")),
      h("fieldset", { class: "field", "aria-describedby": `${id}-error` }, h("legend", {}, words.text("approval.decision")), ...choices),
      reason, error,
    );
    const card = { call, edited: false, node, editor, reason, error };
    edit.addEventListener("click", () => {
      card.edited = true;
      text.hidden = edit.hidden = true;
      editor.hidden = false;
      editor.focus();
    });
    return card;
  }

  async #send() {
    if (this.#busy !== "") return;
    /** @type {Record<string, any>[]} */
    const decisions = [];
    /** @type {HTMLElement|null} */
    let wrong = null;
    for (const card of this.#cards) {
      const chosen = /** @type {HTMLInputElement|null} */ (card.node.querySelector("input[type=radio]:checked"));
      const { said, error } = decisionOf(card.call, { decision: chosen?.value ?? "", reason: card.reason.value, text: card.edited ? card.editor.value : null });
      card.error.textContent = error ? this.#context.words.text(`question.${error}`) : "";
      if (said) decisions.push(said);
      else wrong ??= error === "json" ? card.editor : card.node.querySelector("input[type=radio]");
    }
    if (wrong) return wrong.focus();
    await this.#context.workspace.resume(this.#run, { decisions });
  }
}
