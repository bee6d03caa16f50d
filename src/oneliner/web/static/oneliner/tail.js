/**
 * The newest of what happens, and no more than that: events in the order they came, bounded, with a pause during which
 * they are counted and kept but not shown. Pure.
 *
 * A ring, because a list that is cut at its front is copied for each event. While it is paused nothing is dropped from
 * what is shown; what comes meanwhile is kept up to the same bound, and the oldest of that gives way.
 *
 * @import {Frame} from "./types.js"
 * @typedef {{kind: string, text: string}} TailFilter ``kind``: the part of a type before its dot; ``text`` in lower case
 */

export class Tail {
  #most;
  /** @type {Frame[]} */
  #ring = [];
  /** where the oldest stands */
  #start = 0;
  /** @type {Frame[]|null} what is shown while it is paused */
  #held = null;
  /** how many came in all */
  count = 0;
  #countWhenPaused = 0;
  /** @type {Set<string>} every type that came; there are few */
  types = new Set();

  /** @param {number} most is kept */
  constructor(most) {
    this.#most = most;
  }

  /** @param {Frame} frame */
  add(frame) {
    this.count += 1;
    this.types.add(frame.type);
    if (this.#ring.length < this.#most) {
      this.#ring.push(frame);
      return;
    }
    this.#ring[this.#start] = frame;
    this.#start = (this.#start + 1) % this.#most;
  }

  /** How many are kept. */
  get kept() {
    return this.#ring.length;
  }

  get isPaused() {
    return this.#held !== null;
  }

  /** How many came since it was paused. */
  get waiting() {
    return this.isPaused ? this.count - this.#countWhenPaused : 0;
  }

  pause() {
    this.#held = [...this.#newest()];
    this.#countWhenPaused = this.count;
  }

  resume() {
    this.#held = null;
  }

  clear() {
    this.#ring = [];
    this.#start = 0;
    if (this.#held) this.#held = [];
    this.#countWhenPaused = this.count;
  }

  /**
   * @param {TailFilter} filter
   * @param {(frame: Frame) => string} about what its text is looked for in
   * @param {number} most
   * @returns {Frame[]} at most *most*, the newest first
   */
  shown(filter, about, most) {
    /** @type {Frame[]} */
    const found = [];
    for (const frame of this.#held ?? this.#newest()) {
      if (found.length === most) break;
      if (filter.kind && !frame.type.startsWith(`${filter.kind}.`)) continue;
      if (filter.text && !about(frame).toLowerCase().includes(filter.text)) continue;
      found.push(frame);
    }
    return found;
  }

  *#newest() {
    const { length } = this.#ring;
    for (let n = length - 1; n >= 0; n -= 1) yield this.#ring[(this.#start + n) % length];
  }
}
