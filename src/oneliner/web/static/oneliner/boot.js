/**
 * The product's own page: signs in, chooses language and theme, and shows the workbench.
 *
 * The token lives in memory and in this tab's session storage, so that a reload keeps it and a closed tab forgets it; a
 * new tab asks the others of the same browser. The code of a sign-in link leaves the address before it is used.
 *
 * @import {Language} from "./i18n.js"
 * @import {Problem} from "./types.js"
 */

import { Api, Refused, exchangeCode } from "./api.js";
import { mount } from "./app.js";
import { h, icon, replaceChildren } from "./dom.js";
import { Drafts } from "./drafts.js";
import { Translator, chooseLanguage, loadPageWords } from "./i18n.js";
import { askOtherTabs } from "./sharing.js";
import { keep, storageOf } from "./views/context.js";
import { SignIn } from "./views/sign-in.js";
import { Workspace } from "./workspace.js";

const TOKEN = "oneliner.token";
const SESSION = "oneliner.session";
const LANGUAGE = "oneliner.language";
const THEME = "oneliner.theme";
const THEMES = ["auto", "light", "dark"];

class Page {
  #root = /** @type {HTMLElement} */ (document.querySelector("#oneliner"));
  #session = storageOf("sessionStorage");
  #local = storageOf("localStorage");
  #drafts = new Drafts(this.#session, () => this.#workspace?.state.me?.userId ?? "");
  /** @type {string|null} */
  #token = null;
  #tabs = askOtherTabs(TOKEN, () => this.#token, (gone) => gone === this.#token && this.#forget());
  #words = new Translator("en", {});
  /** @type {Workspace|null} */
  #workspace = null;
  /** @type {Api|null} */
  #api = null;
  #unmount = () => {};

  async start() {
    await this.#speak(chooseLanguage([this.#local?.getItem(LANGUAGE), ...navigator.languages]));
    const tabs = this.#tabs;
    const code = takeCode();
    this.#token = this.#session?.getItem(TOKEN) ?? null;
    if (code) return this.#exchange(code);
    this.#token ??= await tabs.ask();
    return this.#token ? this.#enter() : this.#showSignIn(null);
  }

  /** @param {string} code */
  async #exchange(code) {
    try {
      const { token } = await exchangeCode("", code);
      await this.#enterWith(token);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      const isUsed = error.problem.status === 401 || error.problem.status === 404;
      // A reload of the page by its old link is no reason to leave, when the tab is signed in.
      if (this.#token && isUsed) return this.#enter();
      this.#showSignIn(isUsed ? { ...error.problem, code: "code_used" } : error.problem);
    }
  }

  /** @param {string} token */
  async #enterWith(token) {
    this.#token = token;
    keep(this.#session, TOKEN, token);
    await this.#enter();
  }

  async #enter() {
    const api = new Api({ base: "", token: async () => this.#token, language: () => this.#words.locale });
    const workspace = new Workspace(api);
    const [open, ...owner] = (this.#session?.getItem(SESSION) ?? "").split(" ");
    if (open) void workspace.open(open);
    try {
      await workspace.start();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      workspace.stop();
      this.#showSignIn(error.problem);
      return;
    }
    // An administrator could read what was open here before; it is not his chat.
    if (owner.join(" ") !== workspace.state.me?.userId) void workspace.open(null);
    this.#workspace = workspace;
    this.#api = api;
    keep(this.#session, TOKEN, this.#token);
    this.#show();
  }

  #show() {
    const workspace = this.#workspace;
    const api = this.#api;
    if (!workspace || !api) return;
    this.#unmount();
    document.documentElement.lang = this.#words.locale;
    this.#root.className = "workbench";
    this.#unmount = mount(this.#root, {
      api,
      workspace,
      words: this.#words,
      drafts: this.#drafts,
      settings: this.#settings(),
      onSignIn: () => this.#signOut(),
      onSession: (sessionId) => keep(this.#session, SESSION, sessionId && `${sessionId} ${workspace.state.me?.userId}`),
    });
  }

  /** Ends it in all tabs that came in by the same token: whoever sits down here next is somebody else. */
  #leave() {
    if (this.#token) this.#tabs.gone(this.#token);
    this.#forget();
  }

  #forget() {
    this.#signOut();
    this.#drafts.clear();
    this.#session?.removeItem(SESSION);
  }

  #signOut() {
    this.#workspace?.stop();
    this.#workspace = null;
    this.#unmount();
    this.#unmount = () => {};
    this.#token = null;
    this.#session?.removeItem(TOKEN);
    this.#showSignIn(null);
  }

  /** @param {Problem|null} problem */
  #showSignIn(problem) {
    document.documentElement.lang = this.#words.locale;
    const view = new SignIn(this.#words, (token) => this.#enterWith(token));
    this.#root.className = "gate";
    replaceChildren(this.#root, view.node, h("div", { class: "gate-settings" }, this.#languageButton(() => this.#showSignIn(problem)), this.#themeButton()));
    view.show(problem);
    if (problem) view.focus();
  }

  // Language and theme.

  #settings() {
    const words = this.#words;
    const { me } = /** @type {Workspace} */ (this.#workspace).state;
    const who = h("span", { class: "who", title: me?.userId }, h("span", { class: "who-name" }, me?.name ?? ""), me?.role === "admin" && h("span", { class: "chip" }, words.text("nav.admin")));
    const out = h("button", { type: "button", class: "icon-button", title: words.text("nav.sign_out"), "aria-label": words.text("nav.sign_out"), on: { click: () => this.#leave() } }, icon("out"));
    const model = h("span", { class: "model", title: words.text("nav.version", { version: me?.version ?? "" }) }, me?.model ?? "");
    return h("footer", { class: "nav-foot" }, h("div", { class: "nav-who" }, who, model), this.#languageButton(() => this.#show()), this.#themeButton(), out);
  }

  /** @param {() => void} redraw */
  #languageButton(redraw) {
    const other = /** @type {Language} */ (this.#words.language === "zh" ? "en" : "zh");
    const short = other === "zh" ? "中" : "EN";
    const label = `${short}: ${this.#words.text("nav.language")}`;
    const change = async () => {
      keep(this.#local, LANGUAGE, other);
      await this.#speak(other);
      redraw();
      /** @type {HTMLElement|null} */ (this.#root.querySelector(".language"))?.focus();
    };
    return h("button", { type: "button", class: "icon-button language", lang: other, title: label, "aria-label": label, on: { click: change } }, short);
  }

  /** @param {Language} language */
  async #speak(language) {
    this.#words = new Translator(language, await loadPageWords(language));
    this.#applyLook();
  }

  #themeButton() {
    const label = () => this.#words.text(`theme.${this.#theme}`);
    const button = h(
      "button",
      {
        type: "button", class: "icon-button", title: label(), "aria-label": label(),
        on: {
          click: () => {
            keep(this.#local, THEME, THEMES[(THEMES.indexOf(this.#theme) + 1) % THEMES.length]);
            this.#applyLook();
            button.title = label();
            button.setAttribute("aria-label", label());
          },
        },
      },
      icon("half"),
    );
    return button;
  }

  get #theme() {
    const kept = this.#local?.getItem(THEME) ?? "";
    return THEMES.includes(kept) ? kept : "auto";
  }

  #applyLook() {
    document.documentElement.lang = this.#words.locale;
    document.documentElement.dataset.theme = this.#theme;
  }
}

/** The code of a one-time sign-in link, taken out of the address so that it is neither bookmarked nor shared. */
function takeCode() {
  const code = new URLSearchParams(location.hash.slice(1)).get("code");
  if (code !== null) history.replaceState(null, "", location.pathname + location.search);
  return code;
}

void new Page().start();
