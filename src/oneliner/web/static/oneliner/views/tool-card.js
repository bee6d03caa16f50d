/**
 * One call of a tool: what was called, how it went; arguments and result folded.
 *
 * @import {ToolLine} from "../transcript.js"
 * @import {Translator} from "../i18n.js"
 */

import { h, icon, laidBare } from "../dom.js";

const MAX_SHOWN_CHARS = 4_000;

/** @param {ToolLine} tool @param {Translator} words @param {boolean} isOpen */
export function toolCard(tool, words, isOpen) {
  const state = words.text(`tool.${tool.state}`);
  const attempt = tool.attempt > 1 && h("span", { class: "fact" }, words.text("tool.attempt", { attempt: tool.attempt }));
  return h(
    "details",
    { class: "tool", open: isOpen, data: { state: tool.state } },
    h(
      "summary", {},
      icon("tool"), h("code", { class: "tool-name" }, tool.name), h("span", { class: "tool-brief" }, laidBare(brief(tool.arguments))),
      attempt, h("span", { class: "tool-state", data: { state: tool.state } }, state), icon("chevron"),
    ),
    part(words.text("tool.arguments"), laidBare(pretty(tool.arguments))),
    tool.result && part(words.text("tool.result"), pretty(tool.result)),
  );
}

/** @param {string} label @param {string} text */
function part(label, text) {
  return h("div", { class: "tool-part" }, h("span", { class: "tool-label" }, label), h("pre", { class: "tool-text", tabindex: "0", role: "group", "aria-label": label }, text));
}

/** @param {string} json @returns {string} the values of the arguments in one line */
function brief(json) {
  const value = parsed(json);
  if (value === null || typeof value !== "object") return "";
  return Object.values(value).map((v) => (typeof v === "string" ? v : JSON.stringify(v))).join(" · ").slice(0, 120);
}

/** @param {string} text @returns {string} indented when it is JSON */
function pretty(text) {
  const value = parsed(text);
  const shown = value !== null && typeof value === "object" ? JSON.stringify(value, null, 2) : text;
  return shown.length > MAX_SHOWN_CHARS ? `${shown.slice(0, MAX_SHOWN_CHARS)}…` : shown;
}

/** @param {string} text @returns {any} null when it is no JSON */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
