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
 * @property {'en'|'zh'} [language] the page's own, or the browser's, when left out
 * @property {'auto'|'light'|'dark'} [theme]
 * @property {'end'|'start'} [position] the corner, in the direction of reading
 * @property {string} [projectId] the project of what is started here
 */

import { Api, Refused } from "../api.js";
import { h, mark, oncePerFrame, replaceChildren, setAttribute } from "../dom.js";
import { listenForHandoffs } from "../handoff-source.js";
import { Translator, chooseLanguage, loadWords } from "../i18n.js";
import { lazily } from "../lazily.js";
import { countNeedingYou, headerRuns } from "../picking.js";
import { Drafts, storageOf } from "../views/context.js";
import { Workspace } from "../workspace.js";
import { styleSheet } from "./styles.js";

export const WINDOW_ID = "oneliner-window";
/** The window itself: many a page is left without its being opened. */
const chatWindow = lazily(async () => (await import("./window.js")).ChatWindow);

const OPEN = "oneliner.window.open";
const MODE = "oneliner.window.mode";
/** @type {Record<string, string[]>} */
const CHOICES = { theme: ["auto", "light", "dark"], position: ["end", "start"], language: ["en", "zh"] };
const KNOWN = new Set(["base", "token", "tokenUrl", "projectId", ...Object.keys(CHOICES)]);

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
  /** @type {(() => void)[]} */
  #undo = [];

  /** @param {Options} options Throws TypeError: an option that is not known, or no way to a token. */
  constructor(options) {
    check(options);
    this.#options = options;
    const { base, projectId = "" } = options;
    this.#api = new Api({ base, token: () => this.#token(), language: () => this.#words.locale });
    this.#workspace = new Workspace(this.#api, `oneliner@${base}`, projectId);
  }

  /** @returns {Promise<this>} when the launcher stands on the page */
  async start() {
    const { language, theme = "auto", position = "end" } = this.#options;
    const spoken = chooseLanguage([language, document.documentElement.lang, ...navigator.languages]);
    const [words, sheet] = await Promise.all([loadWords(spoken), styleSheet()]);
    this.#words = new Translator(spoken, words);
    const shadow = this.#frame.attachShadow({ mode: "open" });
    shadow.adoptedStyleSheets = [sheet];
    this.#root.dataset.theme = theme;
    this.#root.dataset.position = position;
    this.#root.lang = this.#words.locale;
    this.#root.append(this.#launcher);
    shadow.append(this.#root);
    document.body.append(this.#frame);
    // The top layer: above whatever the page stacks, and below its own modal dialogs, which make it rest.
    this.#root.showPopover();
    this.#applyMode();
    this.#drawLauncher();
    this.#undo.push(this.#workspace.subscribe(oncePerFrame(() => this.#changed())));
    this.#undo.push(listenForHandoffs(document, (handoff, key) => this.handoff(handoff, key).catch(() => undefined)));
    await this.#enter();
    tell("ready", {});
    if (this.#session?.getItem(OPEN)) await this.open({ focus: false });
    return this;
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
      return error.problem;
    }
  }

  async #token() {
    const { token, tokenUrl } = this.#options;
    if (token) return token();
    const answer = await fetch(/** @type {string} */ (tokenUrl), { headers: { Accept: "application/json" }, cache: "no-store" });
    return answer.ok ? (await answer.json()).token : null;
  }

  async toggle() {
    if (this.#window) this.close();
    else await this.open();
  }

  /** @param {{focus?: boolean}} [options] ``focus`` false leaves it where it is */
  async open({ focus = true } = {}) {
    const Window = await chatWindow.get();
    if (!Window) return tell("error", { problem: { status: 0, code: "unreachable" } });
    this.#session?.setItem(OPEN, "1");
    if (!this.#window) {
      this.#before = /** @type {HTMLElement|null} */ (document.activeElement === this.#frame ? this.#launcher : document.activeElement);
      this.#showPrimary();
      this.#window = this.#newWindow(Window);
      this.#root.prepend(this.#window.node);
      this.#window.stand();
      this.#root.classList.add("open");
      this.#drawLauncher();
      if (!this.#starting) void this.#enter().then((problem) => this.#window?.show(problem));
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
  async handoff(input, key = crypto.randomUUID()) {
    if (!input?.title) throw new TypeError("OneLiner.handoff: give it a title");
    try {
      const problem = await this.#enter();
      if (problem) throw new Refused(problem);
      const run = await this.#workspace.handOff({ ...input, project_id: input.project_id ?? this.#options.projectId ?? "", source_screen: input.source_screen || location.pathname.slice(0, 128) }, key);
      await this.open();
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
    for (const undo of this.#undo) undo();
    this.#workspace.stop();
    this.#window?.destroy();
    this.#frame.remove();
  }

  /** Opened without a session, it shows the one whose run needs somebody. */
  #showPrimary() {
    const { state } = this.#workspace;
    const [primary] = headerRuns(state.runs, state.sessionId);
    if (state.sessionId === null && primary) void this.#workspace.open(primary.session_id);
  }

  /** @param {typeof ChatWindow} Window */
  #newWindow(Window) {
    const made = new Window({
      workspace: this.#workspace,
      words: this.#words,
      drafts: new Drafts(this.#session),
      onClose: () => this.close(),
      onMode: () => this.#changeMode(),
      onSignIn: () => void this.#signInAgain(),
    });
    this.#labelMode(made);
    return made;
  }

  async #signInAgain() {
    this.#starting = null;
    this.#window?.show(await this.#enter());
  }

  // How it stands.

  get #mode() {
    return this.#local?.getItem(MODE) === "sidebar" ? "sidebar" : "floating";
  }

  #changeMode() {
    this.#local?.setItem(MODE, this.#mode === "sidebar" ? "floating" : "sidebar");
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
