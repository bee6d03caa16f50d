/**
 * What goes with a view that only some visits need.
 *
 * @import {Context} from "./context.js"
 */

import { loadAskingWords } from "../i18n.js";

/**
 * @template T
 * @param {Promise<T>} module one whose words and styles are not those that every window has
 * @param {Context} context
 * @returns {Promise<T>}
 */
export async function readyToAsk(module, { words, dress }) {
  const learn = async () => words.has("approval.label") || words.learn(await loadAskingWords(words.language));
  const [come] = await Promise.all([module, learn(), dress?.("asking")]);
  return come;
}
