/**
 * OneLiner on somebody else's page: a launcher, the window behind it, and the page's handoffs.
 *
 * It lives in a shadow root of its own and touches nothing else of the page. The token is asked of the page whenever one
 * is needed and kept nowhere but in memory. What happens is told to the page by events on ``document``.
 *
 * @import {Handoff} from "../main-agent.js"
 * @import {State} from "../types.js"
 * @import {ChatWindow} from "./window.js"
 * @typedef {object} Options
 * @property {string} base where OneLiner is served, without a slash at the end
 * @property {() => Promise<string>} [token] gives a bearer token for the person on the page
 * @property {string} [tokenUrl] or an address of the page that answers ``{"token": …}``
 * @property {string} [language] a tag such as ``zh-CN``; the page's own, or the browser's, when left out or not spoken here
 * @property {'auto'|'light'|'dark'} [theme]
 * @property {'end'|'start'} [position] the corner, in the direction of reading
 * @property {string} [projectId] the project of what is started here
 */

import { Api, Refused, newKey } from "../api.js";
import { h, mark, oncePerFrame, replaceChildren, setAttribute } from "../dom.js";
import { Drafts } from "../drafts.js";
import { listenForHandoffs } from "../handoff-source.js";
import { Translator, chooseLanguage, loadWords } from "../i18n.js";
import { lazily } from "../lazily.js";
import { countNeedingYou, headerRuns } from "../picking.js";
import { keep, storageOf } from "../views/context.js";
import { Workspace } from "../workspace.js";
import { styleSheet } from "./styles.js";

export const WINDOW_ID = "oneliner-window";
/** The window itself: many a page is left without its being opened. */
const chatWindow = lazily(async () => (await import("./window.js")).ChatWindow);

/** A page that has not said who is there by then is not going to. */
const TOKEN_MS = 15_000;
const OPEN = "oneliner.window.open";
const MODE = "oneliner.window.mode";
const SESSION = "oneliner.window.session";
/** @type {Record<string, string[]>} */
const CHOICES = { theme: ["auto", "light", "dark"], position: ["end", "start"] };
const KNOWN = new Set(["base", "token", "tokenUrl", "projectId", "language", ...Object.keys(CHOICES)]);

export class Host {
  #options;
  #session = storageOf("sessionStorage");
  #local = storageOf("localStorage");
  #words = new Translator("en", {});
  #api;
  #workspace;
  #frame = h("div", { data: { oneliner: "" } });
  #root = h("div", { class: "oneliner-root", popover: "manual" });
  #launcher = h("button", { type: "button", class: "launcher", "aria-expanded": "false", on: { click: () => void this.toggle(), pointerenter: () => void chatWindow.get(), focus: () => void chatWindow.get() } });
  /** @type {ChatWindow|null} */
  #window = null;
  /** @type {HTMLElement|null} what had the focus before the window */
  #before = null;
  /** @type {Promise<void>|null} */
  #starting = null;
  /** @type {Map<string, string>} */
  #statuses = new Map();
  #needing = 0;
  #isLoaded = false;
  #isGone = false;
  /** @type {string|null} the session that was open last */
  #sessionId = null;
  /** @type {(() => void)[]} */
  #undo = [];
  /** Styles that many a visit does without. */
  #styles = { asking: lazily(() => this.#wear("asking")), answers: lazily(() => this.#wear("answers")) };
  #unwatch = () => {};

  /** @param {Options} options Throws TypeError: an option that is not known, or no way to a token. */
  constructor(options) {
    check(options);
    this.#options = options;
    const { base, projectId = "" } = options;
    this.#api = new Api({ base, token: () => this.#token(), language: () => this.#words.locale });
    this.#workspace = new Workspace(this.#api, `oneliner@${base}`, projectId);
  }

  /** @returns {Promise<this>} when the launcher stands on the page, and it is known who is there or that nobody is */
  async start() {
    const { language, theme = "auto", position = "end" } = this.#options;
    const spoken = chooseLanguage([language, document.documentElement.lang, ...navigator.languages]);
    const [words, sheet] = await Promise.all([loadWords(spoken), styleSheet("window"), bodyOf(document)]);
    if (this.#isGone) return this;
    this.#words = new Translator(spoken, words);
    const shadow = this.#frame.attachShadow({ mode: "open" });
    shadow.adoptedStyleSheets = [sheet];
    this.#root.dataset.theme = theme;
    this.#root.dataset.position = position;
    this.#root.lang = this.#words.locale;
    this.#root.append(this.#launcher);
    shadow.append(this.#root);
    this.#attach();
    this.#applyMode();
    this.#drawLauncher();
    this.#undo.push(this.#workspace.subscribe(oncePerFrame(() => this.#changed())));
    this.#undo.push(listenForHandoffs(document, (handoff, key) => this.handoff(handoff, key).catch(() => undefined)));
    await this.#enter();
    if (this.#isGone) return this;
    tell("ready", {});
    if (this.#session?.getItem(OPEN)) await this.open({ focus: false });
    return this;
  }

  /**
   * Puts it on the page, and again when the page has put another body in its place, as some do instead of loading.
   *
   * @param {Element} [place] the page's body, or its modal dialog: what stands outside of that cannot be reached
   */
  #attach(place = document.body) {
    this.#unwatch();
    place.append(this.#frame);
    // The top layer: above whatever the page stacks, and below the modal dialogs it opens later, which make it rest.
    this.#root.showPopover();
    this.#window?.stand();
    const back = () => (!this.#frame.isConnected || (place !== document.body && !place.matches(":modal"))) && document.body && this.#attach();
    const watch = new MutationObserver(back);
    watch.observe(document, { childList: true, subtree: place !== document.body });
    // A page that is enlarged as a whole would enlarge the window too, beyond the screen.
    const size = new ResizeObserver(() => this.#root.style.setProperty("zoom", String(1 / (this.#frame.currentCSSZoom ?? 1))));
    size.observe(place);
    if (place === document.body) for (const node of [document.documentElement, place]) watch.observe(node, { childList: true });
    place.addEventListener("close", back);
    this.#unwatch = () => {
      watch.disconnect();
      size.disconnect();
      place.removeEventListener("close", back);
    };
  }

  /** Signs in and reads what there is; what is refused is told, and tried again when the window is opened. */
  async #enter() {
    this.#starting ??= this.#workspace.start();
    try {
      await this.#starting;
      return null;
    } catch (error) {
      this.#starting = null;
      if (!(error instanceof Refused)) throw error;
      tell("error", { problem: error.problem });
      this.#window?.show(error.problem, () => void this.#signInAgain());
      return error.problem;
    }
  }

  /** What the page gives for who is there; null: nobody is. Throws Refused: it gave nothing in time, or failed at it. */
  async #token() {
    /** @type {unknown} */
    let given;
    try {
      given = await within(TOKEN_MS, this.#askPage());
    } catch (error) {
      // Whatever the page's own function throws: it is told to the page, and shown as what it means.
      throw noToken(String(error));
    }
    if (given == null || typeof given === "string") return given || null;
    throw noToken(`the page gave no token but ${Object.prototype.toString.call(given)}`);
  }

  async #askPage() {
    const { token, tokenUrl } = this.#options;
    if (token) return token();
    const answer = await fetch(/** @type {string} */ (tokenUrl), { headers: { Accept: "application/json" }, cache: "no-store" });
    return answer.ok ? (await answer.json()).token : null;
  }

  /** @param {"asking"|"answers"} name */
  async #wear(name) {
    const sheet = await styleSheet(name);
    this.#frame.shadowRoot?.adoptedStyleSheets.push(sheet);
    return sheet;
  }

  async toggle() {
    if (this.#window) this.close();
    else await this.open();
  }

  /** @param {{focus?: boolean}} [options] ``focus`` false leaves it where it is */
  async open({ focus = true } = {}) {
    const Window = await chatWindow.get();
    if (this.#isGone) return;
    if (!Window) return tell("error", { problem: { status: 0, code: "unreachable" } });
    keep(this.#session, OPEN, "1");
    const modal = [...document.querySelectorAll("dialog:modal")].at(-1);
    if (modal && !modal.contains(this.#frame)) this.#attach(modal);
    if (!this.#window) {
      this.#before = /** @type {HTMLElement|null} */ (document.activeElement === this.#frame ? this.#launcher : document.activeElement);
      this.#showLast();
      this.#window = this.#newWindow(Window);
      this.#root.prepend(this.#window.node);
      this.#window.stand();
      this.#root.classList.add("open");
      this.#drawLauncher();
      if (!this.#starting) void this.#enter();
      tell("open", {});
    }
    if (focus) this.#window?.focus();
  }

  close() {
    if (!this.#window) return;
    const hadFocus = this.#window.node.contains(this.#frame.shadowRoot?.activeElement ?? null);
    this.#session?.removeItem(OPEN);
    this.#window.destroy();
    this.#window = null;
    this.#root.classList.remove("open");
    this.#drawLauncher();
    if (hadFocus) (this.#before?.isConnected ? this.#before : this.#launcher).focus();
    tell("close", {});
  }

  /**
   * Creates a run that waits for its confirmation, and opens the window on it. Throws Refused.
   *
   * @param {Handoff} input @param {string} [key] the same key makes the same run, however often it is sent
   */
  async handoff(input, key = newKey()) {
    if (!input?.title) throw new TypeError("OneLiner.handoff: give it a title");
    try {
      const problem = await this.#enter();
      if (problem) throw new Refused(problem);
      const run = await this.#workspace.handOff({ ...input, project_id: input.project_id ?? this.#options.projectId ?? "", source_screen: input.source_screen || location.pathname.slice(0, 128) }, key);
      await this.open();
      this.#window?.show(null); // what was refused before
      tell("handoff", { run });
      return run;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      await this.open();
      this.#window?.show(error.problem);
      tell("handoff-failed", { problem: error.problem });
      throw error;
    }
  }

  destroy() {
    this.#isGone = true;
    for (const undo of this.#undo) undo();
    this.#unwatch();
    this.#workspace.stop();
    this.#window?.destroy();
    this.#frame.remove();
  }

  /** Opened without a session, it shows the one that was open before the page was left, or whose run needs somebody. */
  #showLast() {
    const { state } = this.#workspace;
    if (state.sessionId !== null) return;
    const [left, ...owner] = (this.#session?.getItem(SESSION) ?? "").split(" ");
    const last = owner.join(" ") === state.me?.userId ? left : headerRuns(state.runs, null)[0]?.session_id;
    if (last) void this.#workspace.open(last);
  }

  /** @param {State} state */
  #noteSession({ me, sessionId }) {
    if (!me || sessionId === this.#sessionId) return;
    this.#sessionId = sessionId;
    if (sessionId) this.#session?.setItem(SESSION, `${sessionId} ${me.userId}`);
    else this.#session?.removeItem(SESSION);
  }

  /** @param {typeof ChatWindow} Window */
  #newWindow(Window) {
    const made = new Window({
      workspace: this.#workspace,
      words: this.#words,
      dress: async (sheet) => {
        if (!(await this.#styles[sheet].get())) throw new TypeError("no connection");
      },
      drafts: new Drafts(this.#session, () => this.#workspace.state.me?.userId ?? ""),
      onClose: () => this.close(),
      onMode: () => this.#changeMode(),
      onSignIn: () => void this.#signInAgain(),
    });
    this.#labelMode(made);
    return made;
  }

  async #signInAgain() {
    this.#starting = null;
    this.#window?.show(null);
    await this.#enter();
  }

  // How it stands.

  get #mode() {
    return this.#local?.getItem(MODE) === "sidebar" ? "sidebar" : "floating";
  }

  #changeMode() {
    keep(this.#local, MODE, this.#mode === "sidebar" ? "floating" : "sidebar");
    this.#applyMode();
    if (this.#window) this.#labelMode(this.#window);
  }

  #applyMode() {
    this.#root.dataset.mode = this.#mode;
  }

  /** @param {ChatWindow} made */
  #labelMode({ modeButton }) {
    const label = this.#words.text(this.#mode === "sidebar" ? "embed.floating" : "embed.sidebar");
    modeButton.title = label;
    modeButton.setAttribute("aria-label", label);
  }

  #drawLauncher() {
    const words = this.#words;
    const label = this.#window ? words.text("embed.close") : this.#needing ? words.text("embed.needs_you", { count: this.#needing }) : words.text("embed.open");
    this.#launcher.setAttribute("aria-label", label);
    this.#launcher.title = label;
    this.#launcher.setAttribute("aria-expanded", String(this.#window !== null));
    setAttribute(this.#launcher, "aria-controls", this.#window ? WINDOW_ID : null);
    replaceChildren(this.#launcher, mark(), this.#needing > 0 && !this.#window && h("span", { class: "badge", "aria-hidden": "true" }, words.number(this.#needing)));
  }

  // What the page is told.

  #changed() {
    const { state } = this.#workspace;
    this.#noteSession(state);
    if (!state.loaded) return;
    this.#tellRuns(state);
    const needing = countNeedingYou(state.runs);
    if (needing !== this.#needing) {
      this.#needing = needing;
      this.#drawLauncher();
      tell("needs-you", { count: needing });
    }
    this.#isLoaded = true;
  }

  /** @param {State} state */
  #tellRuns(state) {
    for (const run of Object.values(state.runs)) {
      const isNews = this.#statuses.get(run.id) !== run.run_status;
      this.#statuses.set(run.id, run.run_status);
      if (isNews && this.#isLoaded) tell("run", { run });
    }
  }
}

/** @param {string} name @param {Record<string, any>} detail */
function tell(name, detail) {
  document.dispatchEvent(new CustomEvent(`oneliner:${name}`, { detail }));
}

/** @param {string} detail */
function noToken(detail) {
  return new Refused({ status: 0, code: "no_token", title: "", detail });
}

/** @template T @param {number} ms @param {Promise<T>} work @returns {Promise<T>} Throws Error: it took longer. */
function within(ms, work) {
  let timer = 0;
  const late = new Promise((_, reject) => {
    timer = window.setTimeout(() => reject(new Error(`no answer in ${ms / 1000} s`)), ms);
  });
  return /** @type {Promise<T>} */ (Promise.race([work, late])).finally(() => clearTimeout(timer));
}

/** The script may run before there is a body. @param {Document} page */
async function bodyOf(page) {
  if (!page.body) await new Promise((resolve) => page.addEventListener("DOMContentLoaded", resolve, { once: true }));
}

/** @param {Record<string, any>} options */
function check(options) {
  for (const name of Object.keys(options)) {
    if (!KNOWN.has(name)) throw new TypeError(`OneLiner.init: ${name} is no option; there are ${[...KNOWN].join(", ")}`);
  }
  for (const [name, values] of Object.entries(CHOICES)) {
    if (options[name] !== undefined && !values.includes(options[name])) throw new TypeError(`OneLiner.init: ${name} is one of ${values.join(", ")}`);
  }
  if (typeof options.token !== "function" && !options.tokenUrl) throw new TypeError("OneLiner.init: give it a token function, or a tokenUrl");
}
