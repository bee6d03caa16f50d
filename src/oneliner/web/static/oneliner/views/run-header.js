/**
 * The run header above the chat: the primary run in full when it needs its reader, in one line otherwise, and the other
 * runs one click away.
 *
 * @import {Translator} from "../i18n.js"
 * @import {Run, State} from "../types.js"
 * @import {Context} from "./context.js"
 */

import { drawList, h, icon, keepFocus, replaceChildren, setAttribute, setText } from "../dom.js";
import { forgetWhatIsOver } from "../drafts.js";
import { lazily } from "../lazily.js";
import { ENDED, NEEDS_YOU, headerRuns } from "../picking.js";
import { eventChips } from "./event-chips.js";
import { problemLine } from "./problem-line.js";
import { readyToAsk } from "./ready-to-ask.js";
import { budgetFact, chips, elapsedMs, isTicking, progressBar, statusBadge, summaryOf, usageFact } from "./run-facts.js";

const TICK_MS = 1_000;

/** What a run that needs its reader is shown with: loaded when the first such run is there. */
const planCard = lazily(async (/** @type {Context} */ context) => (await readyToAsk(import("./plan-card.js"), context)).PlanCard);
const question = lazily(async (/** @type {Context} */ context) => (await readyToAsk(import("./question.js"), context)).Question);
const approval = lazily(async (/** @type {Context} */ context) => (await readyToAsk(import("./approval.js"), context)).Approval);
const writtenDocuments = lazily(async (/** @type {Context} */ context) => (await readyToAsk(import("./written.js"), context)).WrittenDocuments);

export class RunHeader {
  #context;
  /** @type {{node: HTMLElement, update(run: Run, busy: string, problem: import("../types.js").Problem|null): void}|null} */
  #body = null;
  #bodyKey = "";
  #drawn = "";
  /** @type {Run|null} */
  #primary = null;
  #isOpen = true;
  #othersOpen = false;
  #openedFor = "";
  #head = h("div", { class: "run-head" });
  #content = h("div", { class: "run-body" });
  #written = h("div", { class: "run-written", hidden: true });
  /** @type {import("./written.js").WrittenDocuments|null} */
  #documents = null;
  #others = h("ul", { class: "run-others" });
  #othersBox = h("div", { class: "run-others-box" });
  #elapsed = h("span", { class: "fact elapsed" });
  #timer = 0;
  /** @type {Record<string, Run>|null} */
  #swept = null;
  /** @type {Set<string>} runs whose plan was decided on elsewhere while it was being changed here */
  #overtaken = new Set();
  #overtakenNote = h("p", { class: "fact", hidden: true });

  /** @param {Context} context */
  constructor(context) {
    this.#context = context;
    this.node = h(
      "section",
      { class: "oneliner-runs", data: { role: "oneliner-runs" }, "aria-label": context.words.text("runs.label"), hidden: true },
      h("article", { class: "oneliner-run-card" }, this.#head, this.#overtakenNote, this.#written, this.#content),
      this.#othersBox,
    );
  }

  /** @param {State} state */
  update(state) {
    if (state.runs !== this.#swept) this.#sweep(state);
    const [primary, ...others] = headerRuns(state.runs, state.sessionId);
    this.#primary = primary ?? null;
    setAttribute(this.node, "hidden", primary === undefined);
    if (!primary) return this.#clear();
    const key = `${primary.id} ${primary.run_status}`;
    if (key !== this.#openedFor) {
      this.#openedFor = key;
      this.#isOpen = NEEDS_YOU.has(primary.run_status);
    }
    const drawn = JSON.stringify([primary, state.busy[primary.id], state.problems[primary.id], state.sessionId, this.#isOpen, this.#othersOpen, writtenBy(state, primary), state.trails[primary.id], others.map((r) => [r.id, r.run_status, r.title, r.last_seq])]);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    keepFocus(this.node, () => this.#draw(primary, others, state), ".oneliner-run-title");
    this.#tick();
  }

  #clear() {
    this.#drawn = "";
    this.#bodyKey = "";
    this.#body = null;
    replaceChildren(this.#content);
  }

  /** @param {Run} run @param {Run[]} others @param {State} state */
  #draw(run, others, state) {
    setAttribute(this.node, "data-status", run.run_status);
    const isHere = run.session_id === state.sessionId;
    this.#drawHead(run, isHere, state.busy[run.id] ?? "");
    this.#drawWritten(run, isHere ? writtenBy(state, run) : 0);
    this.#drawBody(run, isHere, state);
    this.#drawOthers(others);
  }

  /** Forgets what is over. Who was changing a plan that somebody else then decided on is told so. @param {State} state */
  #sweep(state) {
    this.#swept = state.runs;
    for (const id of forgetWhatIsOver(this.#context.drafts, state.runs)) {
      if (state.busy[id]) continue;
      this.#overtaken.add(id);
      this.#context.announce(this.#context.words.text("plan.overtaken"));
    }
  }

  /** @param {Run} run @param {boolean} isHere @param {string} busy */
  #drawHead(run, isHere, busy) {
    const { words, workspace } = this.#context;
    const can = (/** @type {string} */ action) => run.allowed_actions.includes(action);
    const needsYou = NEEDS_YOU.has(run.run_status);
    const hasBody = isHere;
    // The chat's own stop button is the one beside the message field.
    const isChat = isHere && run.source_type === "chat" && run.run_status === "running";
    const stop = can("cancel") && !needsYou && !isChat && h(
      "button",
      { type: "button", class: "button small", data: { focus: "run-stop" }, "aria-disabled": busy ? "true" : null, on: { click: () => void workspace.cancel(run) } },
      icon("stop"), words.text(busy === "cancel" ? "run.stopping" : run.run_status === "running" ? "run.stop" : "plan.cancel"),
    );
    const retry = isHere && can("retry") && h(
      "button",
      { type: "button", class: "button small", data: { focus: "run-retry" }, "aria-disabled": busy ? "true" : null, on: { click: () => { this.#isOpen = true; this.#context.workspace.state && this.#redraw(); this.#content.querySelector("input")?.focus(); } } },
      icon("retry"), words.text("run.retry"),
    );
    const go = !isHere && h(
      "button", { type: "button", class: `button small ${needsYou ? "primary" : ""}`, data: { focus: "run-go" }, on: { click: () => void workspace.open(run.session_id) } },
      words.text(needsYou ? "run.review" : "run.open"),
    );
    const toggle = hasBody && h(
      "button",
      { type: "button", class: "icon-button", "aria-expanded": String(this.#isOpen), "aria-label": words.text("run.details"), data: { focus: "run-toggle" }, on: { click: () => { this.#isOpen = !this.#isOpen; this.#redraw(); } } },
      icon("chevron"),
    );
    // Here and now the status says it all; elsewhere the summary tells what is going on.
    const isOvertaken = this.#overtaken.has(run.id);
    setAttribute(this.#overtakenNote, "hidden", !isOvertaken);
    setText(this.#overtakenNote, isOvertaken ? words.text("plan.overtaken") : "");
    const saysMore = !(isHere && (run.run_status === "done" || needsYou));
    this.#head.classList.toggle("brief", !saysMore);
    replaceChildren(
      this.#head,
      h("div", { class: "run-line" }, statusBadge(run, words), h("h2", { class: "oneliner-run-title", tabindex: "-1", data: { focus: "run-title" } }, run.title)),
      h("div", { class: "run-facts" }, progressFact(run, words), this.#elapsed, usageFact(run, words), budgetFact(run, words)),
      h("div", { class: "run-buttons" }, go, stop, !this.#isOpen && retry, toggle),
      h("p", { class: "oneliner-run-summary", hidden: !saysMore }, summaryOf(run, words)),
      progressBar(run, words),
    );
  }

  /** @param {Run} run @param {number} count how many times it has written */
  #drawWritten(run, count) {
    setAttribute(this.#written, "hidden", count === 0);
    if (count === 0) return;
    const Documents = writtenDocuments.here;
    if (!Documents) return void writtenDocuments.get(this.#context).then((came) => came && this.#redraw());
    if (!this.#documents) this.#written.append((this.#documents = new Documents(this.#context)).node);
    void this.#documents.update(run, count);
  }

  /** @param {Run} run @param {boolean} isHere @param {State} state */
  #drawBody(run, isHere, state) {
    const shows = isHere && this.#isOpen;
    setAttribute(this.#content, "hidden", !shows);
    if (!shows) return;
    const busy = state.busy[run.id] ?? "";
    const problem = state.problems[run.id] ?? null;
    const key = `${run.id} ${run.run_status} ${run.run_status === "blocked" ? JSON.stringify(run.blocked) : ""}`;
    if (run.run_status !== "needs_confirmation" && run.run_status !== "blocked") {
      this.#body = null;
      this.#bodyKey = "";
      replaceChildren(this.#content, this.#chips(run, state), steps(run, this.#context), this.#retryForm(run, busy), problemLine(problem, this.#context.words));
      return;
    }
    const asks = run.blocked?.kind === "approval" ? approval : question;
    const wanted = run.run_status === "blocked" ? asks : planCard;
    const Card = wanted.here;
    if (!Card) {
      void wanted.get(this.#context).then((came) => came && this.#redraw());
      replaceChildren(this.#content, this.#chips(run, state));
      return;
    }
    if (this.#bodyKey !== key) {
      this.#bodyKey = key;
      this.#body = new Card(this.#context, run);
      replaceChildren(this.#content, this.#chips(run, state), notice(run, this.#context), this.#body.node);
    }
    this.#content.firstElementChild?.replaceWith(this.#chips(run, state));
    this.#body?.update(run, busy, problem);
  }

  /** @param {Run} run @param {State} state */
  #chips(run, state) {
    void this.#context.workspace.readTrail(run);
    return h("div", { class: "run-chips", tabindex: "0", role: "group", "aria-label": this.#context.words.text("chip.all") }, eventChips(run, state.trails[run.id] ?? [], this.#context), chips(run, this.#context.words));
  }

  /** @param {Run} run @param {string} busy */
  #retryForm(run, busy) {
    if (!run.allowed_actions.includes("retry")) return null;
    const { words, workspace, drafts } = this.#context;
    const key = `retry.${run.id}`;
    const reason = h("input", {
      type: "text", maxlength: 500, autocomplete: "off", data: { focus: "retry-reason" }, "aria-label": words.text("retry.reason"), placeholder: words.text("retry.reason"),
      props: { value: drafts.get(key) ?? "" }, on: { input: () => drafts.set(key, reason.value) },
    });
    const submit = async (/** @type {Event} */ event) => {
      event.preventDefault();
      if (!busy && (await workspace.retry(run, reason.value.trim()))) drafts.set(key, null);
    };
    const detail = typeof run.result?.error === "string" && run.result.error;
    return h(
      "form", { class: "retry", on: { submit } },
      detail && h("details", { class: "detail" }, h("summary", {}, words.text("run.technical")), h("pre", { tabindex: "0" }, `${detail}\n${run.id}`)),
      h("div", { class: "row" }, reason, h("button", { type: "submit", class: "button primary", data: { focus: "retry-go" }, "aria-disabled": busy ? "true" : null }, icon("retry"), words.text(busy === "retry" ? "run.retrying" : "run.retry"))),
    );
  }

  /** @param {Run[]} others */
  #drawOthers(others) {
    const { words, workspace } = this.#context;
    setAttribute(this.#othersBox, "hidden", others.length === 0);
    if (!others.length) return;
    const toggle = h(
      "button",
      { type: "button", class: "others-toggle", "aria-expanded": String(this.#othersOpen), data: { focus: "others" }, on: { click: () => { this.#othersOpen = !this.#othersOpen; this.#redraw(); } } },
      words.text("runs.others", { count: others.length }), icon("chevron"),
    );
    drawList(this.#others, others, (run) => run.id, (run) =>
      h("li", {}, h(
        "button", { type: "button", class: "run-other", data: { focus: `other-${run.id}` }, on: { click: () => { this.#othersOpen = false; void workspace.open(run.session_id); } } },
        statusBadge(run, words), h("span", { class: "run-other-title" }, run.title), h("span", { class: "run-other-summary" }, summaryOf(run, words)),
      )),
    );
    setAttribute(this.#others, "hidden", !this.#othersOpen);
    replaceChildren(this.#othersBox, toggle, this.#others);
  }

  #redraw() {
    this.#drawn = "";
    this.update(this.#context.workspace.state);
  }

  /** The heading takes the focus when the button that had it is gone. */
  focusTitle() {
    this.#redraw();
    /** @type {HTMLElement|null} */ (this.node.querySelector(".oneliner-run-title"))?.focus();
  }

  #tick() {
    clearTimeout(this.#timer);
    const run = this.#primary;
    if (!run) return;
    const ms = elapsedMs(run, Date.now());
    const { words } = this.#context;
    const said = ms === null ? "" : isTicking(run) ? words.duration(ms) : words.took(ms);
    setText(this.#elapsed, said);
    setAttribute(this.#elapsed, "hidden", said === "");
    if (isTicking(run)) this.#timer = window.setTimeout(() => this.#tick(), TICK_MS);
  }
}

/** @param {State} state @param {Run} run @returns {number} how many times it has written a document */
function writtenBy(state, run) {
  return (state.tools[run.id] ?? []).filter((tool) => tool.name === "write_document" && tool.state === "done").length;
}

/** @param {Run} run @param {Translator} words */
function progressFact(run, words) {
  const total = run.plan.steps.length;
  if (!total || run.run_status === "needs_confirmation" || run.run_status === "drafting") return null;
  const done = run.plan.steps.filter((s) => s.status === "done" || s.status === "skipped").length;
  return h("span", { class: "fact" }, words.text("progress.said", { done, total }));
}

/** @param {Run} run @param {Context} context */
function notice(run, { words }) {
  const given = run.active_admin_override_notice;
  const text = typeof given === "string" ? given : (given?.notice ?? "");
  return text ? h("p", { class: "notice" }, icon("alert"), words.text("run.override", { notice: text })) : null;
}

/** @param {Run} run @param {Context} context */
function steps(run, { words }) {
  if (!run.plan.steps.length) return null;
  /** @type {Record<string, string>} */
  const pictures = { done: "check", skipped: "cross", active: "half", broken: "alert", pending: "clock" };
  const items = run.plan.steps.map((step) => {
    // A run that has ended works on nothing any more.
    const status = step.status === "active" && ENDED.has(run.run_status) ? "broken" : step.status;
    return h(
      "li", { class: "step", data: { status }, "aria-current": status === "active" && run.run_status === "running" ? "step" : null },
      icon(pictures[status] ?? "clock"), h("span", { class: "step-title" }, step.title, h("span", { class: "sr-only" }, " (", words.text(`step.${status}`), ")")),
      step.note && h("span", { class: "step-note" }, step.note.replace(/\*\*|`/g, "")),
    );
  });
  return h("ol", { class: "steps", "aria-label": words.text("plan.steps") }, ...items);
}
