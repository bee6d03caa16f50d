/**
 * What is written in a field, a line for each, as the API takes it; and back. Pure.
 */

/** @param {string} text @returns {string[]} its lines that are not empty */
export function linesOf(text) {
  return text.split("\n").map((line) => line.trim()).filter(Boolean);
}

/** @param {string} text @returns {string[]|null} patterns, separated by commas or spaces; null: none */
export function patternsFrom(text) {
  const found = text.split(/[\s,]+/).filter(Boolean);
  return found.length ? found : null;
}

/**
 * @param {string} text a name and its value in each line
 * @param {":"|"="} sign what stands between them
 * @returns {Record<string, string>} what has no value is left out; see :func:`namesWithout`
 */
export function pairsFrom(text, sign) {
  return Object.fromEntries(split(text, sign).filter(([, value]) => value));
}

/** @param {string} text @param {":"|"="} sign @returns {string[]} the names that have no value, as those do that were kept back */
export function namesWithout(text, sign) {
  return split(text, sign).filter(([, value]) => !value).map(([name]) => name);
}

/** @param {string} text @param {string} sign @returns {[string, string][]} */
function split(text, sign) {
  return linesOf(text).map((line) => {
    const at = line.indexOf(sign);
    return at < 0 ? [line, ""] : [line.slice(0, at).trim(), line.slice(at + 1).trim()];
  });
}

/** @param {Record<string, string|null>} pairs null: a value that is kept back @param {string} sign */
export function pairsTo(pairs, sign) {
  return Object.entries(pairs).map(([name, value]) => `${name}${sign}${value ?? ""}`.trimEnd()).join("\n");
}
