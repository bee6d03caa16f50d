/**
 * What a blocked run asks: a form made from the JSON Schema of the answer, or what became of a tool call whose outcome
 * nobody knows.
 *
 * @import {Problem, Run} from "../types.js"
 * @import {Context} from "./context.js"
 */

import { AnswerDraft } from "../answer-draft.js";
import { h, icon, replaceChildren } from "../dom.js";
import { fieldsOf } from "../schema-form.js";
import { Fields } from "./fields.js";
import { problemLine } from "./problem-line.js";
import { budgetAsked } from "./asked-money.js";

export class Question {
  #context;
  #run;
  #fields;
  #draft;
  #foot = h("div", { class: "question-foot" });
  #busy = "";

  /** @param {Context} context @param {Run} run */
  constructor(context, run) {
    const { words, drafts } = context;
    this.#context = context;
    this.#run = run;
    this.#draft = new AnswerDraft(drafts, run);
    this.#fields = new Fields(words, fieldsOf(run.blocked?.schema), this.#draft.entered);
    this.node = h(
      "form",
      {
        class: "question", "aria-label": words.text("question.label"),
        on: { submit: (event) => { event.preventDefault(); void this.#send(); }, input: () => this.#draft.keep(this.#fields.kept()) },
      },
      h("div", { class: "plan-scroll" }, ...this.#asked(), this.#fields.node),
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

  async #send() {
    if (this.#busy !== "") return;
    const answer = this.#fields.answer();
    if (answer && (await this.#context.workspace.resume(this.#run, answer))) this.#draft.forget();
  }
}
