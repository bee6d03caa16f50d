/**
 * What is told of a run in one line, of all that happened to it. Pure.
 *
 * @import {Milestone} from "./types.js"
 */

/** The types of events that tell how a run got where it is; its messages, tools and steps are shown by themselves. */
export const MILESTONES = [
  ...["created", "planned", "plan_edited", "revision_requested", "confirmed", "queued", "started", "blocked", "resumed", "completed", "failed", "retried", "recovered", "cancelled"].map((name) => `run.${name}`),
  "message.retrying", "message.fallback", "message.steered", "tool.denied", "tool.unknown",
];
/** What everybody expects to follow is told only while nothing did. */
const PASSING = new Set(["run.queued", "run.started"]);

/**
 * The last *most* that matter, oldest first; what happened several times in a row is told once.
 *
 * @param {Milestone[]} trail oldest first @param {number} most
 * @returns {(Milestone & {count: number})[]}
 */
export function toldOf(trail, most) {
  /** @type {(Milestone & {count: number})[]} */
  const told = [];
  for (const [n, event] of trail.entries()) {
    if (PASSING.has(event.type) && n < trail.length - 1) continue;
    const before = told.at(-1);
    if (before?.type === event.type) told[told.length - 1] = { ...event, count: before.count + 1 };
    else told.push({ ...event, count: 1 });
  }
  return told.slice(-most);
}
