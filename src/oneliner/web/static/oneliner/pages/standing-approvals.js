/**
 * Calls that a user has allowed for good, each with the rule it answers; they end when he, or an administrator, revokes
 * them.
 *
 * @import {PageContext} from "./router.js"
 * @import {Rule} from "../tool-rules.js"
 * @typedef {{id: string, tool: string, words: string, asked_by: {layer: string, rule: Rule|null}|null, given_by: string, given_at: string|null}} Standing
 */

import { h } from "../dom.js";
import { attempted, nothing, section, sureButton, table, when } from "./parts.js";
import { layerName, ruleText } from "./policy.js";

/** @param {PageContext} context @param {Standing[]} items @param {string} userId whose they are; empty: the caller's @param {() => void} again */
export function standingApprovals(context, items, userId, again) {
  const { api, words, announce } = context;
  const heading = words.text("standing.heading");
  const note = h("p", { class: "hint" }, userId ? words.text("standing.of", { user: userId }) : words.text("standing.note"));
  if (!items.length) return section(heading, note, nothing(words.text("standing.none")));
  const problem = h("div", {});
  const revoke = async (/** @type {Standing} */ one) => {
    const whose = userId ? `?${new URLSearchParams({ user_id: userId })}` : "";
    if (!(await attempted(words, problem, () => api.ask("DELETE", `/v2/oneliner/governance/approvals/${encodeURIComponent(one.id)}${whose}`)))) return;
    announce(words.text("standing.revoked", { tool: one.tool }));
    again();
  };
  const asked = (/** @type {Standing} */ one) => {
    if (one.asked_by === null) return words.text("standing.lapsed");
    const rule = one.asked_by.rule ? ruleText(one.asked_by.rule, words) : words.text("explain.default");
    return words.text("pair", { name: layerName(one.asked_by.layer, words), value: rule });
  };
  const columns = [{ text: words.text("column.tool") }, { text: words.text("standing.asked_by"), kind: "wide" }, { text: words.text("standing.by") }, { text: words.text("standing.given") }, { text: words.text("column.action") }];
  return section(heading, note, problem, table(heading, columns, items.map((one) => [h("code", {}, one.tool), asked(one), one.given_by, one.given_at ? when(one.given_at, words) : "–",
    sureButton(words, { text: words.text("standing.revoke"), ask: words.text("standing.revoke_ask"), yes: words.text("standing.revoke_yes") }, () => void revoke(one))])));
}
