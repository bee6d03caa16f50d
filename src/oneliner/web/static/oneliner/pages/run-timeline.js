/**
 * What came of a run, its steps, where its time went, and which workers held it.
 *
 * @import {Run} from "../types.js"
 * @import {Part, RunView} from "./run.js"
 * @import {Translator} from "../i18n.js"
 * @import {Context} from "../views/context.js"
 */

import { h, keepFocus, replaceChildren } from "../dom.js";
import { answerText } from "../views/answer-text.js";
import { attempted, nothing, section, table } from "./parts.js";
import { timeline } from "./timeline-view.js";

/** So many events are drawn without being asked for; more only in steps as large. */
const READ_AT_ONCE = 1_000;

/** @param {RunView} view @returns {Promise<Part>} */
export async function timelinePart({ context, run, history }) {
  const { words } = context;
  let most = READ_AT_ONCE;
  let now = run;
  const above = h("div", { class: "stack" });
  const below = h("div", { class: "stack" });
  const problem = h("div", {});
  let told = "";
  const drawAbove = () => {
    const tells = JSON.stringify([now.result, now.plan]);
    if (tells !== told) replaceChildren(above, outcome(now, context), steps(now, words));
    told = tells;
  };
  const draw = () => {
    keepFocus(below, () => replaceChildren(below, section(words.text("timeline.heading"), timeline(history.events, words) ?? nothing(words.text("timeline.nothing"))), more()));
  };
  const more = () => {
    if (!history.hasMore) return null;
    const read = () => attempted(words, problem, async () => {
      most = history.events.length + READ_AT_ONCE;
      await history.readUpTo(most);
      draw();
    });
    return h("div", { class: "row" }, h("span", { class: "hint" }, words.text("timeline.part", { count: history.events.length, all: now.last_seq })),
      h("button", { type: "button", class: "button small", data: { focus: "timeline-more" }, on: { click: () => void read() } }, words.text("run.more_events")));
  };
  await history.readUpTo(most);
  drawAbove();
  draw();
  const follow = async (/** @type {Run} */ fresh) => {
    now = fresh;
    drawAbove();
    await history.catchUp();
    draw();
  };
  return { node: h("div", { class: "stack" }, above, below, problem), follow, tick: draw };
}

/** @param {Run} run @param {Context} context */
function outcome(run, context) {
  const { words } = context;
  const { error, text } = run.result ?? {};
  if (typeof error === "string" && error) return section(words.text("run.technical"), h("pre", { class: "block", tabindex: "0" }, error));
  if (typeof text === "string" && text) return section(words.text("run.result"), h("div", { class: "paper" }, answerText(text, context)));
  return null;
}

/** @param {Run} run @param {Translator} words */
function steps(run, words) {
  if (!run.plan.steps.length) return null;
  const rows = run.plan.steps.map((step, n) => [`${n + 1}. ${step.title}`, words.text(`step.${step.status}`), step.note ?? ""]);
  return section(words.text("plan.steps"), table(words.text("plan.steps"), [{ text: words.text("column.step"), kind: "wide" }, { text: words.text("column.status") }, { text: words.text("column.note") }], rows));
}
