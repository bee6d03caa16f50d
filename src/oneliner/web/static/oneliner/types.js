/**
 * The shapes the server sends and the page keeps, for the type checker. Nothing runs here.
 *
 * @typedef {'drafting'|'needs_confirmation'|'queued'|'running'|'blocked'|'done'|'failed'|'cancelled'} RunStatus
 * @typedef {{id: string, title: string, status: 'pending'|'active'|'done'|'skipped', note?: string}} Step
 * @typedef {{rev: number, goal: string, steps: Step[], awaits_draft?: boolean, instruction?: string}} Plan
 * @typedef {{input_tokens: number, output_tokens: number, cached_tokens: number, total_tokens: number,
 *   cost: string|null, estimated: boolean, unpriced_messages?: number, budgets?: BudgetStanding[], estimate?: Estimate|null}} Usage
 * @typedef {{budget: string, limit: string, granted: string, used: string, reserved: string, left: string}} BudgetStanding
 * @typedef {{basis: 'history'|'plan', sample_count: number, cost: string|null}} Estimate
 * @typedef {{kind: string, question?: string, schema?: Record<string, any>,
 *   budget?: string, limit?: string, granted?: string, used?: string, reserved?: string, needed?: string, model?: string,
 *   resumes_at?: string|null, expires_at?: string|null, calls?: {id: string, name: string, arguments: string}[]}} Blocked
 * @typedef {{id: string, name: string, arguments: Record<string, any>, arguments_hash: string, schema: Record<string, any>,
 *   touches: 'reads'|'changes_once'|'changes', asked_by: {layer: string, rule: {note?: string}|null}[]}} Waiting a call
 *   that waits for an approval
 * @typedef {'allow'|'ask'|'deny'} Verdict
 * @typedef {{tool: string, touches: 'reads'|'changes', least: Verdict, most: Verdict,
 *   said_by: {layer: string, rule: {note?: string}|null}[]}} Outlook what the rules can say about calls of a tool
 * @typedef {{seq: number, type: string, at: string}} Milestone
 * @typedef {{id: string, session_id: string, user_id?: string, project_id?: string, source_type?: string, source_screen?: string,
 *   title: string, summary?: string, run_status: RunStatus, reason?: string|null, allowed_actions: string[], plan: Plan,
 *   result?: Record<string, any>, queue?: {position: number|null, waits_for: string|null}|null,
 *   progress?: {done: number, total: number, active_step: string|null}, usage?: Usage, blocked?: Blocked|null,
 *   executor?: string, active_executor_key?: string, governance_snapshot?: Record<string, any>, active_admin_override_notice?: any, status_summary?: string,
 *   created_at: string, updated_at: string, started_at: string|null, finished_at: string|null, last_seq: number}} Run
 * @typedef {{id: string, user_id?: string, title: string, project_id?: string, total_tokens: number, total_cost: string|null,
 *   message_count: number, created_at: string, updated_at: string, deleted_at?: string|null}} Session
 * @typedef {{id?: string, call_id?: string, name: string, arguments?: string}} AskedCall a message says `id`, an event
 *   `call_id`, which comes without arguments
 * @typedef {{id: string, session_id: string, run_id: string, role: 'user'|'assistant'|'tool', content: string,
 *   state?: 'streaming'|'complete'|'interrupted', purpose?: string, position?: number, tool_calls?: AskedCall[]|null,
 *   tool_call_id?: string|null, model?: string|null, executor?: string, scope?: string, input_tokens?: number, output_tokens?: number, cached_tokens?: number,
 *   cost?: string|null, estimated?: boolean, created_at: string, cause?: string}} Message
 * @typedef {{type: string, seq?: number, run_id: string, session_id: string, at?: string, summary?: string,
 *   details?: Record<string, any>, message_id?: string, offset?: number, text?: string}} Frame
 * @typedef {{run_id: string, session_id: string, text: string, length: number, gap: boolean}} Live
 * @typedef {{id: string, name: string, arguments: string, state: 'running'|'done'|'failed'|'denied'|'unknown',
 *   result: string, attempt: number}} ToolCall
 * @typedef {{status: number, code: string, title: string, detail: string, params?: Record<string, any>,
 *   field?: string, plan?: Plan, run_status?: RunStatus}} Problem
 * @typedef {{key: string, sessionId: string|null, text: string, status: 'sending'|'waiting'|'failed'|'sent',
 *   runId: string|null, problem: Problem|null, multitask: Multitask}} Outgoing
 * @typedef {'enqueue'|'steer'|'interrupt'} Multitask what becomes of a message while a run of its session works
 * @typedef {{status: 'connecting'|'live'|'reconnecting'|'signed_out', attempt: number, caughtUp: number}} Connection
 * @typedef {{userId: string, name: string, role: string, isDemo: boolean, model: string, version: string}} Me
 *
 * @typedef {object} State
 * @property {Me|null} me
 * @property {Connection} connection
 * @property {boolean} loaded the first lists are here
 * @property {Problem|null} loadProblem
 * @property {Record<string, Run>} runs
 * @property {Record<string, Session>} sessions
 * @property {string|null} moreSessions cursor of the next page of sessions
 * @property {Record<string, {items: Message[], more: string|null}>} messages by session
 * @property {Record<string, Live>} live text of messages being written, by message
 * @property {Record<string, ToolCall[]>} tools by run, as the events tell
 * @property {Record<string, Milestone[]>} trails the last that happened to each run, oldest first
 * @property {Record<string, {attempt: number, kind: string, afterSeconds: number}>} retrying by run
 * @property {Record<string, number>} seen the newest event of each run that came by the stream
 * @property {Outgoing[]} outbox
 * @property {string|null} sessionId the open session; null is a new chat
 * @property {Record<string, string>} busy what is being asked of the server, by run
 * @property {Record<string, Problem>} problems what the server refused last, by run
 */
export {};
