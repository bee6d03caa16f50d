/**
 * Server-sent events as bytes. Pure: no network and no clock, so a split anywhere, also inside a character, can be
 * tested. Lines end with LF, CRLF or CR, as the standard allows.
 *
 * @typedef {{id: string|null, event: string, data: string}} ServerEvent
 */

/** Turns pieces of a byte stream into whole events; comments and unfinished events yield nothing. */
export class EventParser {
  #decoder = new TextDecoder();
  #rest = "";
  #endedWithCr = false;
  /** @type {string[]} */
  #data = [];
  /** @type {string|null} */
  #id = null;
  #event = "";

  /**
   * @param {Uint8Array} bytes
   * @returns {ServerEvent[]} the events that *bytes* complete, in order
   */
  push(bytes) {
    let text = this.#decoder.decode(bytes, { stream: true });
    if (this.#endedWithCr && text.startsWith("\n")) text = text.slice(1);
    if (text) this.#endedWithCr = text.endsWith("\r");
    const lines = (this.#rest + text).split(/\r\n|\n|\r/);
    this.#rest = lines.pop() ?? "";
    /** @type {ServerEvent[]} */
    const events = [];
    for (const line of lines) this.#take(line, events);
    return events;
  }

  /**
   * @param {string} line
   * @param {ServerEvent[]} events
   */
  #take(line, events) {
    if (line === "") {
      if (this.#data.length) events.push({ id: this.#id, event: this.#event, data: this.#data.join("\n") });
      this.#data = [];
      this.#id = null;
      this.#event = "";
      return;
    }
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") this.#data.push(value);
    else if (field === "id" && !value.includes("\0")) this.#id = value;
    else if (field === "event") this.#event = value;
  }
}
