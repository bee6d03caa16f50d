/**
 * Which worker held a run from when to when, and how that ended, from its events. Pure.
 *
 * A drafting run is claimed without an event; what ends the draft says who drafted, and since when.
 *
 * @import {RunEvent} from "./timeline.js"
 * @typedef {'held'|'blocked'|'done'|'failed'|'cancelled'|'drafted'|'handed_back'|'lost'} LeaseEnd ``held``: it has not ended
 * @typedef {{worker: string, fence: number, from: number, to: number, end: LeaseEnd, noticedBy: string}} Lease times in ms;
 *   ``worker`` is empty where the history does not say, ``noticedBy`` names who found that it was lost
 */

/** @type {Record<string, LeaseEnd>} */
const ENDS = { "run.blocked": "blocked", "run.completed": "done", "run.failed": "failed", "run.cancelled": "cancelled", "run.planned": "drafted", "run.recovered": "lost" };

/**
 * @param {RunEvent[]} events in order @param {number} nowMs for the one that has not ended
 * @returns {Lease[]} in order
 */
export function leasesOf(events, nowMs) {
  /** @type {Lease[]} */
  const leases = [];
  /** @type {Lease|null} */
  let held = null;
  for (const { event_type: type, created_at, details } of events) {
    const at = Date.parse(created_at);
    if (type === "run.started") leases.push((held = begun(details, at, nowMs)));
    if (!(type in ENDS)) continue;
    if (details.claimed_at) leases.push((held = begun(details, Date.parse(details.claimed_at), at)));
    if (held) Object.assign(held, { to: at, end: endOf(type, details), noticedBy: String(details.recovered_by ?? "") });
    held = null;
  }
  return leases;
}

/** @param {Record<string, any>} details @param {number} from @param {number} to @returns {Lease} */
function begun(details, from, to) {
  return { worker: String(details.worker ?? ""), fence: Number(details.fence ?? 0), from, to, end: "held", noticedBy: "" };
}

/** @param {string} type @param {Record<string, any>} details */
function endOf(type, details) {
  if (type === "run.recovered" && details.cause === "handed_back") return "handed_back";
  return details.code === "worker_lost" ? "lost" : ENDS[type];
}
