/**
 * The MCP servers whose tools the agent has: how each is doing, what it gives, and its configuration.
 *
 * The health is that of the process which answers. While a server is connecting the page looks again by itself.
 *
 * @import {PageContext, Route, Shown} from "./router.js"
 * @import {McpServer} from "./mcp-form.js"
 */

import { Refused } from "../api.js";
import { h, icon, replaceChildren } from "../dom.js";
import { attempted, badge, facts, nothing, opened, showAgain, sureButton, table, when } from "./parts.js";
import { mcpForm } from "./mcp-form.js";

const LOOK_AGAIN_MS = 1_500;
/** @type {Record<string, "good"|"bad"|"busy"|"off">} */
const STATES = { ready: "good", connecting: "busy", failed: "bad", disabled: "off" };

/** @param {PageContext} context @param {Route} _route @returns {Promise<Shown>} */
export async function show(context, _route) {
  const { api, words } = context;
  const [found, system] = await Promise.all([api.ask("GET", "/v2/oneliner/mcp/servers"), api.ask("GET", "/v2/oneliner/system")]);
  /** @type {McpServer[]} */
  const servers = found.items;
  const cards = new Map(servers.map((server) => [server.name, new ServerCard(context, server)]));
  const may = system.mcp_admin !== "off";
  const saved = () => { context.announce(words.text("mcp.saved")); showAgain(); };
  const form = may && opened([icon("plus"), words.text("mcp.new")], () => mcpForm(context, null, system.mcp_admin === "all", saved), { isOpen: servers.length === 0 });
  const node = h("div", { class: "stack" },
    h("p", { class: "hint" }, words.text(`mcp.may.${system.mcp_admin}`)),
    servers.length ? h("div", { class: "stack cards" }, ...[...cards.values()].map((card) => card.node)) : nothing(words.text(may ? "mcp.none" : "mcp.none_here")),
    form || null);
  const follow = setInterval(async () => {
    if (![...cards.values()].some((card) => card.isConnecting) || document.hidden) return;
    try {
      const fresh = await api.ask("GET", "/v2/oneliner/mcp/servers");
      for (const server of fresh.items) cards.get(server.name)?.update(server);
    } catch (error) {
      if (!(error instanceof Refused)) throw error; // the strip above the page says that there is no connection
    }
  }, LOOK_AGAIN_MS);
  return { title: words.text("page.mcp"), node, leave: () => clearInterval(follow) };
}

/** One server; what is open in it stays open while its health is read anew. */
class ServerCard {
  #context;
  #server;
  #state = h("span", {});
  #health = h("div", { class: "stack" });
  #tools = h("div", { class: "stack" });
  node;

  /** @param {PageContext} context @param {McpServer} server */
  constructor(context, server) {
    this.#context = context;
    this.#server = server;
    const { words } = context;
    const problem = h("div", {});
    const isOwn = server.source === "api";
    const remove = async () => {
      if (await attempted(words, problem, () => context.api.ask("DELETE", `/v2/oneliner/mcp/servers/${encodeURIComponent(server.name)}`))) showAgain();
    };
    this.node = h("details", { class: "card", on: { toggle: () => this.node.open && void this.#listTools() } },
      h("summary", {}, server.name, " ", this.#state),
      h("div", { class: "stack" }, this.#health, this.#tools, problem,
        isOwn && opened([words.text("mcp.change")], () => mcpForm(context, this.#server, Boolean(server.command), () => { context.announce(words.text("mcp.saved")); showAgain(); }), { class: "detail" }),
        isOwn ? h("div", { class: "row" }, sureButton(words, { text: words.text("mcp.remove"), ask: words.text("mcp.remove_ask"), yes: words.text("mcp.remove_yes"), icon: "trash" }, () => void remove())) : h("p", { class: "hint" }, words.text("mcp.of_file"))));
    this.update(server);
  }

  get isConnecting() {
    return this.#server.health.state === "connecting";
  }

  /** @param {McpServer} server */
  update(server) {
    const wasState = this.#server.health.state;
    this.#server = server;
    const { words } = this.#context;
    const { health } = server;
    const count = health.tools.length;
    replaceChildren(this.#state, badge(STATES[health.state] ?? "off", words.has(`mcp.state.${health.state}`) ? words.text(`mcp.state.${health.state}`) : health.state),
      h("span", { class: "hint" }, " ", health.state === "ready" ? words.text("mcp.tools", { count }) : "", " ", server.url || server.command));
    const said = [health.software, health.protocol && words.text("mcp.protocol", { version: health.protocol })].filter(Boolean).join(" · ");
    replaceChildren(this.#health,
      health.error && h("p", { class: "problem" }, icon("alert"), h("span", {}, health.error)),
      facts([
        [words.text("mcp.address"), h("code", {}, server.url || [server.command, ...(server.args ?? [])].join(" "))],
        ...(said ? [/** @type {[string, string]} */ ([words.text("mcp.software"), said])] : []),
        ...(health.reconnects ? [/** @type {[string, string]} */ ([words.text("mcp.reconnects"), words.number(health.reconnects)])] : []),
        ...(server.updated_at ? [/** @type {[string, any]} */ ([words.text("column.changed"), [when(server.updated_at, words), ` · ${server.updated_by ?? ""}`]])] : []),
      ]),
      health.refused.length > 0 && h("div", { class: "notice" }, icon("alert"), h("div", {}, words.text("mcp.refused"), h("ul", { class: "plain" }, ...health.refused.map((tool) => h("li", {}, h("code", {}, tool.name), " ", tool.why))))));
    if (this.node.open && wasState !== health.state) void this.#listTools();
  }

  async #listTools() {
    const { api, words } = this.#context;
    if (this.#server.health.state !== "ready") return replaceChildren(this.#tools);
    await attempted(words, this.#tools, async () => {
      const found = await api.ask("GET", `/v2/oneliner/mcp/servers/${encodeURIComponent(this.#server.name)}/tools`);
      const columns = [{ text: words.text("column.tool") }, { text: words.text("column.about"), kind: "wide" }, { text: words.text("column.touches") }];
      replaceChildren(this.#tools, found.items.length ? table(words.text("mcp.tools_of", { name: this.#server.name }), columns, found.items.map((/** @type {any} */ tool) => [h("code", {}, tool.name), tool.description, touches(tool, words)])) : nothing(words.text("mcp.no_tools")));
    });
  }
}

/** @param {{read_only: boolean, idempotent: boolean}} tool @param {import("../i18n.js").Translator} words */
export function touches(tool, words) {
  return words.text(tool.read_only ? "tool.reads" : tool.idempotent ? "tool.changes_once" : "tool.changes");
}
