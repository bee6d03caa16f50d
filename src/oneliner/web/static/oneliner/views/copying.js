/**
 * @import {Translator} from "../i18n.js"
 */

import { setText } from "../dom.js";

const COPIED_MS = 1_500;

/**
 * Puts *text* into the clipboard and says so on the button for a moment.
 *
 * @param {string} text @param {HTMLElement} said @param {Translator} words
 */
export async function copy(text, said, words) {
  const label = said.textContent ?? "";
  let done = true;
  try {
    await navigator.clipboard.writeText(text);
  } catch (error) {
    if (!(error instanceof DOMException || error instanceof TypeError)) throw error;
    done = false; // not allowed here, or no clipboard outside a secure context
  }
  setText(said, words.text(done ? "copied" : "copy_failed"));
  setTimeout(() => setText(said, label), COPIED_MS);
}
