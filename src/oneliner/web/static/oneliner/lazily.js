/**
 * A module that is loaded when it is first needed.
 *
 * @template T
 * @template {any[]} Given
 * @param {(...given: Given) => Promise<T>} load
 * @returns {{here: T|null, get(...given: Given): Promise<T|null>}} ``here``: the module once it came; ``get`` null: it
 *   could not be fetched, and the next call tries again
 */
export function lazily(load) {
  /** @type {Promise<T|null>|null} */
  let coming = null;
  const lazy = {
    /** @type {T|null} */
    here: null,
    get: (/** @type {Given} */ ...given) => (coming ??= fetched(...given)),
  };
  const fetched = async (/** @type {Given} */ ...given) => {
    try {
      return (lazy.here = await load(...given));
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      coming = null; // no connection
      return null;
    }
  };
  return lazy;
}
