/**
 * Money as somebody is asked about it: what a plan will probably cost, and why a budget holds a run.
 *
 * @import {Translator} from "../i18n.js"
 * @import {Run} from "../types.js"
 */

import { h } from "../dom.js";
import { moneyOf } from "./run-facts.js";

/** @param {Run} run @param {Translator} words @returns {HTMLElement|null} what it will probably cost */
export function estimateFact(run, words) {
  const estimate = run.usage?.estimate;
  if (!estimate || estimate.cost == null) return null;
  const basis = words.text(`estimate.${estimate.basis}`, { count: estimate.sample_count });
  const steps = run.plan.steps.length;
  const each = steps > 1 && words.text("estimate.each", { cost: words.cost(String(Number(estimate.cost) / steps)) });
  return h("span", { class: "fact", title: basis }, [words.text("estimate.about", { cost: words.cost(estimate.cost) }), each].filter(Boolean).join(" · "));
}

/** @param {Run} run @param {Translator} words why it is blocked by a budget, in one sentence */
export function budgetAsked(run, words) {
  const asked = run.blocked;
  if (!asked?.budget || !asked.limit) return words.text("budget.no_price", { model: asked?.model ?? "" });
  const sentence = words.text("budget.asked", {
    name: words.text(`budget.${asked.budget}`), needed: words.cost(asked.needed), reserved: words.cost(asked.reserved), ...moneyOf(asked, words),
  });
  return asked.resumes_at ? `${sentence} ${words.text("budget.tomorrow")}` : sentence;
}
