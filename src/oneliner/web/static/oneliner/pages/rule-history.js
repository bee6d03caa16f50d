/**
 * How the rules came about: what each version changed of the one before it, and the way back, which is a new version.
 *
 * @import {Translator} from "../i18n.js"
 * @import {PageContext} from "./router.js"
 * @import {Layer} from "./rules.js"
 * @typedef {{field: string, before: any, after: any, direction: "tighter"|"looser"|"different", added: any[], removed: any[],
 *   decided_by_before: string|null, decided_by_after: string|null}} Change
 */

import { newKey } from "../api.js";
import { h } from "../dom.js";
import { attempted, section, sureButton, table, when } from "./parts.js";
import { layerName, ruleName, ruleText, ruleValue } from "./policy.js";

/** @param {Layer} layer */
function keyOf(layer) {
  return JSON.stringify([layer.layer, layer.scope_key]);
}

/**
 * @param {PageContext} context @param {Layer[]} items newest first @param {boolean} isFirst whether they begin with the newest of all
 * @param {(layer: Layer) => boolean} mayChange @param {() => void} again
 */
export function historyTable(context, items, isFirst, mayChange, again) {
  const { words } = context;
  /** @type {Map<string, number>} the newest version of each layer, as far as it is on the page */
  const newest = new Map();
  if (isFirst) for (const item of items) if (!newest.has(keyOf(item))) newest.set(keyOf(item), item.version);
  const problem = h("div", {});
  const columns = [{ text: words.text("column.layer") }, { text: words.text("history.changes"), kind: "wide" }, { text: words.text("column.version"), kind: "number" }, { text: words.text("column.changed") }, { text: words.text("column.by") }, { text: words.text("column.action") }];
  const rows = items.map((layer) => {
    const canRestore = layer.layer !== "admin_override" && newest.get(keyOf(layer)) !== layer.version && mayChange(layer);
    return [[layerName(layer.layer, words), layer.scope_key && h("span", { class: "hint" }, ` ${layer.scope_key}`)], [changeList(layer.changes ?? [], words), layer.notice && h("span", { class: "hint" }, layer.notice)],
      words.number(layer.version), layer.updated_at ? when(layer.updated_at, words) : "–", layer.updated_by, canRestore ? restoring(context, layer, newest.get(keyOf(layer)), problem, again) : ""];
  });
  return h("div", { class: "stack" }, problem, table(words.text("rules.history"), columns, rows));
}

/** @param {PageContext} context @param {Layer} layer @param {number|undefined} seen @param {HTMLElement} problem @param {() => void} again */
function restoring({ api, words, announce }, layer, seen, problem, again) {
  const { version } = layer;
  const go = async () => {
    const body = { scope: layer.scope_key, version, ...(seen === undefined ? {} : { seen_version: seen }) };
    if (!(await attempted(words, problem, () => api.ask("POST", `/v2/oneliner/governance/layers/${layer.layer}/restore`, body, newKey())))) return;
    announce(words.text("history.restored", { version }));
    again();
  };
  return sureButton(words, { text: words.text("history.restore", { version }), ask: words.text("history.restore_ask"), yes: words.text("history.restore_yes"), isMild: true }, () => void go());
}

/** @param {Change[]} changes @param {Translator} words */
export function changeList(changes, words) {
  if (!changes.length) return h("span", { class: "hint" }, words.text("rule.same"));
  return h("ul", { class: "plain" }, ...changes.map((change) => h("li", {}, words.text("pair", { name: ruleName(change.field, words), value: "" }), ...changed(change, words), " ", h("span", { class: "direction", data: { direction: change.direction } }, words.text(`history.${change.direction}`)))));
}

/** @param {Change} change @param {Translator} words */
function changed(change, words) {
  const item = (/** @type {any} */ value) => (value !== null && typeof value === "object" && "verdict" in value ? [value.layer && layerName(value.layer, words), ruleText(value, words)].filter(Boolean).join(": ") : ruleValue(value, words));
  if (!change.added.length && !change.removed.length) return [`${ruleValue(change.before, words)} → ${ruleValue(change.after, words)}`];
  return [
    ...change.removed.map((value) => h("del", { class: "removed" }, h("span", { class: "sr-only" }, words.text("diff.removed")), "− ", item(value))),
    ...change.added.map((value) => h("ins", { class: "added" }, h("span", { class: "sr-only" }, words.text("diff.added")), "+ ", item(value))),
  ];
}

/**
 * A run's promise against what holds now, in one sentence and a list.
 *
 * @param {{changes: Change[], layers: {layer: string, scope_key: string, version_then: number|null, version_now: number|null}[]}} diff @param {Translator} words
 */
export function sinceThen(diff, words) {
  if (!diff.changes.length) return h("p", { class: "hint" }, words.text("history.nothing_since"));
  const moved = diff.layers.filter((layer) => layer.version_then !== layer.version_now).map((layer) => words.text("history.layer_moved", { layer: [layerName(layer.layer, words), layer.scope_key].filter(Boolean).join(" · "), then: layer.version_then ?? 0, now: layer.version_now ?? 0 }));
  return section(words.text("history.since"), changeList(diff.changes, words), moved.length > 0 && h("p", { class: "hint" }, moved.join(" · ")));
}
