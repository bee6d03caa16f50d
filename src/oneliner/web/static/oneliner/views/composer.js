/**
 * Where one writes. Enter sends and Shift+Enter makes a line; an Enter that ends a Chinese composition does neither.
 *
 * @import {State} from "../types.js"
 * @import {Context} from "./context.js"
 */

import { h, icon, isComposing, setAttribute } from "../dom.js";

const MAX_CHARS = 200_000;
/** What can become of a message while a run of its session works; the first is what happens unasked. */
const MULTITASK = /** @type {import("../types.js").Multitask[]} */ (["enqueue", "steer", "interrupt"]);

export class Composer {
  #context;
  #field;
  #send;
  #stop;
  #multitask;
  /** @type {string|null|undefined} */
  #sessionId = undefined;
  #stopping = "";

  /** @param {Context} context @param {() => void} onSent */
  constructor(context, onSent) {
    const { words } = context;
    this.#context = context;
    this.#field = h("textarea", {
      class: "composer-field", id: "oneliner-composer", rows: 1, maxlength: MAX_CHARS, "aria-label": words.text("composer.label"), placeholder: words.text("composer.placeholder"), enterkeyhint: "send",
      on: { input: () => this.#changed(), keydown: (event) => this.#onKey(event) },
    });
    this.#send = h("button", { type: "submit", class: "composer-send", "aria-label": words.text("composer.send"), title: words.text("composer.send") }, icon("send"));
    this.#stop = h(
      "button", { type: "button", class: "composer-stop", hidden: true, title: words.text("run.stop"), "aria-label": words.text("run.stop"), on: { click: () => this.#stopRun() } },
      icon("stop"),
    );
    this.#multitask = h(
      "select", { class: "composer-multitask", hidden: true, "aria-label": words.text("composer.multitask"), title: words.text("composer.multitask") },
      MULTITASK.map((value) => h("option", { value }, words.text(`composer.${value}`))),
    );
    this.node = h(
      "form", { class: "composer", on: { submit: (event) => { event.preventDefault(); this.#submit(); } } },
      h("div", { class: "composer-box" }, this.#field, this.#multitask, this.#stop, this.#send),
      h("p", { class: "composer-note" }, words.text("composer.note")),
    );
    this.onSent = onSent;
  }

  /** @param {State} state */
  update(state) {
    if (state.sessionId !== this.#sessionId) {
      this.#sessionId = state.sessionId;
      this.#field.value = this.#context.drafts.get(this.#draftKey) ?? "";
      this.#changed();
    }
    const run = this.#runHere(state);
    setAttribute(this.#stop, "hidden", !run);
    setAttribute(this.#multitask, "hidden", !run);
    // Each choice is for one stretch of work.
    if (!run) this.#multitask.value = MULTITASK[0] ?? "";
    this.#stopping = run ? (state.busy[run.id] ?? "") : "";
    setAttribute(this.#stop, "aria-disabled", this.#stopping ? "true" : null);
    this.#changed();
  }

  focus() {
    this.#field.focus();
  }

  /** @param {string} text */
  fill(text) {
    this.#field.value = text;
    this.#changed();
    this.focus();
  }

  get #draftKey() {
    return `chat.${this.#sessionId ?? "new"}`;
  }

  /** A first message makes the session; a second must wait for it. */
  get #mustWait() {
    const { state } = this.#context.workspace;
    return state.sessionId === null && state.outbox.some((o) => o.sessionId === null && o.status !== "failed");
  }

  /** @param {State} state */
  #runHere(state) {
    return Object.values(state.runs).find(
      (run) => run.session_id === state.sessionId && run.run_status === "running" && (run.allowed_actions.includes("cancel") || state.busy[run.id]),
    );
  }

  #stopRun() {
    const run = this.#runHere(this.#context.workspace.state);
    if (run && !this.#stopping) void this.#context.workspace.cancel(run);
  }

  #changed() {
    this.#context.drafts.set(this.#draftKey, this.#field.value || null);
    setAttribute(this.#send, "aria-disabled", this.#field.value.trim() && !this.#mustWait ? null : "true");
  }

  #submit() {
    const text = this.#field.value.trim();
    if (!text || this.#mustWait) return;
    this.#field.value = "";
    this.#changed();
    void this.#context.workspace.say(text, MULTITASK.find((value) => value === this.#multitask.value));
    this.onSent();
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    // keyCode 229: Safari ends a composition with an Enter that no longer says it is composing.
    if (event.key !== "Enter" || event.shiftKey || isComposing(event)) return;
    event.preventDefault();
    this.#submit();
  }
}
