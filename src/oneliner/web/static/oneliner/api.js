/**
 * Everything the page asks of the server, one function a route. Answers come back as they are; a refusal is thrown as a
 * :class:`Refused` that carries the server's problem. Knows nothing of state or views.
 *
 * @import {Message, Problem, Run, Session} from "./types.js"
 * @typedef {object} Connection
 * @property {string} base where the server is, without a slash at the end; "" for the page's own
 * @property {(isRefresh: boolean) => Promise<string|null>} token the bearer token; with true a fresh one
 * @property {() => string} language for the texts of the server
 * @property {typeof fetch} [fetch]
 */

const KEY_BYTES = 16;

/** A key for one wish, however often it is sent. Not ``randomUUID``: browsers keep that from pages served over plain HTTP. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(KEY_BYTES));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The server answered no. ``status`` 0: it could not be reached. */
export class Refused extends Error {
  /** @param {Problem} problem */
  constructor(problem) {
    super(problem.detail || problem.title || problem.code);
    this.problem = problem;
  }

  /** Whether asking again later may help: nothing was refused, nobody answered. */
  get isUnreachable() {
    return this.problem.status === 0 || this.problem.status === 502 || this.problem.status === 503;
  }
}

/** The server's routes with one person's token. */
export class Api {
  #connection;

  /** @param {Connection} connection */
  constructor(connection) {
    this.#connection = connection;
  }

  /** The token for a stream, which is opened elsewhere. @param {boolean} isRefresh */
  token(isRefresh) {
    return this.#connection.token(isRefresh);
  }

  /** @param {string} path */
  url(path) {
    return this.#connection.base + path;
  }

  /** @returns {Promise<Record<string, any>>} */
  me() {
    return this.ask("GET", "/v2/oneliner/me");
  }

  /** @param {Record<string, string|string[]|null|undefined>} [query] @returns {Promise<{items: Run[], next_cursor: string|null}>} */
  runs(query) {
    return this.ask("GET", `/v2/oneliner/runs${queryOf(query)}`);
  }

  /** @param {string} runId @returns {Promise<Run>} */
  run(runId) {
    return this.ask("GET", `/v2/oneliner/runs/${part(runId)}`);
  }

  /**
   * The last events of some types, oldest first.
   *
   * @param {string} runId @param {string[]} types @param {number} limit @returns {Promise<Record<string, any>[]>}
   */
  async lastEvents(runId, types, limit) {
    return (await this.ask("GET", `/v2/oneliner/runs/${part(runId)}/events${queryOf({ event_type: types, newest: "true", limit: String(limit) })}`)).items;
  }

  /** The person's own. @param {string|null} before @returns {Promise<{items: Session[], next_cursor: string|null}>} */
  sessions(before = null) {
    return this.ask("GET", `/v1/agent/sessions${queryOf({ before, mine: "true" })}`);
  }

  /** @param {string} sessionId @returns {Promise<Session>} */
  session(sessionId) {
    return this.ask("GET", `/v1/agent/sessions/${part(sessionId)}`);
  }

  /** @param {string} sessionId @param {string|null} before @returns {Promise<{items: Message[], next_cursor: string|null}>} */
  messages(sessionId, before = null) {
    return this.ask("GET", `/v1/agent/sessions/${part(sessionId)}/messages${queryOf({ before })}`);
  }

  /** @param {string} sessionId */
  async deleteSession(sessionId) {
    await this.ask("DELETE", `/v1/agent/sessions/${part(sessionId)}`);
  }

  /**
   * @param {string} message
   * @param {string|null} sessionId
   * @param {string} key one key for one message, however often it is sent
   * @param {{projectId?: string, multitask?: import("./types.js").Multitask}} [how] the project of a new session; what to
   *   do when a run of the session works
   * @returns {Promise<{run_id: string, session_id: string, created: boolean, run_status: string}>}
   */
  say(message, sessionId, key, { projectId = "", multitask = "enqueue" } = {}) {
    return this.ask("POST", "/v1/agent/runs", sessionId ? { message, session_id: sessionId, multitask } : { message, project_id: projectId }, key);
  }

  /** @param {Record<string, any>} handoff @param {string} key @returns {Promise<Run>} */
  createRun(handoff, key) {
    return this.ask("POST", "/v2/oneliner/runs", handoff, key);
  }

  /**
   * A move of a run: confirm, cancel, resume or retry.
   *
   * @param {string} runId @param {string} move @param {Record<string, any>} body @returns {Promise<Run>}
   */
  moveRun(runId, move, body) {
    return this.ask("POST", `/v2/oneliner/runs/${part(runId)}/${move}`, body, newKey());
  }

  /** @param {string} runId @param {Record<string, any>} body @returns {Promise<Run>} */
  revisePlan(runId, body) {
    return this.ask("POST", `/v2/oneliner/runs/${part(runId)}/plan/revise`, body, newKey());
  }

  /** @param {string} runId @param {Record<string, any>} body @returns {Promise<Run>} */
  editPlan(runId, body) {
    return this.ask("PATCH", `/v2/oneliner/runs/${part(runId)}/plan`, body);
  }

  /**
   * Any route. Throws Refused.
   *
   * @param {string} method @param {string} path @param {Record<string, any>} [body] @param {string} [key]
   * @returns {Promise<any>} the answer's JSON, null when it has none
   */
  async ask(method, path, body, key) {
    return reached(async () => answerOf(await this.#answered(method, path, body, key)));
  }

  /** What a route gives to be kept as a file. Throws Refused. @param {string} path @returns {Promise<Blob>} */
  async file(path) {
    return reached(async () => {
      const response = await this.#answered("GET", path);
      if (!response.ok) throw new Refused(await problemOf(response));
      return response.blob();
    });
  }

  /** Asks again with a new token when the old one is not taken. @param {string} method @param {string} path @param {Record<string, any>} [body] @param {string} [key] */
  async #answered(method, path, body, key) {
    const response = await this.#send(method, path, body, key, false);
    return response.status === 401 ? this.#send(method, path, body, key, true) : response;
  }

  /**
   * @param {string} method @param {string} path @param {Record<string, any>|undefined} body
   * @param {string|undefined} key @param {boolean} isRefresh
   */
  async #send(method, path, body, key, isRefresh) {
    const token = await this.#connection.token(isRefresh);
    /** @type {Record<string, string>} */
    const headers = { Accept: "application/json", "Accept-Language": this.#connection.language() };
    if (token) headers.Authorization = `Bearer ${token}`;
    if (body) headers["Content-Type"] = "application/json";
    if (key) headers["Idempotency-Key"] = key;
    const call = this.#connection.fetch ?? fetch;
    const init = { method, headers, body: body && JSON.stringify(body), cache: /** @type {const} */ ("no-store") };
    return call(this.url(path), init);
  }
}

/**
 * Trades the code of a one-time sign-in link for a token.
 *
 * @param {string} base
 * @param {string} code
 * @returns {Promise<{token: string, expires_at: string}>}
 */
export async function exchangeCode(base, code) {
  const headers = { "Content-Type": "application/json" };
  const init = { method: "POST", headers, body: JSON.stringify({ code }) };
  return reached(async () => answerOf(await fetch(`${base}/v1/auth/exchange`, init)));
}

/** A line that breaks, also in mid-answer, is a problem like any other. @param {() => Promise<any>} ask */
async function reached(ask) {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof TypeError) throw new Refused({ status: 0, code: "unreachable", title: "", detail: "" });
    throw error;
  }
}

/** @param {Response} response @returns {Promise<any>} its JSON, null when it has none */
async function answerOf(response) {
  if (!response.ok) throw new Refused(await problemOf(response));
  return response.status === 204 ? null : response.json();
}

/** @param {Response} response @returns {Promise<Problem>} */
async function problemOf(response) {
  const nothing = { status: response.status, code: "error", title: response.statusText, detail: "" };
  if (!(response.headers.get("content-type") ?? "").includes("json")) return nothing;
  return { ...nothing, ...(await response.json()), status: response.status };
}

/** An id may come from the address, and must not lead to another route. @param {string} id */
export function part(id) {
  return encodeURIComponent(id);
}

/** @param {Record<string, string|string[]|null|undefined>} [query] */
export function queryOf(query = {}) {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).filter((v) => v != null).map((v) => [name, String(v)]),
  );
  return pairs.length ? `?${new URLSearchParams(pairs)}` : "";
}
