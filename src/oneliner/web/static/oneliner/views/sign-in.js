/**
 * The way in: by the one-time link that the server printed, or by pasting a token.
 *
 * @import {Translator} from "../i18n.js"
 * @import {Problem} from "../types.js"
 */

import { h, mark, replaceChildren } from "../dom.js";
import { problemLine } from "./problem-line.js";

export class SignIn {
  #words;
  #field;
  #problem = h("div", { class: "sign-in-problem" });

  /** @param {Translator} words @param {(token: string) => Promise<void>} onToken */
  constructor(words, onToken) {
    this.#words = words;
    this.#field = h("input", { type: "password", name: "token", autocomplete: "off", spellcheck: "false", required: true });
    const submit = (/** @type {Event} */ event) => {
      event.preventDefault();
      const token = this.#field.value.trim();
      if (token) void onToken(token);
      else this.#field.focus();
    };
    this.node = h(
      "main", { class: "sign-in" },
      h(
        "div", { class: "sign-in-card" },
        h("p", { class: "brand" }, mark(), "OneLiner"),
        h("h1", {}, words.text("signin.heading")),
        h("p", {}, words.text("signin.link")),
        h("pre", { class: "command", tabindex: "0" }, "oneliner serve"),
        this.#problem,
        h(
          "form", { on: { submit } },
          h("label", { class: "field" }, h("span", {}, words.text("signin.token")), this.#field),
          h("p", { class: "hint" }, words.text("signin.token_hint"), " ", h("code", {}, "oneliner token --user you")),
          h("button", { type: "submit", class: "button primary wide" }, words.text("signin.submit")),
        ),
      ),
    );
  }

  /** @param {Problem|null} problem */
  show(problem) {
    replaceChildren(this.#problem, problemLine(problem, this.#words));
  }

  focus() {
    this.#field.focus();
  }
}
