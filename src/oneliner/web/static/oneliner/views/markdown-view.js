/**
 * Markdown in the page, also while it grows: blocks that can change no more are drawn once and left alone.
 *
 * @import {Builder} from "../markdown.js"
 * @import {Translator} from "../i18n.js"
 */

import { h, icon } from "../dom.js";
import { blocksOf, finishedCount, render, withClosedMarks } from "../markdown.js";
import { copy } from "./copying.js";

export class MarkdownView {
  #builder;
  #text = "";
  /** how much of the text is drawn for good, in characters and in nodes */
  #finishedChars = 0;
  #finishedNodes = 0;
  #isStreaming = false;

  /** @param {Translator} words */
  constructor(words) {
    this.node = h("div", { class: "md" });
    this.#builder = domBuilder(words);
  }

  /** @param {string} text @param {boolean} isStreaming */
  update(text, isStreaming) {
    if (text === this.#text && isStreaming === this.#isStreaming && this.node.hasChildNodes()) return;
    const goesOn = text.startsWith(this.#text.slice(0, this.#finishedChars));
    // A link's address may be defined further down: the finished text is read once more as a whole.
    const needsWhole = !isStreaming && this.#isStreaming && /^ {0,3}\[[^\]]+\]:/m.test(text);
    if (!goesOn || needsWhole) {
      this.#finishedChars = 0;
      this.#finishedNodes = 0;
      this.#builder.levels = [];
    }
    this.#text = text;
    this.#isStreaming = isStreaming;
    this.#draw();
  }

  #draw() {
    const rest = this.#text.slice(this.#finishedChars);
    const tokens = blocksOf(this.#isStreaming ? withClosedMarks(rest) : rest);
    const count = finishedCount(tokens);
    const finished = tokens.slice(0, count);
    const levels = [...this.#builder.levels];
    const nodes = render(finished, this.#builder);
    const tail = render(tokens.slice(count), { ...this.#builder, levels: [...this.#builder.levels] });
    while (this.node.childNodes.length > this.#finishedNodes) this.node.lastChild?.remove();
    this.node.append(...nodes, ...tail);
    const chars = finished.reduce((sum, token) => sum + token.raw.length, 0);
    // The lexer normalises line ends; only what it gave back as it was can be counted on.
    if (!rest.startsWith(finished.map((token) => token.raw).join(""))) {
      this.#builder.levels = levels;
      return;
    }
    this.#finishedChars += chars;
    this.#finishedNodes += nodes.length;
  }
}

/** @param {Translator} words @returns {Builder} */
function domBuilder(words) {
  return {
    element: (name, attributes, children) =>
      h(/** @type {any} */ (name), attributes.role === "group" ? { ...attributes, "aria-label": words.text("md.table") } : attributes, ...children),
    text: (value) => document.createTextNode(value),
    code: (language, text) => codeBlock(language, text, words),
    levels: [],
  };
}

/** @param {string} language @param {string} text @param {Translator} words */
function codeBlock(language, text, words) {
  const label = words.text("copy");
  const said = h("span", {}, label);
  const button = h("button", { type: "button", class: "quiet small", on: { click: () => copy(text, said, words) } }, icon("copy"), said);
  const head = h("div", { class: "md-code-head" }, h("span", { class: "md-code-language" }, language), button);
  const name = language ? words.text("md.code_in", { language }) : words.text("md.code");
  return h("div", { class: "md-code" }, head, h("pre", { tabindex: "0", role: "group", "aria-label": name }, h("code", {}, text)));
}
