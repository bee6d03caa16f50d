/**
 * What a waiting call would make of a project document: the difference between its newest version and the text that is
 * proposed, as it is proposed or as its reader has edited it.
 *
 * @import {Run} from "../types.js"
 * @import {Context} from "./context.js"
 * @typedef {{path: string, content: string, seen_version: number}} Proposal
 */

import { Refused } from "../api.js";
import { newestDocument } from "../documents.js";
import { h, replaceChildren } from "../dom.js";
import { diffView } from "./diff-view.js";
import { problemLine } from "./problem-line.js";

const WRITES = "write_document";

/** @param {{name: string, arguments: Record<string, any>}} call whether it writes a document */
export function writesDocument(call) {
  return call.name === WRITES && typeof call.arguments.path === "string" && typeof call.arguments.content === "string";
}

export class DocumentChange {
  #context;
  #run;
  /** @type {Proposal} */
  #proposal;
  /** @type {Map<string, Promise<{version: number, content: string}|null>>} */
  #newest = new Map();
  #head = h("p", { class: "change-head" });
  #body = h("div", { class: "change-body" });
  node = h("div", { class: "change" }, this.#head, this.#body);

  /** @param {Context} context @param {Run} run @param {Proposal} proposal */
  constructor(context, run, proposal) {
    this.#context = context;
    this.#run = run;
    this.#proposal = proposal;
    void this.update(proposal);
  }

  /** @param {Proposal} proposal */
  async update(proposal) {
    this.#proposal = proposal;
    const { words } = this.#context;
    /** @type {{version: number, content: string}|null} */
    let document;
    try {
      document = await this.#read(proposal.path);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.#newest.delete(proposal.path);
      return replaceChildren(this.#body, problemLine(error.problem, words));
    }
    if (proposal !== this.#proposal) return; // a later keystroke has asked again
    const version = document?.version ?? 0;
    const isStale = version !== proposal.seen_version;
    replaceChildren(
      this.#head,
      h("strong", {}, proposal.path), " ",
      h("span", { class: "hint" }, version ? words.text("change.version", { from: version, to: version + 1 }) : words.text("change.new")),
    );
    replaceChildren(
      this.#body,
      isStale && h("p", { class: "notice", role: "note" }, words.text("change.stale", { newest: version, seen: proposal.seen_version })),
      diffView(document?.content ?? "", proposal.content, words),
    );
  }

  /** @param {string} path */
  #read(path) {
    const known = this.#newest.get(path) ?? newestDocument(this.#context.workspace.api, this.#run.project_id ?? "", path);
    this.#newest.set(path, known);
    return known;
  }
}
