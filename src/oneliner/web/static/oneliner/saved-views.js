/**
 * Filters with a name, kept in this browser for each user. They are not the server's: a view is an address, which can be
 * sent as it is; what is kept here is one person's short way to it, and no other browser waits for it.
 *
 * @typedef {{name: string, query: string}} View ``query``: what stands in the address, its parts in order
 */

const MOST = 20;
export const NAME_CHARS = 40;

export class SavedViews {
  #storage;
  #key;

  /** @param {Storage|null} storage null where the browser keeps nothing @param {string} page @param {string} userId */
  constructor(storage, page, userId) {
    this.#storage = storage;
    this.#key = `oneliner.views.${page}.${userId}`;
  }

  /** Whether anything can be kept. */
  get isThere() {
    return this.#storage !== null;
  }

  /** @returns {View[]} in the order they were saved */
  all() {
    try {
      const kept = JSON.parse(this.#storage?.getItem(this.#key) ?? "[]");
      return Array.isArray(kept) ? kept.filter((view) => typeof view?.name === "string" && typeof view?.query === "string") : [];
    } catch (error) {
      if (error instanceof SyntaxError) return []; // somebody else wrote there
      throw error;
    }
  }

  /** Keeps *query* under *name*, in place of what had that name; the oldest gives way. @param {string} name @param {string} query */
  save(name, query) {
    const others = this.all().filter((view) => view.name !== name);
    this.#keep([...others, { name: name.trim().slice(0, NAME_CHARS), query }].slice(-MOST));
  }

  /** @param {string} name */
  remove(name) {
    this.#keep(this.all().filter((view) => view.name !== name));
  }

  /** @param {View[]} views */
  #keep(views) {
    this.#storage?.setItem(this.#key, JSON.stringify(views));
  }
}

/** What stands in an address, in one order, so that two of them can be compared. @param {Record<string, string|null|undefined>} given */
export function queryOf(given) {
  return new URLSearchParams(Object.entries(given).flatMap(([name, value]) => (value ? [[name, value]] : [])).sort(([a], [b]) => (a < b ? -1 : 1))).toString();
}
