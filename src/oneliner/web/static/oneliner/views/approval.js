/**
 * Tool calls that a rule asks for: each with what it would do, who asked, and a choice; arguments can be edited before
 * they are allowed.
 *
 * @import {Problem, Run, Waiting} from "../types.js"
 * @import {Context} from "./context.js"
 * @typedef {{call: Waiting, edits: ArgumentEditor, node: HTMLElement, decision: HTMLElement, reason: HTMLInputElement, error: HTMLElement}} Card
 */

import { AnswerDraft } from "../answer-draft.js";
import { h, icon, laidBare, replaceChildren, setAttribute } from "../dom.js";
import { noteOf } from "../outlook.js";
import { argumentFieldsOf, argumentsOf } from "../schema-form.js";
import { DocumentChange, writesDocument } from "./document-change.js";
import { Fields } from "./fields.js";
import { problemLine } from "./problem-line.js";

const DECISIONS = ["allow_once", "allow_run", "allow_always", "refuse"];
let made = 0;

/**
 * What is answered for one call; null when nothing was chosen. Pure.
 *
 * @param {Waiting} call
 * @param {{decision: string, reason: string, edited: Record<string, any>|null}} entered ``edited``: other arguments
 * @returns {Record<string, any>|null}
 */
export function decisionOf(call, { decision, reason, edited }) {
  if (!DECISIONS.includes(decision)) return null;
  const said = { call_id: call.id, decision, arguments_hash: call.arguments_hash };
  if (decision === "refuse") return { ...said, reason: reason.trim() };
  return edited ? { ...said, arguments: edited } : said;
}

export class Approval {
  #context;
  #run;
  #busy = "";
  #prefix = `a${(made += 1)}`;
  #draft;
  /** @type {Card[]} */
  #cards;
  #foot = h("div", { class: "question-foot" });

  /** @param {Context} context @param {Run} run */
  constructor(context, run) {
    const { words } = context;
    this.#context = context;
    this.#run = run;
    this.#draft = new AnswerDraft(context.drafts, run);
    const calls = /** @type {Waiting[]} */ (/** @type {any} */ (run.blocked?.calls ?? []));
    this.#cards = calls.map((call, n) => this.#card(call, `${this.#prefix}-${n}`));
    this.node = h(
      "form",
      { class: "question", "aria-label": words.text("approval.label"), on: { submit: (event) => { event.preventDefault(); void this.#send(); }, input: () => this.#keep() } },
      h(
        "div", { class: "plan-scroll" },
        h("p", { class: "question-text" }, icon("alert"), h("span", {}, words.text("approval.text"))),
        h("ul", { class: "question-calls" }, ...this.#cards.map((card) => h("li", { class: "approval" }, card.node, calls.length > 1 && card.decision))),
        run.blocked?.expires_at && h("p", { class: "hint" }, words.text("approval.expires", { time: words.moment(run.blocked.expires_at) })),
      ),
      // Of a single call the decision stays in sight, however long what it is about.
      calls.length === 1 && this.#cards[0].decision,
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

  /** @param {Waiting} call @param {string} id @returns {Card} */
  #card(call, id) {
    const { words } = this.#context;
    /** @type {{decision?: string, reason?: string, edited?: Record<string, string|boolean>|null}} */
    const before = this.#draft.entered[call.id] ?? {};
    const reason = h("input", { type: "text", maxlength: 2000, autocomplete: "off", hidden: before.decision !== "refuse", "aria-label": words.text("approval.reason"), placeholder: words.text("approval.reason"), props: { value: before.reason ?? "" } });
    const error = h("span", { class: "field-error", id: `${id}-error`, role: "alert" });
    const edits = new ArgumentEditor(this.#context, this.#run, call, before.edited ?? null, () => this.#keep());
    const choices = DECISIONS.map((decision) =>
      h(
        "label", { class: "choice" },
        h("input", { type: "radio", name: id, value: decision, props: { checked: before.decision === decision }, on: { change: () => setAttribute(reason, "hidden", decision !== "refuse") } }),
        h("span", {}, words.text(`approval.${decision}`), h("span", { class: "hint" }, words.text(`approval.${decision}.hint`))),
      ),
    );
    const node = h(
      "div", { class: "approval" },
      h("p", {}, h("code", { class: "tool-name" }, call.name), " ", words.text(`approval.${call.touches}`)),
      edits.node,
      ...call.asked_by.map((by) => h("p", { class: "hint" }, words.text("approval.asked_by", { layer: words.text(`layer.${by.layer}`) }), noteOf(by.rule, words) && ` · ${noteOf(by.rule, words)}`)),
    );
    const decision = h("div", { class: "approval" }, h("fieldset", { class: "field decision", "aria-describedby": `${id}-error` }, h("legend", {}, words.text("approval.decision")), ...choices), reason, error);
    return { call, edits, node, decision, reason, error };
  }

  /** Keeps what was entered, until it is sent. */
  #keep() {
    this.#draft.keep(Object.fromEntries(this.#cards.map((card) => [card.call.id, { decision: chosenIn(card), reason: card.reason.value, edited: card.edits.kept() }])));
  }

  async #send() {
    if (this.#busy !== "") return;
    /** @type {Record<string, any>[]} */
    const decisions = [];
    for (const card of this.#cards) {
      const decision = chosenIn(card);
      const edited = decision === "refuse" ? null : card.edits.arguments();
      if (edited === undefined) return;
      const said = decisionOf(card.call, { decision, reason: card.reason.value, edited });
      card.error.textContent = said ? "" : this.#context.words.text("question.missing");
      if (!said) return /** @type {HTMLElement|null} */ (card.decision.querySelector("input[type=radio]"))?.focus();
      decisions.push(said);
    }
    if (await this.#context.workspace.resume(this.#run, { decisions })) this.#draft.forget();
  }
}

/** @param {Card} card @returns {string} empty when nothing is chosen */
function chosenIn(card) {
  return /** @type {HTMLInputElement|null} */ (card.decision.querySelector("input[type=radio]:checked"))?.value ?? "";
}

/** What one call would do, and the way to change it before it is allowed. */
class ArgumentEditor {
  #call;
  /** @type {string} of the document whose change is shown */
  #path;
  /** @type {Fields|null} */
  #fields = null;
  /** @type {DocumentChange|null} */
  #change = null;

  /**
   * @param {Context} context @param {Run} run @param {Waiting} call
   * @param {Record<string, string|boolean>|null} before what was entered before; null: it was not edited @param {() => void} onOpen
   */
  constructor(context, run, call, before, onOpen) {
    const { words } = context;
    this.#call = call;
    this.#path = call.arguments.path;
    if (writesDocument(call)) this.#change = new DocumentChange(context, run, /** @type {any} */ (call.arguments));
    const shown = this.#change?.node ?? h("pre", { class: "tool-text", tabindex: "0" }, laidBare(JSON.stringify(call.arguments, null, 2)));
    const place = h("div", { class: "arguments", role: "group", "aria-label": words.text("approval.arguments"), hidden: true, on: { input: () => this.#edited(), change: () => this.#edited(true) } });
    const edit = h("button", { type: "button", class: "button small" }, icon("edit"), words.text("approval.edit"));
    const open = (/** @type {Record<string, string|boolean>} */ entered) => {
      this.#fields = new Fields(words, argumentFieldsOf(call.schema, call.arguments), entered);
      replaceChildren(place, this.#fields.node);
      setAttribute(place, "hidden", false);
      setAttribute(edit, "hidden", true);
      // A difference goes on being shown, as it becomes; plain arguments would only stand there twice.
      if (!this.#change) setAttribute(shown, "hidden", true);
    };
    edit.addEventListener("click", () => { open({}); this.#fields?.focus(); onOpen(); });
    this.node = h("div", { class: "arguments-box" }, shown, place, edit);
    if (before) {
      open(before);
      this.#edited(true);
    }
  }

  /** @returns {Record<string, string|boolean>|null} what was entered, without what is secret; null: it is not being edited */
  kept() {
    return this.#fields?.kept() ?? null;
  }

  /** @returns {Record<string, any>|null|undefined} null: as they were proposed; undefined: what was entered does not fit, and is said to */
  arguments() {
    if (!this.#fields) return null;
    const answer = this.#fields.answer();
    return answer ? argumentsOf(this.#call.schema, this.#call.arguments, answer) : undefined;
  }

  /** @param {boolean} [isWhole] a field was left: a path that is being typed is none yet, and not asked for */
  #edited(isWhole = false) {
    const { path, content } = this.#fields?.entered() ?? {};
    if (isWhole && typeof path === "string" && path.trim()) this.#path = path.trim();
    if (typeof content === "string") void this.#change?.update({ .../** @type {any} */ (this.#call.arguments), path: this.#path, content });
  }
}
