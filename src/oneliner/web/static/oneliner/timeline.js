/**
 * Where the time of a run went, from its events: waiting for a person, waiting for a worker, calls of the model, of tools,
 * and what was lost between. Pure.
 *
 * @typedef {{seq: number, event_type: string, created_at: string, details: Record<string, any>}} RunEvent
 * @typedef {'person'|'queue'|'model'|'retry'|'tool'|'lost'} SpanKind
 * @typedef {{kind: SpanKind, label: string, from: number, to: number, seq: number, isOpen: boolean, isBad: boolean}} Span times
 *   in ms; ``seq`` is that of the event which ended it, or began it while it is open
 */

const TOOL_ENDS = new Set(["tool.completed", "tool.failed", "tool.denied", "tool.unknown"]);
const RUN_ENDS = new Set(["run.completed", "run.failed", "run.cancelled"]);
/** What begins a wait for a person, and what begins one for a worker. @type {Record<string, SpanKind>} */
const WAITS = { "run.created": "person", "run.planned": "person", "run.blocked": "person", "run.queued": "queue", "run.recovered": "queue" };

/**
 * @param {RunEvent[]} events in order @param {number} nowMs for what has not ended
 * @returns {Span[]} in the order in which they began
 */
export function spansOf(events, nowMs) {
  /** @type {Span[]} */
  const spans = [];
  /** @type {Map<string, {from: number, label: string, seq: number}>} */
  const tools = new Map();
  /** @type {{kind: SpanKind, from: number, seq: number}|null} */
  let waiting = null;
  let thinkingSince = 0;
  /** @type {{from: number, first: number}|null} when a draft was asked for, and how many spans there were before it */
  let draft = null;
  const put = (/** @type {SpanKind} */ kind, /** @type {string} */ label, /** @type {number} */ from, /** @type {number} */ to, /** @type {number} */ seq, how = {}) => spans.push({ kind, label, from, to, seq, isOpen: false, isBad: false, ...how });

  for (const { seq, event_type: type, created_at, details } of events) {
    const at = Date.parse(created_at);
    if (waiting && (type.startsWith("run.") || type === "message.steered")) {
      if (at > waiting.from) put(waiting.kind, "", waiting.from, at, seq);
      waiting = null;
    }
    if (details.run_status === "drafting") draft = { from: at, first: spans.length };
    else if (type in WAITS) waiting = { kind: WAITS[type], from: at, seq };
    if (details.claimed_at && draft) splitDraft(spans, draft, Date.parse(details.claimed_at), seq);
    if (type === "run.recovered") put("lost", String(details.cause ?? ""), at, at, seq, { isBad: true });
    if (type === "message.completed") put("model", String(details.model ?? ""), thinkingSince || at, at, seq);
    if (type === "message.interrupted") put("model", String(details.cause ?? ""), thinkingSince || at, at, seq, { isBad: true });
    if (type === "message.retrying" || type === "message.fallback") put("retry", String(details.kind ?? ""), thinkingSince || at, at, seq, { isBad: true });
    if (type === "tool.started") tools.set(String(details.tool_call_id), { from: at, label: String(details.name ?? ""), seq });
    if (TOOL_ENDS.has(type)) {
      const begun = tools.get(String(details.tool_call_id));
      put("tool", String(details.name ?? ""), begun?.from ?? at, at, seq, { isBad: type !== "tool.completed" });
      tools.delete(String(details.tool_call_id));
    }
    if (type === "run.started" || details.run_status === "drafting" || type.startsWith("message.") || type === "context.compacted" || TOOL_ENDS.has(type)) thinkingSince = at;
  }
  const last = events.at(-1);
  const end = last && RUN_ENDS.has(last.event_type) ? Date.parse(last.created_at) : nowMs;
  const isOver = end !== nowMs;
  for (const { from, label, seq } of tools.values()) put("tool", label, from, end, seq, { isOpen: !isOver, isBad: isOver });
  if (waiting && !isOver) put(waiting.kind, "", waiting.from, end, waiting.seq, { isOpen: true });
  return spans.sort((a, b) => a.from - b.from || a.seq - b.seq);
}

/**
 * Of a draft it is known at its end when a worker took it; until then it waited for its turn.
 *
 * @param {Span[]} spans are changed @param {{from: number, first: number}} draft @param {number} claimedAt @param {number} seq
 */
function splitDraft(spans, draft, claimedAt, seq) {
  const first = spans[draft.first];
  if (first && first.from < claimedAt && claimedAt <= first.to) first.from = claimedAt;
  if (claimedAt > draft.from) spans.push({ kind: "queue", label: "", from: draft.from, to: claimedAt, seq, isOpen: false, isBad: false });
}
