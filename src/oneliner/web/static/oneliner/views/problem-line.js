/**
 * @import {Translator} from "../i18n.js"
 * @import {Problem} from "../types.js"
 */

import { h, icon } from "../dom.js";

/**
 * What the server refused, in the reader's words where we have them.
 *
 * @param {Problem|null} problem
 * @param {Translator} words
 * @returns {HTMLElement|null}
 */
export function problemLine(problem, words) {
  if (!problem) return null;
  return h("p", { class: "problem", role: "alert" }, icon("alert"), h("span", {}, problemText(problem, words)));
}

/** @param {Problem} problem @param {Translator} words */
export function problemText(problem, words) {
  // The words of a field say what it takes; what the server says of it is English.
  const known = [`problem.${problem.code}`, `invalid.${problem.field}`].find((key) => words.has(key));
  return words.text(known ?? "problem.other", { detail: problem.detail || problem.title || problem.code });
}
