/**
 * The conversations, newest first, each with what it needs and what it cost.
 *
 * @import {Session, State} from "../types.js"
 * @import {Context} from "./context.js"
 */

import { drawList, h, icon, keepFocus, replaceChildren, setAttribute } from "../dom.js";
import { orderRuns } from "../picking.js";

export class SessionList {
  #context;
  #onOpen;
  #list = h("ul", { class: "sessions" });
  #more;
  #empty;
  #drawn = "";
  #confirming = "";

  /** @param {Context} context @param {() => void} onOpen */
  constructor(context, onOpen) {
    const { words, workspace } = context;
    this.#context = context;
    this.#onOpen = onOpen;
    this.#empty = h("p", { class: "sessions-empty" }, words.text("sessions.empty"));
    this.#more = h("button", { type: "button", class: "button quiet small", hidden: true, on: { click: () => void workspace.loadMoreSessions() } }, words.text("sessions.more"));
    this.node = h("nav", { class: "session-nav", "aria-label": words.text("sessions.label") }, h("h2", { class: "nav-title" }, words.text("sessions.label")), this.#empty, this.#list, this.#more);
  }

  /** @param {State} state */
  update(state) {
    const sessions = Object.values(state.sessions).sort((a, b) => (a.updated_at < b.updated_at ? 1 : -1));
    const minute = Math.floor(Date.now() / 60_000);
    const statuses = Object.values(state.runs).map((r) => [r.id, r.run_status]);
    const drawn = JSON.stringify([sessions, statuses, state.sessionId, this.#confirming, minute, state.moreSessions]);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    setAttribute(this.#empty, "hidden", !state.loaded || sessions.length > 0);
    setAttribute(this.#more, "hidden", !state.moreSessions);
    keepFocus(this.node, () => drawList(this.#list, sessions, (s) => s.id, (session) => this.#draw(session, state)));
  }

  /** @param {Session} session @param {State} state */
  #draw(session, state) {
    const { words } = this.#context;
    const [run] = orderRuns(Object.values(state.runs).filter((r) => r.session_id === session.id));
    const status = run && !["done", "cancelled"].includes(run.run_status) ? run.run_status : "";
    const said = status && words.text(`status.${status}`);
    const cost = Number(session.total_cost) || session.total_tokens ? words.cost(session.total_cost) : "";
    const name = session.title || words.text("sessions.untitled");
    const button = h(
      "button",
      {
        type: "button", class: "session", data: { focus: `session-${session.id}`, status }, "aria-current": session.id === state.sessionId ? "page" : null,
        on: { click: () => { void this.#context.workspace.open(session.id); this.#onOpen(); } },
      },
      h("span", { class: "session-title" }, name),
      h("span", { class: "session-facts" }, said ? h("span", { class: "status small", data: { status } }, h("span", { class: "status-dot", "aria-hidden": "true" }), said) : h("span", {}, words.ago(session.updated_at, Date.now())), h("span", { class: "session-cost" }, cost)),
    );
    return h("li", { class: "session-item" }, button, this.#remover(session, name));
  }

  /** @param {Session} session @param {string} name */
  #remover(session, name) {
    const { words } = this.#context;
    if (this.#confirming !== session.id) {
      return h(
        "button",
        { type: "button", class: "icon-button small session-remove", data: { focus: `remove-${session.id}` }, title: words.text("sessions.delete"), "aria-label": words.text("sessions.delete_named", { name }), on: { click: () => this.#ask(session.id) } },
        icon("trash"),
      );
    }
    return h(
      "div", { class: "session-confirm", role: "group", "aria-label": words.text("sessions.delete_named", { name }) },
      h("span", {}, words.text("sessions.delete_ask")),
      h("button", { type: "button", class: "button small danger", data: { focus: `yes-${session.id}` }, on: { click: () => { this.#confirming = ""; void this.#context.workspace.deleteSession(session.id); } } }, words.text("sessions.delete")),
      h("button", { type: "button", class: "button small", data: { focus: `no-${session.id}` }, on: { click: () => this.#ask("", session.id) } }, words.text("sessions.keep")),
    );
  }

  /** @param {string} sessionId @param {string} [back] */
  #ask(sessionId, back = "") {
    this.#confirming = sessionId;
    this.#drawn = "";
    this.update(this.#context.workspace.state);
    const key = sessionId ? `no-${sessionId}` : `remove-${back}`;
    /** @type {HTMLElement|null} */ (this.node.querySelector(`[data-focus="${CSS.escape(key)}"]`))?.focus();
  }
}

/** The sums of the open session. @param {State} state @param {Context} context */
export function sessionTotals(state, { words }) {
  const node = h("div", { class: "totals" });
  const session = state.sessionId ? state.sessions[state.sessionId] : undefined;
  if (!session) return node;
  const title = session.total_cost == null ? words.text("cost.unknown_title") : words.text("cost.exact", { cost: session.total_cost });
  replaceChildren(node, h("span", { class: "fact", title }, `${words.text("tokens", { count: session.total_tokens })} · ${words.cost(session.total_cost)}`));
  return node;
}
