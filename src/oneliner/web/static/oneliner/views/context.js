/**
 * What every view is given: the words, what can be asked, and where drafts are kept.
 *
 * @import {Translator} from "../i18n.js"
 * @import {Workspace} from "../workspace.js"
 * @typedef {object} Context
 * @property {Translator} words
 * @property {Workspace} workspace
 * @property {Drafts} drafts
 * @property {(text: string, isUrgent?: boolean) => void} announce says something to a screen reader
 * @property {(page: string, query: Record<string, string>, id: string) => string} [addressOf] where there are pages
 */

/** Unfinished input, kept for this tab and over a reload; where the browser keeps nothing, for as long as it is open. */
export class Drafts {
  /** @type {Map<string, any>} */
  #kept = new Map();
  #storage;

  /** @param {Storage|null} storage */
  constructor(storage) {
    this.#storage = storage;
  }

  /** @param {string} key @returns {any} null when there is none */
  get(key) {
    if (this.#kept.has(key)) return this.#kept.get(key);
    const stored = this.#storage?.getItem(`oneliner.draft.${key}`);
    return stored ? JSON.parse(stored) : null;
  }

  /** @param {string} key @param {any} value null forgets it */
  set(key, value) {
    this.#kept.set(key, value);
    if (value === null) this.#storage?.removeItem(`oneliner.draft.${key}`);
    else this.#storage?.setItem(`oneliner.draft.${key}`, JSON.stringify(value));
  }
}

/**
 * @param {"sessionStorage"|"localStorage"} name
 * @returns {Storage|null} null where the browser keeps nothing
 */
export function storageOf(name) {
  try {
    return window[name];
  } catch (error) {
    if (error instanceof DOMException) return null; // storage is switched off
    throw error;
  }
}
