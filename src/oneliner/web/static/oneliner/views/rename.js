/**
 * Another title for a session.
 *
 * @import {Context} from "./context.js"
 */

import { Refused } from "../api.js";
import { h, icon, isComposing, replaceChildren, setAttribute, setText } from "../dom.js";
import { problemLine } from "./problem-line.js";

/** What the server takes. */
const MAX_CHARS = 80;

/**
 * A field for it, with the focus in it.
 *
 * @param {Context} context @param {{id: string, title: string}} session @param {(isDone: boolean) => void} onLeave
 */
export function renameForm({ words, workspace }, session, onLeave) {
  const problem = h("div", {});
  let isBusy = false;
  const field = h("input", { type: "text", maxlength: MAX_CHARS, required: true, "aria-label": words.text("rename.label"), props: { value: session.title } });
  const save = async () => {
    const title = field.value.trim();
    if (!title || isBusy) return field.focus();
    isBusy = true;
    try {
      if (title !== session.title) await workspace.renameSession(session.id, title);
      onLeave(true);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      replaceChildren(problem, problemLine(error.problem, words));
    } finally {
      isBusy = false;
    }
  };
  const submit = (/** @type {Event} */ event) => { event.preventDefault(); void save(); };
  // An Enter that commits a composition is the composition's.
  const keydown = (/** @type {KeyboardEvent} */ event) => {
    if (isComposing(event)) return event.key === "Enter" && event.preventDefault();
    if (event.key === "Escape") onLeave(false);
  };
  const form = h("form", { class: "rename", on: { submit, keydown } }, field,
    h("button", { type: "submit", class: "button small primary" }, words.text("rename.save")),
    h("button", { type: "button", class: "icon-button small", "aria-label": words.text("rename.leave"), on: { click: () => onLeave(false) } }, icon("cross")), problem);
  queueMicrotask(() => { field.focus(); field.select(); });
  return form;
}

/** The title of what is shown; that of a session can be changed where it stands. */
export class SessionTitle {
  #context;
  #opener;
  #place = h("div", { class: "rename-place", hidden: true });
  /** @type {string|null} */
  #sessionId = null;
  heading = h("h1", { class: "page-title", tabindex: "-1" });

  /** @param {Context} context */
  constructor(context) {
    this.#context = context;
    const label = context.words.text("rename.open");
    this.#opener = h("button", { type: "button", class: "icon-button small", title: label, "aria-label": label, hidden: true, on: { click: () => this.#open() } }, icon("edit"));
    this.nodes = [this.heading, this.#opener, this.#place];
  }

  /** @param {string} title @param {string|null} sessionId null: it is that of something else */
  update(title, sessionId) {
    setText(this.heading, title);
    if (sessionId === this.#sessionId) return;
    this.#sessionId = sessionId;
    this.#show(false);
  }

  #open() {
    const leave = () => {
      this.#show(false);
      this.#opener.focus();
    };
    replaceChildren(this.#place, renameForm(this.#context, { id: this.#sessionId ?? "", title: this.heading.textContent ?? "" }, leave));
    this.#show(true);
  }

  /** @param {boolean} isOpen */
  #show(isOpen) {
    setAttribute(this.#place, "hidden", !isOpen);
    for (const node of [this.heading, this.#opener]) setAttribute(node, "hidden", isOpen);
    if (this.#sessionId === null) setAttribute(this.#opener, "hidden", true);
    if (!isOpen) replaceChildren(this.#place);
  }
}
