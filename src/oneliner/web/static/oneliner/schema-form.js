/**
 * A JSON Schema as the fields of a form, and what was entered as the answer. Pure. Only flat objects become fields, of
 * text, numbers, choices and switches; anything else in the schema is asked for as JSON.
 *
 * @typedef {{name: string, label: string, hint: string, kind: 'text'|'long'|'number'|'choice'|'flag'|'json',
 *   required: boolean, choices: {value: any, label: string}[], value: any, min?: number, max?: number,
 *   isInteger: boolean, isObject: boolean, isSecret: boolean}} Field ``isSecret``: not to be read over a shoulder, nor kept
 * @typedef {Record<string, any>} Schema
 */

const LONG_TEXT_CHARS = 200;
/** The field of arguments whose schema says nothing of them: all of them as JSON. */
const WHOLE = "arguments";

/**
 * @param {Schema|undefined} schema
 * @returns {Field[]} empty when the schema asks for nothing
 */
export function fieldsOf(schema) {
  const properties = schema?.properties ?? {};
  const required = new Set(Array.isArray(schema?.required) ? schema.required : []);
  return Object.entries(properties).map(([name, part]) => ({ ...fieldOf(name, meant(part ?? {}, schema ?? {}), required.has(name)), isSecret: isSecret(part, schema ?? {}) }));
}

/**
 * The arguments of a call as fields, filled with what is proposed.
 *
 * @param {Schema|undefined} schema
 * @param {Record<string, any>} values
 * @returns {Field[]}
 */
export function argumentFieldsOf(schema, values) {
  const fields = fieldsOf(schema);
  if (!fields.length) return [{ ...fieldOf(WHOLE, { type: "object" }, true), value: values }];
  return fields.map((field) => {
    const value = values[field.name] ?? field.value;
    const isLong = field.kind === "text" && typeof value === "string" && (value.length > LONG_TEXT_CHARS || value.includes("\n"));
    return { ...field, value, kind: isLong ? "long" : field.kind };
  });
}

/**
 * What the call is made with, when the form says *answer*.
 *
 * @param {Schema|undefined} schema
 * @param {Record<string, any>} values what was proposed
 * @param {Record<string, any>} answer
 * @returns {Record<string, any>}
 */
export function argumentsOf(schema, values, answer) {
  const known = fieldsOf(schema).map((field) => field.name);
  if (!known.length) return answer[WHOLE];
  const rest = Object.entries(values).filter(([name]) => !known.includes(name));
  return { ...Object.fromEntries(rest), ...answer };
}

/** @param {string} name @param {Schema} part @param {boolean} required @returns {Field} */
function fieldOf(name, part, required) {
  const type = Array.isArray(part.type) ? part.type.find((/** @type {string} */ t) => t !== "null") : part.type;
  const choices = choicesOf(part);
  return {
    name,
    label: typeof part.title === "string" ? part.title : "",
    hint: typeof part.description === "string" ? part.description : "",
    kind: kindOf(part, type, choices),
    required,
    choices,
    value: part.default ?? null,
    min: typeof part.minimum === "number" ? part.minimum : undefined,
    max: typeof part.maximum === "number" ? part.maximum : undefined,
    isInteger: type === "integer",
    isObject: type === "object",
    isSecret: false,
  };
}

/**
 * Whether a part is marked as a secret, or holds one.
 *
 * @param {any} part @param {Schema} whole what its references point into @param {string[]} [above] those that led here
 * @returns {boolean}
 */
function isSecret(part, whole, above = []) {
  if (part === null || typeof part !== "object") return false;
  if (part.format === "password" || part.writeOnly === true) return true;
  const { $ref: to } = part;
  if (isLocal(to) && !above.includes(to) && isSecret(pointedAt(whole, to), whole, [...above, to])) return true;
  return Object.values(part).some((inside) => isSecret(inside, whole, above));
}

/** @param {any} to @returns {to is string} whether a reference points into the schema that it stands in */
const isLocal = (to) => typeof to === "string" && to.startsWith("#/");

/** @param {Schema} whole @param {string} to @returns {any} */
const pointedAt = (whole, to) => to.slice(2).split("/").reduce((inside, name) => inside?.[name.replaceAll("~1", "/").replaceAll("~0", "~")], /** @type {any} */ (whole));

/**
 * A part with what it refers to, and without "or nothing": schemas that are made from types write both, and a field can
 * be left empty anyway.
 *
 * @param {Schema} part @param {Schema} whole what its references point into @param {string[]} [above] those that led here
 * @returns {Schema}
 */
function meant(part, whole, above = []) {
  const { $ref: to, ...own } = part;
  if (isLocal(to) && !above.includes(to)) return meant({ ...pointedAt(whole, to), ...own }, whole, [...above, to]);
  for (const either of ["anyOf", "oneOf"]) {
    const { [either]: options, ...rest } = part;
    const real = Array.isArray(options) ? options.filter((one) => one?.type !== "null") : [];
    if (real.length === 1) return meant({ ...real[0], ...rest }, whole, above);
    if (real.length && real.length < options.length) return { ...rest, [either]: real };
  }
  return part;
}

/** @param {Schema} part @returns {Field["choices"]} */
function choicesOf(part) {
  if (Array.isArray(part.enum)) return part.enum.map((/** @type {any} */ value) => ({ value, label: String(value) }));
  const options = part.oneOf ?? part.anyOf;
  if (!Array.isArray(options) || !options.every((o) => o && "const" in o)) return [];
  return options.map((o) => ({ value: o.const, label: typeof o.title === "string" ? o.title : String(o.const) }));
}

/** @param {Schema} part @param {string|undefined} type @param {Field["choices"]} choices @returns {Field["kind"]} */
function kindOf(part, type, choices) {
  if (choices.length) return "choice";
  if (type === "boolean") return "flag";
  if (type === "number" || type === "integer") return "number";
  if (type === "string" || type === undefined) {
    return part.format === "textarea" || (part.maxLength ?? 0) > LONG_TEXT_CHARS ? "long" : "text";
  }
  return "json";
}

/**
 * What was entered, as the schema wants it.
 *
 * @param {Field[]} fields
 * @param {Record<string, string|boolean>} entered by field name; a choice is the index of what was chosen
 * @returns {{answer: Record<string, any>, errors: Record<string, 'missing'|'number'|'json'>}}
 */
export function answerOf(fields, entered) {
  /** @type {Record<string, any>} */
  const answer = {};
  /** @type {Record<string, 'missing'|'number'|'json'>} */
  const errors = {};
  for (const field of fields) {
    const raw = entered[field.name];
    if (field.kind === "flag") {
      answer[field.name] = raw === true;
      continue;
    }
    const text = typeof raw === "string" ? raw.trim() : "";
    if (!text) {
      if (field.required) errors[field.name] = "missing";
      continue;
    }
    // A long text ends as its writer ended it.
    const read = field.kind === "long" ? { value: raw } : valueOf(field, text);
    if (read.error) errors[field.name] = read.error;
    else answer[field.name] = read.value;
  }
  return { answer, errors };
}

/** @param {Field} field @param {string} text @returns {{value?: any, error?: 'number'|'json'}} */
function valueOf(field, text) {
  if (field.kind === "choice") return { value: field.choices[Number(text)]?.value };
  if (field.kind === "json") return parsed(text, field.isObject);
  if (field.kind !== "number") return { value: text };
  const number = Number(text);
  const fits =
    Number.isFinite(number) &&
    (!field.isInteger || Number.isInteger(number)) &&
    (field.min === undefined || number >= field.min) &&
    (field.max === undefined || number <= field.max);
  return fits ? { value: number } : { error: "number" };
}

/** @param {string} text @param {boolean} isObject it has to be one @returns {{value?: any, error?: 'json'}} */
function parsed(text, isObject) {
  try {
    const value = JSON.parse(text);
    const fits = !isObject || (typeof value === "object" && value !== null && !Array.isArray(value));
    return fits ? { value } : { error: "json" };
  } catch (error) {
    if (error instanceof SyntaxError) return { error: "json" };
    throw error;
  }
}
