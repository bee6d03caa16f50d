/**
 * The plan of a run that waits for its confirmation: read it, change it, let it go.
 *
 * Changes stay here until they are saved or confirmed. When the plan changes elsewhere meanwhile, both are shown to the
 * reader, who decides; nothing is confirmed that was not on the screen.
 *
 * @import {PlanDraft, DraftStep} from "../plan-draft.js"
 * @import {Problem, Run} from "../types.js"
 * @import {Context} from "./context.js"
 */

import { drawList, h, icon, isComposing, keepFocus, replaceChildren, setAttribute, setText } from "../dom.js";
import { MAX_STEPS, added, draftOf, isChanged, isFull, moved, rebased, removed, reworded, toRequest, undone, withGoal } from "../plan-draft.js";
import { PlanRules } from "./plan-rules.js";
import { problemLine } from "./problem-line.js";
import { estimateFact } from "./asked-money.js";

const MAX_STEP_CHARS = 1_000;

export class PlanCard {
  #context;
  /** @type {Run} */
  #run;
  /** @type {PlanDraft} */
  #draft;
  #busy = "";
  /** @type {Problem|null} */
  #problem = null;
  #isRevising = false;
  #goal = h("div", { class: "plan-goal" });
  #conflict = h("div", { class: "plan-conflict" });
  #steps = h("ol", { class: "plan-steps" });
  #tools = h("div", { class: "plan-tools" });
  #foot = h("div", { class: "plan-foot" });
  #rules;

  /** @param {Context} context @param {Run} run */
  constructor(context, run) {
    this.#context = context;
    this.#run = run;
    this.#draft = context.drafts.get(`plan.${run.id}`) ?? draftOf(run.plan);
    this.#rules = new PlanRules(context, run, () => this.#draw());
    this.node = h(
      "form",
      {
        class: "plan", "aria-label": context.words.text("plan.label"),
        on: { submit: (event) => event.preventDefault(), keydown: (event) => this.#onKey(event) },
      },
      h("div", { class: "plan-scroll" }, this.#goal, this.#conflict, this.#steps, this.#tools, this.#rules.node), this.#foot,
    );
  }

  /** @param {Run} run @param {string} busy @param {Problem|null} problem */
  update(run, busy, problem) {
    if (run.plan.rev !== this.#run.plan.rev && !isChanged(this.#draft)) this.#draft = draftOf(run.plan);
    this.#run = run;
    this.#busy = busy;
    this.#problem = problem;
    this.#draw();
  }

  get #isStale() {
    return this.#draft.rev !== this.#run.plan.rev;
  }

  get #canEdit() {
    return this.#run.allowed_actions.includes("edit_plan");
  }

  /** @param {PlanDraft} draft */
  #change(draft) {
    this.#draft = draft;
    this.#context.drafts.set(`plan.${this.#run.id}`, isChanged(draft) ? draft : null);
    this.#draw();
  }

  #draw() {
    keepFocus(this.node, () => {
      this.#drawGoal();
      this.#drawConflict();
      drawList(this.#steps, this.#draft.steps, (s) => s.key, (step, old) => this.#drawStep(step, old));
      this.#drawTools();
      this.#drawFoot();
    });
  }

  #drawGoal() {
    const { words } = this.#context;
    if (!this.#goal.firstChild) {
      const field = h("textarea", {
        rows: 1, maxlength: 8000, data: { focus: "goal" }, "aria-label": words.text("plan.goal"),
        on: { input: (/** @type {any} */ e) => this.#change(withGoal(this.#draft, e.target.value)) },
      });
      replaceChildren(this.#goal, h("span", { class: "plan-label" }, words.text("plan.goal")), field);
    }
    const field = /** @type {HTMLTextAreaElement} */ (this.#goal.lastChild);
    setAttribute(field, "readonly", !this.#canEdit);
    if (!isFocused(field)) field.value = this.#draft.goal;
  }

  #drawConflict() {
    const { words } = this.#context;
    const shows = this.#isStale;
    if (!shows) return replaceChildren(this.#conflict);
    replaceChildren(
      this.#conflict,
      h("p", { role: "alert" }, icon("alert"), words.text("plan.changed_elsewhere")),
      this.#button("plan.take_new", "small", () => this.#change(draftOf(this.#run.plan))),
      this.#button("plan.keep_mine", "small", () => this.#change(rebased(this.#draft, this.#run.plan))),
    );
  }

  /** @param {DraftStep} step @param {HTMLElement|null} old */
  #drawStep(step, old) {
    const { words } = this.#context;
    const node = old ?? this.#newStep(step);
    const number = this.#draft.steps.indexOf(step) + 1;
    const field = /** @type {HTMLTextAreaElement} */ (node.querySelector("textarea"));
    if (!isFocused(field)) field.value = step.title;
    setText(/** @type {Node} */ (node.querySelector(".plan-number")), String(number));
    setAttribute(field, "aria-label", words.text("plan.step", { number }));
    setAttribute(field, "readonly", !this.#canEdit);
    replaceChildren(/** @type {Element} */ (node.querySelector(".plan-step-rules")), this.#rules.ofStep(step.title));
    setAttribute(/** @type {Element} */ (node.querySelector(".plan-step-tools")), "hidden", !this.#canEdit);
    for (const button of node.querySelectorAll("button")) {
      const { act } = button.dataset;
      setAttribute(button, "aria-label", words.text(`plan.${act}`, { number }));
      const isEnd = (act === "up" && number === 1) || (act === "down" && number === this.#draft.steps.length);
      setAttribute(button, "aria-disabled", isEnd ? "true" : null);
    }
    return node;
  }

  /** @param {DraftStep} step */
  #newStep(step) {
    const { words } = this.#context;
    const { key } = step;
    const field = h("textarea", {
      rows: 1, maxlength: MAX_STEP_CHARS, data: { focus: `step-${key}`, step: key },
      placeholder: words.text("plan.step_placeholder"),
      on: { input: (/** @type {any} */ e) => this.#change(reworded(this.#draft, key, e.target.value)) },
    });
    const number = h("span", { class: "plan-number", "aria-hidden": "true" });
    /** @param {string} act @param {string} name @param {() => void} work */
    const button = (act, name, work) =>
      h("button", { type: "button", class: "icon-button small", data: { act, focus: `${act}-${key}` }, title: words.text(`plan.${act}.title`), on: { click: work } }, icon(name));
    return h(
      "li", { class: "plan-step" }, number, field,
      h(
        "span", { class: "plan-step-tools" },
        button("up", "up", () => this.#move(key, -1, `up-${key}`)),
        button("down", "down", () => this.#move(key, 1, `down-${key}`)),
        button("remove", "trash", () => this.#remove(key)),
      ),
      h("span", { class: "plan-step-rules" }),
    );
  }

  #drawTools() {
    const { words } = this.#context;
    if (!this.#canEdit) return replaceChildren(this.#tools);
    const isEdited = isChanged(this.#draft);
    const said = isEdited ? words.text("plan.unsaved") : words.text("plan.rev", { rev: this.#run.plan.rev });
    replaceChildren(
      this.#tools,
      this.#button("plan.add", "quiet", () => this.#add(), "plus", isFull(this.#draft)),
      isFull(this.#draft) && h("span", { class: "plan-rev" }, words.text("plan.full", { count: MAX_STEPS })),
      this.#draft.past.length > 0 && this.#button("plan.undo", "quiet", () => this.#change(undone(this.#draft)), "undo"),
      isEdited && !this.#isStale && this.#button("plan.save", "quiet", () => void this.#save(), "check"),
      h("span", { class: "plan-rev" }, said),
    );
  }

  #drawFoot() {
    const { words } = this.#context;
    const can = (/** @type {string} */ action) => this.#run.allowed_actions.includes(action);
    const isWaiting = this.#busy !== "";
    const confirm = isWaiting && this.#busy === "confirm" ? "plan.confirming" : isChanged(this.#draft) ? "plan.confirm_changed" : "plan.confirm";
    replaceChildren(
      this.#foot,
      problemLine(this.#problem, words),
      estimateFact(this.#run, words),
      h(
        "div", { class: "plan-actions" },
        can("confirm") && this.#button(confirm, "primary", () => void this.#confirm(), undefined, isWaiting || this.#isStale),
        can("cancel") && this.#button("plan.cancel", "", () => void this.#context.workspace.cancel(this.#run), undefined, isWaiting),
        can("revise") && !this.#isRevising && this.#button("plan.revise", "quiet push", () => this.#startRevising(), "edit"),
      ),
      can("revise") && this.#isRevising && this.#reviseForm(),
    );
  }

  #reviseForm() {
    const { words, workspace, drafts } = this.#context;
    const key = `revise.${this.#run.id}`;
    const send = async () => {
      const text = field.value.trim();
      if (!text) return field.focus();
      if (await workspace.revise(this.#run, text)) {
        drafts.set(key, null);
        this.#isRevising = false;
        this.#change(draftOf(this.#run.plan));
      }
    };
    const field = h("textarea", {
      rows: 2, data: { focus: "revise" }, placeholder: words.text("plan.revise_placeholder"), "aria-label": words.text("plan.revise"),
      props: { value: drafts.get(key) ?? "" },
      on: {
        input: () => drafts.set(key, field.value),
        keydown: (/** @type {KeyboardEvent} */ event) => {
          if (event.key !== "Enter" || event.shiftKey || isComposing(event)) return;
          event.preventDefault();
          event.stopPropagation();
          void send();
        },
      },
    });
    return h(
      "div", { class: "plan-revise" }, field,
      h("div", { class: "row" }, this.#button("plan.revise_send", "", () => void send()),
        this.#button("plan.revise_close", "quiet", () => { this.#isRevising = false; this.#draw(); })),
    );
  }

  /**
   * @param {string} key @param {string} kind @param {() => void} work @param {string} [picture] @param {boolean} [isOff]
   */
  #button(key, kind, work, picture, isOff = false) {
    return h(
      "button",
      {
        type: "button", class: `button ${kind}`, data: { focus: key }, "aria-disabled": isOff ? "true" : null,
        on: { click: () => isOff || work() },
      },
      picture && icon(picture), this.#context.words.text(key),
    );
  }

  // What the reader does.

  async #confirm() {
    if (await this.#context.workspace.confirm(this.#run, this.#draft.rev, isChanged(this.#draft) ? toRequest(this.#draft) : null)) {
      this.#context.drafts.set(`plan.${this.#run.id}`, null);
    }
  }

  async #save() {
    if (await this.#context.workspace.savePlan(this.#run, toRequest(this.#draft))) this.#change(draftOf(this.#context.workspace.state.runs[this.#run.id].plan));
  }

  #add() {
    this.#change(added(this.#draft, ""));
    this.#focusStep(this.#draft.steps[this.#draft.steps.length - 1].key);
  }

  /** @param {string} key */
  #remove(key) {
    const at = this.#draft.steps.findIndex((s) => s.key === key);
    this.#change(removed(this.#draft, key));
    const next = this.#draft.steps[Math.min(at, this.#draft.steps.length - 1)];
    if (next) this.#focusStep(next.key);
    else this.#tools.querySelector("button")?.focus();
    this.#context.announce(this.#context.words.text("plan.removed"));
  }

  /** @param {string} key @param {-1|1} by @param {string} focus what keeps the focus */
  #move(key, by, focus) {
    const next = moved(this.#draft, key, by);
    if (next === this.#draft) return;
    this.#change(next);
    const number = next.steps.findIndex((s) => s.key === key) + 1;
    /** @type {HTMLElement|null} */ (this.node.querySelector(`[data-focus="${CSS.escape(focus)}"]`))?.focus();
    this.#context.announce(this.#context.words.text("plan.moved", { number, total: next.steps.length }));
  }

  #startRevising() {
    this.#isRevising = true;
    this.#draw();
    /** @type {HTMLElement|null} */ (this.node.querySelector('[data-focus="revise"]'))?.focus();
  }

  /** @param {string} key */
  #focusStep(key) {
    /** @type {HTMLElement|null} */ (this.node.querySelector(`[data-focus="step-${CSS.escape(key)}"]`))?.focus();
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    if (isComposing(event)) return;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      if (!this.#isStale && this.#busy === "") void this.#confirm();
      return;
    }
    const field = event.target instanceof HTMLTextAreaElement ? event.target : null;
    const key = field?.dataset.step;
    if (!field || !key) return;
    if (event.altKey && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
      event.preventDefault();
      this.#move(key, event.key === "ArrowUp" ? -1 : 1, `step-${key}`);
    } else if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      if (isFull(this.#draft)) return;
      this.#change(added(this.#draft, "", key));
      const at = this.#draft.steps.findIndex((s) => s.key === key) + 1;
      this.#focusStep(this.#draft.steps[at].key);
    }
  }
}

/** @param {HTMLElement} element */
function isFocused(element) {
  return /** @type {Document|ShadowRoot} */ (element.getRootNode()).activeElement === element;
}
