/**
 * The documents a run has written, each with what it changed.
 *
 * @import {Run} from "../types.js"
 * @import {Context} from "./context.js"
 * @typedef {{id: string, path: string, first: number, last: number}} Written ``first`` and ``last``: the versions it wrote
 */

import { Refused } from "../api.js";
import { documentText, documentsWrittenBy } from "../documents.js";
import { drawList, h, icon, replaceChildren } from "../dom.js";
import { diffView } from "./diff-view.js";
import { problemLine } from "./problem-line.js";

export class WrittenDocuments {
  #context;
  #drawn = "";
  #list = h("ul", { class: "written-list" });

  /** @param {Context} context */
  constructor(context) {
    this.#context = context;
    this.node = h("div", { class: "written", role: "group", "aria-label": context.words.text("written.label") }, this.#list);
  }

  /** @param {Run} run @param {number} count how many times it has written */
  async update(run, count) {
    const drawn = `${run.id} ${count}`;
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    try {
      const uses = await documentsWrittenBy(this.#context.workspace.api, run.id);
      if (drawn === this.#drawn) drawList(this.#list, byDocument(uses), (one) => `${one.id} ${one.last}`, (one, old) => old ?? this.#draw(one));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.#drawn = "";
    }
  }

  /** @param {Written} written */
  #draw({ id, path, first, last }) {
    const { words, addressOf } = this.#context;
    const change = h("div", { class: "written-change", hidden: true });
    const show = async () => {
      change.hidden = !change.hidden;
      toggle.setAttribute("aria-expanded", String(!change.hidden));
      toggle.textContent = words.text(change.hidden ? "written.show" : "written.hide");
      if (!change.hidden && !change.hasChildNodes()) replaceChildren(change, await this.#change(id, first, last));
    };
    const toggle = h("button", { type: "button", class: "link", "aria-expanded": "false", data: { focus: `written-${id}` }, on: { click: () => void show() } }, words.text("written.show"));
    const name = addressOf ? h("a", { href: addressOf("document", { version: String(last) }, id) }, path) : h("span", {}, path);
    return h("li", {}, h("div", { class: "written-line" }, icon("edit"), name, h("span", { class: "hint" }, words.text("written.version", { version: last })), toggle), change);
  }

  /** @param {string} id @param {number} first @param {number} last */
  async #change(id, first, last) {
    const { words, workspace: { api } } = this.#context;
    try {
      const [before, after] = await Promise.all([first > 1 ? documentText(api, id, first - 1) : null, documentText(api, id, last)]);
      return diffView(before?.content ?? "", after.content, words);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return problemLine(error.problem, words);
    }
  }
}

/** @param {{document_id: string, path: string, version: number}[]} uses @returns {Written[]} one for each document */
function byDocument(uses) {
  /** @type {Map<string, Written>} */
  const found = new Map();
  for (const { document_id: id, path, version } of uses) {
    const known = found.get(id);
    found.set(id, { id, path, first: Math.min(version, known?.first ?? version), last: Math.max(version, known?.last ?? version) });
  }
  return [...found.values()];
}
