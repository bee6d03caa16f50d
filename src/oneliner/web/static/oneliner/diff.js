/**
 * What differs between two texts, line by line. Pure.
 *
 * @typedef {{kind: 'same'|'added'|'removed', text: string}} DiffLine
 */

const MAX_CELLS = 4_000_000;
/** How many lines stay around what changed. */
const CONTEXT = 3;
/** A stretch that would be shorter by this little is shown. */
const MIN_FOLD = 2;

/**
 * @param {string} before
 * @param {string} after
 * @returns {DiffLine[]} the longest common lines as they are; two texts too long to be compared are shown one after the
 *   other
 */
export function diffLines(before, after) {
  const a = before === "" ? [] : before.split("\n");
  const b = after === "" ? [] : after.split("\n");
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end += 1;
  const same = (/** @type {string} */ text) => ({ kind: /** @type {const} */ ("same"), text });
  return [...a.slice(0, start).map(same), ...middle(a.slice(start, a.length - end), b.slice(start, b.length - end)), ...a.slice(a.length - end).map(same)];
}

/** @param {string[]} a @param {string[]} b @returns {DiffLine[]} */
function middle(a, b) {
  /** @type {DiffLine[]} */
  const lines = [];
  const removed = (/** @type {string} */ text) => lines.push({ kind: "removed", text });
  const added = (/** @type {string} */ text) => lines.push({ kind: "added", text });
  if (a.length * b.length > MAX_CELLS) {
    a.forEach(removed);
    b.forEach(added);
    return lines;
  }
  const width = b.length + 1;
  // How long the longest common part of what is left is, from each place in both.
  const common = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      common[i * width + j] = a[i] === b[j] ? common[(i + 1) * width + j + 1] + 1 : Math.max(common[(i + 1) * width + j], common[i * width + j + 1]);
    }
  }
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push({ kind: "same", text: a[i] });
      i += 1;
      j += 1;
    } else if (i < a.length && (j === b.length || common[(i + 1) * width + j] >= common[i * width + j + 1])) {
      removed(a[i]);
      i += 1;
    } else {
      added(b[j]);
      j += 1;
    }
  }
  return lines;
}

/**
 * @param {DiffLine[]} lines
 * @returns {(DiffLine|{kind: 'fold', count: number})[]} with long stretches of lines that are the same in one
 */
export function folded(lines) {
  const near = lines.map(() => false);
  lines.forEach((line, n) => {
    if (line.kind !== "same") near.fill(true, Math.max(0, n - CONTEXT), n + CONTEXT + 1);
  });
  /** @type {(DiffLine|{kind: 'fold', count: number})[]} */
  const shown = [];
  for (let n = 0; n < lines.length; ) {
    const next = near.indexOf(true, n);
    const count = (next < 0 ? lines.length : next) - n;
    if (count >= MIN_FOLD) shown.push({ kind: "fold", count });
    else shown.push(...lines.slice(n, n + count));
    n += count;
    if (n < lines.length) shown.push(lines[n++]);
  }
  return shown;
}
