/**
 * One line on the connection, only when there is something to say.
 *
 * @import {State} from "../types.js"
 * @import {Context} from "./context.js"
 */

import { h, replaceChildren, setAttribute } from "../dom.js";

const CAUGHT_UP_MS = 5_000;
const QUIET_MS = 1_500;

export class ConnectionStrip {
  #context;
  #timer = 0;
  #drawn = "";
  #isOffline = false;

  /** @param {Context} context @param {() => void} onSignIn */
  constructor(context, onSignIn) {
    this.#context = context;
    this.onSignIn = onSignIn;
    this.node = h("div", { class: "strip", hidden: true });
  }

  /** @param {State} state */
  update(state) {
    const { status, attempt, caughtUp } = state.connection;
    const drawn = `${status} ${attempt} ${caughtUp}`;
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    clearTimeout(this.#timer);
    const { words, announce } = this.#context;
    if (status === "reconnecting") {
      // A blink of the network is nobody's concern.
      if (this.#isOffline) this.#showOffline(attempt);
      else this.#timer = window.setTimeout(() => this.#goOffline(attempt), QUIET_MS);
    } else if (status === "signed_out") {
      this.#show("signed-out", words.text("net.signed_out"), h("button", { type: "button", class: "link", on: { click: this.onSignIn } }, words.text("net.sign_in")));
      announce(words.text("net.signed_out"), true);
    } else if (this.#isOffline && status === "live") {
      this.#isOffline = false;
      const text = caughtUp ? words.text("net.caught_up", { count: caughtUp }) : words.text("net.back");
      this.#show("back", text);
      announce(words.text("net.back"));
      this.#timer = window.setTimeout(() => setAttribute(this.node, "hidden", true), CAUGHT_UP_MS);
    } else if (this.node.dataset.kind === "back" && caughtUp) {
      this.#show("back", words.text("net.caught_up", { count: caughtUp }));
      this.#timer = window.setTimeout(() => setAttribute(this.node, "hidden", true), CAUGHT_UP_MS);
    }
  }

  /** @param {number} attempt */
  #goOffline(attempt) {
    this.#isOffline = true;
    this.#showOffline(attempt);
    this.#context.announce(this.#context.words.text("net.lost"), true);
  }

  /** @param {number} attempt */
  #showOffline(attempt) {
    const { words, workspace } = this.#context;
    const again = h("button", { type: "button", class: "link", on: { click: () => workspace.retryConnection() } }, words.text("net.retry_now"));
    this.#show("lost", words.text("net.lost"), h("span", {}, words.text("net.attempt", { attempt })), again);
  }

  /** @param {string} kind @param {string} text @param {...HTMLElement} more */
  #show(kind, text, ...more) {
    this.node.dataset.kind = kind;
    replaceChildren(this.node, h("span", {}, text), ...more);
    setAttribute(this.node, "hidden", null);
  }
}
