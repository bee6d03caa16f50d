/**
 * What happened in runs before the stream told of them: read once for each, when somebody looks at it.
 *
 * @import {Api} from "./api.js"
 * @import {Message, Run} from "./types.js"
 * @typedef {(action: {type: string, [key: string]: any}) => void} Dispatch
 */

import { MILESTONES } from "./milestones.js";
import { MAX_TRAIL } from "./state.js";

const MAX_TOOL_HISTORIES = 8;
/** Of a run with more calls than this, the page has the last ones. */
const MAX_TOOL_EVENTS = 200;
const TOOL_EVENTS = ["tool.started", "tool.completed", "tool.failed", "tool.denied", "tool.unknown"];

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
        const events = await once(this.#tools, runId, () => this.#api.lastEvents(runId, TOOL_EVENTS, MAX_TOOL_EVENTS));
        this.#dispatch({ type: "tool_history", runId, events });
      }),
    );
  }

  /** The last things that happened to *run*. Throws Refused. @param {Run} run */
  async readTrail(run) {
    if (this.#trails.has(run.id)) return;
    const events = await once(this.#trails, run.id, () => this.#api.lastEvents(run.id, MILESTONES, MAX_TRAIL));
    this.#dispatch({ type: "trail", runId: run.id, events });
  }
}

/**
 * Notes *id* in *done* for as long as *read* runs and when it was done; what was refused can be read another time.
 *
 * @template T
 * @param {Set<string>} done @param {string} id @param {() => Promise<T>} read @returns {Promise<T>}
 */
async function once(done, id, read) {
  done.add(id);
  try {
    return await read();
  } catch (error) {
    done.delete(id);
    throw error;
  }
}
