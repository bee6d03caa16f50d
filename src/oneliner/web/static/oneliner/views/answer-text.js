/**
 * The text of an answer. What reads Markdown is half of all that the page loads, and nothing needs it before the first
 * answer: until it is here, the text stands as it was written.
 *
 * @import {Translator} from "../i18n.js"
 */

import { h, setText } from "../dom.js";
import { lazily } from "../lazily.js";

const markdown = lazily(() => import("./markdown-view.js"));

/** Fetches what an answer will need. */
export function expectAnswers() {
  void markdown.get();
}

export class AnswerText {
  #words;
  #text = "";
  #isStreaming = false;
  /** @type {import("./markdown-view.js").MarkdownView|null} */
  #view = null;

  /** @param {Translator} words */
  constructor(words) {
    this.#words = words;
    this.node = h("div", { class: "answer" });
  }

  /** @param {string} text @param {boolean} isStreaming */
  update(text, isStreaming) {
    this.#text = text;
    this.#isStreaming = isStreaming;
    const here = markdown.here;
    if (here) return this.#draw(here);
    setText(this.node, text);
    void markdown.get().then((came) => came && this.#draw(came));
  }

  /** @param {typeof import("./markdown-view.js")} module */
  #draw({ MarkdownView }) {
    if (!this.#view) {
      this.#view = new MarkdownView(this.#words);
      this.node.replaceChildren(this.#view.node);
    }
    this.#view.update(this.#text, this.#isStreaming);
  }
}
