/**
 * Handing work to the main agent: the calls by which a page creates a run, lets it go, or stops it.
 *
 * @import {Api} from "./api.js"
 * @import {Run} from "./types.js"
 * @typedef {object} Handoff
 * @property {string} title
 * @property {string} [summary]
 * @property {string} [goal] what is to be reached; the title when left out
 * @property {string[]} [steps]
 * @property {boolean} [draft] the agent drafts the plan first
 * @property {string[]} [ask_before] patterns of tools whose calls wait for an approval, whatever the rules say
 * @property {string} [project_id]
 * @property {string} [source_screen] where the user was
 * @property {string} [source_action_key] what the user pressed
 * @property {string} [intent_key]
 * @property {string} [platform]
 * @property {string} [platform_scope]
 * @property {string|null} [session_id] the conversation it belongs to; a new one when left out
 */

import { newKey } from "./api.js";

/**
 * Creates a run that waits for its confirmation. The same *key* makes the same run, however often it is sent.
 *
 * @param {Api} api
 * @param {Handoff} input
 * @param {string} [key]
 * @returns {Promise<Run>}
 */
export function createMainAgentRun(api, input, key = newKey()) {
  const { goal, steps = [], draft = false, ask_before = [], ...handoff } = input;
  const request = { goal: goal ?? input.summary ?? input.title, steps, ...(draft ? { draft } : {}), ...(ask_before.length ? { ask_before } : {}) };
  const session = handoff.session_id ? { session_id: handoff.session_id } : {};
  const body = {
    project_id: handoff.project_id ?? "",
    source_screen: handoff.source_screen ?? "workbench",
    source_action_key: handoff.source_action_key ?? "handoff",
    title: handoff.title,
    summary: handoff.summary ?? "",
    intent_key: handoff.intent_key ?? "",
    platform: handoff.platform ?? "",
    platform_scope: handoff.platform_scope ?? "single_platform",
    plan_request: request,
    ...session,
  };
  return api.createRun(body, key);
}

/**
 * Lets a run go, for the plan that was shown.
 *
 * @param {Api} api
 * @param {string} runId
 * @param {number} planRev the revision of the plan that was shown; another one is refused
 * @param {string} [reason]
 */
export function confirmMainAgentRun(api, runId, planRev, reason = "") {
  return api.moveRun(runId, "confirm", { plan_rev: planRev, reason });
}

/**
 * Stops a run for good.
 *
 * @param {Api} api
 * @param {string} runId
 * @param {string} [reason]
 */
export function cancelMainAgentRun(api, runId, reason = "") {
  return api.moveRun(runId, "cancel", { reason });
}
