/**
 * What the page knows, as one value, and how each thing that happens changes it. Pure: no DOM, no network, no clock.
 *
 * The server's answers are the truth; a stream's events only bring them forward. A run never goes back: an answer that
 * is older than what an event told (``last_seq``) is dropped, and an event that was seen is dropped, so that the order
 * in which answers and events arrive does not matter.
 *
 * @import {Frame, Live, Message, Milestone, Run, State, ToolCall} from "./types.js"
 */

import { MILESTONES } from "./milestones.js";

/** What the lists of messages and of sessions have to be read again for. */
export const CHANGES_MESSAGES = new Set([
  "run.created", "run.completed", "run.failed", "run.cancelled", "run.resumed",
  "message.completed", "message.interrupted", "context.compacted", "tool.completed", "tool.failed", "tool.denied",
]);
export const CHANGES_SESSION = new Set(["run.created", "run.completed", "run.failed", "run.cancelled", "message.completed"]);

/** @param {State} state @returns {Frame[]} what is being written, for a tab that has just come */
export function snapshotsOf(state) {
  return Object.entries(state.live)
    .filter(([, live]) => !live.gap)
    .map(([id, live]) => ({ type: "message.snapshot", message_id: id, ...live }));
}

/** So much is known of how a run got where it is: enough for what matters of it to be among it. */
export const MAX_TRAIL = 40;
const TOLD = new Set(MILESTONES);

/** @returns {State} */
export function initialState() {
  return {
    me: null,
    connection: { status: "connecting", attempt: 0, caughtUp: 0 },
    loaded: false,
    loadProblem: null,
    runs: {},
    sessions: {},
    moreSessions: null,
    messages: {},
    live: {},
    tools: {},
    trails: {},
    retrying: {},
    seen: {},
    outbox: [],
    sessionId: null,
    busy: {},
    problems: {},
  };
}

/** @param {Record<string, any>} answer of /v2/oneliner/me @returns {import("./types.js").Me} */
export function meOf(answer) {
  return {
    userId: answer.user.id,
    name: answer.user.name || answer.user.id,
    role: answer.role,
    isDemo: Boolean(answer.demo),
    model: answer.default_model ?? "",
    version: answer.version ?? "",
  };
}

/**
 * @param {State} state
 * @param {{type: string, [key: string]: any}} action
 * @returns {State} the same object when nothing changed
 */
export function reduce(state, action) {
  switch (action.type) {
    case "me":
      return { ...state, me: action.me };
    case "loaded":
      return { ...state, loaded: true, loadProblem: null };
    case "load_failed":
      return { ...state, loadProblem: action.problem };
    case "connection":
      return { ...state, connection: { ...state.connection, ...action.connection } };
    case "opened":
      return { ...state, sessionId: action.sessionId };
    case "runs":
      return action.runs.reduce(withRun, state);
    case "sessions":
      return withSessions(state, action);
    case "session_gone":
      return withoutSession(state, action.sessionId);
    case "messages":
      return withMessages(state, action);
    case "tool_history":
      return { ...state, tools: { ...state.tools, [action.runId]: toolsFrom(action.events) } };
    case "trail":
      return withTrail(state, action.runId, action.events.map(milestoneOf));
    case "frame":
      return withFrame(state, action.frame);
    case "outgoing":
      return withOutgoing(state, action.outgoing);
    case "outgoing_dropped":
      return { ...state, outbox: state.outbox.filter((o) => o.key !== action.key) };
    case "busy":
      return { ...state, busy: put(state.busy, action.runId, action.what) };
    case "problem":
      return { ...state, problems: put(state.problems, action.runId, action.problem) };
    default:
      return state;
  }
}

/**
 * *map* with *key* set, or removed when *value* is null.
 *
 * @template T
 * @param {Record<string, T>} map
 * @param {string} key
 * @param {T|null} value
 * @returns {Record<string, T>}
 */
function put(map, key, value) {
  if (value !== null) return { ...map, [key]: value };
  if (!(key in map)) return map;
  const { [key]: _, ...rest } = map;
  return rest;
}

/**
 * Whether a row is the reader's own: administrators are sent everybody's, and this page is for one's own work.
 *
 * @param {State} state @param {{user_id?: string}} row
 */
function isOwn(state, row) {
  return row.user_id === undefined || state.me === null || row.user_id === state.me.userId;
}

/** @param {State} state @param {Run} run @returns {State} */
function withRun(state, run) {
  if (!isOwn(state, run)) return state;
  const known = state.runs[run.id];
  if (known && known.last_seq > run.last_seq) return state;
  return { ...state, runs: { ...state.runs, [run.id]: run } };
}

/** @param {State} state @param {{[key: string]: any}} action @returns {State} */
function withSessions(state, action) {
  const sessions = { ...state.sessions };
  for (const session of action.sessions) if (isOwn(state, session)) sessions[session.id] = session;
  return { ...state, sessions, moreSessions: action.more === undefined ? state.moreSessions : action.more };
}

/** @param {State} state @param {string} sessionId @returns {State} */
function withoutSession(state, sessionId) {
  const runs = Object.fromEntries(Object.entries(state.runs).filter(([, run]) => run.session_id !== sessionId));
  return {
    ...state,
    sessions: put(state.sessions, sessionId, null),
    messages: put(state.messages, sessionId, null),
    runs,
    sessionId: state.sessionId === sessionId ? null : state.sessionId,
  };
}

/** @param {State} state @param {{[key: string]: any}} action @returns {State} */
function withMessages(state, action) {
  const known = action.isFresh ? undefined : state.messages[action.sessionId];
  const byId = new Map((known?.items ?? []).map((m) => [m.id, m]));
  let live = state.live;
  for (const message of action.messages) {
    // An answer asked for before the end of a message may come after it: what is complete stays.
    const old = byId.get(message.id);
    if (old && old.state !== "streaming" && message.state === "streaming") continue;
    byId.set(message.id, message);
    if (message.state !== "streaming") live = put(live, message.id, null);
  }
  const items = [...byId.values()].sort(inOrder);
  const said = new Set(items.filter((m) => m.role === "user").map((m) => m.run_id));
  const more = action.more === undefined ? (known?.more ?? null) : action.more;
  return {
    ...state,
    live,
    messages: { ...state.messages, [action.sessionId]: { items, more } },
    outbox: state.outbox.filter((o) => !(o.runId && said.has(o.runId))),
  };
}

/** @param {Message} a @param {Message} b */
function inOrder(a, b) {
  if (a.position !== undefined && b.position !== undefined) return a.position - b.position;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

/** @param {State} state @param {import("./types.js").Outgoing} outgoing @returns {State} */
function withOutgoing(state, outgoing) {
  const at = state.outbox.findIndex((o) => o.key === outgoing.key);
  const outbox = at < 0 ? [...state.outbox, outgoing] : state.outbox.map((o, n) => (n === at ? outgoing : o));
  return { ...state, outbox };
}

// The stream.

/** @param {State} state @param {Frame} frame @returns {State} */
function withFrame(state, frame) {
  if (frame.type === "message.delta") return withDelta(state, frame);
  if (frame.type === "message.snapshot") return withSnapshot(state, frame);
  const seq = frame.seq ?? 0;
  if (seq <= (state.seen[frame.run_id] ?? 0)) return state;
  const seen = { ...state.seen, [frame.run_id]: seq };
  const next = withRetrying(withTool(withSteering(withMessageEnd(withRunEvent({ ...state, seen }, frame), frame), frame), frame), frame);
  return withTrail(next, frame.run_id, [{ seq, type: frame.type, at: frame.at ?? "" }]);
}

/** @param {{seq: number, event_type: string, created_at: string}} event @returns {Milestone} */
function milestoneOf({ seq, event_type: type, created_at: at }) {
  return { seq, type, at };
}

/** @param {State} state @param {string} runId @param {Milestone[]} events @returns {State} */
function withTrail(state, runId, events) {
  const told = events.filter((event) => TOLD.has(event.type));
  if (!told.length) return state;
  const known = new Map((state.trails[runId] ?? []).map((event) => [event.seq, event]));
  for (const event of told) known.set(event.seq, event);
  const trail = [...known.values()].sort((a, b) => a.seq - b.seq).slice(-MAX_TRAIL);
  return { ...state, trails: { ...state.trails, [runId]: trail } };
}

/** What the user said to a run that was working, from whichever of his pages. @param {State} state @param {Frame} frame @returns {State} */
function withSteering(state, frame) {
  const known = state.messages[frame.session_id];
  const { message_id: id, text } = frame.details ?? {};
  if (frame.type !== "message.steered" || !known || known.items.some((m) => m.id === id)) return state;
  /** @type {Message} */
  const message = { id, session_id: frame.session_id, run_id: frame.run_id, role: "user", content: text, state: "complete", created_at: frame.at ?? "" };
  return { ...state, messages: { ...state.messages, [frame.session_id]: { ...known, items: [...known.items, message] } } };
}

/** @param {State} state @param {Frame} frame @returns {State} */
function withDelta(state, frame) {
  const id = frame.message_id ?? "";
  if (isSettled(state, frame.session_id, id)) return state;
  const offset = frame.offset ?? 0;
  const piece = [...(frame.text ?? "")];
  const known = state.live[id] ?? { text: "", length: 0, gap: false };
  // Offsets count characters; a string's length counts UTF-16 units.
  const overlap = known.length - offset;
  if (overlap < 0) return keepLive(state, id, { ...liveOf(frame), text: known.text, length: known.length, gap: true });
  if (overlap >= piece.length && piece.length) return state;
  const text = known.text + piece.slice(overlap).join("");
  return keepLive(state, id, { ...liveOf(frame), text, length: known.length + piece.length - overlap, gap: false });
}

/** @param {State} state @param {Frame} frame @returns {State} */
function withSnapshot(state, frame) {
  const id = frame.message_id ?? "";
  const text = frame.text ?? "";
  const length = [...text].length;
  const known = state.live[id];
  if (isSettled(state, frame.session_id, id) || (known && !known.gap && known.length >= length)) return state;
  return keepLive(state, id, { ...liveOf(frame), text, length, gap: false });
}

/** @param {Frame} frame */
function liveOf(frame) {
  return { run_id: frame.run_id, session_id: frame.session_id };
}

/** @param {State} state @param {string} id @param {Live} live @returns {State} */
function keepLive(state, id, live) {
  return { ...state, live: { ...state.live, [id]: live }, retrying: put(state.retrying, live.run_id, null) };
}

/** @param {State} state @param {string} sessionId @param {string} messageId */
function isSettled(state, sessionId, messageId) {
  const message = state.messages[sessionId]?.items.find((m) => m.id === messageId);
  return message !== undefined && message.state !== "streaming" && message.state !== undefined;
}

/** @param {State} state @param {Frame} frame @returns {State} */
function withRunEvent(state, frame) {
  const run = state.runs[frame.run_id];
  const seq = frame.seq ?? 0;
  if (!run || seq <= run.last_seq) return state;
  const details = frame.details ?? {};
  /** @type {Run} */
  const next = { ...run, last_seq: seq, updated_at: frame.at ?? run.updated_at };
  if (details.run_status && details.run_status !== run.run_status) {
    next.run_status = details.run_status;
    // Which buttons there are is the server's to say; its answer is on the way.
    next.allowed_actions = [];
    next.status_summary = "";
    if (details.run_status === "running" && !run.started_at) next.started_at = frame.at ?? null;
    if (["done", "failed", "cancelled"].includes(details.run_status)) next.finished_at = frame.at ?? null;
  }
  if (details.plan) next.plan = details.plan;
  if (details.code) next.reason = details.code;
  if (frame.type === "run.blocked") next.blocked = details.asked ?? null;
  if (details.active_executor_key) next.active_executor_key = details.active_executor_key;
  if (frame.type.startsWith("step.") && details.step_id) next.plan = withStep(next.plan, frame.type, details);
  return { ...state, runs: { ...state.runs, [run.id]: next } };
}

/** @param {import("./types.js").Plan} plan @param {string} type @param {Record<string, any>} details */
function withStep(plan, type, details) {
  /** @type {Record<string, 'active'|'done'|'skipped'>} */
  const statuses = { "step.started": "active", "step.completed": "done", "step.skipped": "skipped" };
  const status = statuses[type];
  if (!status) return plan;
  const steps = plan.steps.map((s) =>
    s.id === details.step_id ? { ...s, status, note: details.note ?? s.note } : s,
  );
  return { ...plan, steps };
}

/** @param {State} state @param {Frame} frame @returns {State} */
function withMessageEnd(state, frame) {
  if (frame.type !== "message.completed" && frame.type !== "message.interrupted") return state;
  const details = frame.details ?? {};
  const id = details.message_id;
  // A long text is cut in its event; what was streamed stands until the message itself is fetched.
  const streamed = state.live[id]?.text ?? "";
  const content = (details.text_truncated || details.text === undefined) && streamed ? streamed : (details.text ?? "");
  const known = state.messages[frame.session_id];
  const live = put(state.live, id, null);
  if (!known) return { ...state, live };
  const old = known.items.find((m) => m.id === id);
  /** @type {Message} */
  const message = {
    ...(old ?? { id, session_id: frame.session_id, run_id: frame.run_id, created_at: frame.at ?? "" }),
    role: "assistant",
    content,
    state: frame.type === "message.completed" ? "complete" : "interrupted",
    purpose: details.purpose ?? old?.purpose,
    tool_calls: details.tool_calls ?? old?.tool_calls ?? null,
    executor: details.executor ?? old?.executor,
    scope: details.scope ?? old?.scope,
    cause: details.cause,
  };
  const items = old ? known.items.map((m) => (m.id === id ? message : m)) : [...known.items, message];
  return { ...state, live, messages: { ...state.messages, [frame.session_id]: { ...known, items } } };
}

/** @param {State} state @param {Frame} frame @returns {State} */
function withTool(state, frame) {
  if (!frame.type.startsWith("tool.")) return state;
  return { ...state, tools: { ...state.tools, [frame.run_id]: nextTools(state.tools[frame.run_id] ?? [], frame) } };
}

/** @param {{event_type: string, details: Record<string, any>}[]} events @returns {ToolCall[]} */
function toolsFrom(events) {
  return events.reduce((tools, event) => nextTools(tools, { type: event.event_type, details: event.details }), /** @type {ToolCall[]} */ ([]));
}

/** @type {Record<string, ToolCall["state"]>} */
const TOOL_STATES = {
  "tool.started": "running",
  "tool.completed": "done",
  "tool.failed": "failed",
  "tool.denied": "denied",
  "tool.unknown": "unknown",
};

/** @param {ToolCall[]} tools @param {{type: string, details?: Record<string, any>}} event @returns {ToolCall[]} */
function nextTools(tools, event) {
  const state = TOOL_STATES[event.type];
  const details = event.details ?? {};
  const id = details.tool_call_id;
  if (!state || !id) return tools;
  const old = tools.find((t) => t.id === id);
  const tool = {
    id,
    name: details.name ?? old?.name ?? "",
    arguments: details.arguments ?? old?.arguments ?? "",
    state,
    result: details.result ?? "",
    attempt: details.attempt ?? old?.attempt ?? 1,
  };
  return old ? tools.map((t) => (t.id === id ? tool : t)) : [...tools, tool];
}

/** @param {State} state @param {Frame} frame @returns {State} */
function withRetrying(state, frame) {
  const details = frame.details ?? {};
  const retrying =
    frame.type === "message.retrying"
      ? { attempt: details.attempt ?? 1, kind: details.kind ?? "", afterSeconds: details.after_seconds ?? 0 }
      : null;
  return { ...state, retrying: put(state.retrying, frame.run_id, retrying) };
}
