/**
 * The dashboard: the next thing to do, the one after it, what is under way, and what today cost.
 *
 * @import {Action} from "../next-action.js"
 * @import {Run} from "../types.js"
 * @import {PageContext, Route, Shown} from "./router.js"
 */

import { h, icon, oncePerFrame, replaceChildren } from "../dom.js";
import { nextActions } from "../next-action.js";
import { ENDED, countNeedingYou, countUnderWay, orderRuns } from "../picking.js";
import { statusBadge, summaryOf } from "../views/run-facts.js";
import { nothing, section } from "./parts.js";
import { addressOf } from "./router.js";

const MAX_SHOWN = 8;

/** @param {PageContext} context @param {Route} _route @returns {Promise<Shown>} */
export async function show(context, _route) {
  const { api, words, workspace } = context;
  const today = new Date().toISOString().slice(0, 10);
  const [documents, bill] = await Promise.all([api.ask("GET", "/v2/oneliner/documents?limit=20"), api.ask("GET", `/v2/oneliner/usage?since=${today}`)]);
  const node = h("div", { class: "stack" });
  const draw = () => {
    const runs = Object.values(workspace.state.runs);
    const [first, second] = nextActions(runs, documents.items);
    const open = orderRuns(runs.filter((run) => !ENDED.has(run.run_status)));
    const line = bill.items[0];
    replaceChildren(node,
      h("div", { class: "next" }, card(context, first, "primary"), card(context, second, "secondary")),
      h("dl", { class: "figures" },
        figure(words.text("home.needs_you"), words.number(countNeedingYou(workspace.state.runs)), addressOf("runs", { mine: "true", status: "needs_you" })),
        figure(words.text("home.under_way"), words.number(countUnderWay(workspace.state.runs)), addressOf("runs", { mine: "true", status: "under_way" })),
        figure(words.text("home.today"), words.cost(line ? line.cost : "0"), addressOf("costs"))),
      section(words.text("home.latest"), runs.length ? list(context, [...open, ...orderRuns(runs.filter((run) => ENDED.has(run.run_status)))].slice(0, MAX_SHOWN)) : nothing(words.text("runs.none"), h("a", { class: "button small", href: "#chat" }, words.text("nav.new_chat")))));
  };
  draw();
  let drawn = workspace.state.runs;
  const redraw = () => {
    const { runs } = workspace.state;
    if (runs === drawn || node.contains(document.activeElement)) return;
    drawn = runs;
    draw();
  };
  const leave = workspace.subscribe(redraw);
  // What came while somebody was at a button is drawn when he leaves it.
  node.addEventListener("focusout", oncePerFrame(redraw));
  return { title: words.text("page.home"), node, leave };
}

/** @param {string} name @param {string} value @param {string} address where it is shown in full */
function figure(name, value, address) {
  return h("div", { class: "figure" }, h("dt", {}, name), h("dd", {}, h("a", { href: address }, value)));
}

/** @param {PageContext} context @param {Action} action @param {"primary"|"secondary"} rank */
function card({ words, workspace }, action, rank) {
  const params = { title: action.run?.title ?? "", path: action.document?.path ?? "" };
  const kind = action.kind === "plan" && rank === "secondary" ? "review" : action.kind;
  const title = words.text(`next.${kind}`, params);
  const style = `button ${rank === "primary" ? "primary" : ""}`;
  const session = action.run?.session_id;
  const data = {
    action: "handoff-to-main-agent", title: title.slice(0, 200), goal: kind === "needs_you" ? "" : words.text(`next.${kind}.goal`, params), draft: "", sourceScreen: "dashboard", actionKey: `homepage-${rank}-action`, intent: kind,
    ...(action.document ? { projectId: action.document.project_id } : {}),
  };
  const button = action.kind === "needs_you" && session
    ? h("a", { class: style, href: "#chat", on: { click: () => void workspace.open(session) } }, words.text("run.review"))
    : h("button", { type: "button", class: style, data }, icon("hand"), words.text("next.hand"));
  return h("section", { class: `next-card ${rank}` }, h("p", { class: "nav-title" }, words.text(`next.${rank}`)), h("h2", {}, title), h("p", { class: "hint" }, words.text(`next.${kind}.why`, params)), h("div", {}, button));
}

/** @param {PageContext} context @param {Run[]} runs */
function list({ words }, runs) {
  return h("ul", { class: "run-list" }, ...runs.map((run) => h("li", {}, h("a", { class: "run-other", href: addressOf("run", {}, run.id) }, statusBadge(run, words), h("span", { class: "run-other-title" }, run.title), h("span", { class: "run-other-summary" }, summaryOf(run, words))))));
}
