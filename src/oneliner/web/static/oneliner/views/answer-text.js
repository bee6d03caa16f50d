/**
 * The text of an answer. What reads Markdown is half of all that the page loads, and nothing needs it before the first
 * answer: until it is here, the text stands as it was written.
 *
 * @import {Context} from "./context.js"
 */

import { h, setText } from "../dom.js";
import { lazily } from "../lazily.js";

const markdown = lazily(async (/** @type {Context} */ { dress }) => {
  const [come] = await Promise.all([import("./markdown-view.js"), dress?.("answers")]);
  return come;
});

/** Fetches what an answer will need. @param {Context} context */
export function expectAnswers(context) {
  void markdown.get(context);
}

/** An answer that grows no more. @param {string} text @param {Context} context @returns {HTMLElement} */
export function answerText(text, context) {
  const answer = new AnswerText(context);
  answer.update(text, false);
  return answer.node;
}

export class AnswerText {
  #context;
  #text = "";
  #isStreaming = false;
  /** @type {import("./markdown-view.js").MarkdownView|null} */
  #view = null;

  /** @param {Context} context */
  constructor(context) {
    this.#context = context;
    this.node = h("div", { class: "answer" });
  }

  /** @param {string} text @param {boolean} isStreaming */
  update(text, isStreaming) {
    this.#text = text;
    this.#isStreaming = isStreaming;
    const here = markdown.here;
    if (here) return this.#draw(here);
    setText(this.node, text);
    void markdown.get(this.#context).then((came) => came && this.#draw(came));
  }

  /** @param {typeof import("./markdown-view.js")} module */
  #draw({ MarkdownView }) {
    if (!this.#view) {
      this.#view = new MarkdownView(this.#context.words);
      this.node.replaceChildren(this.#view.node);
    }
    this.#view.update(this.#text, this.#isStreaming);
  }
}
