/**
 * One run in full: its steps, its messages with what each cost, its events, and the rules it was promised beside those
 * that hold now.
 *
 * @import {Message, Run} from "../types.js"
 * @import {PageContext, Route, Shown} from "./router.js"
 */

import { h, replaceChildren, setAttribute } from "../dom.js";
import { chips, elapsedMs, reasonOf, statusBadge, usageFact } from "../views/run-facts.js";
import { choice, labelled, nothing, offerKinds, section, table, when } from "./parts.js";
import { addressOf } from "./router.js";
import { policyTable } from "./policy.js";
import { sinceThen } from "./rule-history.js";
import { timeline } from "./timeline-view.js";

/** @param {PageContext} context @param {Route} route @returns {Promise<Shown>} */
export async function show(context, route) {
  const { api, words } = context;
  const run = await api.run(route.id);
  const [messages, now] = await Promise.all([messagesOf(context, run), api.ask("GET", `/v2/oneliner/runs/${run.id}/governance/diff`)]);
  const node = h("div", { class: "stack" }, head(context, run), result(context, run), steps(context, run), messageTable(context, messages), events(context, run), rules(context, run, now));
  return { title: run.title || words.text("page.run"), node };
}

/** @param {PageContext} context @param {Run} run */
function head({ words, workspace }, run) {
  const ms = elapsedMs(run, Date.now());
  const waited = run.started_at ? Date.parse(run.started_at) - Date.parse(run.created_at) : null;
  const fact = (/** @type {string} */ name, /** @type {any} */ value) => [h("dt", {}, words.text(`fact.${name}`)), h("dd", {}, value)];
  const facts = [
    ...fact("created", when(run.created_at, words)),
    ...(waited === null ? [] : fact("waited", words.took(waited))),
    ...(ms === null ? [] : fact("took", words.took(ms))),
    ...fact("user", run.user_id ?? ""), ...fact("project", run.project_id || "–"), ...fact("id", h("code", {}, run.id)),
  ];
  const isMine = workspace.state.me?.userId === run.user_id;
  const open = isMine && h("a", { class: "button small", href: "#chat", on: { click: () => void workspace.open(run.session_id) } }, words.text("run.open_session"));
  return h("div", { class: "stack" },
    h("div", { class: "row" }, statusBadge(run, words), reasonOf(run, words) && h("span", { class: "fact" }, reasonOf(run, words)), usageFact(run, words), open || null),
    chips(run, words), h("dl", { class: "facts" }, ...facts));
}

/** @param {PageContext} context @param {Run} run */
function result({ words }, run) {
  const error = run.result?.error;
  return typeof error === "string" && error ? section(words.text("run.technical"), h("pre", { class: "block", tabindex: "0" }, error)) : null;
}

/** @param {PageContext} context @param {Run} run */
function steps({ words }, run) {
  if (!run.plan.steps.length) return null;
  const rows = run.plan.steps.map((step, n) => [`${n + 1}. ${step.title}`, words.text(`step.${step.status}`), step.note ?? ""]);
  return section(words.text("plan.steps"), table(words.text("plan.steps"), [{ text: words.text("column.step"), kind: "wide" }, { text: words.text("column.status") }, { text: words.text("column.note") }], rows));
}

/** @param {PageContext} context @param {Run} run @returns {Promise<Message[]>} oldest first */
async function messagesOf({ api }, run) {
  const found = [];
  let before = null;
  do {
    const page = await api.messages(run.session_id, before);
    found.push(...page.items.filter((m) => m.run_id === run.id));
    // Newest first: when a whole page is older than the run, there is no more of it.
    if (page.items.every((m) => m.created_at < run.created_at)) break;
    before = page.next_cursor;
  } while (before);
  return found.reverse();
}

/** @param {PageContext} context @param {Message[]} messages */
function messageTable({ words }, messages) {
  const heading = words.text("run.messages");
  if (!messages.length) return section(heading, nothing(words.text("run.no_messages")));
  const columns = [{ text: words.text("column.message"), kind: "wide" }, { text: words.text("column.model") }, { text: words.text("column.input"), kind: "number" }, { text: words.text("column.output"), kind: "number" }, { text: words.text("column.cost"), kind: "number" }];
  const rows = messages.map((m) => {
    const asked = (m.tool_calls ?? []).map((call) => h("code", { class: "tool-name" }, call.name));
    const text = h("details", { class: "detail" }, h("summary", {}, `${words.text(`role.${m.role}`)}: ${m.content.slice(0, 90)}`), h("pre", { tabindex: "0" }, m.content), ...(m.tool_calls ?? []).map((call) => h("pre", { tabindex: "0" }, `${call.name} ${call.arguments ?? ""}`)));
    const isCall = m.role === "assistant";
    return [[text, ...asked], m.model || "", isCall ? words.number(m.input_tokens ?? 0) : "", isCall ? words.number(m.output_tokens ?? 0) : "", isCall ? words.cost(m.cost) : ""];
  });
  return section(heading, table(heading, columns, rows));
}

/** @param {PageContext} context @param {Run} run */
function events({ api, words }, run) {
  const list = h("ol", { class: "event-list" });
  const more = h("button", { type: "button", class: "button small", on: { click: () => void load() } }, words.text("run.more_events"));
  const kind = choice("kind", [["", words.text("filter.all")]], "");
  const time = h("div", {});
  /** @type {Record<string, any>[]} */
  const all = [];
  let after = 0;
  const draw = () => {
    const shown = all.filter((event) => !kind.value || event.event_type.startsWith(`${kind.value}.`));
    replaceChildren(list, ...shown.map((event) => h("li", {}, h("details", { class: "detail" },
      h("summary", {}, h("span", { class: "event-seq" }, String(event.seq)), h("code", {}, event.event_type), h("span", { class: "event-summary" }, event.summary), h("time", { datetime: event.created_at }, event.created_at.slice(11, 23))),
      h("pre", { tabindex: "0" }, JSON.stringify(event.details, null, 2))))));
  };
  const load = async () => {
    const page = await api.runEvents(run.id, after);
    all.push(...page.items);
    after = Number(page.next_cursor ?? 0);
    setAttribute(more, "hidden", !page.next_cursor);
    offerKinds(kind, all.map((event) => event.event_type));
    replaceChildren(time, timeline(/** @type {any} */ (all), words));
    draw();
  };
  kind.addEventListener("change", draw);
  void load();
  return h("div", { class: "stack" }, section(words.text("timeline.heading"), time),
    section(words.text("run.events"), h("div", { class: "filters" }, labelled(words.text("filter.kind"), kind)), list, more));
}

/** @param {PageContext} context @param {Run} run @param {any} diff what was promised against what holds now */
function rules({ words }, run, diff) {
  const promised = run.governance_snapshot?.effective_policy;
  if (!promised) return null;
  const link = h("a", { href: addressOf("rules", { project_id: run.project_id, platform: run.governance_snapshot?.platform }) }, words.text("run.rules_link"));
  return section(words.text("run.rules"), h("p", { class: "hint" }, words.text("run.rules_note"), " ", link), sinceThen(diff, words), policyTable(promised, words, diff.changes));
}
