/**
 * Pieces that the pages share: tables, forms that live in the address, times and downloads.
 *
 * @import {Child} from "../dom.js"
 * @import {Translator} from "../i18n.js"
 * @import {Route} from "./router.js"
 */

import { h, icon } from "../dom.js";
import { addressOf } from "./router.js";

/**
 * @param {string} caption said to a screen reader
 * @param {{text: string, kind?: string}[]} columns ``kind`` is the class of its cells, such as ``number``
 * @param {(Child|Child[])[][]} rows
 */
export function table(caption, columns, rows) {
  const cell = (/** @type {Child|Child[]} */ value, /** @type {number} */ n) => h(n === 0 ? "th" : "td", { class: columns[n].kind, scope: n === 0 ? "row" : null }, ...(Array.isArray(value) ? value : [value]));
  return h("div", { class: "table-box", tabindex: "0", role: "group", "aria-label": caption },
    h("table", { class: "table" },
      h("caption", { class: "sr-only" }, caption),
      h("thead", {}, h("tr", {}, ...columns.map((column) => h("th", { class: column.kind, scope: "col" }, column.text)))),
      h("tbody", {}, ...rows.map((row) => h("tr", {}, ...row.map(cell))))));
}

/** @param {string} heading @param {...(Child|Child[])} children */
export function section(heading, ...children) {
  return h("section", { class: "stack" }, h("h2", { class: "section-title" }, heading), ...children);
}

/** @param {string} text */
export function nothing(text) {
  return h("p", { class: "nothing" }, text);
}

/** @param {string} label @param {HTMLElement} control */
export function labelled(label, control) {
  return h("label", { class: "field" }, h("span", {}, label), control);
}

/** @param {string} name @param {[string, string][]} choices value and text @param {string} chosen */
export function choice(name, choices, chosen) {
  return h("select", { name }, ...choices.map(([value, text]) => h("option", { value, props: { selected: value === chosen } }, text)));
}

/**
 * A form whose fields stand in the address; what is empty is left out.
 *
 * @param {Route} route @param {Translator} words @param {...HTMLElement} fields
 */
export function filters(route, words, ...fields) {
  const apply = () => {
    /** @type {Record<string, string[]>} */
    const query = {};
    for (const [name, value] of new FormData(form)) if (value !== "") (query[name] ??= []).push(String(value));
    location.hash = addressOf(route.name, query, route.id);
  };
  const form = h("form", { class: "filters", role: "search", on: { submit: (event) => { event.preventDefault(); apply(); }, change: (event) => event.target.type !== "search" && apply() } },
    ...fields, h("button", { type: "submit", class: "button small" }, words.text("filter.apply")));
  return form;
}

/** @param {string} iso @param {Translator} words a date and a time */
export function when(iso, words) {
  const text = new Intl.DateTimeFormat(words.locale, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23", ...(new Date(iso).getFullYear() === new Date().getFullYear() ? {} : { year: "numeric" }) }).format(new Date(iso));
  return h("time", { datetime: iso, title: iso }, text);
}

/** @param {Translator} words @param {() => (string|null|undefined)[][]} rows the first names the columns @param {string} name of the file */
export function csvButton(words, rows, name) {
  const save = () => {
    const text = rows().map((row) => row.map(quoted).join(",")).join("\r\n");
    const url = URL.createObjectURL(new Blob([`\ufeff${text}\r\n`], { type: "text/csv" }));
    h("a", { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1_000);
  };
  return h("button", { type: "button", class: "button small", on: { click: save } }, icon("down"), words.text("page.csv"));
}

/** A cell that a spreadsheet would take for a formula is kept from being one. @param {string|null|undefined} value */
function quoted(value) {
  const text = value ?? "";
  const safe = /^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
