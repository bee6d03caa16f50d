/**
 * The short ways to filters: those everybody needs, and those somebody has named.
 *
 * @import {SavedViews, View} from "../saved-views.js"
 * @import {PageContext, Route} from "./router.js"
 */

import { h, icon, replaceChildren } from "../dom.js";
import { NAME_CHARS, queryOf } from "../saved-views.js";
import { attempted } from "./parts.js";

/**
 * @param {PageContext} context @param {Route} route
 * @param {{text: string, query: Record<string, string>}[]} usual
 * @param {Record<string, string|null>} given the filters that hold now, without where in the list
 * @param {SavedViews} saved @param {View[]} first those that are saved now
 */
export function viewsRow({ words, announce }, route, usual, given, saved, first) {
  let own = first;
  const here = queryOf(given);
  const row = h("div", { class: "views" });
  const problem = h("div", {});
  const link = (/** @type {string} */ text, /** @type {string} */ query) => h("a", { class: "view", href: query ? `#/${route.name}?${query}` : `#/${route.name}`, "aria-current": query === here ? "true" : null }, text);
  /** Does *work*, and shows what is saved then. @param {() => Promise<void>} work */
  const change = async (work) => {
    if (!(await attempted(words, problem, async () => { await work(); own = await saved.all(); }))) return false;
    draw();
    return true;
  };
  const remove = async (/** @type {View} */ view, /** @type {number} */ n) => {
    if (!(await change(() => saved.remove(view.name)))) return;
    announce(words.text("views.removed", { name: view.name }));
    // The button that had the focus is gone: what stands before it takes it.
    /** @type {HTMLElement|null} */ (row.querySelectorAll("a")[usual.length + n - 1])?.focus();
  };
  const draw = (isNaming = false) => {
    const isKnown = [...own.map((view) => view.query), ...usual.map((view) => queryOf(view.query))].includes(here);
    replaceChildren(row,
      h("ul", { class: "view-list", "aria-label": words.text("views.label") },
        ...usual.map((view) => h("li", {}, link(view.text, queryOf(view.query)))),
        ...own.map((view, n) => h("li", {}, link(view.name, view.query), h("button", { type: "button", class: "icon-button small", "aria-label": words.text("views.remove", { name: view.name }), on: { click: () => void remove(view, n) } }, icon("cross"))))),
      !isKnown && (isNaming ? naming() : h("button", { type: "button", class: "button small quiet view-save", on: { click: () => draw(true) } }, icon("plus"), words.text("views.save"))),
      problem);
    if (isNaming) row.querySelector("input")?.focus();
  };
  const leave = () => {
    replaceChildren(problem);
    draw();
    /** @type {HTMLElement|null} */ (row.querySelector(".view-save"))?.focus();
  };
  const naming = () => {
    const name = h("input", { type: "text", required: true, maxlength: NAME_CHARS, "aria-label": words.text("views.name"), placeholder: words.text("views.name"), on: { keydown: (event) => event.key === "Escape" && leave() } });
    const submit = async (/** @type {Event} */ event) => {
      event.preventDefault();
      const called = name.value.trim();
      if (!called || !(await change(() => saved.save(called, here)))) return;
      announce(words.text("views.saved", { name: called }));
      /** @type {HTMLElement|null} */ (row.querySelector("[aria-current]"))?.focus();
    };
    return h("form", { class: "row view-form", on: { submit } }, name, h("button", { type: "submit", class: "button small" }, words.text("views.keep")));
  };
  draw();
  return row;
}
