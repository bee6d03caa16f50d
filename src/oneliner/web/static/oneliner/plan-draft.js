/**
 * A plan while its reader edits it: every change gives a new draft and can be undone. Pure; nothing leaves before the
 * reader saves or confirms.
 *
 * @import {Plan} from "./types.js"
 * @typedef {{key: string, id: string|null, title: string}} DraftStep a step without id is new
 * @typedef {{rev: number, goal: string, steps: DraftStep[], past: {goal: string, steps: DraftStep[]}[], made: number,
 *   origin: string, typing: string}} PlanDraft ``typing``: the field in which the last change was made, if it was typed
 * @typedef {{plan_rev: number, goal: string, steps: {id?: string, title: string}[]}} PlanEdit what the server is sent
 */

const MAX_UNDO = 100;
/** What the server takes. */
export const MAX_STEPS = 50;

/**
 * @param {Plan} plan
 * @returns {PlanDraft} *plan* unchanged
 */
export function draftOf(plan) {
  const steps = plan.steps.map((step) => ({ key: step.id, id: step.id, title: step.title }));
  return { rev: plan.rev, goal: plan.goal, steps, past: [], made: 0, origin: signature(plan.goal, steps), typing: "" };
}

/** @param {PlanDraft} draft */
export function isChanged(draft) {
  return signature(draft.goal, draft.steps) !== draft.origin;
}

/** What is typed into one field without a pause elsewhere is one change to undo. */
/** @param {PlanDraft} draft @param {string} goal */
export function withGoal(draft, goal) {
  return goal === draft.goal ? draft : changed(draft, { goal }, "goal");
}

/** @param {PlanDraft} draft @param {string} key @param {string} title */
export function reworded(draft, key, title) {
  const step = draft.steps.find((s) => s.key === key);
  if (!step || step.title === title) return draft;
  return changed(draft, { steps: draft.steps.map((s) => (s.key === key ? { ...s, title } : s)) }, key);
}

/** @param {PlanDraft} draft @param {string} key */
export function removed(draft, key) {
  return changed(draft, { steps: draft.steps.filter((s) => s.key !== key) });
}

/** @param {PlanDraft} draft whether it has as many steps as there may be */
export function isFull(draft) {
  return draft.steps.length >= MAX_STEPS;
}

/**
 * @param {PlanDraft} draft
 * @param {string} title
 * @param {string|null} [afterKey] at the end when left out
 * @returns {PlanDraft} the same when it is full
 */
export function added(draft, title, afterKey = null) {
  if (isFull(draft)) return draft;
  const step = { key: `new-${draft.made + 1}`, id: null, title };
  const at = afterKey === null ? draft.steps.length : draft.steps.findIndex((s) => s.key === afterKey) + 1;
  const steps = [...draft.steps.slice(0, at), step, ...draft.steps.slice(at)];
  return { ...changed(draft, { steps }), made: draft.made + 1 };
}

/** @param {PlanDraft} draft @param {string} key @param {-1|1} by */
export function moved(draft, key, by) {
  const from = draft.steps.findIndex((s) => s.key === key);
  const to = from + by;
  if (from < 0 || to < 0 || to >= draft.steps.length) return draft;
  const steps = [...draft.steps];
  [steps[from], steps[to]] = [steps[to], steps[from]];
  return changed(draft, { steps });
}

/** @param {PlanDraft} draft */
export function undone(draft) {
  const last = draft.past[draft.past.length - 1];
  return last ? { ...draft, ...last, past: draft.past.slice(0, -1), typing: "" } : draft;
}

/**
 * What the server is sent: no step that is empty.
 *
 * @param {PlanDraft} draft
 * @returns {PlanEdit}
 */
export function toRequest(draft) {
  const kept = draft.steps.filter((s) => s.title.trim());
  return {
    plan_rev: draft.rev,
    goal: draft.goal.trim(),
    steps: kept.map((s) => (s.id === null ? { title: s.title.trim() } : { id: s.id, title: s.title.trim() })),
  };
}

/**
 * The same wishes on top of another revision: kept steps that are gone there become new ones.
 *
 * @param {PlanDraft} draft
 * @param {Plan} plan
 * @returns {PlanDraft}
 */
export function rebased(draft, plan) {
  const known = new Set(plan.steps.map((s) => s.id));
  const steps = draft.steps.map((s) => (s.id !== null && !known.has(s.id) ? { ...s, id: null } : s));
  return { ...draft, rev: plan.rev, steps, origin: draftOf(plan).origin };
}

/** @param {PlanDraft} draft @param {{goal?: string, steps?: DraftStep[]}} change @param {string} [typing] */
function changed(draft, change, typing = "") {
  if (typing && typing === draft.typing) return { ...draft, ...change };
  const past = [...draft.past, { goal: draft.goal, steps: draft.steps }].slice(-MAX_UNDO);
  return { ...draft, ...change, past, typing };
}

/** @param {string} goal @param {DraftStep[]} steps */
function signature(goal, steps) {
  return JSON.stringify([goal, steps.map((s) => [s.id, s.title])]);
}
