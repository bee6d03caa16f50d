/**
 * Which run the header shows. Pure.
 *
 * @import {Run, RunStatus} from "./types.js"
 */

/** The seed's order first (needs_confirmation, blocked, running); what is on its way next; what has ended last. */
/** @type {Record<RunStatus, number>} */
const RANK = {
  needs_confirmation: 0,
  blocked: 1,
  running: 2,
  drafting: 3,
  queued: 4,
  done: 5,
  failed: 5,
  cancelled: 6,
};

/** Statuses in which a run waits for a person. */
export const NEEDS_YOU = new Set(["needs_confirmation", "blocked"]);
/** Statuses in which it goes on by itself. */
export const UNDER_WAY = new Set(["drafting", "queued", "running"]);
export const ENDED = new Set(["done", "failed", "cancelled"]);

/**
 * The run a page shows first: one that needs a person, then one that works, then the latest that came to an end.
 *
 * @param {Run[]} runs
 * @param {string|null} [sessionId] between two of the same rank, the one of that session goes first
 * @returns {Run|null}
 */
export function pickPrimaryRun(runs, sessionId = null) {
  return orderRuns(runs, sessionId)[0] ?? null;
}

/**
 * @param {Run[]} runs
 * @param {string|null} [sessionId]
 * @returns {Run[]} all of *runs*, the primary first
 */
export function orderRuns(runs, sessionId = null) {
  const here = (/** @type {Run} */ run) => (sessionId !== null && run.session_id === sessionId ? 0 : 1);
  return [...runs].sort(
    (a, b) => rank(a) - rank(b) || here(a) - here(b) || (lastTime(a) < lastTime(b) ? 1 : lastTime(a) > lastTime(b) ? -1 : 0),
  );
}

/**
 * The runs the header of a session is about: all that are under way anywhere, and of its own also the one that
 * ended last. A new chat shows nothing of what is over.
 *
 * @param {Record<string, Run>} runs
 * @param {string|null} sessionId
 * @returns {Run[]} the primary first
 */
export function headerRuns(runs, sessionId) {
  const all = Object.values(runs);
  const open = all.filter((run) => !ENDED.has(run.run_status));
  const ended = all.filter((run) => ENDED.has(run.run_status) && run.session_id === sessionId);
  const latest = pickPrimaryRun(newestOnly(ended), sessionId);
  return orderRuns(latest ? [...open, latest] : open, sessionId);
}

/**
 * @param {Record<string, Run>} runs
 * @returns {number} how many wait for a person
 */
export function countNeedingYou(runs) {
  return Object.values(runs).filter((run) => NEEDS_YOU.has(run.run_status)).length;
}

/**
 * @param {Record<string, Run>} runs
 * @returns {number} how many go on by themselves
 */
export function countUnderWay(runs) {
  return Object.values(runs).filter((run) => UNDER_WAY.has(run.run_status)).length;
}

/** @param {Run} run */
function rank(run) {
  return RANK[run.run_status] ?? 7;
}

/** @param {Run} run */
function lastTime(run) {
  return (ENDED.has(run.run_status) && run.finished_at) || run.created_at;
}

/** @param {Run[]} runs */
function newestOnly(runs) {
  return runs.slice().sort((a, b) => (a.created_at < b.created_at ? 1 : -1)).slice(0, 1);
}
