/**
 * What was said in a run, the newest page of it at once and the rest on demand; oldest first.
 *
 * @import {Message} from "../types.js"
 * @import {Part, RunView} from "./run.js"
 */

import { part, queryOf } from "../api.js";
import { drawList, h, replaceChildren, setAttribute } from "../dom.js";
import { attempted, nothing, section } from "./parts.js";
import { said } from "./said.js";

/** @param {RunView} view @returns {Promise<Part>} */
export async function conversationPart({ context, run }) {
  const { api, words } = context;
  /** @type {Map<string, Message>} */
  const known = new Map();
  const list = h("ol", { class: "said-list" });
  const empty = h("div", {});
  const problem = h("div", {});
  const more = h("button", { type: "button", class: "button small", on: { click: () => void older() } }, words.text("sessions.older_messages"));
  /** @type {string|null} */
  let before = null;

  const draw = () => {
    const messages = [...known.values()].sort((a, b) => (a.position ?? 0) - (b.position ?? 0));
    drawList(list, messages, (message) => message.id, (message, old) => (old && old.dataset.state === (message.state ?? "") ? old : said(message, context)));
    setAttribute(list, "hidden", messages.length === 0);
    setAttribute(more, "hidden", !before);
    replaceChildren(empty, messages.length === 0 && nothing(words.text("run.no_messages")));
  };
  const older = () => attempted(words, problem, async () => {
    const page = await messagesOf(api, run.id, before);
    for (const message of page.items) known.set(message.id, message);
    before = page.next_cursor;
    const anchor = /** @type {HTMLElement} */ (list.firstElementChild);
    const top = anchor.getBoundingClientRect().top;
    draw();
    // What was read stays where it was; what is older comes above it.
    const scroller = list.closest(".page");
    if (scroller) scroller.scrollTop += anchor.getBoundingClientRect().top - top;
    // The button is gone, and the focus with it: on to what it has brought.
    if (!before) focusOn(/** @type {HTMLElement} */ (anchor.previousElementSibling ?? anchor));
  });
  const newest = async () => {
    const page = await messagesOf(api, run.id);
    // Where more was said since than one page holds, there would be a hole: it begins anew.
    if (page.next_cursor && !page.items.some((message) => known.has(message.id))) known.clear();
    if (known.size === 0) before = page.next_cursor;
    for (const message of page.items) known.set(message.id, message);
    draw();
  };
  await newest();
  return { node: section(words.text("run.part.conversation"), more, problem, empty, list), follow: newest };
}

/** @param {HTMLElement} node */
function focusOn(node) {
  node.tabIndex = -1;
  node.focus({ preventScroll: true });
}

/** @param {import("../api.js").Api} api @param {string} runId @param {string|null} [before] @returns {Promise<{items: Message[], next_cursor: string|null}>} newest first */
function messagesOf(api, runId, before) {
  return api.ask("GET", `/v2/oneliner/runs/${part(runId)}/messages${queryOf({ before })}`);
}
