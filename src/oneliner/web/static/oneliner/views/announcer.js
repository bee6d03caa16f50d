/**
 * What a screen reader is told, and when: at boundaries, never token by token. Two nodes that are there from the start;
 * a text stays for a moment, because one that is taken away at once is not read.
 *
 * @import {Run, State} from "../types.js"
 * @import {Translator} from "../i18n.js"
 */

import { h } from "../dom.js";

const STAYS_MS = 4_000;
const STEP_EVERY_MS = 5_000;
const SAID_STATUSES = new Set(["needs_confirmation", "queued", "running", "blocked", "done", "failed", "cancelled"]);

export class Announcer {
  #words;
  #polite = h("div", { class: "sr-only", role: "status", "aria-live": "polite" });
  #urgent = h("div", { class: "sr-only", role: "alert" });
  /** @type {Map<string, {status: string, done: number}>} */
  #known = new Map();
  #lastStep = 0;
  #isFirst = true;

  /** @param {Translator} words */
  constructor(words) {
    this.#words = words;
    this.nodes = [this.#polite, this.#urgent];
  }

  /** @param {string} text @param {boolean} [isUrgent] */
  say(text, isUrgent = false) {
    const line = h("p", {}, text);
    (isUrgent ? this.#urgent : this.#polite).append(line);
    setTimeout(() => line.remove(), STAYS_MS);
  }

  /** Tells what changed of the runs. @param {State} state */
  update(state) {
    if (!state.loaded) return;
    for (const run of Object.values(state.runs)) this.#tell(run);
    this.#isFirst = false;
  }

  /** @param {Run} run */
  #tell(run) {
    const done = run.plan.steps.filter((s) => s.status === "done" || s.status === "skipped").length;
    const old = this.#known.get(run.id);
    this.#known.set(run.id, { status: run.run_status, done });
    if (this.#isFirst) return;
    if (old?.status !== run.run_status) {
      if (!SAID_STATUSES.has(run.run_status)) return;
      this.say(this.#words.text("say.status", { title: run.title, status: this.#words.text(`status.${run.run_status}`) }), run.run_status === "failed");
    } else if (done > old.done && Date.now() - this.#lastStep > STEP_EVERY_MS) {
      this.#lastStep = Date.now();
      this.say(this.#words.text("progress.said", { done, total: run.plan.steps.length }));
    }
  }
}
