/**
 * Which tab of a browser does what only one of them needs to do: the one that holds a Web Lock. Browsers keep locks from
 * pages that are served over plain HTTP, as in many a house and office; there it is the one that holds a lease.
 */

import { lazily } from "./lazily.js";
import { storageOf } from "./views/context.js";

const leasing = lazily(() => import("./leasing.js"));

/**
 * @param {string} name one for the tabs among which one leads
 * @param {AbortSignal} stopping ends the waiting; what *work* does ends by itself
 * @param {(lost: AbortSignal) => Promise<void>} work is begun when this tab leads; it ends when *lost* says that another does
 */
export async function lead(name, stopping, work) {
  if ("locks" in navigator && (await locked(name, stopping, work))) return;
  const storage = storageOf("localStorage");
  const here = storage && (await leasing.get());
  if (storage && here) await here.leased(`oneliner.leader.${name}`, storage, stopping, work);
  else await work(new AbortController().signal); // each tab for itself
}

/** @param {string} name @param {AbortSignal} stopping @param {(lost: AbortSignal) => Promise<void>} work @returns {Promise<boolean>} false: there are no locks here */
async function locked(name, stopping, work) {
  try {
    await navigator.locks.request(name, { signal: stopping }, () => work(new AbortController().signal));
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    if (error.name === "SecurityError") return false; // a frame that is kept from everything of its origin
    if (error.name !== "AbortError") throw error; // we stopped waiting for the lock
  }
  return true;
}
