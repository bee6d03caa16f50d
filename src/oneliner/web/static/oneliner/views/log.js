/**
 * The conversation. It follows what is written as long as its end is in sight; once the reader scrolls up, his place is
 * left alone and a button says what is new. Not a live region: the announcer speaks at boundaries.
 *
 * @import {Run, State} from "../types.js"
 * @import {Line} from "../transcript.js"
 * @import {Context} from "./context.js"
 */

import { drawList, h, icon, setAttribute, setText } from "../dom.js";
import { transcriptOf } from "../transcript.js";
import { AnswerText, expectAnswers } from "./answer-text.js";
import { copy } from "./copying.js";
import { problemText } from "./problem-line.js";
import { elapsedMs, reasonOf, usageFact } from "./run-facts.js";
import { toolCard } from "./tool-card.js";

const NEAR_END_PX = 40;

/** Whom the run's executor has asked and waits for. @param {Run} run */
function helperOf(run) {
  const active = run.active_executor_key ?? "";
  return active === (run.executor ?? "main") ? "" : active;
}

export class Log {
  #context;
  #list = h("div", { class: "log-list" });
  #older;
  #jump;
  #empty;
  /** @type {WeakMap<HTMLElement, {line: Line, extra: string, text?: AnswerText}>} */
  #drawn = new WeakMap();
  #follows = true;
  #unread = 0;
  #count = 0;
  /** @type {string|null|undefined} */
  #sessionId = undefined;

  /** @param {Context} context @param {HTMLElement} empty what is shown when nothing was said */
  constructor(context, empty) {
    const { words } = context;
    this.#context = context;
    this.#empty = empty;
    this.#older = h("button", { type: "button", class: "button quiet small older", hidden: true, on: { click: () => void this.#readOlder() } }, words.text("log.older"));
    this.#jump = h("button", { type: "button", class: "button small jump", hidden: true, on: { click: () => this.toEnd() } });
    this.scroller = h(
      "div",
      { class: "log", role: "log", "aria-live": "off", "aria-label": words.text("log.label"), tabindex: "0", on: { scroll: () => this.#scrolled() } },
      empty, this.#older, this.#list,
    );
    this.node = h("div", { class: "log-frame" }, this.scroller, this.#jump);
    const observer = new ResizeObserver(() => this.#follow());
    for (const node of [this.scroller, this.#list]) observer.observe(node);
  }

  /** @param {State} state */
  update(state) {
    if (state.sessionId !== this.#sessionId) {
      const isNewOwn = this.#sessionId === null && state.sessionId !== null;
      this.#sessionId = state.sessionId;
      if (!isNewOwn) this.#list.replaceChildren();
      this.#follows = true;
      this.#unread = 0;
    }
    const lines = transcriptOf(state, state.sessionId);
    if (lines.length) expectAnswers(this.#context);
    const isLoading = state.sessionId !== null && state.messages[state.sessionId] === undefined;
    setAttribute(this.#empty, "hidden", lines.length > 0 || isLoading);
    setAttribute(this.#older, "hidden", !(state.sessionId && state.messages[state.sessionId]?.more));
    if (!this.#follows && lines.length > this.#count) this.#unread += lines.length - this.#count;
    this.#count = lines.length;
    drawList(this.#list, lines, (line) => line.key, (line, old) => this.#draw(line, old, state));
    this.#follow();
    this.#drawJump();
  }

  toEnd() {
    this.#follows = true;
    this.#unread = 0;
    this.#follow();
    this.#drawJump();
  }

  async #readOlder() {
    const { scroller } = this;
    const fromEnd = scroller.scrollHeight - scroller.scrollTop;
    this.#follows = false;
    await this.#context.workspace.loadOlder();
    this.update(this.#context.workspace.state);
    this.#unread = 0;
    this.#drawJump();
    scroller.scrollTop = scroller.scrollHeight - fromEnd;
  }

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.scroller;
    this.#follows = scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
    if (this.#follows) this.#unread = 0;
    this.#drawJump();
  }

  #follow() {
    if (this.#follows) this.scroller.scrollTop = this.scroller.scrollHeight;
  }

  #drawJump() {
    const { words } = this.#context;
    setAttribute(this.#jump, "hidden", this.#follows);
    const label = this.#unread ? words.text("log.jump_new", { count: this.#unread }) : words.text("log.jump");
    if (this.#jump.textContent !== label) this.#jump.replaceChildren(icon("down"), label);
  }

  /** @param {Line} line @param {HTMLElement|null} old @param {State} state */
  #draw(line, old, state) {
    const known = old && this.#drawn.get(old);
    const extra = line.kind === "working" ? JSON.stringify([state.retrying[line.run.id], state.live]) : "";
    if (old && known && line.kind === "assistant" && known.line.kind === "assistant" && known.text) {
      if (known.line.text !== line.text || known.line.isStreaming !== line.isStreaming || known.line.isInterrupted !== line.isInterrupted) {
        this.#updateAnswer(old, known.text, line);
        this.#drawn.set(old, { line, extra, text: known.text });
      }
      return old;
    }
    if (old && known && extra === known.extra && JSON.stringify(known.line) === JSON.stringify(line)) return old;
    return this.#make(line, old, extra, state);
  }

  /** @param {Line} line @param {HTMLElement|null} old @param {string} extra @param {State} state */
  #make(line, old, extra, state) {
    if (line.kind === "assistant") {
      const text = new AnswerText(this.#context);
      const node = this.#answer(text, line);
      this.#drawn.set(node, { line, extra, text });
      return node;
    }
    const node =
      line.kind === "user" ? this.#user(line)
      : line.kind === "tools" ? this.#tools(line, old)
      : line.kind === "asked" ? this.#asked(line)
      : line.kind === "summary" ? this.#summary(line)
      : line.kind === "working" ? this.#working(line.run, state)
      : this.#end(line.run);
    this.#drawn.set(node, { line, extra });
    return node;
  }

  /** @param {Extract<Line, {kind: 'user'}>} line */
  #user(line) {
    const { words } = this.#context;
    const body = h("div", { class: "bubble" }, line.text);
    const label = line.at ? words.text("log.you_at", { time: words.time(line.at) }) : words.text("log.you");
    return h("article", { class: "message user", "aria-label": label, data: { state: line.outgoing?.status ?? "sent" } }, body, line.outgoing && this.#delivery(line.outgoing));
  }

  /** @param {import("../types.js").Outgoing} outgoing */
  #delivery(outgoing) {
    const { words, workspace } = this.#context;
    if (outgoing.status === "sent" || outgoing.status === "sending") return h("p", { class: "delivery" }, words.text("send.sending"));
    const again = h("button", { type: "button", class: "link", on: { click: () => void workspace.sendAgain(outgoing.key) } }, words.text("send.again"));
    const drop = h("button", { type: "button", class: "link", on: { click: () => workspace.dropOutgoing(outgoing.key) } }, words.text("send.drop"));
    const said = outgoing.status === "waiting" ? words.text("send.waiting") : outgoing.problem ? problemText(outgoing.problem, words) : words.text("send.failed");
    return h("p", { class: `delivery ${outgoing.status}` }, said, " ", again, " ", drop);
  }

  /** @param {AnswerText} text @param {Extract<Line, {kind: 'assistant'}>} line */
  #answer(text, line) {
    const { words } = this.#context;
    const said = h("span", {}, words.text("copy"));
    const button = h("button", { type: "button", class: "quiet small copy", on: { click: () => copy(this.#textOf(node), said, words) } }, icon("copy"), said);
    const note = h("p", { class: "delivery interrupted", hidden: true });
    const helper = line.helper && h("p", { class: "delivery helper" }, line.helper);
    const node = h("article", { class: "message assistant" }, helper, text.node, note, h("div", { class: "message-tools" }, button));
    this.#updateAnswer(node, text, line);
    return node;
  }

  /** @param {HTMLElement} node */
  #textOf(node) {
    const line = this.#drawn.get(node)?.line;
    return line?.kind === "assistant" ? line.text : "";
  }

  /** @param {HTMLElement} node @param {AnswerText} text @param {Extract<Line, {kind: 'assistant'}>} line */
  #updateAnswer(node, text, line) {
    const { words } = this.#context;
    text.update(line.text, line.isStreaming);
    setAttribute(node, "aria-busy", line.isStreaming ? "true" : null);
    setAttribute(node, "aria-label", line.at ? words.text("log.agent_at", { time: words.time(line.at) }) : words.text("log.agent"));
    const note = /** @type {HTMLElement} */ (node.querySelector(".delivery.interrupted"));
    setAttribute(note, "hidden", !line.isInterrupted);
    setText(note, words.text("log.interrupted"));
    setAttribute(/** @type {Element} */ (node.querySelector(".message-tools")), "hidden", line.isStreaming);
  }

  /** @param {Extract<Line, {kind: 'asked'}>} line */
  #asked(line) {
    const { words } = this.#context;
    const answer = line.answer && h("p", { class: "asked-answer" }, h("span", { class: "tool-label" }, words.text("log.answered")), " ", line.answer);
    return h("div", { class: "asked" }, h("p", { class: "asked-question" }, icon("question"), h("span", {}, line.question)), answer);
  }

  /** What stands for the older part when the model is asked. @param {Extract<Line, {kind: 'summary'}>} line */
  #summary(line) {
    const said = h("summary", {}, this.#context.words.text("log.summarised"));
    return h("details", { class: "summarised" }, said, h("p", {}, line.text));
  }

  /** @param {Extract<Line, {kind: 'tools'}>} line @param {HTMLElement|null} old */
  #tools(line, old) {
    const open = new Set([...(old?.querySelectorAll("details") ?? [])].map((node, n) => (node.open ? n : -1)));
    return h("div", { class: "tools" }, ...line.tools.map((tool, n) => toolCard(tool, this.#context.words, open.has(n))));
  }

  /** @param {Run} run @param {State} state */
  #working(run, state) {
    const { words } = this.#context;
    const retry = state.retrying[run.id];
    const said = retry
      ? words.text("log.retrying", { attempt: retry.attempt, seconds: Math.max(1, Math.round(retry.afterSeconds)) })
      : run.run_status === "queued" ? (run.queue?.position ? words.text("queue.ahead", { count: run.queue.position }) : words.text("log.queued"))
      : run.run_status === "drafting" ? words.text("log.drafting")
      : helperOf(run) ? words.text("log.thinking_by", { executor: helperOf(run) })
      : words.text("log.thinking");
    return h("p", { class: `working ${retry ? "retrying" : ""}` }, h("span", { class: "pulse", "aria-hidden": "true" }), said);
  }

  /** @param {Run} run */
  #end(run) {
    const { words, workspace } = this.#context;
    const ms = elapsedMs(run, Date.now());
    const time = ms !== null && h("span", { class: "fact" }, words.took(ms));
    const said = run.run_status === "done" ? null : h("span", { class: "end-status" }, words.text(`status.${run.run_status}`), reasonOf(run, words) && ` · ${reasonOf(run, words)}`);
    const retry = run.allowed_actions.includes("retry") && h("button", { type: "button", class: "button small", on: { click: () => void workspace.retry(run, "") } }, icon("retry"), words.text("run.retry"));
    const pictures = { done: "check", failed: "alert", cancelled: "cross" };
    return h(
      "div", { class: "end", data: { status: run.run_status } },
      icon(pictures[/** @type {'done'} */ (run.run_status)] ?? "check"), said, time, usageFact(run, words), retry,
    );
  }
}
