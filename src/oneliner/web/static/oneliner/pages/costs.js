/**
 * What it cost: a sum, a chart of days, and the figures beside it.
 *
 * @import {PageContext, Route, Shown} from "./router.js"
 * @typedef {{key: string, message_count: number, input_tokens: number, output_tokens: number, total_tokens: number, cost: string|null, estimated: boolean, unpriced_messages?: number}} Line
 */

import { h } from "../dom.js";
import { csvButton } from "./csv.js";
import { choice, filters, labelled, nothing, table } from "./parts.js";
import { addressOf } from "./router.js";

const DAYS = ["7", "30", "90"];
const DAY_MS = 86_400_000;
const GROUPS = ["day", "model", "tool", "executor", "project", "session", "run"];
const SVG = "http://www.w3.org/2000/svg";
/** How many times what was spent a budget may be to be drawn. */
const MAX_ABOVE = 4;
const CHART = { width: 720, height: 180 };

/** @param {PageContext} context @param {Route} route @returns {Promise<Shown>} */
export async function show(context, route) {
  const { api, words, workspace } = context;
  const isAdmin = workspace.state.me?.role === "admin";
  const groups = isAdmin ? [...GROUPS, "user"] : GROUPS;
  const group = oneOf(groups, route.query.get("group_by"), "day");
  const days = oneOf(DAYS, route.query.get("days"), "30");
  const project = route.query.get("project_id");
  const since = new Date(Math.floor(Date.now() / DAY_MS) * DAY_MS - (Number(days) - 1) * DAY_MS).toISOString().slice(0, 10);
  const query = new URLSearchParams({ group_by: group, since, ...(project ? { project_id: project } : {}) });
  /** @type {[{items: Line[], total: Line, next_cursor: string|null}, {text: string, usd: string}|null]} */
  const [bill, budget] = await Promise.all([api.ask("GET", `/v2/oneliner/usage?${query}`), group === "day" ? dayBudget(context, project, isAdmin) : null]);
  const { cost: total, total_tokens: tokens, message_count: calls } = bill.total;
  const figure = (/** @type {string} */ name, /** @type {string} */ value, /** @type {string} */ title = "") => h("div", { class: "figure" }, h("dt", {}, words.text(name)), h("dd", { title }, value));
  const columns = [{ text: words.text(`group.${group}`), kind: "wide" }, { text: words.text("column.calls"), kind: "number" }, { text: words.text("column.input"), kind: "number" }, { text: words.text("column.output"), kind: "number" }, { text: words.text("column.cost"), kind: "number" }];
  const rows = bill.items.map((line) => [nameOf(group, line.key), words.number(line.message_count), words.number(line.input_tokens), words.number(line.output_tokens), h("span", { title: line.cost ?? "" }, words.cost(line.cost), line.estimated ? ` ${words.text("cost.estimated")}` : "")]);
  const csvRow = (/** @type {Line} */ l) => [l.key, String(l.message_count), String(l.input_tokens), String(l.output_tokens), l.cost];
  const read = (/** @type {string|null} */ before) => api.ask("GET", `/v2/oneliner/usage?${query}&limit=100` + (before ? `&before=${encodeURIComponent(before)}` : ""));
  const node = h(
    "div", { class: "stack" },
    filters(route, words,
      labelled(words.text("filter.by"), choice("group_by", groups.map((g) => [g, words.text(`group.${g}`)]), group)),
      labelled(words.text("filter.days"), choice("days", DAYS.map((d) => [d, words.text("filter.last_days", { days: d })]), days)),
      labelled(words.text("column.project"), h("input", { type: "text", name: "project_id", maxlength: 128, props: { value: project ?? "" } }))),
    h("dl", { class: "figures" }, figure("column.cost", words.cost(total), total === null ? words.text("cost.unknown_title") : words.text("cost.exact", { cost: total })), figure("column.tokens", words.number(tokens)), figure("column.calls", words.number(calls))),
    group === "day" && bill.items.some((line) => Number(line.cost) > 0) ? chart(bill.items, since, Number(days), budget, context) : null,
    bill.items.length ? table(words.text("page.costs"), columns, rows) : nothing(words.text("costs.none")),
    bill.next_cursor ? h("p", { class: "hint" }, words.text("costs.more")) : null,
    bill.items.length > 0 && h("div", { class: "row" }, csvButton(words, `costs-by-${group}.csv`, [group, "calls", "input_tokens", "output_tokens", "cost_usd"], csvRow, read)),
  );
  return { title: words.text("page.costs"), node };
}

/** An address is written by anybody. @param {string[]} known @param {string|null} asked @param {string} usual */
function oneOf(known, asked, usual) {
  return asked !== null && known.includes(asked) ? asked : usual;
}

/** @param {string} group @param {string} key */
function nameOf(group, key) {
  if ((group === "run" || group === "session") && key) return h("a", { href: addressOf(group, {}, key) }, key);
  return key || "–";
}

/**
 * The budget that what is shown counts against in a day, or null when there is none.
 *
 * @param {PageContext} context @param {string|null} project @param {boolean} isAdmin whose bill is everybody's
 * @returns {Promise<{text: string, usd: string}|null>}
 */
async function dayBudget({ api, words }, project, isAdmin) {
  const name = project ? "project_day_budget" : isAdmin ? "day_budget" : "user_day_budget";
  const found = await api.ask("GET", `/v2/oneliner/governance?${new URLSearchParams(project ? { project_id: project } : {})}`);
  const usd = found.effective_policy[name]?.value;
  return usd == null ? null : { text: words.text(`rule.${name}`), usd };
}

/** Bars of days; the table under it says the same in figures. @param {Line[]} lines @param {string} since @param {number} days @param {{text: string, usd: string}|null} budget @param {PageContext} context */
function chart(lines, since, days, budget, { words }) {
  const byDay = new Map(lines.map((line) => [line.key, line]));
  const all = Array.from({ length: days }, (_, n) => new Date(Date.parse(since) + n * DAY_MS).toISOString().slice(0, 10));
  const values = all.map((day) => Number(byDay.get(day)?.cost ?? 0));
  const limit = budget ? Number(budget.usd) : 0;
  const spent = Math.max(...values);
  // A budget far above what was spent is named below, and does not press the bars to the ground.
  const isLimitShown = limit > 0 && limit <= spent * MAX_ABOVE;
  const most = isLimitShown ? Math.max(spent, limit) : spent;
  const svg = document.createElementNS(SVG, "svg");
  const put = (/** @type {string} */ name, /** @type {Record<string, string|number>} */ attributes) => {
    const node = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, String(value));
    svg.append(node);
    return node;
  };
  svg.setAttribute("viewBox", `0 0 ${CHART.width} ${CHART.height}`);
  // It takes the room there is, at any width; what is written stands beside it, in letters of their own size.
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("class", "chart");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", words.text("costs.chart", { days, most: words.cost(String(spent)) }));
  const room = CHART.height;
  const step = CHART.width / days;
  put("line", { class: "chart-line", x1: 0, x2: CHART.width, y1: room, y2: room });
  all.forEach((day, n) => {
    const high = most ? Math.max((values[n] / most) * room, values[n] ? 2 : 0) : 0;
    const bar = put("rect", { class: "chart-bar", x: n * step + step * 0.14, y: room - high, width: step * 0.72, height: high });
    const title = document.createElementNS(SVG, "title");
    title.textContent = words.text("pair", { name: day, value: words.cost(byDay.get(day) ? (byDay.get(day)?.cost ?? null) : "0") });
    bar.append(title);
  });
  if (isLimitShown) put("line", { class: "chart-limit", x1: 0, x2: CHART.width, y1: room - (limit / most) * room, y2: room - (limit / most) * room });
  const ends = (/** @type {string[]} */ ...said) => h("div", { class: "chart-ends", "aria-hidden": "true" }, ...said.map((one) => h("span", {}, one)));
  return h("figure", { class: "chart-box" }, ends(words.cost(String(most))), svg, ends(all[0], all[days - 1]), budget && h("figcaption", { class: "hint" }, isLimitShown && h("span", { class: "chart-key", "aria-hidden": "true" }), words.text("costs.budget", { name: budget.text, limit: words.cost(budget.usd) })));
}
