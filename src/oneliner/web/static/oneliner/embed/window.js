/**
 * The window: tabs above, the run header, the conversation, and where one writes. The views are those of the product's
 * own page.
 *
 * @import {Translator} from "../i18n.js"
 * @import {Problem} from "../types.js"
 * @import {Drafts} from "../drafts.js"
 * @import {Context} from "../views/context.js"
 * @import {Workspace} from "../workspace.js"
 */

import { h, icon, isComposing, mark, oncePerFrame, replaceChildren, setAttribute } from "../dom.js";
import { lazily } from "../lazily.js";
import { NEEDS_YOU } from "../picking.js";
import { Announcer } from "../views/announcer.js";
import { Composer } from "../views/composer.js";
import { Log } from "../views/log.js";
import { problemLine } from "../views/problem-line.js";
import { readyToAsk } from "../views/ready-to-ask.js";
import { RunHeader } from "../views/run-header.js";
import { ConnectionStrip } from "../views/strip.js";
import { WINDOW_ID } from "./host.js";
import { SessionTabs } from "./tabs.js";

const PANEL_ID = "oneliner-panel";
const TITLE_ID = "oneliner-title";
/** Where the window takes the whole screen, as its styles say. */
const PHONE = matchMedia("(max-width: 640px)");

const sessionList = lazily(async (/** @type {Context} */ context) => (await readyToAsk(import("../views/session-list.js"), context)).SessionList);

export class ChatWindow {
  #workspace;
  #words;
  #context;
  #announcer;
  #parts;
  #composer;
  #header;
  #panel;
  #all = h("div", { class: "all-sessions", hidden: true });
  /** @type {import("../views/session-list.js").SessionList|null} */
  #sessions = null;
  #problem = h("div", { class: "window-problem", hidden: true });
  #schedule = oncePerFrame(() => this.#draw());
  #tabs;
  #leave;

  /**
   * @param {object} options
   * @param {Workspace} options.workspace
   * @param {Translator} options.words
   * @param {Drafts} options.drafts
   * @param {(sheet: "asking"|"answers") => Promise<void>} options.dress
   * @param {() => void} options.onClose
   * @param {() => void} options.onMode
   * @param {() => void} options.onSignIn
   */
  constructor({ workspace, words, drafts, dress, onClose, onMode, onSignIn }) {
    this.#workspace = workspace;
    this.#words = words;
    this.#announcer = new Announcer(words);
    this.#context = { words, workspace, drafts, dress, announce: this.#announcer.say.bind(this.#announcer) };
    this.#composer = new Composer(this.#context, () => log.toEnd());
    this.#header = new RunHeader(this.#context);
    const log = new Log(this.#context, h("div", { class: "empty" }, mark(), h("h2", {}, words.text("empty.heading")), h("p", {}, words.text("empty.text"))));
    const strip = new ConnectionStrip(this.#context, onSignIn);
    this.#tabs = new SessionTabs(this.#context, {
      panelId: PANEL_ID,
      onNew: () => { this.#tabs.showAll(false); void workspace.open(null); this.#composer.focus(); },
      onOpen: () => this.#tabs.showAll(false),
      onAll: (shows) => void this.#showAll(shows),
    });
    this.modeButton = h("button", { type: "button", class: "icon-button small mode-toggle", on: { click: onMode } }, icon("side"));
    const close = h("button", { type: "button", class: "icon-button small", title: words.text("embed.close"), "aria-label": words.text("embed.close"), on: { click: onClose } }, icon("cross"));
    const demo = workspace.state.me?.isDemo && h("p", { class: "demo", role: "note" }, h("strong", {}, words.text("demo.title")), " ", words.text("demo.brief"));
    this.#panel = h("div", { class: "panel", id: PANEL_ID, role: "tabpanel", "aria-label": words.text("log.label") }, this.#header.node, log.node, this.#composer.node);
    this.node = h(
      "dialog",
      {
        class: "window", id: WINDOW_ID, "aria-labelledby": TITLE_ID, lang: words.locale,
        on: {
          keydown: (/** @type {KeyboardEvent} */ event) => this.#onKey(event, onClose),
          // A phone's way back, which comes without a key.
          cancel: (/** @type {Event} */ event) => { event.preventDefault(); this.#leaveOff(onClose); },
        },
      },
      h("div", { class: "window-head" }, h("h2", { class: "brand", id: TITLE_ID }, mark(), words.text("embed.window")), this.modeButton, close),
      this.#tabs.node, demo || null, strip.node, this.#problem, this.#all, this.#panel, ...this.#announcer.nodes,
    );
    this.#parts = [strip, this.#header, log, this.#composer, this.#tabs, this.#announcer];
    const unsubscribe = workspace.subscribe(this.#schedule);
    const minute = setInterval(this.#schedule, 60_000);
    const turned = () => this.stand();
    PHONE.addEventListener("change", turned);
    this.#leave = () => {
      unsubscribe();
      PHONE.removeEventListener("change", turned);
      clearInterval(minute);
      this.node.remove();
    };
    this.#draw();
  }

  destroy() {
    this.#leave();
  }

  /** Shows itself, once it is on the page: beside what is there, or on a phone over it, which then rests. */
  stand() {
    const focused = /** @type {HTMLElement|null} */ (/** @type {ShadowRoot} */ (this.node.getRootNode()).activeElement);
    if (this.node.open) this.node.close();
    if (PHONE.matches) this.node.showModal();
    else this.node.setAttribute("open", ""); // show() would take the focus
    focused?.focus();
  }

  /** Puts the focus where a person goes on; never on a button that would let a run go. */
  focus() {
    const waits = Object.values(this.#workspace.state.runs).some((run) => NEEDS_YOU.has(run.run_status));
    if (waits) this.#header.focusTitle();
    else this.#composer.focus();
  }

  /** @param {Problem|null} problem says why something was refused; null says nothing @param {() => void} [again] tries once more */
  show(problem, again) {
    const button = again && h("button", { type: "button", class: "button small", on: { click: again } }, this.#words.text("net.retry_now"));
    setAttribute(this.#problem, "hidden", problem === null);
    replaceChildren(this.#problem, problemLine(problem, this.#words), problem && button);
  }

  #draw() {
    const { state } = this.#workspace;
    for (const part of this.#parts) part.update(state);
    this.#sessions?.update(state);
  }

  /** @param {boolean} shows */
  async #showAll(shows) {
    setAttribute(this.#all, "hidden", !shows);
    setAttribute(this.#panel, "hidden", shows);
    if (!shows || this.#sessions) return;
    const List = await sessionList.get(this.#context);
    if (!List || this.#sessions) return;
    this.#sessions = new List(this.#context, () => this.#tabs.showAll(false));
    replaceChildren(this.#all, this.#sessions.node);
    this.#sessions.update(this.#workspace.state);
  }

  /** @param {KeyboardEvent} event @param {() => void} onClose */
  #onKey(event, onClose) {
    if (event.key !== "Escape" || event.defaultPrevented || isComposing(event)) return;
    // The host's own Escape is for the host's own things, and a modal's would come a second time.
    event.stopPropagation();
    event.preventDefault();
    this.#leaveOff(onClose);
  }

  /** @param {() => void} onClose */
  #leaveOff(onClose) {
    if (!this.#all.hidden) this.#tabs.showAll(false);
    else onClose();
  }
}
