/**
 * What can be said of a plan before it is confirmed: which tools the rules will ask about or refuse, whatever they will
 * be called with, and which of them a step names. Pure.
 *
 * @import {Translator} from "./i18n.js"
 * @import {Outlook} from "./types.js"
 * @typedef {'allow'|'ask'|'deny'|'may_ask'|'may_deny'} Prospect ``may``: it depends on the arguments
 */

/** @type {Prospect[]} the strictest first */
export const PROSPECTS = ["deny", "ask", "may_deny", "may_ask", "allow"];

/** @param {Outlook} outlook @returns {Prospect} */
export function prospectOf({ least, most }) {
  if (least === most || most === "allow") return most;
  // What is asked for at the least and may be denied is, before anything else, asked for.
  return least === "ask" ? "ask" : /** @type {Prospect} */ (`may_${most}`);
}

/** @param {Outlook[]} outlooks @returns {Map<Prospect, Outlook[]>} by what is to be expected, the strictest first, none empty */
export function byProspect(outlooks) {
  const groups = PROSPECTS.map((prospect) => /** @type {const} */ ([prospect, outlooks.filter((one) => prospectOf(one) === prospect)]));
  return new Map(groups.filter(([, tools]) => tools.length));
}

/** @param {string} title of a step @param {Outlook[]} outlooks @returns {Outlook[]} of the tools that it names */
export function namedIn(title, outlooks) {
  const words = new Set(title.match(/[A-Za-z0-9_.:-]*[A-Za-z0-9_]/g) ?? []);
  return outlooks.filter((one) => words.has(one.tool));
}

/** The note of a rule that nobody wrote: the run itself was handed over with the wish to be asked. */
export const HANDOFF_NOTE = "asked for when the work was handed off";

/** Why a rule asks or denies. @param {{note?: string}|null|undefined} rule @param {Translator} words @returns {string} empty when nothing is said */
export function noteOf(rule, words) {
  return rule?.note === HANDOFF_NOTE ? words.text("rules.handoff_note") : (rule?.note ?? "");
}
