/**
 * One stream for all tabs of a browser. Browsers allow about six connections to a server: with a stream in each tab the
 * seventh would not even load. The tab that leads reads the stream and passes every frame on; when it closes, the next one
 * leads and reads on from the last event it was passed.
 *
 * @import {Frame} from "./types.js"
 * @import {StreamStatus} from "./stream.js"
 * @typedef {{frame(frame: Frame): void, status(status: StreamStatus): void, snapshots(): Frame[]}} Listener
 */

import { lead } from "./leading.js";
import { EventStream } from "./stream.js";

const ANSWER_MS = 200;

export class SharedStream {
  #name;
  #listener;
  #openStream;
  /** @type {EventStream|null} */
  #stream = null;
  /** @type {BroadcastChannel|null} */
  #channel = null;
  #stopping = new AbortController();
  /** @type {string|null} */
  #lastId = null;
  /** @type {StreamStatus} */
  #status = { status: "connecting", attempt: 0 };

  /**
   * @param {object} options
   * @param {string} options.name one name for the tabs of one person at one server
   * @param {string} options.url
   * @param {(isRefresh: boolean) => Promise<string|null>} options.token
   * @param {Listener} options.listener
   * @param {string|null} [options.lastId] from where on everything is news
   */
  constructor({ name, url, token, listener, lastId = null }) {
    this.#name = name;
    this.#lastId = lastId;
    this.#listener = listener;
    this.#openStream = () =>
      new EventStream({
        url,
        token,
        lastId: this.#lastId,
        onFrame: (frame, id) => this.#took(frame, id),
        onStatus: (status) => this.#said(status),
      });
  }

  start() {
    this.#channel = new BroadcastChannel(this.#name);
    this.#channel.onmessage = (message) => this.#heard(message.data);
    this.#channel.postMessage({ type: "hello" });
    void lead(this.#name, this.#stopping.signal, (lost) => this.#lead(lost));
  }

  stop() {
    this.#stopping.abort();
    this.#stream?.stop();
    this.#channel?.close();
  }

  retryNow() {
    if (this.#stream) this.#stream.retryNow();
    else this.#channel?.postMessage({ type: "retry" });
  }

  /** Asks for the whole of what is being written. */
  resync() {
    if (this.#stream) this.#stream.resync();
    else this.#channel?.postMessage({ type: "hello" });
  }

  /** @param {AbortSignal} lost */
  async #lead(lost) {
    if (this.#stopping.signal.aborted) return;
    const stream = this.#openStream();
    this.#stream = stream;
    lost.addEventListener("abort", () => stream.stop());
    await stream.run();
    // From here on it hears what the next one says.
    this.#stream = null;
  }

  /** @param {Frame} frame @param {string|null} id */
  #took(frame, id) {
    if (id !== null) this.#lastId = id;
    this.#channel?.postMessage({ type: "frame", frame, id });
    this.#listener.frame(frame);
  }

  /** @param {StreamStatus} status */
  #said(status) {
    this.#status = status;
    this.#channel?.postMessage({ type: "status", status });
    this.#listener.status(status);
  }

  /** @param {{type: string, frame?: any, id?: string|null, status?: any, frames?: any[]}} message */
  #heard(message) {
    if (this.#stream) {
      if (message.type === "hello") this.#greet();
      if (message.type === "retry") this.#stream.retryNow();
      return;
    }
    if (message.id != null) this.#lastId = message.id;
    if (message.type === "frame") this.#listener.frame(message.frame);
    if (message.type === "status") this.#listener.status(message.status);
    if (message.type === "welcome") for (const frame of message.frames ?? []) this.#listener.frame(frame);
  }

  /** Tells a tab that has just come where we are, and what is being written. */
  #greet() {
    const frames = this.#listener.snapshots();
    this.#channel?.postMessage({ type: "welcome", id: this.#lastId, frames });
    this.#channel?.postMessage({ type: "status", status: this.#status });
  }
}

/**
 * Lets the tabs of one origin pass a value on: a tab that has none asks, one that has it answers. It never leaves the
 * browser, nor the origin.
 *
 * @param {string} name
 * @param {() => string|null} value what this tab has
 * @param {(value: string) => void} onGone another tab says that a value is not to be used any more
 * @returns {{ask(): Promise<string|null>, gone(value: string): void}}
 */
export function askOtherTabs(name, value, onGone) {
  const channel = new BroadcastChannel(name);
  /** @type {((answer: string|null) => void)|null} */
  let answered = null;
  channel.onmessage = ({ data }) => {
    const own = value();
    if (data?.type === "ask" && own) channel.postMessage({ type: "answer", value: own });
    if (data?.type === "answer") answered?.(data.value);
    if (data?.type === "gone") onGone(data.value);
  };
  return {
    gone: (gone) => channel.postMessage({ type: "gone", value: gone }),
    ask: () =>
      new Promise((resolve) => {
        answered = resolve;
        channel.postMessage({ type: "ask" });
        setTimeout(() => resolve(null), ANSWER_MS);
      }),
  };
}
