/**
 * What was entered for what a blocked run asks. It is for one request: the next one of the same run begins empty.
 *
 * @import {Drafts} from "./drafts.js"
 * @import {Run} from "./types.js"
 */

export class AnswerDraft {
  #drafts;
  #name;
  #asked;

  /** @param {Drafts} drafts @param {Run} run */
  constructor(drafts, run) {
    const { kind, question, schema, calls = [] } = run.blocked ?? {};
    this.#drafts = drafts;
    this.#name = `answer.${run.id}`;
    this.#asked = JSON.stringify([kind, question, schema, calls.map((/** @type {any} */ call) => [call.id, call.arguments_hash])]);
    if (drafts.get(this.#name)?.asked !== this.#asked) this.forget();
  }

  /** @returns {Record<string, any>} empty when nothing was */
  get entered() {
    return this.#drafts.get(this.#name)?.entered ?? {};
  }

  /** @param {Record<string, any>} entered without what is secret */
  keep(entered) {
    this.#drafts.set(this.#name, { asked: this.#asked, entered });
  }

  forget() {
    this.#drafts.set(this.#name, null);
  }
}
