/**
 * The pages beside the chat. The address after ``#/`` names one and carries its filters, so that what is seen can be
 * kept and sent; each page's module is loaded when it is first gone to.
 *
 * @import {Api} from "../api.js"
 * @import {Context} from "../views/context.js"
 * @typedef {{name: string, id: string, query: URLSearchParams}} Route
 * @typedef {Context & {api: Api}} PageContext
 * @typedef {{title: string, node: HTMLElement, leave?: () => void}} Shown
 */

import { h, replaceChildren, setAttribute } from "../dom.js";
import { loadConsoleWords } from "../i18n.js";
import { problemLine } from "../views/problem-line.js";

/** @type {Record<string, () => Promise<{show(context: PageContext, route: Route): Promise<Shown>}>>} */
const PAGES = {
  home: () => import("./home.js"),
  runs: () => import("./runs.js"),
  run: () => import("./run.js"),
  documents: () => import("./documents.js"),
  document: () => import("./document.js"),
  rules: () => import("./rules.js"),
  costs: () => import("./costs.js"),
  sessions: () => import("./sessions.js"),
  session: () => import("./session.js"),
  schedules: () => import("./schedules.js"),
  schedule: () => import("./schedule.js"),
  live: () => import("./live.js"),
  mcp: () => import("./mcp.js"),
  webhooks: () => import("./webhooks.js"),
  webhook: () => import("./webhook.js"),
  system: () => import("./system.js"),
};
const IN_NAV = ["home", "chat", "runs", "sessions", "documents", "schedules", "rules", "costs", "live"];
const FOR_ADMINS = ["mcp", "webhooks", "system"];
/** @type {Record<string, string>} */
const BELONGS_TO = { run: "runs", document: "documents", session: "sessions", schedule: "schedules", webhook: "webhooks" };

/** @param {string} hash @returns {Route|null} null: the chat */
export function routeOf(hash) {
  if (!hash.startsWith("#/")) return null;
  const [path, search = ""] = hash.slice(2).split("?", 2);
  const [name, id = ""] = path.split("/");
  return name in PAGES ? { name, id: decodeURIComponent(id), query: new URLSearchParams(search) } : null;
}

/** @param {string} name @param {Record<string, string|string[]|null|undefined>} [query] @param {string} [id] @returns {string} an address */
export function addressOf(name, query = {}, id = "") {
  const pairs = Object.entries(query).flatMap(([key, value]) => (Array.isArray(value) ? value : [value]).filter(Boolean).map((v) => [key, String(v)]));
  const place = id ? `${name}/${encodeURIComponent(id)}` : name;
  return pairs.length ? `#/${place}?${new URLSearchParams(pairs)}` : `#/${place}`;
}

export class Pages {
  #context;
  #chat;
  #onTitle;
  #asked = 0;
  /** @type {Promise<void>|null} */
  #learnt = null;
  /** @type {(() => void)|undefined} */
  #leave = undefined;
  node = h("div", { class: "page", hidden: true });
  #onHash = () => void this.go();

  /**
   * @param {PageContext} context
   * @param {HTMLElement} chat is hidden while a page is shown
   * @param {(title: string|null) => void} onTitle null: the chat's own
   */
  constructor(context, chat, onTitle) {
    this.#context = context;
    this.#chat = chat;
    this.#onTitle = onTitle;
    const { words, workspace } = context;
    const names = workspace.state.me?.role === "admin" ? [...IN_NAV, ...FOR_ADMINS] : IN_NAV;
    this.nav = h("nav", { class: "page-nav", "aria-label": words.text("nav.pages") },
      h("ul", {}, ...names.map((name) => h("li", {}, h("a", { href: name === "chat" ? "#chat" : addressOf(name), data: { page: name } }, words.text(`page.${name}`))))));
    addEventListener("hashchange", this.#onHash);
  }

  destroy() {
    removeEventListener("hashchange", this.#onHash);
    this.#leave?.();
  }

  /** Shows what the address names. */
  async go() {
    const route = routeOf(location.hash);
    const mine = (this.#asked += 1);
    this.#mark(route);
    if (!route) return this.#showChat();
    const { words } = this.#context;
    try {
      const [page] = await Promise.all([PAGES[route.name](), this.#words()]);
      const shown = await page.show(this.#context, route);
      if (mine !== this.#asked) return shown.leave?.();
      this.#replace(shown);
    } catch (error) {
      if (mine !== this.#asked) return;
      const problem = /** @type {any} */ (error).problem ?? (error instanceof TypeError ? { status: 0, code: "unreachable", title: "", detail: "" } : null);
      if (!problem) throw error;
      const again = h("button", { type: "button", class: "button small", on: { click: () => void this.go() } }, words.text("load.again"));
      this.#replace({ title: words.text(`page.${route.name}`), node: h("div", { class: "stack" }, problemLine(problem, words), again) });
    }
  }

  /** What the pages say, loaded when the first of them is gone to. */
  #words() {
    const { words } = this.#context;
    this.#learnt ??= loadConsoleWords(words.language).then((more) => words.learn(more), (error) => {
      this.#learnt = null; // no connection
      throw error;
    });
    return this.#learnt;
  }

  /** @param {Shown} shown */
  #replace({ title, node, leave }) {
    this.#leave?.();
    this.#leave = leave;
    const wasInside = this.node.contains(document.activeElement);
    setAttribute(this.#chat, "hidden", true);
    setAttribute(this.node, "hidden", null);
    replaceChildren(this.node, node);
    this.node.scrollTop = 0;
    this.#onTitle(title);
    if (wasInside) /** @type {HTMLElement|null} */ (document.querySelector(".page-title"))?.focus();
  }

  #showChat() {
    this.#leave?.();
    this.#leave = undefined;
    replaceChildren(this.node);
    setAttribute(this.node, "hidden", true);
    setAttribute(this.#chat, "hidden", null);
    this.#onTitle(null);
  }

  /** @param {Route|null} route */
  #mark(route) {
    const here = route ? (BELONGS_TO[route.name] ?? route.name) : "chat";
    for (const link of this.nav.querySelectorAll("a")) setAttribute(link, "aria-current", link.dataset.page === here ? "page" : null);
  }
}
