/**
 * What this server is made of, and whether each part is there; for administrators. Where the database is away the server
 * can say no more than what is missing, and that is shown.
 *
 * @import {PageContext, Route, Shown} from "./router.js"
 */

import { Refused } from "../api.js";
import { h, icon } from "../dom.js";
import { problemLine } from "../views/problem-line.js";
import { touches } from "./mcp.js";
import { badge, facts, nothing, section, showAgain, table, when } from "./parts.js";
import { addressOf } from "./router.js";

/** @param {PageContext} context @param {Route} _route @returns {Promise<Shown>} */
export async function show(context, _route) {
  const { api, words } = context;
  const again = h("button", { type: "button", class: "button small", on: { click: showAgain } }, icon("retry"), words.text("system.again"));
  const title = words.text("page.system");
  try {
    const system = await api.ask("GET", "/v2/oneliner/system");
    return { title, node: h("div", { class: "stack" }, health(context, system.parts, system.ready, again), server(context, system), models(context, system.models), tools(context, system.tools), settings(context, system.settings)) };
  } catch (error) {
    if (!(error instanceof Refused) || error.problem.status !== 503) throw error;
    return { title, node: h("div", { class: "stack" }, problemLine(error.problem, words), health(context, await partsMissing(context), false, again)) };
  }
}

/** @param {PageContext} context @returns {Promise<Record<string, string>>} what the server says of its parts while it is not ready */
async function partsMissing({ api }) {
  try {
    return (await api.ask("GET", "/readyz")).parts;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return /** @type {any} */ (error.problem).parts ?? {};
  }
}

/** @param {PageContext} context @param {Record<string, string>} parts @param {boolean} isReady @param {HTMLElement} again */
function health({ words }, parts, isReady, again) {
  const name = (/** @type {string} */ part) => (words.has(`system.part.${part}`) ? words.text(`system.part.${part}`) : part);
  const rows = Object.entries(parts).map(([part, said]) => [name(part), said === "ok" ? badge("good", words.text("system.ok")) : badge("bad", words.text("system.missing")), said === "ok" ? "" : said]);
  const columns = [{ text: words.text("column.part") }, { text: words.text("column.status") }, { text: words.text("column.note"), kind: "wide" }];
  return section(words.text("system.health"), rows.length ? table(words.text("system.health"), columns, rows) : null, h("div", { class: "row" }, isReady ? badge("good", words.text("system.ready")) : badge("bad", words.text("system.not_ready")), again, h("span", { class: "hint" }, words.text("system.seen"), " ", when(new Date().toISOString(), words))));
}

/** @param {PageContext} context @param {Record<string, any>} system */
function server({ words }, system) {
  const { tokens } = system;
  const kind = (/** @type {string} */ name) => (words.has(`system.kind.${name}`) ? words.text(`system.kind.${name}`) : name);
  return section(words.text("system.server"), facts([
    [words.text("column.version"), `OneLiner ${system.version} · Python ${system.python}`],
    [words.text("system.started"), [when(system.started_at, words), ` · ${words.ago(system.started_at, Date.now())}`]],
    [words.text("system.database"), kind(system.database)], [words.text("system.bus"), kind(system.bus)], [words.text("system.broker"), kind(system.broker)],
    [words.text("system.tokens"), words.text(`system.tokens.${tokens.keys}`, { issuer: tokens.issuer, audience: tokens.audience })],
    [words.text("system.new_users"), words.text(`system.new_users.${tokens.new_users}`)],
    ["MCP", h("a", { href: addressOf("mcp") }, words.text(`mcp.may.${system.mcp_admin}`))],
  ]));
}

/** @param {PageContext} context @param {Record<string, any>[]} found */
function models({ words }, found) {
  const price = (/** @type {string|undefined} */ usd) => (usd === undefined ? "–" : words.cost(usd));
  const columns = [{ text: words.text("column.model"), kind: "wide" }, { text: words.text("system.role") }, { text: words.text("system.price_input"), kind: "number" }, { text: words.text("system.price_cached"), kind: "number" }, { text: words.text("system.price_output"), kind: "number" }, { text: words.text("system.price_source") }];
  const rows = found.map((model) => [h("code", {}, model.name), words.text(model.is_demo ? "system.role.demo" : `system.role.${model.role}`), price(model.price?.input), price(model.price?.cached), price(model.price?.output), model.price?.source ?? words.text("cost.unknown")]);
  return section(words.text("system.models"), h("p", { class: "hint" }, words.text("system.models_note")), table(words.text("system.models"), columns, rows));
}

/** @param {PageContext} context @param {Record<string, any>[]} found */
function tools({ words }, found) {
  if (!found.length) return section(words.text("system.tools"), nothing(words.text("mcp.no_tools")));
  const columns = [{ text: words.text("column.tool") }, { text: words.text("column.about"), kind: "wide" }, { text: words.text("column.touches") }];
  return section(words.text("system.tools"), table(words.text("system.tools"), columns, found.map((tool) => [h("code", {}, tool.name), tool.description, touches(/** @type {any} */ (tool), words)])));
}

/** @param {PageContext} context @param {Record<string, any>[]} found */
function settings({ words }, found) {
  const columns = [{ text: words.text("system.variable") }, { text: words.text("column.value"), kind: "wide" }, { text: words.text("system.set") }];
  const shown = (/** @type {Record<string, any>} */ one) => (one.value === null ? h("span", { class: "hint" }, words.text(one.is_default ? "system.secret_none" : "system.secret")) : one.value ? h("code", {}, one.value) : h("span", { class: "hint" }, words.text("rule.none")));
  const body = table(words.text("system.settings"), columns, found.map((one) => [h("code", {}, one.variable), shown(one), words.text(one.is_default ? "system.default" : "system.own")]));
  return section(words.text("system.settings"), h("p", { class: "hint" }, words.text("system.settings_note")), body);
}
