/**
 * One run in full, in parts: where its time went, what was said, its events, the rules it was promised, and who did what to
 * it. The address says which part is shown; while the run goes on, what is shown follows it.
 *
 * @import {Run} from "../types.js"
 * @import {PageContext, Route, Shown} from "./router.js"
 * @typedef {{context: PageContext, run: Run, history: RunHistory}} RunView what a part is made from
 * @typedef {{node: HTMLElement, follow?: (run: Run) => Promise<void>|void, tick?: () => void}} Part ``follow``: something has
 *   happened to the run; ``tick``: a second has gone by while it works
 */

import { Refused } from "../api.js";
import { h, icon, keepFocus, replaceChildren, setAttribute } from "../dom.js";
import { ENDED } from "../picking.js";
import { Refresher } from "../refresher.js";
import { RunHistory } from "../run-history.js";
import { problemLine } from "../views/problem-line.js";
import { chips, elapsedMs, isTicking, reasonOf, statusBadge, usageFact } from "../views/run-facts.js";
import { attempted, facts, sureButton, when } from "./parts.js";
import { addressOf } from "./router.js";
import { auditPart } from "./run-audit.js";
import { conversationPart } from "./run-conversation.js";
import { eventsPart } from "./run-events.js";
import { rulesPart } from "./run-rules.js";
import { timelinePart } from "./run-timeline.js";

/** @type {Record<string, (view: RunView) => Promise<Part>>} the first is shown where the address names none */
const PARTS = { timeline: timelinePart, conversation: conversationPart, events: eventsPart, rules: rulesPart, audit: auditPart };
const NAMES = Object.keys(PARTS);
/** However fast its events come, what is shown is asked for no more often. */
const FOLLOW_DELAY_MS = 250;
/** Somebody else's run is not in the reader's own stream. */
const LOOK_EVERY_MS = 3_000;
const PANEL = "run-part";

/** @param {PageContext} context @param {Route} route @returns {Promise<Shown>} */
export async function show(context, route) {
  const run = await context.api.run(route.id);
  const page = new RunPage(context, run);
  try {
    await page.turn(route);
  } catch (error) {
    page.leave();
    throw error;
  }
  return { title: run.title || context.words.text("page.run"), node: page.node, leave: () => page.leave(), turn: (next) => page.turn(next) };
}

class RunPage {
  #context;
  #run;
  #history;
  #shown = "";
  #asked = 0;
  /** @type {Part|null} */
  #part = null;
  #badges = h("div", { class: "row" });
  #facts = h("div", { class: "stack" });
  #actions = h("div", { class: "row" });
  #problem = h("div", {});
  #offered = "";
  #refresher = new Refresher(FOLLOW_DELAY_MS);
  /** @type {(() => void)[]} */
  #leaving = [];

  /** @param {PageContext} context @param {Run} run */
  constructor(context, run) {
    const { words, workspace } = context;
    this.#context = context;
    this.#run = run;
    this.#history = new RunHistory(context.api, run.id);
    this.tabs = h("div", { class: "part-tabs", role: "tablist", "aria-label": words.text("run.parts"), on: { keydown: (event) => this.#onKey(event) } },
      ...NAMES.map((name) => h("a", { class: "part-tab", role: "tab", id: `part-${name}`, href: addressOf("run", { part: name }, run.id), "aria-controls": PANEL, tabindex: "-1", "aria-selected": "false" }, words.text(`run.part.${name}`))));
    this.panel = h("div", { class: "stack part", role: "tabpanel", id: PANEL });
    this.node = h("div", { class: "stack" }, h("div", { class: "run-top" }, this.#badges, this.#actions), this.#facts, this.#problem, this.tabs, this.panel);
    this.#drawHead();
    this.#leaving.push(workspace.listen((frame) => frame.run_id === run.id && this.#look()));
    const isMine = workspace.state.me?.userId === run.user_id;
    const looking = isMine ? 0 : setInterval(() => !document.hidden && !ENDED.has(this.#run.run_status) && this.#look(), LOOK_EVERY_MS);
    const ticking = setInterval(() => isTicking(this.#run) && this.#tick(), 1_000);
    this.#leaving.push(() => clearInterval(looking), () => clearInterval(ticking));
  }

  leave() {
    this.#asked += 1;
    for (const end of this.#leaving.splice(0)) end();
  }

  /** Shows the part that *route* names. Throws Refused. @param {Route} route @returns {Promise<boolean>} whether it is about this run */
  async turn(route) {
    if (route.id !== this.#run.id) return false;
    const wanted = route.query.get("part") ?? "";
    const name = wanted in PARTS ? wanted : NAMES[0];
    this.#mark(name);
    if (name === this.#shown) return true;
    const mine = (this.#asked += 1);
    setAttribute(this.panel, "aria-busy", "true");
    const part = await PARTS[name]({ context: this.#context, run: this.#run, history: this.#history });
    if (mine !== this.#asked) return true;
    this.#shown = name;
    this.#part = part;
    setAttribute(this.panel, "aria-busy", null);
    replaceChildren(this.panel, part.node);
    return true;
  }

  /** @param {string} name */
  #mark(name) {
    for (const tab of this.tabs.children) {
      const isIt = tab.id === `part-${name}`;
      setAttribute(tab, "aria-selected", String(isIt));
      setAttribute(tab, "tabindex", isIt ? "0" : "-1");
    }
    setAttribute(this.panel, "aria-labelledby", `part-${name}`);
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const tabs = /** @type {HTMLElement[]} */ ([...this.tabs.children]);
    const at = tabs.indexOf(/** @type {HTMLElement} */ (event.target));
    /** @type {Record<string, number>} */
    const moves = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: tabs.length - 1 };
    if (at >= 0 && event.key === " ") {
      event.preventDefault();
      tabs[at].click();
    }
    if (at < 0 || !(event.key in moves)) return;
    event.preventDefault();
    tabs[(moves[event.key] + tabs.length) % tabs.length].focus();
  }

  // Following it.

  #look() {
    this.#refresher.ask("run", async () => {
      const mine = this.#asked;
      try {
        this.#run = await this.#context.api.run(this.#run.id);
        this.#drawHead();
        await this.#part?.follow?.(this.#run);
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        // Gone with its session, say. Where nobody answers, the line above the page says so.
        if (!error.isUnreachable && mine === this.#asked) replaceChildren(this.#problem, problemLine(error.problem, this.#context.words));
      }
    });
  }

  #tick() {
    this.#drawHead();
    this.#part?.tick?.();
  }

  #drawHead() {
    const { words } = this.#context;
    const run = this.#run;
    this.#drawActions();
    const isLive = !ENDED.has(run.run_status);
    replaceChildren(this.#badges, statusBadge(run, words), reasonOf(run, words) && h("span", { class: "fact" }, reasonOf(run, words)), usageFact(run, words), isLive && h("span", { class: "fact" }, words.text("run.is_live")));
    keepFocus(this.#facts, () => replaceChildren(this.#facts, chips(run, words), factsOf(run, this.#context)));
  }

  /** Drawn anew only where the server offers something else, so that a question that was asked stays. */
  #drawActions() {
    const { words, workspace } = this.#context;
    const run = this.#run;
    const offered = JSON.stringify(run.allowed_actions);
    if (offered === this.#offered) return;
    this.#offered = offered;
    const isMine = workspace.state.me?.userId === run.user_id;
    const chat = isMine && h("a", { class: "button small primary", href: "#chat", data: { focus: "run-chat" }, on: { click: () => void workspace.open(run.session_id) } }, words.text("run.open_session"));
    const retry = run.allowed_actions.includes("retry") && h("button", { type: "button", class: "button small", data: { focus: "run-retry" }, on: { click: () => void this.#move("retry") } }, icon("retry"), words.text("run.retry"));
    const cancel = run.allowed_actions.includes("cancel") && sureButton(words, { text: words.text("run.cancel"), ask: words.text("run.cancel_ask"), yes: words.text("run.cancel_yes") }, () => void this.#move("cancel"));
    const again = isMine && ENDED.has(run.run_status) && run.source_type === "handoff" && h("button", { type: "button", class: "button small", data: { focus: "run-again", ...handoffOf(run) } }, icon("hand"), words.text("run.again"));
    keepFocus(this.#actions, () => replaceChildren(this.#actions, chat || null, retry || null, again || null, cancel || null));
  }

  /** @param {"retry"|"cancel"} move */
  async #move(move) {
    const { api, announce, words } = this.#context;
    const isDone = await attempted(words, this.#problem, async () => void (this.#run = await api.moveRun(this.#run.id, move, {})));
    if (isDone) announce(words.text(`status.${this.#run.run_status}`));
    this.#offered = "";
    this.#drawHead();
    this.tabs.querySelector("a[aria-selected=true]")?.scrollIntoView({ block: "nearest" });
    if (document.activeElement === document.body) /** @type {HTMLElement|null} */ (document.querySelector(".page-title"))?.focus();
    this.#look();
  }
}

/** @param {Run} run @param {PageContext} context */
function factsOf(run, { words }) {
  const ms = elapsedMs(run, Date.now());
  const waited = run.started_at ? Date.parse(run.started_at) - Date.parse(run.created_at) : null;
  const list = facts([
    [words.text("fact.created"), when(run.created_at, words)],
    .../** @type {[string, string][]} */ (waited === null ? [] : [[words.text("fact.waited"), words.took(waited)]]),
    .../** @type {[string, string][]} */ (ms === null ? [] : [[words.text("fact.took"), words.took(ms)]]),
    [words.text("fact.user"), run.user_id ?? ""], [words.text("fact.project"), run.project_id || "–"],
    [words.text("column.session"), h("a", { href: addressOf("session", {}, run.session_id), data: { focus: "run-session" } }, words.text("run.its_session"))],
    [words.text("fact.id"), h("code", {}, run.id)],
  ]);
  list.classList.add("facts-wide");
  return list;
}

/** What hands the same work over once more, as attributes of a button. @param {Run} run @returns {Record<string, string>} */
function handoffOf({ title, plan, project_id: projectId }) {
  const steps = plan.steps.map((step) => step.title.replaceAll("\n", " ")).join("\n");
  return { action: "handoff-to-main-agent", title, goal: plan.goal, steps, ...(projectId ? { projectId } : {}), sourceScreen: "runs", actionKey: "run-again" };
}
