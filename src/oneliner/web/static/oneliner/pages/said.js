/**
 * One message as it was said, with who asked which model and what that cost.
 *
 * @import {Context} from "../views/context.js"
 * @import {Message} from "../types.js"
 * @import {Translator} from "../i18n.js"
 */

import { h } from "../dom.js";
import { answerText } from "../views/answer-text.js";
import { when } from "./parts.js";

/** @param {Message} message @param {Context} context */
export function said(message, context) {
  const { words } = context;
  const isCall = message.role === "assistant";
  const tokens = (message.input_tokens ?? 0) + (message.output_tokens ?? 0);
  const asked = (message.tool_calls ?? []).map((call) => h("pre", { class: "block", tabindex: "0" }, `${call.name} ${call.arguments ?? ""}`));
  const state = isCall && message.state && message.state !== "complete" && h("span", { class: "changed" }, words.text(`said.${message.state}`));
  return h("li", { class: "said", data: { role: message.role, state: message.state ?? "" } },
    h("p", { class: "said-head" }, h("strong", {}, words.text(`role.${message.role}`)), when(message.created_at, words),
      isCall && h("span", { title: titleOf(message, words) }, [message.model, words.text("tokens", { count: tokens }), words.cost(message.cost)].filter(Boolean).join(" · ")), state || null),
    message.content || !asked.length ? content(message, context) : null, ...asked);
}

/** @param {Message} message @param {Context} context */
function content({ role, content: text }, context) {
  if (role === "assistant") return answerText(text, context);
  if (role === "tool") return h("details", { class: "detail" }, h("summary", {}, text.slice(0, 120)), h("pre", { tabindex: "0" }, text));
  return h("p", { class: "said-text" }, text);
}

/** The figures to the last digit. @param {Message} message @param {Translator} words */
function titleOf(message, words) {
  const detail = words.text("tokens.detail", { input: message.input_tokens ?? 0, output: message.output_tokens ?? 0, cached: message.cached_tokens ?? 0 });
  return message.cost == null ? detail : `${words.text("cost.exact", { cost: message.cost })}\n${detail}`;
}
