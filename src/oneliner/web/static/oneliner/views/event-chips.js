/**
 * What happened last to a run, as chips; where there is a page for the run, they lead to all of its events.
 *
 * @import {Milestone, Run} from "../types.js"
 * @import {Context} from "./context.js"
 */

import { h } from "../dom.js";
import { toldOf } from "../milestones.js";

const MAX_SHOWN = 6;

/** @param {Run} run @param {Milestone[]} trail @param {Context} context */
export function eventChips(run, trail, { words, addressOf }) {
  if (!trail.length) return null;
  const address = addressOf?.("run", {}, run.id);
  const chips = toldOf(trail, MAX_SHOWN).map(({ type, at, count }) => {
    const name = words.has(`event.${type}`) ? words.text(`event.${type}`) : type;
    const inside = h("time", { class: "event-chip-name", datetime: at, title: words.time(at) }, count > 1 ? `${name} ×${words.number(count)}` : name);
    return h("li", { class: "chip event-chip", data: { type } }, address ? h("a", { href: address }, inside) : inside);
  });
  return h("ol", { class: "event-chips", "aria-label": words.text("event.label") }, ...chips);
}
