/**
 * Filters of the list of runs with a name. They are the server's, so that their user finds them in any browser; what a
 * browser kept for itself before that is handed over once.
 *
 * @import {Api} from "./api.js"
 * @typedef {{name: string, query: string}} View ``query``: what stands in the address, its parts in order
 */

import { Refused } from "./api.js";

const ROUTE = "/v2/oneliner/views";
export const NAME_CHARS = 40;

export class SavedViews {
  #api;
  #storage;
  #key;

  /** @param {Api} api @param {Storage|null} storage where a browser kept them before; null where it keeps nothing @param {string} userId */
  constructor(api, storage, userId) {
    this.#api = api;
    this.#storage = storage;
    this.#key = `oneliner.views.runs.${userId}`;
  }

  /** In the order they were saved. Throws Refused. @returns {Promise<View[]>} */
  async all() {
    const views = await this.#read();
    const held = this.#storage?.getItem(this.#key) ?? null;
    if (held === null) return views;
    await this.#handOver(toHandOver(held, views));
    return this.#read();
  }

  /** Keeps *query* under *name*, in place of what had that name. Throws Refused. @param {string} name @param {string} query */
  async save(name, query) {
    await this.#api.ask("PUT", ROUTE, { name: name.trim(), query });
  }

  /** Throws Refused. @param {string} name */
  async remove(name) {
    await this.#api.ask("DELETE", `${ROUTE}?${new URLSearchParams({ name })}`);
  }

  /** @returns {Promise<View[]>} */
  async #read() {
    return (await this.#api.ask("GET", ROUTE)).items;
  }

  /** What the server has no room for stays here, for another time. @param {View[]} views */
  async #handOver(views) {
    /** @type {View[]} */
    const left = [];
    for (const view of views) {
      try {
        await this.save(view.name, view.query);
      } catch (error) {
        if (!(error instanceof Refused) || error.problem.status !== 422) throw error;
        left.push(view);
      }
    }
    if (left.length) this.#storage?.setItem(this.#key, JSON.stringify(left));
    else this.#storage?.removeItem(this.#key);
  }
}

/**
 * What a browser kept that the server does not have. A name that says something else there gets a number: both were meant.
 *
 * @param {string} held as it was kept @param {View[]} there
 * @returns {View[]}
 */
export function toHandOver(held, there) {
  const taken = new Map(there.map(({ name, query }) => [name, query]));
  /** @type {View[]} */
  const views = [];
  for (const { name, query } of viewsIn(held)) {
    let called = name.trim().slice(0, NAME_CHARS);
    for (let n = 2; taken.has(called) && taken.get(called) !== query; n += 1) called = `${name.trim().slice(0, NAME_CHARS - 5)} (${n})`;
    if (!called || !query || taken.has(called)) continue;
    taken.set(called, query);
    views.push({ name: called, query });
  }
  return views;
}

/** @param {string} held @returns {View[]} */
function viewsIn(held) {
  try {
    const kept = JSON.parse(held);
    return Array.isArray(kept) ? kept.filter((view) => typeof view?.name === "string" && typeof view?.query === "string") : [];
  } catch (error) {
    if (error instanceof SyntaxError) return []; // somebody else wrote there
    throw error;
  }
}

/** What stands in an address, in one order, so that two of them can be compared. @param {Record<string, string|null|undefined>} given */
export function queryOf(given) {
  return new URLSearchParams(Object.entries(given).flatMap(([name, value]) => (value ? [[name, value]] : [])).sort(([a], [b]) => (a < b ? -1 : 1))).toString();
}
