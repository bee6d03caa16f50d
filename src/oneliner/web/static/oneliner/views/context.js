/**
 * What every view is given: the words, what can be asked, and where drafts are kept.
 *
 * @import {Drafts} from "../drafts.js"
 * @import {Translator} from "../i18n.js"
 * @import {Workspace} from "../workspace.js"
 * @typedef {object} Context
 * @property {Translator} words
 * @property {Workspace} workspace
 * @property {Drafts} drafts
 * @property {(text: string, isUrgent?: boolean) => void} announce says something to a screen reader
 * @property {(sheet: "asking"|"answers") => Promise<void>} [dress] brings styles; left out where all are there from the start
 * @property {(page: string, query: Record<string, string>, id: string) => string} [addressOf] where there are pages
 */

/**
 * Keeps *value* where there is room for it. Where there is none, nothing is kept: what is older must not be taken for it.
 *
 * @param {Storage|null} storage @param {string} key @param {string|null} value null forgets it
 */
export function keep(storage, key, value) {
  try {
    if (value !== null) return storage?.setItem(key, value);
  } catch (error) {
    if (!(error instanceof DOMException)) throw error; // full
  }
  storage?.removeItem(key);
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
