/**
 * The events of one run, read from the first on, as far as somebody wants them. What is read once is kept; what has been
 * written since is read behind it.
 *
 * @import {Api} from "./api.js"
 * @import {RunEvent} from "./timeline.js"
 */

import { part, queryOf } from "./api.js";

const PAGE = 500;
const MAX_CAUGHT_UP = 2_000;

export class RunHistory {
  #api;
  #runId;
  /** @type {Promise<void>} reading goes one after another: there is one end to read on from */
  #reading = Promise.resolve();
  /** @type {RunEvent[]} oldest first */
  events = [];
  /** whether there is more than was read, as of the last look */
  hasMore = true;

  /** @param {Pick<Api, "ask">} api @param {string} runId */
  constructor(api, runId) {
    this.#api = api;
    this.#runId = runId;
  }

  /** Reads on until there are *most* events or no more. Throws Refused. @param {number} most @returns {Promise<void>} */
  readUpTo(most) {
    return this.#after(async () => {
      while (this.hasMore && this.events.length < most) await this.#readPage();
    });
  }

  /** Reads on from where it ends, once. Throws Refused. @returns {Promise<void>} */
  readMore() {
    return this.#after(() => this.#readPage());
  }

  /** Reads what was written since, unless older events wait to be read first. Throws Refused. @returns {Promise<void>} */
  catchUp() {
    return this.#after(async () => {
      if (this.hasMore && this.events.length) return;
      const most = this.events.length + MAX_CAUGHT_UP;
      do await this.#readPage();
      while (this.hasMore && this.events.length < most);
    });
  }

  /** @param {() => Promise<void>} work */
  #after(work) {
    const next = this.#reading.catch(() => {}).then(work);
    this.#reading = next;
    return next;
  }

  async #readPage() {
    const page = await this.#api.ask("GET", `/v2/oneliner/runs/${part(this.#runId)}/events${queryOf({ after: String(this.events.at(-1)?.seq ?? 0), limit: String(PAGE) })}`);
    this.events.push(.../** @type {RunEvent[]} */ (page.items));
    this.hasMore = page.next_cursor !== null;
  }
}
