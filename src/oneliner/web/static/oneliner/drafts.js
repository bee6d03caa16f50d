/**
 * Unfinished input, kept for this tab and over a reload, for whoever is signed in; where the browser keeps nothing, for as
 * long as the page is open. What was entered for a run is forgotten when the run no longer asks for it.
 *
 * @import {Run} from "./types.js"
 */

import { keep } from "./views/context.js";

const PREFIX = "oneliner.draft.";

export class Drafts {
  /** @type {Map<string, any>} null: forgotten */
  #kept = new Map();
  #storage;
  #user;

  /** @param {Storage|null} storage @param {() => string} user whose they are: the next one in this tab is not shown them */
  constructor(storage, user) {
    this.#storage = storage;
    this.#user = user;
  }

  /** @param {string} name @returns {any} null when there is none */
  get(name) {
    const key = this.#keyOf(name);
    if (this.#kept.has(key)) return this.#kept.get(key);
    const stored = this.#storage?.getItem(key);
    return stored ? JSON.parse(stored) : null;
  }

  /** @param {string} name @param {any} value null forgets it */
  set(name, value) {
    if (!this.#user()) return; // whoever wrote it has signed out, and nobody else is to find it
    const key = this.#keyOf(name);
    if (this.#kept.get(key) === value) return;
    this.#kept.set(key, value);
    keep(this.#storage, key, value === null ? null : JSON.stringify(value));
  }

  /** Forgets all of them, whose ever they are. */
  clear() {
    this.#kept.clear();
    for (const key of Object.keys(this.#storage ?? {})) if (key.startsWith(PREFIX)) this.#storage?.removeItem(key);
  }

  /** @returns {string[]} the names of all that are kept */
  names() {
    const start = this.#keyOf("");
    const stored = Object.keys(this.#storage ?? {});
    const held = [...this.#kept].flatMap(([key, value]) => (value === null ? [] : [key]));
    return [...new Set([...stored, ...held])].filter((key) => key.startsWith(start)).map((key) => key.slice(start.length));
  }

  /** @param {string} name */
  #keyOf(name) {
    return `${PREFIX}${encodeURIComponent(this.#user())}/${name}`;
  }
}

/** In which states of a run what was entered for it can still be sent. @type {Record<string, string>} */
const LIVES_IN = { answer: "blocked", plan: "drafting needs_confirmation", revise: "drafting needs_confirmation", retry: "failed" };

/**
 * Forgets what was entered for runs that do not ask for it any more.
 *
 * @param {Drafts} drafts @param {Record<string, Run>} runs @returns {string[]} the runs whose plan had been changed here
 */
export function forgetWhatIsOver(drafts, runs) {
  const changed = [];
  for (const name of drafts.names()) {
    const [kind, id] = name.split(".", 2);
    if (!runs[id] || !(kind in LIVES_IN) || LIVES_IN[kind].includes(runs[id].run_status)) continue;
    drafts.set(name, null);
    if (kind === "plan") changed.push(id);
  }
  return changed;
}
