/**
 * What joins the server, the stream and the state: it loads, listens, and does what the person asks. Views read
 * ``state`` and call its methods; they never fetch. It knows nothing of the DOM.
 *
 * @import {Handoff} from "./main-agent.js"
 * @import {PlanEdit} from "./plan-draft.js"
 * @import {Frame, Outgoing, Run, State} from "./types.js"
 */

import { Refused, newKey } from "./api.js";
import { awaitClosing } from "./closing.js";
import { Histories } from "./histories.js";
import { cancelMainAgentRun, confirmMainAgentRun, createMainAgentRun } from "./main-agent.js";
import { NEEDS_YOU, UNDER_WAY } from "./picking.js";
import { Refresher } from "./refresher.js";
import { SharedStream } from "./sharing.js";
import { CHANGES_MESSAGES, CHANGES_SESSION, initialState, meOf, reduce, snapshotsOf } from "./state.js";

const REFRESH_DELAY_MS = 30;
const RESYNC_EVERY_MS = 2_000;
const CATCH_UP_MS = 1_200;
/** Of all that is not over: it is counted. */
const OPEN = { status: [...NEEDS_YOU, ...UNDER_WAY], mine: "true", limit: "100" };

export class Workspace {
  /** @type {State} */
  state = initialState();
  api;
  #streamName;
  #projectId;
  /** @type {SharedStream|null} */
  #stream = null;
  #refresher = new Refresher(REFRESH_DELAY_MS);
  /** @type {Set<(state: State) => void>} */
  #listeners = new Set();
  /** @type {Set<(frame: Frame) => void>} */
  #ears = new Set();
  #lastResync = 0;
  /** Whether something could not be read for want of a connection. */
  #hasMissed = false;
  #caughtUpTimer = 0;
  #histories;

  /**
   * @param {import("./api.js").Api} api
   * @param {string} [streamName] tells the tabs of one page from those of another with the same person
   * @param {string} [projectId] the project of new chats
   */
  constructor(api, streamName = "oneliner", projectId = "") {
    this.api = api;
    this.#streamName = streamName;
    this.#projectId = projectId;
    this.#histories = new Histories(api, (action) => this.#dispatch(action));
  }

  /** @param {(state: State) => void} listener @returns {() => void} what ends it */
  subscribe(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Tells every run event that is news; live text is none. @param {(frame: Frame) => void} ear @returns {() => void} what ends it */
  listen(ear) {
    this.#ears.add(ear);
    return () => this.#ears.delete(ear);
  }

  /** @param {{type: string, [key: string]: any}} action */
  #dispatch(action) {
    const next = reduce(this.state, action);
    if (next === this.state) return;
    this.state = next;
    for (const listener of this.#listeners) listener(next);
  }

  /** Says who is here, opens the stream, loads the lists. Throws Refused: the token is not accepted. */
  async start() {
    const answer = await this.api.me();
    const me = meOf(answer);
    this.#dispatch({ type: "me", me });
    this.#stream?.stop(); // of a token that was not accepted any more
    this.#stream = new SharedStream({
      name: `${this.#streamName}:${me.userId}`,
      url: this.api.url("/v2/oneliner/stream"),
      token: (isRefresh) => this.api.token(isRefresh),
      lastId: answer.event_cursor == null ? null : String(answer.event_cursor),
      listener: {
        frame: (frame) => this.#took(frame),
        status: (status) => this.#connection(status),
        snapshots: () => snapshotsOf(this.state),
      },
    });
    this.#stream.start();
    await this.load();
  }

  stop() {
    this.#stream?.stop();
    this.#listeners.clear();
    this.#ears.clear();
  }

  /** The lists, and the open session when there is one. */
  async load() {
    try {
      const [open, latest, sessions] = await Promise.all([
        this.api.runs(OPEN),
        this.api.runs({ mine: "true" }),
        this.api.sessions(),
      ]);
      this.#dispatch({ type: "runs", runs: [...open.items, ...latest.items] });
      this.#dispatch({ type: "sessions", sessions: sessions.items, more: sessions.next_cursor ?? null });
      this.#dispatch({ type: "loaded" });
      if (this.state.sessionId) await this.open(this.state.sessionId);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.#dispatch({ type: "load_failed", problem: error.problem });
    }
  }

  // Reading.

  /** Shows a session; null is a new chat, and so is one that is not there. @param {string|null} sessionId */
  async open(sessionId) {
    this.#dispatch({ type: "opened", sessionId });
    if (sessionId === null) return;
    try {
      const [, runs] = await Promise.all([this.#loadMessages(sessionId), this.api.runs({ session_id: sessionId })]);
      this.#dispatch({ type: "runs", runs: runs.items });
      if (!this.state.sessions[sessionId]) await this.#loadSession(sessionId);
      await this.#histories.readTools(this.state.messages[sessionId]?.items ?? []);
      this.#awaitClosing(sessionId);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      // Deleted elsewhere, or remembered for somebody else; whatever else was refused is read again with the stream.
      if (error.problem.status === 404) this.#dispatch({ type: "session_gone", sessionId });
    }
  }

  /** What happened last to a run, for its chips. @param {Run} run */
  readTrail(run) {
    return this.#quietly(() => this.#histories.readTrail(run));
  }

  /** What the rules can say about each tool in a run. Throws Refused. @param {string} runId @returns {Promise<import("./types.js").Outlook[]>} */
  async outlooks(runId) {
    return (await this.api.ask("GET", `/v2/oneliner/runs/${runId}/tools`)).items;
  }

  /** Older messages of the open session. */
  async loadOlder() {
    const sessionId = this.state.sessionId;
    const more = sessionId && this.state.messages[sessionId]?.more;
    if (!sessionId || !more) return;
    await this.#quietly(async () => {
      const page = await this.api.messages(sessionId, more);
      this.#dispatch({ type: "messages", sessionId, messages: page.items, more: page.next_cursor ?? null });
    });
  }

  async loadMoreSessions() {
    const before = this.state.moreSessions;
    if (!before) return;
    await this.#quietly(async () => {
      const page = await this.api.sessions(before);
      this.#dispatch({ type: "sessions", sessions: page.items, more: page.next_cursor ?? null });
    });
  }

  retryConnection() {
    this.#stream?.retryNow();
  }

  // Asking.

  /** Sends a message into the open session. @param {string} text @param {import("./types.js").Multitask} multitask */
  async say(text, multitask = "enqueue") {
    await this.#send({ key: newKey(), sessionId: this.state.sessionId, text, status: "sending", runId: null, problem: null, multitask });
  }

  /** Sends a message again that did not get through. @param {string} key */
  async sendAgain(key) {
    const outgoing = this.state.outbox.find((o) => o.key === key);
    if (outgoing) await this.#send({ ...outgoing, status: "sending", problem: null });
  }

  /** @param {string} key */
  dropOutgoing(key) {
    this.#dispatch({ type: "outgoing_dropped", key });
  }

  /** @param {Outgoing} outgoing */
  async #send(outgoing) {
    this.#dispatch({ type: "outgoing", outgoing });
    try {
      const how = { projectId: this.#projectId, multitask: outgoing.multitask };
      const started = await this.api.say(outgoing.text, outgoing.sessionId, outgoing.key, how);
      const isHere = this.state.sessionId === outgoing.sessionId;
      this.#dispatch({
        type: "outgoing",
        outgoing: { ...outgoing, status: "sent", runId: started.run_id, sessionId: started.session_id },
      });
      if (isHere && outgoing.sessionId === null) this.#dispatch({ type: "opened", sessionId: started.session_id });
      this.#refreshRun(started.run_id);
      this.#refreshSession(started.session_id);
      this.#refreshMessages(started.session_id);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      const status = error.isUnreachable ? "waiting" : "failed";
      this.#dispatch({ type: "outgoing", outgoing: { ...outgoing, status, problem: error.problem } });
    }
  }

  /** Creates a run from a handoff and shows its session. Throws Refused. @param {Handoff} handoff @param {string} key */
  async handOff(handoff, key) {
    const run = await createMainAgentRun(this.api, handoff, key);
    this.#dispatch({ type: "runs", runs: [run] });
    // What else there is of its session comes by and by: the form closes on a run that is on the screen already.
    void this.open(run.session_id);
    return run;
  }

  /**
   * Lets a run go. A plan that its reader changed is stored first, and what is confirmed is what it then is.
   *
   * @param {Run} run @param {number} seen the revision of the plan that its reader saw @param {PlanEdit|null} edit
   * @returns {Promise<boolean>} whether it was taken
   */
  confirm(run, seen, edit) {
    return this.#act(run.id, "confirm", async () => {
      const edited = edit && (await this.api.editPlan(run.id, edit));
      if (edited) this.#dispatch({ type: "runs", runs: [edited] });
      return confirmMainAgentRun(this.api, run.id, edited ? edited.plan.rev : seen);
    });
  }

  /** @param {Run} run @param {PlanEdit} edit */
  savePlan(run, edit) {
    return this.#act(run.id, "edit_plan", () => this.api.editPlan(run.id, edit));
  }

  /** Asks for another plan, in words. @param {Run} run @param {string} instruction */
  revise(run, instruction) {
    return this.#act(run.id, "revise", () =>
      this.api.revisePlan(run.id, { instruction, plan_rev: run.plan.rev }),
    );
  }

  /** @param {Run} run */
  cancel(run) {
    return this.#act(run.id, "cancel", () => cancelMainAgentRun(this.api, run.id));
  }

  /** @param {Run} run @param {string} reason */
  retry(run, reason) {
    return this.#act(run.id, "retry", () => this.api.moveRun(run.id, "retry", { reason }));
  }

  /** @param {Run} run @param {Record<string, any>} answer */
  resume(run, answer) {
    return this.#act(run.id, "resume", () => this.api.moveRun(run.id, "resume", { answer }));
  }

  /** Throws Refused. @param {string} sessionId @param {string} title */
  async renameSession(sessionId, title) {
    this.#dispatch({ type: "sessions", sessions: [await this.api.ask("PATCH", `/v1/agent/sessions/${sessionId}`, { title })] });
  }

  /** @param {string} sessionId */
  async deleteSession(sessionId) {
    await this.#quietly(() => this.removeSession(sessionId));
  }

  /** Deletes a session, whoever's. Throws Refused. @param {string} sessionId */
  async removeSession(sessionId) {
    await this.api.deleteSession(sessionId);
    this.#dispatch({ type: "session_gone", sessionId });
  }

  /**
   * @param {string} runId
   * @param {string} what
   * @param {() => Promise<Run>} work
   */
  async #act(runId, what, work) {
    if (this.state.busy[runId]) return false;
    this.#dispatch({ type: "busy", runId, what });
    this.#dispatch({ type: "problem", runId, problem: null });
    try {
      this.#dispatch({ type: "runs", runs: [await work()] });
      return true;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.#dispatch({ type: "problem", runId, problem: error.problem });
      this.#refreshRun(runId);
      return false;
    } finally {
      this.#dispatch({ type: "busy", runId, what: null });
    }
  }

  // Listening.

  /** @param {Frame} frame */
  #took(frame) {
    const isNew = frame.seq !== undefined && frame.seq > (this.state.seen[frame.run_id] ?? 0);
    this.#dispatch({ type: "frame", frame });
    if (frame.seq === undefined) {
      this.#mendGap(frame);
      return;
    }
    if (!isNew) return;
    for (const ear of this.#ears) ear(frame);
    if (this.#caughtUpTimer) this.#countCaughtUp();
    this.#refreshRun(frame.run_id);
    // The open session also while it is being read for the first time: that answer may be older than this event.
    const isShown = frame.session_id === this.state.sessionId || frame.session_id in this.state.messages;
    if (CHANGES_MESSAGES.has(frame.type) && isShown) this.#refreshMessages(frame.session_id);
    if (CHANGES_SESSION.has(frame.type)) this.#refreshSession(frame.session_id);
    if (frame.type === "run.cancelled" && isShown) this.#awaitClosing(frame.session_id);
  }

  /** @param {Frame} frame */
  #mendGap(frame) {
    if (!this.state.live[frame.message_id ?? ""]?.gap || Date.now() - this.#lastResync < RESYNC_EVERY_MS) return;
    this.#lastResync = Date.now();
    this.#stream?.resync();
  }

  /** @param {import("./stream.js").StreamStatus} status */
  #connection(status) {
    const wasAway = this.state.connection.status === "reconnecting";
    this.#dispatch({ type: "connection", connection: wasAway ? status : { ...status, caughtUp: 0 } });
    if (status.status !== "live") return;
    if (wasAway) {
      this.#dispatch({ type: "connection", connection: { caughtUp: 0 } });
      globalThis.clearTimeout(this.#caughtUpTimer);
      this.#caughtUpTimer = globalThis.setTimeout(() => (this.#caughtUpTimer = 0), CATCH_UP_MS);
    }
    if (!this.state.loaded || this.#hasMissed) void this.load();
    this.#hasMissed = false;
    for (const { key } of this.state.outbox.filter((outgoing) => outgoing.status === "waiting")) void this.sendAgain(key);
  }

  #countCaughtUp() {
    this.#dispatch({ type: "connection", connection: { caughtUp: this.state.connection.caughtUp + 1 } });
  }

  // Fetching what the stream told of.

  /** @param {string} runId */
  #refreshRun(runId) {
    this.#refresher.ask(`run ${runId}`, () => this.#quietly(async () => this.#dispatch({ type: "runs", runs: [await this.api.run(runId)] })));
  }

  /** @param {string} sessionId */
  #refreshMessages(sessionId) {
    this.#refresher.ask(`messages ${sessionId}`, () => this.#quietly(() => this.#loadMessages(sessionId)));
  }

  /** @param {string} sessionId */
  #refreshSession(sessionId) {
    this.#refresher.ask(`session ${sessionId}`, () => this.#quietly(() => this.#loadSession(sessionId)));
  }

  /** @param {string} sessionId */
  #awaitClosing(sessionId) {
    awaitClosing(() => this.state, sessionId, (runId) => { this.#refreshRun(runId); this.#refreshMessages(sessionId); this.#refreshSession(sessionId); });
  }

  /** @param {string} sessionId */
  async #loadMessages(sessionId) {
    const page = await this.api.messages(sessionId);
    const known = this.state.messages[sessionId];
    const ids = new Set(known?.items.map((m) => m.id));
    // A first page that is fetched again must not forget how far back was read, unless there is a hole in between.
    const goesOn = known !== undefined && (page.next_cursor == null || page.items.some((m) => ids.has(m.id)));
    const more = goesOn ? undefined : (page.next_cursor ?? null);
    this.#dispatch({ type: "messages", sessionId, messages: page.items, more, isFresh: !goesOn });
  }

  /** @param {string} sessionId */
  async #loadSession(sessionId) {
    this.#dispatch({ type: "sessions", sessions: [await this.api.session(sessionId)] });
  }

  /** Lets a refusal of a reading pass; what the connection was missing for is read again when it is back. @param {() => Promise<void>} work */
  async #quietly(work) {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (error.isUnreachable) this.#hasMissed = true;
    }
  }
}
