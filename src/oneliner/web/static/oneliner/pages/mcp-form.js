/**
 * The configuration of an MCP server. Secrets are named, never entered: what the server keeps back comes as nothing, and is
 * entered again or stays away.
 *
 * @import {PageContext} from "./router.js"
 * @typedef {{state: string, error: string, protocol: string, software: string, reconnects: number, tools: string[],
 *   refused: {name: string, why: string}[]}} McpHealth
 * @typedef {{name: string, source: "file"|"api", url: string, headers: Record<string, string|null>, command: string, args: string[]|null,
 *   env: Record<string, string|null>, cwd: string, enabled: boolean, tools: string[], read_only: string[], idempotent: string[],
 *   trust_hints: boolean, repeat_after_question: boolean, call_seconds: number, connect_seconds: number, version: number|null,
 *   updated_by: string|null, updated_at: string|null, health: McpHealth}} McpServer
 */

import { h, replaceChildren, setAttribute } from "../dom.js";
import { linesOf, namesWithout, pairsFrom, pairsTo, patternsFrom } from "../mcp-lines.js";
import { attempted, choice, inOneSentence, labelled } from "./parts.js";

/** @param {PageContext} context @param {McpServer|null} server null: a new one @param {boolean} mayCommand @param {() => void} onDone */
export function mcpForm(context, server, mayCommand, onDone) {
  const { api, words } = context;
  const problem = h("div", {});
  const input = (/** @type {string} */ name, /** @type {string} */ value, /** @type {Record<string, any>} */ more = {}) => h("input", { type: "text", name, autocomplete: "off", spellcheck: "false", ...more, props: { value } });
  const lines = (/** @type {string} */ name, /** @type {string} */ value, placeholder = "") => h("textarea", { name, rows: 2, class: "code", spellcheck: "false", placeholder, props: { value } });
  const flag = (/** @type {string} */ name, /** @type {boolean} */ isOn, /** @type {string} */ key) => h("label", { class: "choice" }, h("input", { type: "checkbox", name, props: { checked: isOn } }), h("span", {}, words.text(key), h("span", { class: "hint" }, words.text(`${key}.hint`))));
  const seconds = (/** @type {string} */ name, /** @type {number} */ value) => h("input", { type: "number", name, min: 0.1, step: "any", required: true, props: { value } });
  const isCommand = Boolean(server?.command);
  const name = input("name", server?.name ?? "", { required: true, maxlength: 24, pattern: "[a-z0-9][a-z0-9_\\-]*" });
  const kind = choice("kind", [["url", words.text("mcp.by_url")], ["command", words.text("mcp.by_command")]], isCommand ? "command" : "url");
  const byUrl = h("div", { class: "stack" }, labelled(words.text("mcp.url"), input("url", server?.url ?? "", { placeholder: "https://…/mcp", inputmode: "url" })),
    labelled(words.text("mcp.headers"), lines("headers", pairsTo(server?.headers ?? {}, ": "), "Authorization: Bearer ${MCP_TOKEN}")));
  const byCommand = h("div", { class: "stack" }, labelled(words.text("mcp.command"), input("command", server?.command ?? "")), labelled(words.text("mcp.args"), lines("args", (server?.args ?? []).join("\n"))),
    labelled(words.text("mcp.env"), lines("env", pairsTo(server?.env ?? {}, "="), "API_KEY=${MCP_API_KEY}")), labelled(words.text("mcp.cwd"), input("cwd", server?.cwd ?? "")));
  const follow = () => {
    setAttribute(byUrl, "hidden", kind.value !== "url");
    setAttribute(byCommand, "hidden", kind.value !== "command");
  };
  kind.addEventListener("change", follow);
  follow();
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const given = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
    const said = (/** @type {string} */ field) => String(given.get(field) ?? "").trim();
    const unsaid = kind.value === "url" ? namesWithout(said("headers"), ":") : namesWithout(said("env"), "=");
    if (unsaid.length) return replaceChildren(problem, h("p", { class: "problem", role: "alert" }, words.text("mcp.no_value", { names: inOneSentence(unsaid, words) })));
    const place = kind.value === "url" ? { url: said("url"), headers: pairsFrom(said("headers"), ":") } : { command: said("command"), args: linesOf(said("args")), env: pairsFrom(said("env"), "="), cwd: said("cwd") };
    const body = {
      ...place, enabled: given.has("enabled"), trust_hints: given.has("trust_hints"), repeat_after_question: given.has("repeat_after_question"), tools: patternsFrom(said("tools")) ?? ["*"],
      read_only: patternsFrom(said("read_only")) ?? [], idempotent: patternsFrom(said("idempotent")) ?? [], call_seconds: Number(said("call_seconds")), connect_seconds: Number(said("connect_seconds")), seen_version: server?.version ?? 0,
    };
    if (await attempted(words, problem, () => api.ask("PUT", `/v2/oneliner/mcp/servers/${encodeURIComponent(name.value.trim())}`, body))) onDone();
  };
  return h("form", { class: "stack", "aria-label": words.text(server ? "mcp.change_of" : "mcp.new", { name: server?.name ?? "" }), on: { submit } },
    h("div", { class: "rule-fields" }, server ? null : labelled(words.text("mcp.name"), name), mayCommand ? labelled(words.text("mcp.kind"), kind) : null),
    h("p", { class: "hint" }, words.text("mcp.secrets_note")), byUrl, mayCommand ? byCommand : null,
    h("div", { class: "rule-fields" }, labelled(words.text("mcp.patterns"), input("tools", (server?.tools ?? ["*"]).join(", "))), labelled(words.text("mcp.read_only"), input("read_only", (server?.read_only ?? []).join(", "))), labelled(words.text("mcp.idempotent"), input("idempotent", (server?.idempotent ?? []).join(", "))),
      labelled(words.text("mcp.call_seconds"), seconds("call_seconds", server?.call_seconds ?? 60)), labelled(words.text("mcp.connect_seconds"), seconds("connect_seconds", server?.connect_seconds ?? 20))),
    h("div", {}, flag("enabled", server?.enabled ?? true, "mcp.enabled"), flag("trust_hints", server?.trust_hints ?? false, "mcp.trust_hints"), flag("repeat_after_question", server?.repeat_after_question ?? false, "mcp.repeat")),
    problem, h("div", { class: "row" }, h("button", { type: "submit", class: "button primary" }, words.text("mcp.save"))));
}
