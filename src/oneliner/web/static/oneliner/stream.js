/**
 * The one stream of everything that happens to the caller's runs, and the only module that opens it.
 *
 * It stays open whatever breaks: after a cut it comes back with the id of the last event it saw, waiting twice as long
 * each time; at once when the browser says it is online again. The server sends a comment every 12 s, so 20 s without a
 * byte mean that the line is dead, also where no error says so. Only a token that is refused twice ends it.
 *
 * @import {Frame} from "./types.js"
 * @typedef {{status: 'connecting'|'live'|'reconnecting'|'signed_out', attempt: number}} StreamStatus
 */

import { Refused } from "./api.js";
import { EventParser } from "./sse.js";

const SILENCE_MS = 20_000;
const FIRST_WAIT_MS = 500;
const MAX_WAIT_MS = 10_000;

export class EventStream {
  #url;
  #token;
  #onFrame;
  #onStatus;
  #lastId;
  /** @type {AbortController|null} */
  #reading = null;
  #attempt = 0;
  #isStopped = false;
  /** @type {(() => void)|null} ends a wait between two attempts */
  #wake = null;
  #online = () => this.retryNow();
  // Browsers do not cut what is open when the network goes; without this it would take the silence to notice.
  #offline = () => this.#reading?.abort();

  /**
   * @param {object} options
   * @param {string} options.url
   * @param {(isRefresh: boolean) => Promise<string|null>} options.token
   * @param {(frame: Frame, id: string|null) => void} options.onFrame
   * @param {(status: StreamStatus) => void} options.onStatus
   * @param {string|null} [options.lastId] where to go on
   */
  constructor({ url, token, onFrame, onStatus, lastId = null }) {
    this.#url = url;
    this.#token = token;
    this.#onFrame = onFrame;
    this.#onStatus = onStatus;
    this.#lastId = lastId;
  }

  /** The id of the newest event that was read. */
  get lastId() {
    return this.#lastId;
  }

  /** Reads until :meth:`stop`, or until the token is refused for good. */
  async run() {
    globalThis.addEventListener("online", this.#online);
    globalThis.addEventListener("offline", this.#offline);
    try {
      while (!this.#isStopped && (await this.#readOnce())) await this.#pause();
    } finally {
      globalThis.removeEventListener("online", this.#online);
      globalThis.removeEventListener("offline", this.#offline);
    }
  }

  stop() {
    this.#isStopped = true;
    this.#reading?.abort();
    this.#wake?.();
  }

  /** Tries again at once instead of at the end of the wait. */
  retryNow() {
    this.#wake?.();
  }

  /** Opens the stream anew: the server then sends the whole of what is being written. */
  resync() {
    this.#reading?.abort();
  }

  /** @returns {Promise<boolean>} whether to try again */
  async #readOnce() {
    this.#reading = new AbortController();
    const { signal } = this.#reading;
    this.#onStatus({ status: this.#attempt ? "reconnecting" : "connecting", attempt: this.#attempt });
    try {
      const response = await this.#open(signal);
      if (response.status === 401 || response.status === 403) {
        this.#onStatus({ status: "signed_out", attempt: 0 });
        return false;
      }
      if (response.ok && response.body) await this.#read(response.body, signal);
    } catch (error) {
      if (!isBrokenLine(error)) throw error;
    }
    this.#attempt += 1;
    return !this.#isStopped;
  }

  /** @param {AbortSignal} signal */
  async #open(signal) {
    const response = await this.#request(signal, false);
    return response.status === 401 ? this.#request(signal, true) : response;
  }

  /** @param {AbortSignal} signal @param {boolean} isRefresh */
  async #request(signal, isRefresh) {
    const token = await this.#token(isRefresh);
    /** @type {Record<string, string>} */
    const headers = { Accept: "text/event-stream" };
    if (token) headers.Authorization = `Bearer ${token}`;
    if (this.#lastId !== null) headers["Last-Event-ID"] = this.#lastId;
    const silence = setTimeout(() => this.#reading?.abort(), SILENCE_MS);
    try {
      return await fetch(this.#url, { headers, signal, cache: "no-store" });
    } finally {
      clearTimeout(silence);
    }
  }

  /** @param {ReadableStream<Uint8Array>} body @param {AbortSignal} signal */
  async #read(body, signal) {
    const parser = new EventParser();
    const reader = body.getReader();
    let silence = setTimeout(() => this.#reading?.abort(), SILENCE_MS);
    this.#onStatus({ status: "live", attempt: this.#attempt });
    this.#attempt = 0;
    try {
      while (!signal.aborted) {
        const { done, value } = await reader.read();
        clearTimeout(silence);
        if (done) return;
        silence = setTimeout(() => this.#reading?.abort(), SILENCE_MS);
        for (const event of parser.push(value)) this.#take(event);
      }
    } finally {
      clearTimeout(silence);
      reader.cancel().catch(() => {}); // the line may be gone already; there is nobody left to tell
    }
  }

  /** @param {import("./sse.js").ServerEvent} event */
  #take(event) {
    if (event.id !== null) this.#lastId = event.id;
    this.#onFrame(JSON.parse(event.data), event.id);
  }

  async #pause() {
    const wait = Math.min(FIRST_WAIT_MS * 2 ** (this.#attempt - 1), MAX_WAIT_MS) * (0.75 + Math.random() / 2);
    if (!this.#isStopped && this.#attempt > 1) this.#onStatus({ status: "reconnecting", attempt: this.#attempt });
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, wait);
      this.#wake = () => {
        clearTimeout(timer);
        resolve(undefined);
      };
    });
    this.#wake = null;
  }
}

/** @param {unknown} error a fetch that failed, a reading that we or the network ended, or no token this time */
function isBrokenLine(error) {
  return error instanceof TypeError || error instanceof Refused || (error instanceof DOMException && error.name === "AbortError");
}
