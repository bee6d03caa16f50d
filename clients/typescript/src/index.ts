/**
 * A client for a OneLiner server. Requests are typed by the API's description; streams resume by themselves.
 *
 *     const oneliner = connect({ baseUrl: "https://agent.example.com", token: () => mintToken() });
 *     const { data } = await oneliner.api.POST("/v1/agent/runs", { body: { message: "Hello" } });
 *     for await (const frame of oneliner.events(data!.run_id)) console.log(frame.type);
 */

import createClient, { type Client } from "openapi-fetch";
import { EventSourceParserStream } from "eventsource-parser/stream";
import type { components, paths } from "./api.js";

export type Schemas = components["schemas"];
export type Run = Schemas["RunAnswer"];
/** What comes on a stream: run events, which have a `seq`, and text that is being written. */
export type Frame = Schemas["EventFrame"] | Schemas["DeltaFrame"] | Schemas["SnapshotFrame"];

export interface Options {
  baseUrl: string;
  /** A token, or a function that makes one; it is asked again when the server refuses the one it gave. */
  token: string | (() => string | Promise<string>);
  /** The language of `status_summary`, as in Accept-Language. */
  language?: string;
  fetch?: typeof globalThis.fetch;
}

export interface Following {
  /** Go on behind this event. */
  after?: number;
  signal?: AbortSignal;
}

export interface OneLiner {
  /** Every operation, by its path. A POST carries an `Idempotency-Key`, yours when you give one. */
  api: Client<paths>;
  /** The events of a run and the text between them, each event once and in order, until the run has ended. */
  events(runId: string, options?: Following): AsyncGenerator<Frame, void>;
  /** All that happens to one's runs, without an end. */
  stream(options?: Following & { projectId?: string }): AsyncGenerator<Frame, void>;
  /** The run as soon as it has ended, or waits for a person. */
  wait(runId: string, options?: { signal?: AbortSignal }): Promise<Run>;
}

/** The server's no: `problem.code` says why. */
export class Refused extends Error {
  readonly status: number;
  readonly problem: Partial<Schemas["Problem"]>;

  constructor(status: number, problem: Partial<Schemas["Problem"]>) {
    super(problem.detail ?? problem.title ?? `HTTP status ${status}`);
    this.name = "Refused";
    this.status = status;
    this.problem = problem;
  }
}

const SILENCE_MS = 30_000;
const FIRST_WAIT_MS = 200;
const LONGEST_WAIT_MS = 5_000;
const FOR_A_PERSON = new Set(["needs_confirmation", "blocked"]);
const AGAIN = new Set([429, 502, 503, 504]);

/** A connection to one server as one user; nothing is sent yet. */
export function connect(options: Options): OneLiner {
  const base = options.baseUrl.replace(/\/+$/, "");
  const send = authorized(options);
  const api = createClient<paths>({ baseUrl: base, fetch: send });
  const events = (runId: string, following: Following = {}) =>
    frames(send, `${base}/v1/agent/runs/${encodeURIComponent(runId)}/events`, { after: 0, ...following });

  async function getRun(runId: string): Promise<Run> {
    const { data, error, response } = await api.GET("/v2/oneliner/runs/{run_id}", { params: { path: { run_id: runId } } });
    if (data === undefined) throw new Refused(response.status, error ?? {});
    return data;
  }

  return {
    api,
    events,
    stream({ projectId, ...following } = {}) {
      const query = projectId === undefined ? "" : `?${new URLSearchParams({ project_id: projectId })}`;
      return frames(send, `${base}/v2/oneliner/stream${query}`, following);
    },
    async wait(runId, { signal } = {}) {
      for await (const frame of events(runId, signal ? { signal } : {})) {
        if (!("details" in frame) || !FOR_A_PERSON.has(String(frame.details["run_status"]))) continue;
        const run = await getRun(runId);
        if (FOR_A_PERSON.has(run.run_status) && run.last_seq === frame.seq) return run;
      }
      return getRun(runId);
    },
  };
}

type Send = (request: Request) => Promise<Response>;

/** A fetch that shows the token, renews it once when it is refused, and gives every POST a key. */
function authorized({ token, language, fetch = globalThis.fetch }: Options): Send {
  let current: string | undefined;
  const make = async () => (typeof token === "string" ? token : token());
  return async (request) => {
    const again = request.clone();
    if (request.method === "POST" && !request.headers.has("Idempotency-Key")) {
      const key = crypto.randomUUID();
      request.headers.set("Idempotency-Key", key);
      again.headers.set("Idempotency-Key", key);
    }
    if (language) request.headers.set("Accept-Language", language);
    const used = (current ??= await make());
    request.headers.set("Authorization", `Bearer ${used}`);
    const response = await fetch(request);
    if (response.status !== 401 || typeof token === "string") return response;
    await response.body?.cancel();
    if (current === used) current = await make();
    if (language) again.headers.set("Accept-Language", language);
    again.headers.set("Authorization", `Bearer ${current}`);
    return fetch(again);
  };
}

async function* frames(send: Send, url: string, { after, signal }: Following): AsyncGenerator<Frame, void> {
  let seen = after;
  let failures = 0;
  while (!signal?.aborted) {
    const silence = new AbortController();
    let timer = setTimeout(() => silence.abort(), SILENCE_MS);
    try {
      const headers: Record<string, string> = { Accept: "text/event-stream" };
      if (seen !== undefined) headers["Last-Event-ID"] = String(seen);
      const either = signal ? AbortSignal.any([signal, silence.signal]) : silence.signal;
      const response = await send(new Request(url, { headers, signal: either, cache: "no-store" }));
      if (response.status === 204) return;
      if (AGAIN.has(response.status)) throw new TypeError(`HTTP status ${response.status}`);
      if (!response.ok || !response.body) throw new Refused(response.status, await problemOf(response));
      const alive = new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, controller) {
          clearTimeout(timer);
          timer = setTimeout(() => silence.abort(), SILENCE_MS);
          controller.enqueue(chunk);
        },
      });
      const text = new TextDecoderStream() as unknown as TransformStream<Uint8Array, string>;
      const read = response.body.pipeThrough(alive).pipeThrough(text).pipeThrough(new EventSourceParserStream());
      for await (const event of items(read)) {
        failures = 0;
        if (event.id) {
          if (seen !== undefined && Number(event.id) <= seen) continue;
          seen = Number(event.id);
        }
        yield JSON.parse(event.data) as Frame;
      }
    } catch (error) {
      if (error instanceof Refused || signal?.aborted) throw error;
      // The line broke; what was seen is known, so nothing is lost.
      failures += 1;
      const wait = Math.min(FIRST_WAIT_MS * 2 ** failures, LONGEST_WAIT_MS) * (0.5 + Math.random() / 2);
      await new Promise((resolve) => setTimeout(resolve, wait));
    } finally {
      clearTimeout(timer);
    }
  }
}

/** What a stream holds; leaving the loop ends the request. */
async function* items<T>(stream: ReadableStream<T>): AsyncGenerator<T, void> {
  const reader = stream.getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
  } finally {
    await reader.cancel().catch(() => {}); // it may have broken already
  }
}

async function problemOf(response: Response): Promise<Partial<Schemas["Problem"]>> {
  try {
    return await response.json();
  } catch {
    return {};
  }
}
