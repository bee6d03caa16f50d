/**
 * Governance: what holds, who said so, and how that came about; editing for those who may.
 *
 * @import {PageContext, Route, Shown} from "./router.js"
 * @typedef {{id?: string, layer: string, scope_key: string, version: number, rules: Record<string, any>, notice: string,
 *   expires_at: string|null, updated_by: string, updated_at: string|null, changes?: import("./rule-history.js").Change[]}} Layer
 */

import { Refused } from "../api.js";
import { h, icon } from "../dom.js";
import { filters, labelled, nothing, section, table, when } from "./parts.js";
import { layerName, policyTable, ruleName, ruleValue } from "./policy.js";
import { addressOf } from "./router.js";
import { layerForm, overrideForm } from "./rule-form.js";
import { historyTable } from "./rule-history.js";
import { explainForm } from "./rule-trial.js";
import { standingApprovals } from "./standing-approvals.js";
import { TOOL_NAMES } from "./tool-rule-form.js";

/** Handoffs about the rules: where their words are, and what they are called. @type {Record<string, string>} */
const TAGS = { "rules.ask": "explain", "rules.tighten": "tighten", "rules.budgets": "budget" };

/** @param {PageContext} context @param {Route} route @returns {Promise<Shown>} */
export async function show(context, route) {
  const { api, words, workspace } = context;
  const project = route.query.get("project_id") ?? "";
  const platform = route.query.get("platform") ?? "";
  const me = /** @type {import("../types.js").Me} */ (workspace.state.me);
  const isAdmin = me.role === "admin";
  const found = await api.ask("GET", `/v2/oneliner/governance?${new URLSearchParams({ project_id: project, platform })}`);
  const userId = (isAdmin && route.query.get("user_id")) || "";
  const [past, tools, standing] = await Promise.all([history(context, route, isAdmin, me.userId), isAdmin ? toolNames(context) : [], api.ask("GET", `/v2/oneliner/governance/approvals?${new URLSearchParams(userId ? { user_id: userId } : {})}`)]);
  const mayChange = (/** @type {Layer} */ layer) => isAdmin || (layer.layer === "user" && layer.scope_key === me.userId);
  /** @type {Layer[]} */
  const layers = found.layers;
  const again = () => dispatchEvent(new HashChangeEvent("hashchange"));
  const notice = found.active_admin_override_notice;
  const editable = [
    ...(isAdmin ? [["system", ""], ...(platform ? [["platform", platform]] : []), ...(project ? [["project", project]] : [])] : []),
    ["user", me.userId],
  ].map(([name, scope]) => layers.find((la) => la.layer === name && la.scope_key === scope) ?? { layer: name, scope_key: scope, version: 0, rules: {} });
  const node = h(
    "div", { class: "stack" },
    h("datalist", { id: TOOL_NAMES }, ...tools.map((name) => h("option", { value: name }))),
    filters(route, words,
      labelled(words.text("column.project"), h("input", { type: "text", name: "project_id", maxlength: 128, props: { value: project } })),
      labelled(words.text("rules.platform"), h("input", { type: "text", name: "platform", maxlength: 128, props: { value: platform } })),
      ...(isAdmin ? [labelled(words.text("fact.user"), h("input", { type: "text", name: "user_id", maxlength: 128, placeholder: me.userId, props: { value: userId } }))] : [])),
    notice && h("p", { class: "notice" }, icon("alert"), h("span", {}, words.text("run.override", { notice: notice.notice }), ...(notice.expires_at ? [" · ", words.text("rules.until"), " ", when(notice.expires_at, words)] : []))),
    section(words.text("rules.effective"), h("p", { class: "hint" }, words.text("rules.effective_note")), policyTable(found.effective_policy, words), tags(context, project, platform)),
    section(words.text("explain.heading"), h("p", { class: "hint" }, words.text("explain.note")), explainForm(context, project, platform, userId)),
    section(words.text("rules.layers"), layerTable(layers, context)),
    section(words.text("rules.edit"), h("p", { class: "hint" }, words.text(isAdmin ? "rules.edit_admin" : "rules.edit_own")), ...editable.map((layer) => layerForm(context, layer, again))),
    isAdmin && section(words.text("rules.override"), h("p", { class: "hint" }, words.text("rules.override_note")), ...live(context, layers, again), overrideForm(context, project, again)),
    standingApprovals(context, standing.items, userId, again),
    section(words.text("rules.history"), past.items.length ? historyTable(context, past.items, !route.query.get("before"), mayChange, again) : nothing(words.text("rules.no_history")),
      past.next_cursor && h("a", { class: "button small", href: addressOf("rules", { project_id: project, platform, user_id: userId, before: past.next_cursor }) }, words.text("rules.older"))),
  );
  return { title: words.text("page.rules"), node };
}

/** What may be named where a tool is asked for. @param {PageContext} context @returns {Promise<string[]>} */
async function toolNames({ api }) {
  return (await api.ask("GET", "/v2/oneliner/system")).tools.map((/** @type {{name: string}} */ tool) => tool.name);
}

/** What the agent can be asked about the rules: each a handoff that takes along what holds. It proposes; rules are changed by people. @param {PageContext} context @param {string} project @param {string} platform */
function tags({ words }, project, platform) {
  const handoffs = Object.entries(TAGS).map(([key, name]) => {
    const title = words.text(`${key}.title`);
    return h("li", {}, h("button", { type: "button", class: "button small", data: { action: "handoff-to-main-agent", title, goal: words.text(`${key}.goal`), draft: "", projectId: project, platform, intent: `${name}_rules`, sourceScreen: "agent-governance", actionKey: `governance-${name}`, contextFrom: ".page .table" } }, icon("hand"), title));
  });
  return h("ul", { class: "row", "aria-label": words.text("rules.tags") }, ...handoffs);
}

/** @param {PageContext} context @param {Route} route @param {boolean} isAdmin @param {string} userId @returns {Promise<{items: Layer[], next_cursor: string|null}>} */
function history({ api }, route, isAdmin, userId) {
  const before = route.query.get("before");
  return api.ask("GET", `/v2/oneliner/governance/history?${new URLSearchParams({ limit: "20", ...(isAdmin ? {} : { layer: "user", scope: userId }), ...(before ? { before } : {}) })}`);
}

/** @param {Layer} layer @param {PageContext} context */
function rulesOf(layer, { words }) {
  const said = Object.entries(layer.rules).map(([name, value]) => h("li", {}, words.text("pair", { name: ruleName(name, words), value: ruleValue(value, words) })));
  return said.length ? h("ul", { class: "plain" }, ...said) : h("span", { class: "hint" }, words.text("rules.says_nothing"));
}

/** @param {Layer[]} layers @param {PageContext} context */
function layerTable(layers, context) {
  const { words } = context;
  const columns = [{ text: words.text("column.layer") }, { text: words.text("column.scope") }, { text: words.text("column.rules"), kind: "wide" }, { text: words.text("column.version"), kind: "number" }, { text: words.text("column.changed") }];
  return table(words.text("rules.layers"), columns, layers.map((la) => [layerName(la.layer, words), la.scope_key || words.text("rules.everybody"), rulesOf(la, context), la.version ? words.number(la.version) : "–", la.updated_at ? [when(la.updated_at, words), ` · ${la.updated_by}`] : "–"]));
}

/** Overrides that are alive, each with its end. @param {PageContext} context @param {Layer[]} layers @param {() => void} again */
function live({ api, words, announce }, layers, again) {
  return layers.filter((la) => la.layer === "admin_override").map((la) => {
    const end = async () => {
      try {
        await api.ask("DELETE", `/v2/oneliner/governance/override?${new URLSearchParams({ scope: la.scope_key })}`);
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        announce(words.text("problem.not_found"), true);
      }
      again();
    };
    return h("div", { class: "row" }, h("span", {}, words.text("pair", { name: la.scope_key || words.text("rules.everybody"), value: la.notice ?? "" })), h("button", { type: "button", class: "button small danger", on: { click: () => void end() } }, words.text("rules.end_override")));
  });
}
