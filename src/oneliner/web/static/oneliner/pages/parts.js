/**
 * Pieces that the pages share: tables, forms that live in the address, times and downloads.
 *
 * @import {Child} from "../dom.js"
 * @import {Translator} from "../i18n.js"
 * @import {Route} from "./router.js"
 */

import { Refused } from "../api.js";
import { h, icon, replaceChildren } from "../dom.js";
import { problemLine } from "../views/problem-line.js";
import { addressOf } from "./router.js";

/** What a cell says of a thing that is not there. */
const NOT_GIVEN = "–";

/**
 * A table, which is a list of cards where there is no room for its columns: hence the roles, which a table that is not
 * laid out as one would lose.
 *
 * @param {string} caption said to a screen reader
 * @param {{text: string, kind?: string}[]} columns ``kind`` is the class of its cells, such as ``number``
 * @param {(Child|Child[])[][]} rows
 */
export function table(caption, columns, rows) {
  const cell = (/** @type {Child|Child[]} */ value, /** @type {number} */ n) => {
    const children = Array.isArray(value) ? value : [value];
    const { kind, text } = columns[n];
    if (n === 0) return h("th", { class: kind, scope: "row", role: "rowheader" }, ...children);
    const isEmpty = children.every((child) => child === NOT_GIVEN || child === "" || child == null);
    return h("td", { class: kind, role: "cell", data: { label: text, ...(isEmpty ? { empty: "" } : {}) } }, h("div", {}, ...children));
  };
  return h("div", { class: "table-box", tabindex: "0", role: "group", "aria-label": caption },
    h("table", { class: "table", role: "table" },
      h("caption", { class: "sr-only" }, caption),
      h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, ...columns.map((column) => h("th", { class: column.kind, scope: "col", role: "columnheader" }, column.text)))),
      h("tbody", { role: "rowgroup" }, ...rows.map((row) => h("tr", { role: "row" }, ...row.map(cell))))));
}

/** @param {string} heading @param {...(Child|Child[])} children */
export function section(heading, ...children) {
  return h("section", { class: "stack" }, h("h2", { class: "section-title" }, heading), ...children);
}

/** An empty place, and the way forward from it. @param {string} text @param {...Child} ways */
export function nothing(text, ...ways) {
  if (!ways.some(Boolean)) return h("p", { class: "nothing" }, text);
  return h("div", { class: "nothing" }, h("p", {}, text), h("div", { class: "row" }, ...ways));
}

/**
 * Something to be opened, which is built when it first is.
 *
 * @param {Child[]} summary @param {() => HTMLElement} build @param {{isOpen?: boolean, class?: string}} [how]
 */
export function opened(summary, build, { isOpen = false, class: kind = "card" } = {}) {
  const fill = () => node.open && node.childElementCount === 1 && node.append(build());
  const node = h("details", { class: kind, on: { toggle: fill } }, h("summary", {}, ...summary));
  node.open = isOpen;
  fill();
  return node;
}

/** Names and what they say. @param {[string, Child|Child[]][]} pairs */
export function facts(pairs) {
  return h("dl", { class: "facts" }, ...pairs.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, ...(Array.isArray(value) ? value : [value]))]));
}

/** How something is doing: a colour and a word. @param {"good"|"bad"|"busy"|"waits"|"off"} state @param {string} text */
export function badge(state, text) {
  return h("span", { class: "status", data: { state } }, h("span", { class: "status-dot", "aria-hidden": "true" }), text);
}

/** The page as the address says, from the start. */
export function showAgain() {
  dispatchEvent(new HashChangeEvent("hashchange"));
}

/** Where something is on its way. @type {WeakSet<HTMLElement>} */
const busy = new WeakSet();

/**
 * Does *work*, and says in *problem* what the server refused. As long as it is on its way nothing more is begun in the same
 * place: a double click makes one thing.
 *
 * @param {Translator} words @param {HTMLElement} problem @param {() => Promise<any>} work
 * @param {(error: unknown) => HTMLElement|null} [saidOf] what else can go wrong, in words
 * @returns {Promise<boolean>} whether it was done
 */
export async function attempted(words, problem, work, saidOf = () => null) {
  if (busy.has(problem)) return false;
  busy.add(problem);
  replaceChildren(problem);
  try {
    await work();
    return true;
  } catch (error) {
    const said = error instanceof Refused ? problemLine(error.problem, words) : saidOf(error);
    if (!said) throw error;
    replaceChildren(problem, said);
    return false;
  } finally {
    busy.delete(problem);
  }
}

/**
 * A button for what cannot be undone by a click: it asks first, and the focus is on leaving it.
 *
 * @param {Translator} words @param {{text: string, ask: string, yes: string, icon?: string, isMild?: boolean}} said ``isMild``: nothing is lost by it @param {() => void} onYes
 */
export function sureButton(words, said, onYes) {
  const box = h("span", { class: "row" });
  const style = said.isMild ? "button small" : "button small danger";
  const first = h("button", { type: "button", class: style, on: { click: () => ask() } }, said.icon && icon(said.icon), said.text);
  const leave = () => { replaceChildren(box, first); first.focus(); };
  const no = h("button", { type: "button", class: "button small", on: { click: leave, keydown: (event) => event.key === "Escape" && leave() } }, words.text("sure.no"));
  const ask = () => {
    replaceChildren(box, h("span", {}, said.ask), h("button", { type: "button", class: style, on: { click: onYes } }, said.yes), no);
    no.focus();
  };
  replaceChildren(box, first);
  return box;
}

/** @param {Blob} blob @param {string} name of the file */
export function saveAs(blob, name) {
  const url = URL.createObjectURL(blob);
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1_000);
}

/** @param {string} label @param {HTMLElement} control */
export function labelled(label, control) {
  return h("label", { class: "field" }, h("span", {}, label), control);
}

/** @param {string} name @param {[string, string][]} choices value and text @param {string} chosen */
export function choice(name, choices, chosen) {
  return h("select", { name }, ...choices.map(([value, text]) => h("option", { value, props: { selected: value === chosen } }, text)));
}

/** Lets *kind* be chosen of every part before the dot that *types* have. @param {HTMLSelectElement} kind @param {Iterable<string>} types */
export function offerKinds(kind, types) {
  const known = new Set([...kind.options].map((option) => option.value));
  for (const name of new Set([...types].map((type) => type.split(".")[0]))) if (!known.has(name)) kind.append(h("option", { value: name }, `${name}.*`));
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

/** Several things in one sentence. @param {string[]} items @param {Translator} words */
export function inOneSentence(items, words) {
  return new Intl.ListFormat(words.locale, { type: "conjunction" }).format(items);
}

/** @param {string|number} at a moment, as ISO or in ms @param {Translator} words @param {{digits?: 0|3}} [how] of the second @returns {string} its time of day in the reader's time zone */
export function clock(at, words, { digits = 0 } = {}) {
  const fraction = digits ? { fractionalSecondDigits: digits } : {};
  return new Intl.DateTimeFormat(words.locale, { hour: "2-digit", minute: "2-digit", second: "2-digit", ...fraction, hourCycle: "h23" }).format(new Date(at));
}

/** @param {string} iso @param {Translator} words a date and a time @param {{isExact?: boolean}} [how] to the second */
export function when(iso, words, { isExact = false } = {}) {
  const text = words.moment(iso, isExact);
  return h("time", { datetime: iso, title: iso }, text);
}
