/**
 * A session's conversation as the lines the page shows, made of messages, live text, tool calls and the runs' ends.
 * Pure.
 *
 * @import {AskedCall, Message, Outgoing, Run, State, ToolCall} from "./types.js"
 * @typedef {{key: string, callId: string, name: string, arguments: string,
 *   state: 'waiting'|'running'|'done'|'failed'|'denied'|'unknown', result: string, attempt: number}} ToolLine
 * @typedef {{kind: 'user', key: string, text: string, at: string, outgoing: Outgoing|null}
 *   | {kind: 'assistant', key: string, text: string, at: string, isStreaming: boolean, isInterrupted: boolean,
 *      cause: string, model: string, runId: string, helper: string}
 *   | {kind: 'tools', key: string, tools: ToolLine[]}
 *   | {kind: 'asked', key: string, question: string, answer: string}
 *   | {kind: 'summary', key: string, text: string}
 *   | {kind: 'working', key: string, run: Run}
 *   | {kind: 'end', key: string, run: Run}} Line
 */

import { ENDED } from "./picking.js";

/** Calls that steer the run: the plan and the questions show what they do. */
const STEERING = new Set(["mark_step", "propose_plan", "ask_user"]);

/**
 * @param {State} state
 * @param {string|null} sessionId null: what is being sent into a new chat
 * @returns {Line[]} oldest first
 */
export function transcriptOf(state, sessionId) {
  const messages = sessionId === null ? [] : (state.messages[sessionId]?.items ?? []);
  const results = new Map(messages.filter((m) => m.role === "tool").map((m) => [resultKey(m, m.tool_call_id), m]));
  /** @type {Line[]} */
  const lines = [];
  const matched = new Map();
  const lastOf = lastMessageOf(messages);
  for (const message of messages) {
    if (message.role === "user") lines.push(userLine(message));
    if (message.role === "assistant") lines.push(...assistantLines(state, message, results, matched));
    if (lastOf.get(message.run_id) === message.id) lines.push(...tailLines(state, message.run_id, messages));
  }
  for (const outgoing of state.outbox) {
    if (outgoing.sessionId === sessionId || (outgoing.runId && state.runs[outgoing.runId]?.session_id === sessionId)) {
      lines.push({ kind: "user", key: `out-${outgoing.key}`, text: outgoing.text, at: "", outgoing });
    }
  }
  return lines;
}

/** @param {Message[]} messages @returns {Map<string, string>} the last message of each run */
function lastMessageOf(messages) {
  return new Map(messages.map((m) => [m.run_id, m.id]));
}

/** @param {Message} message @returns {Line} */
function userLine(message) {
  return { kind: "user", key: message.id, text: message.content, at: message.created_at, outgoing: null };
}

/**
 * @param {State} state
 * @param {Message} message
 * @param {Map<string, Message>} results
 * @param {Map<string, Set<string>>} matched tool calls of each run that have their line
 * @returns {Line[]}
 */
function assistantLines(state, message, results, matched) {
  if (message.purpose === "summary") return message.content ? [{ kind: "summary", key: message.id, text: message.content }] : [];
  if (message.purpose === "plan" || message.tool_calls?.some((c) => c.name === "propose_plan")) return [];
  const live = state.live[message.id];
  const isStreaming = message.state === "streaming";
  const text = isStreaming ? (live?.text ?? message.content) : message.content;
  /** @type {Line[]} */
  const lines = [];
  if (text.trim()) lines.push(textLine(message, text, isStreaming));
  for (const call of message.tool_calls ?? []) {
    if (call.name !== "ask_user" || !call.arguments) continue;
    const asked = askedLine(message, call, results);
    // While it waits for its answer, the question stands in the run's header with its form.
    if (asked.answer || state.runs[message.run_id]?.run_status !== "blocked") lines.push(asked);
  }
  const calls = (message.tool_calls ?? []).filter((c) => !STEERING.has(c.name));
  if (calls.length) {
    const tools = calls.map((call) => toolLine(state, message, call, results, matched));
    lines.push({ kind: "tools", key: `tools-${message.id}`, tools });
  }
  return lines;
}

/** @param {Message} message @param {AskedCall} call @param {Map<string, Message>} results @returns {Extract<Line, {kind: 'asked'}>} */
function askedLine(message, call, results) {
  const callId = call.call_id ?? call.id ?? "";
  const answer = parsed(results.get(resultKey(message, callId))?.content);
  const values = answer !== null && typeof answer === "object" ? Object.values(answer) : answer === null ? [] : [answer];
  return {
    kind: "asked",
    key: `asked-${message.id}/${callId}`,
    question: String(parsed(call.arguments)?.question ?? ""),
    answer: values.map((value) => (typeof value === "string" ? value : JSON.stringify(value))).join(" · "),
  };
}

/** @param {string|undefined} json @returns {any} null when it is none; plain text is itself */
function parsed(json) {
  if (!json) return null;
  try {
    return JSON.parse(json);
  } catch (error) {
    if (error instanceof SyntaxError) return json;
    throw error;
  }
}

/** @param {Message} message @param {string} text @param {boolean} isStreaming @returns {Line} */
function textLine(message, text, isStreaming) {
  return {
    kind: "assistant",
    key: message.id,
    text,
    at: message.created_at,
    isStreaming,
    isInterrupted: message.state === "interrupted",
    cause: message.cause ?? "",
    model: message.model ?? "",
    runId: message.run_id,
    // What a specialist says to whoever asked it is marked with its name.
    helper: message.scope ? (message.executor ?? "") : "",
  };
}

/** Models number their calls anew in each piece of work. @param {Message} message @param {string|null|undefined} callId */
function resultKey(message, callId) {
  return `${message.run_id}/${message.scope ?? ""}/${callId ?? ""}`;
}

/**
 * A call as the model made it, with what the events and its result say of it. An event names the call by another id, so
 * the first unmatched one with the same name and arguments is taken.
 *
 * @param {State} state
 * @param {Message} message
 * @param {AskedCall} call
 * @param {Map<string, Message>} results
 * @param {Map<string, Set<string>>} matched
 * @returns {ToolLine}
 */
function toolLine(state, message, call, results, matched) {
  const taken = matched.get(message.run_id) ?? new Set();
  matched.set(message.run_id, taken);
  const told = (state.tools[message.run_id] ?? []).find(
    (t) => !taken.has(t.id) && t.name === call.name && (call.arguments === undefined || t.arguments === call.arguments),
  );
  if (told) taken.add(told.id);
  const callId = call.call_id ?? call.id ?? "";
  const result = results.get(resultKey(message, callId));
  return {
    key: `${message.id}/${callId}`,
    callId,
    name: call.name,
    arguments: call.arguments ?? told?.arguments ?? "",
    state: toolState(told, result, state.runs[message.run_id]),
    result: result?.content ?? told?.result ?? "",
    attempt: told?.attempt ?? 1,
  };
}

/** @param {ToolCall|undefined} told @param {Message|undefined} result @param {Run|undefined} run */
function toolState(told, result, run) {
  if (told && told.state !== "running") return told.state;
  if (result) return "done";
  return told && run?.run_status === "running" ? "running" : "waiting";
}

/**
 * What stands after the last message of a run: text that is being written and has no message yet, a sign of life, or
 * how it ended.
 *
 * @param {State} state
 * @param {string} runId
 * @param {Message[]} messages
 * @returns {Line[]}
 */
function tailLines(state, runId, messages) {
  const run = state.runs[runId];
  if (!run) return [];
  // An answer may say that the run is done before the stream has brought its last words.
  const isOver = run.run_status !== "done" || !messages.some((m) => m.run_id === runId && m.state === "streaming");
  if (ENDED.has(run.run_status) && isOver) {
    return [{ kind: "end", key: `end-${run.id}`, run }];
  }
  const known = new Set(messages.map((m) => m.id));
  /** @type {Line[]} */
  const lines = [];
  for (const [id, live] of Object.entries(state.live)) {
    if (live.run_id !== runId || known.has(id) || !live.text.trim() || run.run_status !== "running") continue;
    lines.push(textLine({ id, session_id: live.session_id, run_id: runId, role: "assistant", content: "", created_at: "" }, live.text, true));
  }
  const isWriting = lines.length > 0 || messages.some((m) => m.run_id === runId && state.live[m.id]?.text.trim());
  if (!isWriting && ["running", "queued", "drafting"].includes(run.run_status)) {
    lines.push({ kind: "working", key: `working-${run.id}`, run });
  }
  return lines;
}
