/**
 * What happened in runs before the stream told of them: read once for each, when somebody looks at it.
 *
 * @import {Api} from "./api.js"
 * @import {Message, Run} from "./types.js"
 * @typedef {(action: {type: string, [key: string]: any}) => void} Dispatch
 */

const MAX_TOOL_HISTORIES = 8;
/** A trail is the end of a history: so many of its last events, however long it is. */
const TRAIL_EVENTS = 60;

export class Histories {
  #api;
  #dispatch;
  /** @type {Set<string>} */
  #tools = new Set();
  /** @type {Set<string>} */
  #trails = new Set();

  /** @param {Api} api @param {Dispatch} dispatch */
  constructor(api, dispatch) {
    this.#api = api;
    this.#dispatch = dispatch;
  }

  /** What became of the tool calls of the latest runs of *messages*. Throws Refused. @param {Message[]} messages */
  async readTools(messages) {
    const runIds = new Set(messages.filter((m) => m.tool_calls?.length).map((m) => m.run_id));
    const wanted = [...runIds].filter((id) => !this.#tools.has(id)).slice(-MAX_TOOL_HISTORIES);
    await Promise.all(
      wanted.map(async (runId) => {
        this.#tools.add(runId);
        const page = await this.#api.runEvents(runId, 0);
        this.#dispatch({ type: "tool_history", runId, events: page.items });
      }),
    );
  }

  /** The last things that happened to *run*. Throws Refused. @param {Run} run */
  async readTrail(run) {
    if (this.#trails.has(run.id)) return;
    this.#trails.add(run.id);
    const page = await this.#api.runEvents(run.id, Math.max(0, run.last_seq - TRAIL_EVENTS));
    this.#dispatch({ type: "trail", runId: run.id, events: page.items });
  }
}
