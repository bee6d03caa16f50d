/**
 * Leading without locks: one tab holds a lease in the local storage and renews it, and any other takes it once it has run
 * out. For a moment two tabs may lead, as when one slept; it stops when it sees that.
 */

import { newKey } from "./api.js";
import { keep } from "./views/context.js";

const LEASE_MS = 6_000;
const LOOK_EVERY_MS = 1_500;
/** Two tabs that take a free lease at once see by then whose stands. */
const SETTLE_MS = 60;

/**
 * @param {string} key one for the tabs among which one leads
 * @param {Storage} storage
 * @param {AbortSignal} stopping
 * @param {(lost: AbortSignal) => Promise<void>} work is begun when this tab leads; it ends when *lost* says that another does
 */
export async function leased(key, storage, stopping, work) {
  const mine = newKey();
  const isMine = () => holderOf(storage, key) === mine;
  const renew = () => keep(storage, key, JSON.stringify({ holder: mine, until: Date.now() + LEASE_MS }));
  const give = () => isMine() && storage.removeItem(key);
  while (!stopping.aborted) {
    if (holderOf(storage, key) === null) {
      renew();
      if (holderOf(storage, key) === null) return work(new AbortController().signal); // it is full: each tab for itself
      await pause(SETTLE_MS, stopping);
    }
    if (!isMine()) {
      await pause(LOOK_EVERY_MS, stopping);
      continue;
    }
    const lost = new AbortController();
    const timer = setInterval(() => (isMine() || holderOf(storage, key) === null ? renew() : lost.abort()), LOOK_EVERY_MS);
    addEventListener("pagehide", give);
    try {
      await work(lost.signal);
    } finally {
      clearInterval(timer);
      removeEventListener("pagehide", give);
      give();
    }
    if (!lost.signal.aborted) return;
  }
  give();
}

/** @param {Storage} storage @param {string} key @returns {string|null} who leads; null: nobody */
function holderOf(storage, key) {
  const kept = storage.getItem(key);
  const { holder, until } = kept ? JSON.parse(kept) : { holder: null, until: 0 };
  return until > Date.now() ? holder : null;
}

/** @param {number} ms @param {AbortSignal} stopping */
function pause(ms, stopping) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    stopping.addEventListener("abort", () => { clearTimeout(timer); resolve(undefined); }, { once: true });
  });
}
