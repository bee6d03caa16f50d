/**
 * The short ways to filters: those everybody needs, and those somebody has named.
 *
 * @import {PageContext, Route} from "./router.js"
 */

import { h, icon, replaceChildren } from "../dom.js";
import { NAME_CHARS, SavedViews, queryOf } from "../saved-views.js";
import { storageOf } from "../views/context.js";

/**
 * @param {PageContext} context @param {Route} route
 * @param {{text: string, query: Record<string, string>}[]} usual
 * @param {Record<string, string|null>} given the filters that hold now, without where in the list
 */
export function viewsRow({ words, workspace, announce }, route, usual, given) {
  const kept = new SavedViews(storageOf("localStorage"), route.name, workspace.state.me?.userId ?? "");
  const here = queryOf(given);
  const row = h("div", { class: "views" });
  const link = (/** @type {string} */ text, /** @type {string} */ query) => h("a", { class: "view", href: query ? `#/${route.name}?${query}` : `#/${route.name}`, "aria-current": query === here ? "true" : null }, text);
  const draw = (isNaming = false) => {
    const own = kept.all();
    const isKnown = [...own.map((view) => view.query), ...usual.map((view) => queryOf(view.query))].includes(here);
    replaceChildren(row,
      h("ul", { class: "view-list", "aria-label": words.text("views.label") },
        ...usual.map((view) => h("li", {}, link(view.text, queryOf(view.query)))),
        ...own.map((view) => h("li", {}, link(view.name, view.query), h("button", { type: "button", class: "icon-button small", "aria-label": words.text("views.remove", { name: view.name }), on: { click: () => { kept.remove(view.name); draw(); } } }, icon("cross"))))),
      kept.isThere && !isKnown && (isNaming ? naming() : h("button", { type: "button", class: "button small quiet", on: { click: () => draw(true) } }, icon("plus"), words.text("views.save"))));
    if (isNaming) row.querySelector("input")?.focus();
  };
  const naming = () => {
    const name = h("input", { type: "text", required: true, maxlength: NAME_CHARS, "aria-label": words.text("views.name"), placeholder: words.text("views.name"), on: { keydown: (event) => event.key === "Escape" && draw() } });
    const submit = (/** @type {Event} */ event) => {
      event.preventDefault();
      if (!name.value.trim()) return;
      kept.save(name.value.trim(), here);
      announce(words.text("views.saved", { name: name.value.trim() }));
      draw();
      /** @type {HTMLElement|null} */ (row.querySelector("[aria-current]"))?.focus();
    };
    return h("form", { class: "row view-form", on: { submit } }, name, h("button", { type: "submit", class: "button small" }, words.text("views.keep")));
  };
  draw();
  return row;
}
