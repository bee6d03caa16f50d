/**
 * The pages beside the chat. The address after ``#/`` names one and carries its filters, so that what is seen can be
 * kept and sent; each page's module is loaded when it is first gone to.
 *
 * @import {Api} from "../api.js"
 * @import {Context} from "../views/context.js"
 * @typedef {{name: string, id: string, query: URLSearchParams}} Route
 * @typedef {Context & {api: Api}} PageContext
 * @typedef {{title: string, node: HTMLElement, leave?: () => void, turn?: (route: Route) => Promise<boolean>}} Shown ``turn``
 *   shows another part of what is shown, and keeps the rest and the focus; false: the address is not about it
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

/** @param {string} hash @returns {Route|null} null: the chat. What is no page has no name */
export function routeOf(hash) {
  if (!hash.startsWith("#/") || hash === "#/") return null;
  const [path, search = ""] = hash.slice(2).split("?", 2);
  const [name, id = ""] = path.split("/");
  const known = Object.hasOwn(PAGES, name) && idOf(id);
  return typeof known === "string" ? { name, id: known, query: new URLSearchParams(search) } : { name: "", id: "", query: new URLSearchParams() };
}

/** @param {string} written @returns {string|null} null: it is none */
function idOf(written) {
  try {
    return decodeURIComponent(written);
  } catch (error) {
    if (error instanceof URIError) return null;
    throw error;
  }
}

/** @param {string} name @param {Record<string, string|string[]|null|undefined>} [query] @param {string} [id] @returns {string} an address */
export function addressOf(name, query = {}, id = "") {
  const pairs = Object.entries(query).flatMap(([key, value]) => (Array.isArray(value) ? value : [value]).filter(Boolean).map((v) => [key, String(v)]));
  const place = id ? `${name}/${encodeURIComponent(id)}` : name;
  return pairs.length ? `#/${place}?${new URLSearchParams(pairs)}` : `#/${place}`;
}

/** What an address shows that is none. @param {import("../i18n.js").Translator} words */
function nowhere(words) {
  const home = h("a", { class: "button small", href: addressOf("home") }, words.text("page.home"));
  return h("div", { class: "nothing" }, h("p", {}, words.text("page.none_text")), h("div", { class: "row" }, home));
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
  /** @type {{name: string, turn?: (route: Route) => Promise<boolean>}} */
  #here = { name: "" };
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
    if (!route.name) return this.#replace({ title: words.text("page.none"), node: nowhere(words) });
    try {
      if (this.#here.name === route.name && (await this.#here.turn?.(route))) return;
      if (mine !== this.#asked) return;
      const [page] = await Promise.all([PAGES[route.name](), this.#words()]);
      const shown = await page.show(this.#context, route);
      if (mine !== this.#asked) return shown.leave?.();
      this.#replace(shown);
      this.#here = { name: route.name, turn: shown.turn };
    } catch (error) {
      if (mine !== this.#asked) return;
      const problem = /** @type {any} */ (error).problem ?? (error instanceof TypeError ? { status: 0, code: "unreachable", title: "", detail: "" } : null);
      if (!problem) throw error;
      // What is not there will not be there the next time either.
      const way = problem.status === 404
        ? h("a", { class: "button small", href: addressOf(BELONGS_TO[route.name] ?? "home") }, words.text(`page.${BELONGS_TO[route.name] ?? "home"}`))
        : h("button", { type: "button", class: "button small", on: { click: () => void this.go() } }, words.text("load.again"));
      this.#replace({ title: words.text(`page.${route.name}`), node: h("div", { class: "stack" }, problemLine(problem, words), h("div", { class: "row" }, way)) });
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
    this.#here = { name: "" };
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
    this.#here = { name: "" };
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
