/**
 * A part of the list of runs that stays true while it is looked at. What is shown stays where it is; what came above it
 * since is counted, to be shown when its reader asks for it.
 *
 * @import {Api} from "../api.js"
 * @import {Run} from "../types.js"
 * @import {Workspace} from "../workspace.js"
 */

import { Refused } from "../api.js";
import { ENDED } from "../picking.js";
import { Refresher } from "../refresher.js";

const SETTLE_MS = 1_000;
/** The stream tells of the reader's own runs only. */
const OTHERS_EVERY_MS = 15_000;

export class Following {
  #api;
  #read;
  #draw;
  #refresher = new Refresher(SETTLE_MS);
  /** @type {(() => void)[]} */
  #ends = [];
  /** @type {Run[]} */
  runs;
  /** how many there are that are newer than those */
  newer = 0;

  /**
   * @param {Api} api @param {Run[]} runs as they were read first
   * @param {() => Promise<{items: Run[]}>} read the same part of the list again; throws Refused
   * @param {() => void} draw after every change
   */
  constructor(api, runs, read, draw) {
    this.#api = api;
    this.runs = runs;
    this.#read = read;
    this.#draw = draw;
  }

  /** @param {Workspace} workspace @param {{isOfOthers: boolean}} list whether runs of others are in it */
  start(workspace, { isOfOthers }) {
    const look = () => document.visibilityState === "visible" && this.#refresher.ask("runs", () => this.refresh());
    // What happened while nobody looked is read when somebody does.
    document.addEventListener("visibilitychange", look);
    this.#ends.push(workspace.listen(look), () => document.removeEventListener("visibilitychange", look));
    if (!isOfOthers) return;
    const timer = setInterval(look, OTHERS_EVERY_MS);
    this.#ends.push(() => clearInterval(timer));
  }

  leave() {
    for (const end of this.#ends.splice(0)) end();
  }

  /** Reads again; what is refused is asked for another time. */
  async refresh() {
    try {
      const { items } = await this.#read();
      const found = new Map(items.map((run) => [run.id, run]));
      // It is another state now that it was asked for, or below the part that was read.
      const left = this.runs.filter((run) => !found.has(run.id) && !ENDED.has(run.run_status));
      const now = await Promise.all(left.map((run) => this.#now(run.id)));
      const gone = new Set(left.filter((_, n) => now[n] === null));
      for (const run of now) if (run) found.set(run.id, run);
      this.#take(items, this.runs.filter((run) => !gone.has(run)).map((run) => found.get(run.id) ?? run));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
    }
  }

  /** @param {string} id @returns {Promise<Run|null>} null: it was deleted. Throws Refused. */
  async #now(id) {
    try {
      return await this.#api.run(id);
    } catch (error) {
      if (error instanceof Refused && error.problem.status === 404) return null;
      throw error;
    }
  }

  /** @param {Run[]} items @param {Run[]} runs */
  #take(items, runs) {
    const known = new Set(runs.map((run) => run.id));
    const newer = items.filter((run) => !known.has(run.id) && run.created_at >= (runs[0]?.created_at ?? "")).length;
    if (newer === this.newer && JSON.stringify(runs) === JSON.stringify(this.runs)) return;
    this.newer = newer;
    this.runs = runs;
    this.#draw();
  }
}
