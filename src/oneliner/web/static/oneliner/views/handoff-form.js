/**
 * Handing a task over: what is to be done, and who writes the plan. A double click makes one run: the form keeps its key
 * until the run is there.
 *
 * @import {Context} from "./context.js"
 */

import { Refused, newKey } from "../api.js";
import { h, icon, replaceChildren, setAttribute } from "../dom.js";
import { problemLine } from "./problem-line.js";

export class HandoffForm {
  #context;
  #key = newKey();
  #isSending = false;
  #title;
  #goal;
  #steps;
  #stepsField;
  #project;
  #problem = h("div", {});
  #submit;
  #onDone;

  /** @param {Context} context @param {() => void} onDone */
  constructor(context, onDone) {
    const { words } = context;
    this.#context = context;
    this.#onDone = onDone;
    this.#title = h("input", { type: "text", name: "title", maxlength: 200, required: true, autocomplete: "off", placeholder: words.text("handoff.title_placeholder") });
    this.#goal = h("textarea", { name: "goal", rows: 3, maxlength: 8000, placeholder: words.text("handoff.goal_placeholder") });
    this.#steps = h("textarea", { name: "steps", rows: 4, placeholder: words.text("handoff.steps_placeholder") });
    this.#project = h("input", { type: "text", name: "project", maxlength: 200, autocomplete: "off" });
    this.#stepsField = h("label", { class: "field", hidden: true }, h("span", {}, words.text("handoff.steps")), this.#steps);
    this.#submit = h("button", { type: "submit", class: "button primary" }, words.text("handoff.submit"));
    this.node = h(
      "dialog", { class: "dialog", "aria-label": words.text("handoff.heading"), on: { close: () => this.#closed() } },
      h(
        "form", { class: "handoff", on: { submit: (event) => { event.preventDefault(); void this.#send(); } } },
        h("header", { class: "dialog-head" }, h("h2", {}, words.text("handoff.heading")),
          h("button", { type: "button", class: "icon-button", "aria-label": words.text("close"), on: { click: () => this.node.close() } }, icon("cross"))),
        h("p", { class: "dialog-note" }, words.text("handoff.note")),
        h("label", { class: "field" }, h("span", {}, words.text("handoff.title")), this.#title),
        h("label", { class: "field" }, h("span", {}, words.text("handoff.goal"), h("span", { class: "optional" }, words.text("question.optional"))), this.#goal),
        this.#planChoice(),
        this.#stepsField,
        h("details", { class: "detail" }, h("summary", {}, words.text("handoff.more")), h("label", { class: "field" }, h("span", {}, words.text("handoff.project")), this.#project)),
        this.#problem,
        h("div", { class: "row end-row" }, h("button", { type: "button", class: "button", on: { click: () => this.node.close() } }, words.text("handoff.close")), this.#submit),
      ),
    );
  }

  /** @param {string} [title] */
  open(title = "") {
    if (title) this.#title.value = title;
    this.node.showModal();
    this.#title.focus();
  }

  #planChoice() {
    const { words } = this.#context;
    /** @param {string} value @param {boolean} checked */
    const choice = (value, checked) =>
      h("label", { class: "choice" },
        h("input", { type: "radio", name: "plan", value, props: { checked }, on: { change: () => setAttribute(this.#stepsField, "hidden", value !== "steps") } }),
        h("span", {}, words.text(`handoff.plan_${value}`), h("span", { class: "hint" }, words.text(`handoff.plan_${value}.hint`))));
    return h("fieldset", { class: "field" }, h("legend", {}, words.text("handoff.plan")), choice("draft", true), choice("steps", false), choice("none", false));
  }

  async #send() {
    if (this.#isSending) return;
    const { words, workspace } = this.#context;
    const form = /** @type {HTMLFormElement} */ (this.node.querySelector("form"));
    const plan = String(new FormData(form).get("plan"));
    const title = this.#title.value.trim();
    if (!title) return this.#title.focus();
    this.#setSending(true);
    try {
      const goal = this.#goal.value.trim();
      const steps = plan === "steps" ? this.#steps.value.split("\n").map((s) => s.trim()).filter(Boolean) : [];
      await workspace.handOff(
        {
          title, summary: goal.split("\n", 1)[0].slice(0, 300), goal: goal || title, steps, draft: plan === "draft", project_id: this.#project.value.trim(),
          source_screen: "workbench", source_action_key: "handoff-form",
        },
        this.#key,
      );
      form.reset();
      setAttribute(this.#stepsField, "hidden", true);
      this.#key = newKey();
      replaceChildren(this.#problem);
      this.node.close();
      this.#onDone();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      // What was refused was not made; what was not answered may have been, and keeps its key.
      if (!error.isUnreachable) this.#key = newKey();
      replaceChildren(this.#problem, problemLine(error.problem, words));
    } finally {
      this.#setSending(false);
    }
  }

  /** @param {boolean} isSending */
  #setSending(isSending) {
    this.#isSending = isSending;
    setAttribute(this.#submit, "aria-disabled", isSending ? "true" : null);
    replaceChildren(this.#submit, this.#context.words.text(isSending ? "handoff.sending" : "handoff.submit"));
  }

  #closed() {
    replaceChildren(this.#problem);
  }
}
