/**
 * Words, numbers and times in the reader's language. The dictionaries are flat and hold the same keys, which a test
 * holds. Pure but for ``Intl``.
 *
 * @typedef {'en'|'zh'} Language
 */

const EXACT_BELOW_MS = 10_000;
const SHORTEST_MS = 100;
/** @type {Intl.DateTimeFormatOptions} */
const CLOCK = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };

/**
 * The words of one language; the other one is not loaded.
 *
 * @param {Language} language
 * @returns {Promise<Record<string, string>>} those of the window
 */
export async function loadWords(language) {
  return language === "zh" ? (await import("./words/zh.js")).zh : (await import("./words/en.js")).en;
}

/**
 * @param {Language} language
 * @returns {Promise<Record<string, string>>} what is said where somebody is asked something
 */
export async function loadAskingWords(language) {
  return language === "zh" ? (await import("./words/asking-zh.js")).zh : (await import("./words/asking-en.js")).en;
}

/**
 * @param {Language} language
 * @returns {Promise<Record<string, string>>} those of the window, asking included, and of the product's own page
 */
export async function loadPageWords(language) {
  const page = language === "zh" ? import("./words/page-zh.js").then((m) => m.zh) : import("./words/page-en.js").then((m) => m.en);
  const parts = await Promise.all([loadWords(language), loadAskingWords(language), page]);
  return Object.assign({}, ...parts);
}

/**
 * @param {Language} language
 * @returns {Promise<Record<string, string>>} those of the console, which the chat does without
 */
export async function loadConsoleWords(language) {
  return language === "zh" ? (await import("./words/console-zh.js")).zh : (await import("./words/console-en.js")).en;
}

/**
 * @param {(string|null|undefined)[]} wishes language tags, the first that we speak wins
 * @returns {Language}
 */
export function chooseLanguage(wishes) {
  for (const wish of wishes) {
    const tag = (wish ?? "").toLowerCase();
    if (tag.startsWith("zh")) return "zh";
    if (tag.startsWith("en")) return "en";
  }
  return "en";
}

export class Translator {
  #words;
  #plural;
  #relative;

  /** @param {Language} language @param {Record<string, string>} words */
  constructor(language, words) {
    this.language = language;
    this.locale = language === "zh" ? "zh-CN" : "en";
    this.#words = words;
    this.#plural = new Intl.PluralRules(this.locale);
    this.#relative = new Intl.RelativeTimeFormat(this.locale, { numeric: "auto", style: "short" });
  }

  /** Adds words that came later. @param {Record<string, string>} words */
  learn(words) {
    this.#words = { ...this.#words, ...words };
  }

  /** @param {string} key */
  has(key) {
    return key in this.#words;
  }

  /**
   * The words for *key* with ``{names}`` filled; with a ``count`` its plural form.
   *
   * @param {string} key
   * @param {Record<string, string|number>} [params]
   */
  text(key, params = {}) {
    const form = typeof params.count === "number" ? `${key}.${this.#plural.select(params.count)}` : key;
    const words = this.#words[form] ?? this.#words[`${key}.other`] ?? this.#words[key] ?? key;
    return words.replace(/\{(\w+)\}/g, (whole, name) =>
      name in params ? (typeof params[name] === "number" ? this.number(params[name]) : String(params[name])) : whole,
    );
  }

  /** @param {number} value */
  number(value) {
    return new Intl.NumberFormat(this.locale).format(value);
  }

  /**
   * Dollars for reading; the exact figure belongs beside it, as a title.
   *
   * @param {string|null|undefined} cost a decimal string, or null when the price is unknown
   */
  cost(cost) {
    if (cost == null) return this.text("cost.unknown");
    const value = Number(cost);
    const digits =
      value !== 0 && Math.abs(value) < 0.01
        ? { maximumSignificantDigits: 2 }
        : { minimumFractionDigits: 2, maximumFractionDigits: value !== 0 && Math.abs(value) < 1 ? 3 : 2 };
    const money = { style: /** @type {const} */ ("currency"), currency: "USD" };
    return new Intl.NumberFormat(this.locale, { ...money, currencyDisplay: "narrowSymbol", ...digits }).format(value);
  }

  /** @param {number} ms a length of time that is over, such as <0.1s, 0.4s or 0:41 */
  took(ms) {
    if (ms >= EXACT_BELOW_MS) return this.duration(ms);
    const unit = { style: /** @type {const} */ ("unit"), unit: "second", unitDisplay: /** @type {const} */ ("narrow") };
    const said = new Intl.NumberFormat(this.locale, { ...unit, maximumFractionDigits: 1 }).format(Math.max(ms, SHORTEST_MS) / 1000);
    // Nothing takes no time.
    return ms < SHORTEST_MS ? `<${said}` : said;
  }

  /** @param {number} ms a length of time, such as 0:41 or 1:02:03 */
  duration(ms) {
    const seconds = Math.max(0, Math.floor(ms / 1000));
    const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
    if (parts[0] === 0) parts.shift();
    return parts.map((part, n) => (n ? String(part).padStart(2, "0") : String(part))).join(":");
  }

  /** @param {string} iso */
  time(iso) {
    return iso ? new Intl.DateTimeFormat(this.locale, CLOCK).format(new Date(iso)) : "";
  }

  /** @param {string} iso a day and a time of it; with the year when it is another one than this */
  moment(iso, isExact = false) {
    const at = new Date(iso);
    const year = at.getFullYear() === new Date().getFullYear() ? {} : { year: /** @type {const} */ ("numeric") };
    return new Intl.DateTimeFormat(this.locale, { ...year, month: "short", day: "numeric", ...CLOCK, ...(isExact ? { second: "2-digit" } : {}) }).format(at);
  }

  /** @param {string} iso @param {number} nowMs */
  ago(iso, nowMs) {
    const seconds = Math.round((new Date(iso).getTime() - nowMs) / 1000);
    /** @type {[Intl.RelativeTimeFormatUnit, number][]} */
    const units = [["day", 86_400], ["hour", 3_600], ["minute", 60]];
    for (const [unit, size] of units) {
      if (Math.abs(seconds) >= size) return this.#relative.format(Math.trunc(seconds / size), unit);
    }
    return this.text("time.now");
  }
}
