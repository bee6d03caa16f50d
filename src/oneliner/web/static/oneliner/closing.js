/**
 * Calls that an ended run has left. Who cancels a run need not wait for its worker, which closes the call it was in a moment
 * later, with what came and what it cost. No event tells of that, because the run's last one was its end.
 *
 * @import {State} from "./types.js"
 */

import { ENDED } from "./picking.js";

const FIRST_LOOK_MS = 300;
/** Later nobody closes it but the sweep, and then the page has been read anew. */
const LAST_LOOK_MS = 40_000;

/** @param {State} state @param {string} sessionId @returns {Set<string>} the runs of the session that have ended and left a call */
export function runsLeftOpen(state, sessionId) {
  const open = (state.messages[sessionId]?.items ?? []).filter((m) => m.state === "streaming");
  return new Set(open.map((m) => m.run_id).filter((id) => ENDED.has(state.runs[id]?.run_status ?? "")));
}

/**
 * Reads a session again, at growing intervals, until its ended runs have left no call.
 *
 * @param {() => State} state @param {string} sessionId @param {(runId: string) => void} read reads a run and the messages of its session
 * @param {number} [delay] in ms
 */
export function awaitClosing(state, sessionId, read, delay = FIRST_LOOK_MS) {
  globalThis.setTimeout(() => {
    const left = runsLeftOpen(state(), sessionId);
    if (!left.size) return;
    for (const runId of left) read(runId);
    if (delay < LAST_LOOK_MS) awaitClosing(state, sessionId, read, delay * 2);
  }, delay);
}
