/**
 * The rules a run was promised, beside those that one like it would be promised now.
 *
 * @import {Part, RunView} from "./run.js"
 */

import { h } from "../dom.js";
import { nothing, section } from "./parts.js";
import { policyTable } from "./policy.js";
import { addressOf } from "./router.js";
import { sinceThen } from "./rule-history.js";

/** @param {RunView} view @returns {Promise<Part>} */
export async function rulesPart({ context, run }) {
  const { api, words } = context;
  const promised = run.governance_snapshot?.effective_policy;
  if (!promised) return { node: section(words.text("run.rules"), nothing(words.text("run.no_rules"))) };
  const diff = await api.ask("GET", `/v2/oneliner/runs/${run.id}/governance/diff`);
  const link = h("a", { href: addressOf("rules", { project_id: run.project_id, platform: run.governance_snapshot?.platform }) }, words.text("run.rules_link"));
  return { node: section(words.text("run.rules"), h("p", { class: "hint" }, words.text("run.rules_note"), " ", link), sinceThen(diff, words), policyTable(promised, words, diff.changes)) };
}
