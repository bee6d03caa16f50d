/**
 * The events of a run in their order, each with its details.
 *
 * @import {RunEvent} from "../timeline.js"
 * @import {Part, RunView} from "./run.js"
 */

import { drawList, h, setAttribute } from "../dom.js";
import { attempted, choice, labelled, offerKinds, opened, section } from "./parts.js";

/** So many lines more are drawn each time. */
const STEP = 200;

/** @param {RunView} view @returns {Promise<Part>} */
export async function eventsPart({ context, history }) {
  const { words } = context;
  const list = h("ol", { class: "event-list" });
  const problem = h("div", {});
  const kind = choice("kind", [["", words.text("filter.all")]], "");
  const more = h("button", { type: "button", class: "button small", on: { click: () => void load() } }, words.text("run.more_events"));
  let most = STEP;
  const fitting = () => history.events.filter((event) => !kind.value || event.event_type.startsWith(`${kind.value}.`));
  const draw = () => {
    offerKinds(kind, history.events.map((event) => event.event_type));
    const fit = fitting();
    drawList(list, fit.slice(0, most), (event) => String(event.seq), (event, old) => old ?? line(event));
    setAttribute(more, "hidden", !history.hasMore && fit.length <= most);
  };
  const load = () => attempted(words, problem, async () => {
    most += STEP;
    if (history.hasMore && fitting().length < most) await history.readMore();
    draw();
  });
  const follow = async () => {
    const sawAll = !history.hasMore && fitting().length <= most;
    await history.catchUp();
    // Who has seen the end goes on seeing it.
    if (sawAll) most = Math.max(most, fitting().length);
    draw();
  };
  kind.addEventListener("change", draw);
  if (!history.events.length) await history.readMore();
  draw();
  return { node: section(words.text("run.events"), h("div", { class: "filters" }, labelled(words.text("filter.kind"), kind)), list, problem, more), follow };
}

/** @param {RunEvent & {summary?: string}} event */
function line(event) {
  const said = [h("span", { class: "event-seq" }, String(event.seq)), h("code", {}, event.event_type), h("span", { class: "event-summary" }, event.summary), h("time", { datetime: event.created_at, title: event.created_at }, event.created_at.slice(11, 23))];
  return h("li", {}, opened(said, () => h("pre", { tabindex: "0" }, JSON.stringify(event.details, null, 2)), { class: "detail" }));
}
