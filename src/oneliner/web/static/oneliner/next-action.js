/**
 * What somebody might do next, from what is really there. Pure.
 *
 * @import {Run} from "./types.js"
 * @typedef {{kind: 'needs_you'|'failed'|'document'|'plan', run?: Run, document?: {id: string, path: string, project_id: string}}} Action
 */

import { NEEDS_YOU, orderRuns } from "./picking.js";

/**
 * @param {Run[]} runs
 * @param {{id: string, path: string, project_id: string, updated_at: string}[]} documents
 * @returns {[Action, Action]} the first thing to do, and the second
 */
export function nextActions(runs, documents) {
  /** @type {Action[]} */
  const all = [];
  // One of those that wait is enough, the list below has them all: the other place is for something to hand over.
  const waits = orderRuns(runs).find((run) => NEEDS_YOU.has(run.run_status));
  if (waits) all.push({ kind: "needs_you", run: waits });
  const newest = [...runs].sort((a, b) => (a.created_at < b.created_at ? 1 : -1))[0];
  if (newest?.run_status === "failed") all.push({ kind: "failed", run: newest });
  const [latest] = [...documents].sort((a, b) => (a.updated_at < b.updated_at ? 1 : -1));
  if (latest) all.push({ kind: "document", document: latest });
  all.push({ kind: "plan" }, { kind: "plan" });
  return [all[0], all[1]];
}
