/**
 * Rules as a reader understands them: each field with its value and who decided it.
 *
 * @import {Translator} from "../i18n.js"
 */

import { h } from "../dom.js";
import { table } from "./parts.js";

/** @param {any} value @param {Translator} words */
export function ruleValue(value, words) {
  if (value === null || value === undefined) return words.text("rule.none");
  if (typeof value === "number") return words.number(value);
  if (typeof value === "string") return words.has(`rule.value.${value}`) ? words.text(`rule.value.${value}`) : value;
  if (Array.isArray(value)) return value.map((v) => (Array.isArray(v) ? v.join(", ") : typeof v === "object" ? JSON.stringify(v) : String(v))).join("; ") || words.text("rule.nothing");
  return JSON.stringify(value);
}

/** @param {string} name @param {Translator} words */
export function ruleName(name, words) {
  return words.has(`rule.${name}`) ? words.text(`rule.${name}`) : name;
}

/** @param {string} layer @param {Translator} words */
export function layerName(layer, words) {
  return words.has(`layer.${layer}`) ? words.text(`layer.${layer}`) : layer;
}

/** Whether *field* is one value with the layer that decided it. @param {any} field */
function isDecision(field) {
  return field !== null && typeof field === "object" && "value" in field && "decided_by" in field;
}

/**
 * @param {Record<string, any>} policy @param {Translator} words
 * @param {Record<string, any>|undefined} [now] to be compared with
 */
export function policyTable(policy, words, now) {
  const columns = [{ text: words.text("column.rule"), kind: "wide" }, { text: words.text("column.value") }, { text: words.text("column.decided_by") }, { text: words.text("column.others") }, ...(now ? [{ text: words.text("column.now") }] : [])];
  const rows = Object.entries(policy).filter(([, field]) => isDecision(field)).map(([name, field]) => {
    const others = (field.others ?? []).map((/** @type {any} */ other) => `${layerName(other.layer, words)}: ${ruleValue(other.value, words)}`).join(" · ");
    const isSame = !now || JSON.stringify(now[name]?.value) === JSON.stringify(field.value);
    const held = now && (isSame ? words.text("rule.same") : h("strong", { class: "changed" }, ruleValue(now[name]?.value, words)));
    return [ruleName(name, words), ruleValue(field.value, words), layerName(field.decided_by, words), others || "–", ...(now ? [held] : [])];
  });
  return table(words.text("rules.effective"), columns, rows);
}
