/**
 * Tables as files: all that fits, not only the part of it that is shown.
 *
 * @import {Translator} from "../i18n.js"
 * @typedef {(string|null|undefined)[]} Row
 */

import { Refused } from "../api.js";
import { h, icon, replaceChildren } from "../dom.js";
import { problemLine } from "../views/problem-line.js";
import { saveAs } from "./parts.js";

/**
 * A button that reads page after page and saves what it has read. While it reads it tells how much there is so far, and
 * another click leaves it; then, and when a page is refused, nothing is saved.
 *
 * @template T
 * @param {Translator} words
 * @param {string} name of the file
 * @param {string[]} columns
 * @param {(item: T) => Row} row
 * @param {(before: string|null) => Promise<{items: T[], next_cursor: string|null}>} read throws Refused
 */
export function csvButton(words, name, columns, row, read) {
  const problem = h("div", {});
  const told = h("span", {}, words.text("page.csv"));
  /** @type {AbortController|null} */
  let reading = null;
  const save = async () => {
    if (reading) return reading.abort();
    const mine = (reading = new AbortController());
    replaceChildren(problem);
    try {
      const items = await everyPage(read, (count) => replaceChildren(told, words.text("page.csv_reading", { count })), mine.signal);
      const text = [columns, ...items.map(row)].map((cells) => cells.map(quoted).join(",")).join("\r\n");
      if (!mine.signal.aborted) saveAs(new Blob([`\ufeff${text}\r\n`], { type: "text/csv" }), name);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      replaceChildren(problem, problemLine(error.problem, words));
    } finally {
      reading = null;
      replaceChildren(told, words.text("page.csv"));
    }
  };
  const button = h("button", { type: "button", class: "button small", on: { click: () => void save() } }, icon("down"), told);
  return h("div", { class: "row" }, button, problem);
}

/**
 * @template T
 * @param {(before: string|null) => Promise<{items: T[], next_cursor: string|null}>} read
 * @param {(count: number) => void} tell how many there are so far, after each page but the last
 * @param {AbortSignal} signal
 * @returns {Promise<T[]>} what was read until there was no more, or until the signal
 */
async function everyPage(read, tell, signal) {
  const items = [];
  /** @type {string|null} */
  let before = null;
  do {
    const page = await read(before);
    items.push(...page.items);
    before = page.next_cursor;
    if (before) tell(items.length);
  } while (before && !signal.aborted);
  return items;
}

/** A cell that a spreadsheet would take for a formula is kept from being one. @param {string|null|undefined} value */
function quoted(value) {
  const text = value ?? "";
  const safe = /^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
