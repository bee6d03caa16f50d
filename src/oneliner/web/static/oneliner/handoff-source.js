/**
 * What a page says of a handoff: the attributes of the element that was pressed, and the context it points to.
 *
 *     <button data-action="handoff-to-main-agent" data-title="Adjust the strategy" data-context-from="#strategy">
 *
 * @import {Handoff} from "./main-agent.js"
 */

import { newKey } from "./api.js";

export const ACTION = '[data-action="handoff-to-main-agent"]';
const MAX_CONTEXT_CHARS = 6_000;
/** What the server takes of a goal and of a summary. */
const MAX_TEXT_CHARS = 8_000;
const MAX_TITLE_CHARS = 200;
const MAX_NAME_CHARS = 128;
/** What is typed into these is nobody's business but the host's. */
const PRIVATE = new Set(["password", "file", "hidden"]);

/**
 * @param {HTMLElement} element the one with ``data-action``
 * @returns {Handoff}
 */
export function handoffFrom(element) {
  const { title, summary = "", goal, intent = "", platform = "", platformScope, projectId, steps, draft, sourceScreen, actionKey, contextFrom, askBefore, sessionId } = element.dataset;
  const isForm = element instanceof HTMLFormElement;
  const name = title || (!isForm && element.textContent?.trim()) || document.title;
  const from = contextFrom ?? (isForm ? "form" : "");
  const context = from ? contextOf(element, from) : "";
  return {
    title: name.slice(0, MAX_TITLE_CHARS),
    summary: summary.slice(0, MAX_TEXT_CHARS),
    goal: [goal || summary || name, context].filter(Boolean).join("\n\n").slice(0, MAX_TEXT_CHARS),
    steps: (steps ?? "").split("\n").map((step) => step.trim()).filter(Boolean),
    draft: draft !== undefined && draft !== "false",
    ask_before: (askBefore ?? "").split(/[\s,]+/).filter(Boolean),
    intent_key: intent,
    platform,
    platform_scope: platformScope,
    project_id: projectId,
    source_screen: (sourceScreen || location.pathname).slice(0, MAX_NAME_CHARS),
    source_action_key: (actionKey || element.id || intent || "handoff").slice(0, MAX_NAME_CHARS),
    session_id: sessionId || null,
  };
}

/**
 * @param {HTMLElement} element
 * @param {string} selector of a form or of any other element; ``form`` alone is the one the element stands in
 * @returns {string} what it holds, one line a field
 */
function contextOf(element, selector) {
  const source = selector === "form" ? element.closest("form") : document.querySelector(selector);
  if (!source) throw new Error(`OneLiner: data-context-from=${JSON.stringify(selector)} finds nothing on this page`);
  const text = source instanceof HTMLFormElement ? fieldsOf(source) : "value" in source ? String(source.value) : /** @type {HTMLElement} */ (source).innerText;
  return text.trim().slice(0, MAX_CONTEXT_CHARS);
}

/** @param {HTMLFormElement} form */
function fieldsOf(form) {
  const fields = /** @type {HTMLInputElement[]} */ ([...form.elements]).filter((field) => field.name && !PRIVATE.has(field.type));
  const shown = new Set(fields.map((field) => field.name));
  return [...new FormData(form)].filter(([name, value]) => shown.has(name) && value !== "").map(([name, value]) => `${labelOf(form, name)}: ${value}`).join("\n");
}

/** @param {HTMLFormElement} form @param {string} name */
function labelOf(form, name) {
  const field = form.elements.namedItem(name);
  const label = field instanceof Element && "labels" in field && /** @type {NodeListOf<HTMLElement>|null} */ (field.labels)?.[0];
  if (!label) return name;
  // Without what stands inside it: the field itself, with its own text.
  const own = [...label.childNodes].filter((node) => node !== field && !node.contains(/** @type {any} */ (field)));
  const text = own.map((node) => node.textContent).join(" ").replace(/\s+/g, " ").trim();
  return text.replace(/[:：]$/, "") || name;
}

/**
 * Sends what is pressed below *root*, and each form that is submitted, once: neither a second click of a double click, nor one while the first
 * is on its way, makes another run.
 *
 * @param {EventTarget} root
 * @param {(handoff: Handoff, key: string) => Promise<unknown>} send
 * @returns {() => void} what ends it
 */
export function listenForHandoffs(root, send) {
  /** @type {WeakSet<Element>} */
  const sending = new WeakSet();
  const pressed = async (/** @type {Event} */ event) => {
    const isSubmit = event.type === "submit";
    const from = event.composedPath().find((node) => node instanceof HTMLElement && node.matches(ACTION) && isSubmit === node instanceof HTMLFormElement);
    const element = /** @type {HTMLElement|undefined} */ (from);
    if (!element || event.defaultPrevented) return;
    event.preventDefault();
    if (sending.has(element) || /** @type {MouseEvent} */ (event).detail > 1 || element.getAttribute("aria-disabled") === "true") return;
    sending.add(element);
    element.setAttribute("aria-busy", "true");
    try {
      await send(handoffFrom(element), newKey());
    } finally {
      sending.delete(element);
      element.removeAttribute("aria-busy");
    }
  };
  const listener = (/** @type {Event} */ event) => void pressed(event);
  for (const type of ["click", "submit"]) root.addEventListener(type, listener);
  return () => {
    for (const type of ["click", "submit"]) root.removeEventListener(type, listener);
  };
}
