/**
 * The workbench as a whole: where each view stands, and when it is drawn. Mounts into any root, a page's or a shadow's.
 *
 * @import {State} from "./types.js"
 * @import {Translator} from "./i18n.js"
 * @import {Workspace} from "./workspace.js"
 */

import { Refused } from "./api.js";
import { h, icon, mark, oncePerFrame, replaceChildren, setAttribute } from "./dom.js";
import { listenForHandoffs } from "./handoff-source.js";
import { Pages, addressOf } from "./pages/router.js";
import { countNeedingYou } from "./picking.js";
import { Announcer } from "./views/announcer.js";
import { Composer } from "./views/composer.js";
import { HandoffForm } from "./views/handoff-form.js";
import { Log } from "./views/log.js";
import { problemLine } from "./views/problem-line.js";
import { SessionTitle } from "./views/rename.js";
import { RunHeader } from "./views/run-header.js";
import { SessionList, sessionTotals } from "./views/session-list.js";
import { ConnectionStrip } from "./views/strip.js";

const STARTERS = ["plan", "tool", "ask", "time"];

/**
 * @param {HTMLElement} root is emptied
 * @param {object} options
 * @param {import("./api.js").Api} options.api
 * @param {Workspace} options.workspace
 * @param {Translator} options.words
 * @param {import("./drafts.js").Drafts} options.drafts
 * @param {HTMLElement} options.settings what stands in the corner: language, theme, sign out
 * @param {() => void} options.onSignIn
 * @param {(sessionId: string|null) => void} options.onSession tells which session is open
 * @returns {() => void} what takes it away again
 */
export function mount(root, { api, workspace, words, drafts, settings, onSignIn, onSession }) {
  const announcer = new Announcer(words);
  const context = { words, workspace, drafts, announce: announcer.say.bind(announcer), addressOf };
  const composer = new Composer(context, () => log.toEnd());
  const toChat = () => {
    if (location.hash.startsWith("#/")) location.hash = "#chat";
  };
  const handoff = new HandoffForm(context, () => { toChat(); header.focusTitle(); });
  const header = new RunHeader(context);
  const log = new Log(context, emptyState(context, composer, handoff));
  const strip = new ConnectionStrip(context, onSignIn);
  // What lies behind the drawer cannot be reached while it is open.
  const drawer = new Drawer(words, (isOpen) => setAttribute(main, "inert", isOpen));
  const sessions = new SessionList(context, () => { toChat(); drawer.close(); });
  const demo = h("div", { class: "demo", role: "note", hidden: true });
  const failed = h("div", { class: "load-problem", hidden: true });
  const title = new SessionTitle(context);
  const totals = h("div", { class: "totals-slot" });

  const newChat = h("button", { type: "button", class: "button primary wide", on: { click: () => { toChat(); void workspace.open(null); drawer.close(); composer.focus(); } } }, icon("plus"), words.text("nav.new_chat"));
  const handOver = h("button", { type: "button", class: "button wide", on: { click: () => { drawer.close(); handoff.open(); } } }, icon("hand"), words.text("nav.handoff"));

  const chat = h("div", { class: "chat" }, header.node, log.node, composer.node);
  /** @type {string|null} the title of the page that is shown; null: the chat */
  let page = null;
  const pages = new Pages({ ...context, api }, chat, (shown) => {
    page = shown;
    const cameFromDrawer = drawer.close();
    draw();
    // Its link is gone from the screen, and with it the focus.
    if (cameFromDrawer) title.heading.focus();
  });
  drawer.fill(h("div", { class: "brand" }, mark(), "OneLiner"), h("div", { class: "nav-actions" }, newChat, handOver), pages.nav, sessions.node, settings);
  const refusal = h("div", { class: "load-problem", hidden: true });
  const main = h("main", { class: "main" }, h("header", { class: "topbar" }, drawer.opener, ...title.nodes, totals), demo, strip.node, failed, refusal, chat, pages.node);
  const skip = h("a", { class: "skip", href: "#oneliner-composer", on: { click: (event) => { event.preventDefault(); toChat(); chat.hidden = false; composer.focus(); } } }, words.text("nav.skip"));
  replaceChildren(root, skip, drawer.scrim, drawer.node, main, handoff.node, ...announcer.nodes);

  /** @type {string|null|undefined} */
  let shown = undefined;
  const draw = () => {
    const { state } = workspace;
    if (state.sessionId !== shown) onSession((shown = state.sessionId));
    title.update(page ?? titleOf(state, words), page === null && state.sessionId && state.sessions[state.sessionId] ? state.sessionId : null);
    replaceChildren(totals, page === null && sessionTotals(state, context));
    drawDemo(demo, state, words);
    setAttribute(failed, "hidden", !state.loadProblem);
    if (state.loadProblem) replaceChildren(failed, problemLine(state.loadProblem, words), h("button", { type: "button", class: "button small", on: { click: () => void workspace.load() } }, words.text("load.again")));
    for (const view of [strip, header, log, composer, sessions, announcer]) view.update(state);
    document.title = pageTitle(state, words);
  };
  const schedule = oncePerFrame(draw);
  const unsubscribe = workspace.subscribe(schedule);
  const minute = setInterval(schedule, 60_000);
  const unlisten = listenForHandoffs(root, async (handed, key) => {
    setAttribute(refusal, "hidden", true);
    try {
      await workspace.handOff(handed, key);
      toChat();
      header.focusTitle();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      replaceChildren(refusal, problemLine(error.problem, words));
      setAttribute(refusal, "hidden", null);
    }
  });
  draw();
  void pages.go();
  return () => {
    unsubscribe();
    unlisten();
    pages.destroy();
    drawer.destroy();
    clearInterval(minute);
    root.replaceChildren();
  };
}

/** Never empty: a session that is not here yet goes by the name of its run. @param {State} state @param {Translator} words */
function titleOf(state, words) {
  const id = state.sessionId;
  if (id === null) return words.text("nav.new_chat");
  const run = Object.values(state.runs).find((one) => one.session_id === id);
  return state.sessions[id]?.title || run?.title || words.text("sessions.untitled");
}

/** @param {State} state @param {Translator} words */
function pageTitle(state, words) {
  const count = countNeedingYou(state.runs);
  return count ? `(${words.number(count)}) OneLiner` : "OneLiner";
}

/** @param {HTMLElement} node @param {State} state @param {Translator} words */
function drawDemo(node, state, words) {
  setAttribute(node, "hidden", !state.me?.isDemo);
  if (!state.me?.isDemo || node.hasChildNodes()) return;
  replaceChildren(node, h("strong", {}, words.text("demo.title")), " ", words.text("demo.text"), " ", h("code", {}, "ONELINER_MODEL"));
}

/** @param {import("./views/context.js").Context} context @param {Composer} composer @param {HandoffForm} handoff */
function emptyState({ words }, composer, handoff) {
  const starters = STARTERS.map((name) => {
    const text = words.text(`starter.${name}`);
    const go = () => (name === "plan" ? handoff.open(words.text("starter.plan.task")) : composer.fill(text));
    return h("li", {}, h("button", { type: "button", class: "starter", on: { click: go } }, h("span", { class: "starter-title" }, text), h("span", { class: "hint" }, words.text(`starter.${name}.hint`))));
  });
  return h("div", { class: "empty" }, mark(), h("h2", {}, words.text("empty.heading")), h("p", {}, words.text("empty.text")), h("ul", { class: "starters" }, ...starters));
}

/** The list at the side; on a narrow page it comes in from there and goes again. */
class Drawer {
  #narrow = matchMedia("(max-width: 51rem)");
  #onWidth = () => this.close();
  #onOpen;
  node = h("aside", { class: "sidebar", id: "oneliner-sidebar" });
  #onKey = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Escape" && this.node.classList.contains("open")) {
      this.close();
      this.opener.focus();
    }
  };

  /** @param {Translator} words @param {(isOpen: boolean) => void} onOpen */
  constructor(words, onOpen) {
    this.#onOpen = onOpen;
    this.#narrow.addEventListener("change", this.#onWidth);
    this.node.setAttribute("aria-label", words.text("nav.side"));
    this.opener = h(
      "button",
      { type: "button", class: "icon-button drawer-opener", "aria-label": words.text("nav.open"), "aria-expanded": "false", "aria-controls": "oneliner-sidebar", on: { click: () => this.#toggle() } },
      icon("menu"),
    );
    this.scrim = h("div", { class: "scrim", on: { click: () => this.close() } });
    this.node.addEventListener("keydown", this.#onKey);
  }

  /** @param {...HTMLElement} parts */
  fill(...parts) {
    replaceChildren(this.node, ...parts);
  }

  /** @returns {boolean} whether it was open */
  close() {
    const wasOpen = this.node.classList.contains("open");
    if (wasOpen) this.#set(false);
    return wasOpen;
  }

  destroy() {
    this.#narrow.removeEventListener("change", this.#onWidth);
  }

  #toggle() {
    this.#set(!this.node.classList.contains("open"));
    if (this.node.classList.contains("open")) /** @type {HTMLElement|null} */ (this.node.querySelector("button"))?.focus();
  }

  /** @param {boolean} isOpen */
  #set(isOpen) {
    this.node.classList.toggle("open", isOpen);
    this.scrim.classList.toggle("open", isOpen);
    this.opener.setAttribute("aria-expanded", String(isOpen));
    this.#onOpen(isOpen);
  }
}
