/**
 * A module that is loaded when it is first needed.
 *
 * @template T
 * @param {() => Promise<T>} load
 * @returns {{here: T|null, get(): Promise<T|null>}} ``here``: the module once it came; ``get`` null: it could not be
 *   fetched, and the next call tries again
 */
export function lazily(load) {
  /** @type {Promise<T|null>|null} */
  let coming = null;
  const lazy = {
    /** @type {T|null} */
    here: null,
    get: () => (coming ??= fetched()),
  };
  const fetched = async () => {
    try {
      return (lazy.here = await load());
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      coming = null; // no connection
      return null;
    }
  };
  return lazy;
}
