/**
 * Rules about tools, between the fields somebody fills in and what the API takes. Pure.
 *
 * @typedef {"allow"|"ask"|"deny"} Verdict
 * @typedef {string|number|boolean|null} Scalar
 * @typedef {{at: string, op: string, value: Scalar|Scalar[]}} Condition
 * @typedef {{tool: string, verdict: Verdict, when?: Condition[], executor?: string, note?: string}} Rule
 * @typedef {{default?: Verdict|null, rules?: Rule[]}} Book
 */

export const VERDICTS = ["allow", "ask", "deny"];
export const OPERATORS = ["eq", "ne", "lt", "le", "gt", "ge", "in", "not_in", "like", "not_like", "exists"];
/** @type {Record<string, string>} as they are written between an argument and a value */
export const SIGNS = { eq: "=", ne: "≠", lt: "<", le: "≤", gt: ">", ge: "≥" };
const ORDER = new Set(["lt", "le", "gt", "ge"]);
const LISTS = new Set(["in", "not_in"]);
const PATTERNS = new Set(["like", "not_like"]);

/** A value that does not fit its comparison. */
export class BadValue extends Error {}

/**
 * What *text* says as the value of a comparison: a number, true, false or null where it reads as one, and text otherwise;
 * text that reads as a number stands in quotes. A list has commas.
 *
 * @param {string} op @param {string} text @returns {Scalar|Scalar[]} Throws BadValue.
 */
export function valueFrom(op, text) {
  if (op === "exists") return true;
  if (PATTERNS.has(op)) return text;
  if (LISTS.has(op)) return text.split(",").map((part) => part.trim()).filter(Boolean).map(scalarFrom);
  const value = scalarFrom(text.trim());
  if (ORDER.has(op) && typeof value !== "number") throw new BadValue(text);
  return value;
}

/** @param {string} op @param {Scalar|Scalar[]|undefined} value @returns {string} what :func:`valueFrom` reads again */
export function textOf(op, value) {
  if (op === "exists") return "";
  if (Array.isArray(value)) return value.map(scalarText).join(", ");
  return PATTERNS.has(op) ? String(value ?? "") : scalarText(value ?? null);
}

/** @param {Condition} condition @param {(op: string) => string} nameOf words for what has no sign */
export function conditionText({ at, op, value }, nameOf) {
  if (op === "exists") return `${at} ${nameOf(value === false ? "not_exists" : "exists")}`;
  return `${at} ${SIGNS[op] ?? nameOf(op)} ${textOf(op, value)}`;
}

/** @param {string} text @returns {Scalar} */
function scalarFrom(text) {
  if (/^(?:-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)$/.test(text)) return JSON.parse(/^-?0\d/.test(text) ? JSON.stringify(text) : text);
  const quoted = /^"(.*)"$/s.exec(text);
  return quoted ? quoted[1] : text;
}

/** @param {Scalar} value */
function scalarText(value) {
  return typeof value === "string" && (scalarFrom(value) !== value || value.includes(",")) ? `"${value}"` : String(value);
}
