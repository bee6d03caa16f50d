/**
 * Asking again, soon and once: what is asked for ten times within a moment is fetched once, and what is asked for while
 * it is being fetched is fetched once more after that.
 */
export class Refresher {
  /** @type {Map<string, {isRunning: boolean, isWanted: boolean}>} */
  #work = new Map();
  #delayMs;

  /** @param {number} delayMs */
  constructor(delayMs) {
    this.#delayMs = delayMs;
  }

  /** @param {string} key @param {() => Promise<void>} fetchIt */
  ask(key, fetchIt) {
    const known = this.#work.get(key);
    if (known) {
      known.isWanted = true;
      return;
    }
    const work = { isRunning: false, isWanted: true };
    this.#work.set(key, work);
    setTimeout(() => void this.#run(key, work, fetchIt), this.#delayMs);
  }

  /** @param {string} key @param {{isRunning: boolean, isWanted: boolean}} work @param {() => Promise<void>} fetchIt */
  async #run(key, work, fetchIt) {
    try {
      while (work.isWanted) {
        work.isWanted = false;
        await fetchIt();
      }
    } finally {
      this.#work.delete(key);
    }
  }
}
