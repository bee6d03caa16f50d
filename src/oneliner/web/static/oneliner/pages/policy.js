/**
 * Rules as a reader understands them: each field with its value and who decided it.
 *
 * @import {Translator} from "../i18n.js"
 */

import { h } from "../dom.js";
import { conditionText } from "../tool-rules.js";
import { inOneSentence, table } from "./parts.js";

/** What follows the tool in a standing approval: the rule it answers, which the list of them puts in words. */
const APPROVAL_KEY = /#[0-9a-f]{16}$/;

/** @param {string} verdict @param {Translator} words */
export function verdictName(verdict, words) {
  return words.has(`verdict.${verdict}`) ? words.text(`verdict.${verdict}`) : verdict;
}

/** What stands between an argument and a value. @param {string} op @param {Translator} words */
export function conditionWords(op, words) {
  return words.has(`toolrules.op.${op}`) ? words.text(`toolrules.op.${op}`) : op;
}

/** A rule about tools in one line, without its reason. @param {import("../tool-rules.js").Rule} rule @param {Translator} words */
export function ruleText(rule, words) {
  const when = (rule.when ?? []).map((condition) => conditionText(condition, (op) => conditionWords(op, words)));
  const executor = rule.executor && rule.executor !== "*" ? words.text("toolrules.by", { executor: rule.executor }) : "";
  const whose = [rule.tool, executor].filter(Boolean).join(" ");
  const said = [verdictName(rule.verdict, words), when.length && words.text("toolrules.when", { conditions: inOneSentence(when, words) })].filter(Boolean).join(" ");
  return words.text("pair", { name: whose, value: said });
}

/** What a layer says about tools. @param {import("../tool-rules.js").Book & {layer?: string}} book @param {Translator} words */
function bookText(book, words) {
  const said = [...(book.default ? [words.text("toolrules.default_is", { verdict: verdictName(book.default, words) })] : []), ...(book.rules ?? []).map((rule) => ruleText(rule, words))];
  const text = said.join("; ") || words.text("rule.nothing");
  return book.layer ? words.text("pair", { name: layerName(book.layer, words), value: text }) : text;
}

/** @param {any} value */
function isBook(value) {
  return value !== null && typeof value === "object" && Array.isArray(value.rules);
}

/** @param {any} value @param {Translator} words */
export function ruleValue(value, words) {
  if (isBook(value)) return bookText(value, words);
  if (Array.isArray(value) && value.length && value.every(isBook)) return value.map((book) => bookText(book, words)).join(" · ");
  if (value === null || value === undefined) return words.text("rule.none");
  if (typeof value === "number") return words.number(value);
  if (typeof value === "string") return words.has(`rule.value.${value}`) ? words.text(`rule.value.${value}`) : value.replace(APPROVAL_KEY, "");
  if (Array.isArray(value)) return value.map((v) => (Array.isArray(v) ? v.join(", ") : typeof v === "object" ? JSON.stringify(v) : String(v).replace(APPROVAL_KEY, ""))).join("; ") || words.text("rule.nothing");
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
 * @param {{field: string, after: any}[]} [changes] what has changed since it held
 */
export function policyTable(policy, words, changes) {
  const columns = [{ text: words.text("column.rule"), kind: "wide" }, { text: words.text("column.value") }, { text: words.text("column.decided_by") }, { text: words.text("column.others") }, ...(changes ? [{ text: words.text("column.now") }] : [])];
  const rows = Object.entries(policy).filter(([, field]) => isDecision(field)).map(([name, field]) => {
    const others = (field.others ?? []).map((/** @type {any} */ other) => words.text("pair", { name: layerName(other.layer, words), value: ruleValue(other.value, words) })).join(" · ");
    const change = changes?.find((one) => one.field === name);
    const held = change ? h("strong", { class: "changed" }, ruleValue(change.after, words)) : words.text("rule.same");
    return [ruleName(name, words), ruleValue(field.value, words), layerName(field.decided_by, words), others || "–", ...(changes ? [held] : [])];
  });
  return table(words.text("rules.effective"), columns, rows);
}
