/**
 * What the rules make of a plan, before the click: for all of the agent's tools in one line with its reasons below, and
 * for each step that names a tool beside that step. A step that names none has nothing said of it: which tools it will
 * take is not known before it runs.
 *
 * @import {Outlook, Run} from "../types.js"
 * @import {Context} from "./context.js"
 */

import { Refused } from "../api.js";
import { h, icon, replaceChildren } from "../dom.js";
import { byProspect, namedIn, noteOf, prospectOf } from "../outlook.js";

const PICTURES = { deny: "cross", ask: "alert", may_deny: "alert", may_ask: "alert", allow: "check" };

export class PlanRules {
  #context;
  /** @type {Outlook[]} */
  #outlooks = [];
  node = h("div", { class: "plan-rules", hidden: true });

  /** @param {Context} context @param {Run} run @param {() => void} onRead */
  constructor(context, run, onRead) {
    this.#context = context;
    void this.#read(run, onRead);
  }

  /** @param {string} title of a step @returns {HTMLElement[]} */
  ofStep(title) {
    return namedIn(title, this.#outlooks).map((one) => this.#mark(one));
  }

  /** @param {Run} run @param {() => void} onRead */
  async #read(run, onRead) {
    try {
      this.#outlooks = await this.#context.workspace.outlooks(run.id);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return; // the plan can be read and confirmed without it; every call is judged anyway
    }
    this.#draw();
    onRead();
  }

  #draw() {
    const { words } = this.#context;
    const groups = byProspect(this.#outlooks);
    const free = groups.get("allow")?.length ?? 0;
    this.node.hidden = this.#outlooks.length === 0;
    groups.delete("allow");
    if (!groups.size) return replaceChildren(this.node, h("p", { class: "hint" }, words.text("rules.free", { count: free })));
    const said = [...groups].map(([prospect, tools]) => h("span", { class: "rule-mark", data: { prospect } }, icon(PICTURES[prospect]), words.text(`rules.${prospect}`, { tools: tools.map((one) => one.tool).join(", ") })));
    const reasons = [...groups.values()].flat().map((one) => h("li", {}, this.#mark(one), h("span", { class: "hint" }, whyOf(one, words))));
    replaceChildren(
      this.node,
      h("details", {}, h("summary", {}, ...said, icon("chevron")), h("ul", {}, ...reasons), free > 0 && h("p", { class: "hint" }, words.text("rules.rest", { count: free }))),
    );
  }

  /** @param {Outlook} one */
  #mark(one) {
    const prospect = prospectOf(one);
    const { words } = this.#context;
    return h("span", { class: "rule-mark", title: whyOf(one, words), data: { prospect } }, icon(PICTURES[prospect]), words.text(`rules.${prospect}`, { tools: one.tool }));
  }
}

/** @param {Outlook} one @param {import("../i18n.js").Translator} words */
function whyOf(one, words) {
  return one.said_by.map((by) => words.text("approval.asked_by", { layer: words.text(`layer.${by.layer}`) }) + (noteOf(by.rule, words) && ` · ${noteOf(by.rule, words)}`)).join("; ");
}
