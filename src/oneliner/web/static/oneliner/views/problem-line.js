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
  const key = `problem.${problem.code}`;
  return words.has(key) ? words.text(key) : words.text("problem.other", { detail: problem.detail || problem.title || problem.code });
}
