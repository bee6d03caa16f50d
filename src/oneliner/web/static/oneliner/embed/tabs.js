/**
 * The latest sessions as tabs: those that need somebody or are at work, the open one, and the last used.
 *
 * @import {Session, State} from "../types.js"
 * @import {Context} from "../views/context.js"
 */

import { h, icon, keepFocus, replaceChildren, setAttribute } from "../dom.js";
import { ENDED, orderRuns } from "../picking.js";

const MAX_TABS = 4;

export class SessionTabs {
  #context;
  #panelId;
  #list;
  #all;
  #drawn = "";
  #onAll;

  /** @param {Context} context @param {{panelId: string, onNew: () => void, onOpen: () => void, onAll: (shows: boolean) => void}} options */
  constructor(context, { panelId, onNew, onOpen, onAll }) {
    const { words } = context;
    this.#context = context;
    this.#panelId = panelId;
    this.#onAll = onAll;
    this.onOpen = onOpen;
    this.#list = h("div", { class: "tablist", role: "tablist", "aria-label": words.text("embed.tabs"), on: { keydown: (event) => this.#onKey(event) } });
    this.#all = h(
      "button",
      { type: "button", class: "icon-button small", title: words.text("embed.all"), "aria-label": words.text("embed.all"), "aria-expanded": "false", on: { click: () => this.showAll(this.#all.getAttribute("aria-expanded") !== "true") } },
      icon("menu"),
    );
    const fresh = h("button", { type: "button", class: "icon-button small", title: words.text("embed.new"), "aria-label": words.text("embed.new"), on: { click: onNew } }, icon("plus"));
    this.node = h("div", { class: "tabs" }, this.#list, fresh, this.#all);
  }

  /** @param {boolean} shows */
  showAll(shows) {
    this.#all.setAttribute("aria-expanded", String(shows));
    this.#onAll(shows);
  }

  /** @param {State} state */
  update(state) {
    const { words } = this.#context;
    const shown = tabsOf(state);
    const drawn = JSON.stringify([shown, state.sessionId]);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    const isNew = state.sessionId === null;
    const tabs = shown.map(({ id, title, status }) => this.#tab(id, title || words.text("sessions.untitled"), status, id === state.sessionId));
    if (isNew) tabs.unshift(this.#tab(null, words.text("embed.new_short"), "", true));
    if (tabs.every((tab) => tab.tabIndex < 0) && tabs[0]) tabs[0].tabIndex = 0;
    keepFocus(this.#list, () => replaceChildren(this.#list, ...tabs));
  }

  /** @param {string|null} id @param {string} title @param {string} status @param {boolean} isOpen */
  #tab(id, title, status, isOpen) {
    const { words, workspace } = this.#context;
    const label = status ? words.text("embed.tab_status", { title, status: words.text(`status.${status}`) }) : title;
    return h(
      "button",
      {
        type: "button", class: "tab", role: "tab", "aria-selected": String(isOpen), "aria-controls": this.#panelId, "aria-label": label, title: label,
        tabindex: isOpen ? "0" : "-1", data: { focus: `tab-${id ?? "new"}`, status },
        on: { click: () => { this.onOpen(); void workspace.open(id); } },
      },
      status && h("span", { class: "status-dot", "aria-hidden": "true" }), h("span", { class: "tab-title" }, title),
    );
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const tabs = /** @type {HTMLElement[]} */ ([...this.#list.children]);
    const at = tabs.indexOf(/** @type {HTMLElement} */ (event.target));
    /** @type {Record<string, number>} */
    const moves = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: tabs.length - 1 };
    if (at < 0 || !(event.key in moves)) return;
    event.preventDefault();
    for (const tab of tabs) setAttribute(tab, "tabindex", "-1");
    const next = tabs[(moves[event.key] + tabs.length) % tabs.length];
    next.tabIndex = 0;
    next.focus();
  }
}

/**
 * @param {State} state
 * @returns {{id: string, title: string, status: string}[]} the open session stays where it is while others come and go
 */
function tabsOf(state) {
  const status = (/** @type {Session} */ session) => {
    const [run] = orderRuns(Object.values(state.runs).filter((r) => r.session_id === session.id && (!ENDED.has(r.run_status) || r.run_status === "failed")));
    return run?.run_status ?? "";
  };
  const all = Object.values(state.sessions).map((s) => ({ id: s.id, title: s.title, status: status(s), at: s.updated_at }));
  const matters = (/** @type {{id: string, status: string}} */ tab) => (tab.id === state.sessionId ? 0 : tab.status && tab.status !== "failed" ? 1 : 2);
  const chosen = all.sort((a, b) => matters(a) - matters(b) || (a.at < b.at ? 1 : -1)).slice(0, MAX_TABS);
  return chosen.sort((a, b) => (a.id < b.id ? 1 : -1)).map(({ id, title, status: said }) => ({ id, title, status: said }));
}
