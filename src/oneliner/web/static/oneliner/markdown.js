/**
 * A model's Markdown as a tree of our own nodes. Pure: what an element is, the builder says; the page's builder makes
 * DOM nodes, the tests' builder plain objects. No HTML string exists anywhere on the way.
 *
 * The rules: markup in the text stays text; links go to http, https and mailto only; pictures become links, so that no
 * request leaves because a model said so; headings stand below the page's own and never skip a level.
 *
 * @typedef {{element(name: string, attributes: Record<string, string>, children: any[]): any, text(value: string): any,
 *   code(language: string, text: string): any, levels: number[]}} Builder ``levels``: the headings that are open, as the
 *   text numbers them; kept by the renderer
 * @typedef {any} Token a token of marked's lexer
 */

import { Lexer, Tokenizer, getDefaults } from "../vendor/marked-18.2.1/marked.esm.js";

const CJK = /[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef]|[\ud840-\ud87f][\udc00-\udfff]/;
const PUNCTUATION = /[\p{P}\p{S}]/u;
const EMPHASIS = /^(\*\*|\*)(?=[^\s*])((?:[^*`\n]|`[^`\n]*`)*?[^\s*])\1(?!\*)/;
const SAFE_LINK = /^(?:https?:\/\/|mailto:)[^\s\u0000-\u001f]/i;
const MAX_DEPTH = 24;
const FIRST_LEVEL = 3;
const LAST_LEVEL = 6;

/** Where an emphasis may begin. @param {string} source @returns {number|undefined} */
function emphasisStart(source) {
  const at = source.indexOf("*");
  return at < 0 ? undefined : at;
}

/**
 * CommonMark asks for a space where Chinese has none: ``请**务必（重要）**确认`` would stay literal. Where one of the
 * marks stands between punctuation and a CJK character, the pair is taken as it was meant.
 *
 * @this {any} @param {string} source @param {Token[]} tokens
 */
function cjkEmphasis(source, tokens) {
  const match = EMPHASIS.exec(source);
  if (!match) return undefined;
  const [raw, marks, inner] = match;
  const before = String(tokens.at(-1)?.raw ?? "").slice(-1);
  const after = source.slice(raw.length, raw.length + 2);
  const opens = PUNCTUATION.test(inner[0]) && CJK.test(before);
  const closes = PUNCTUATION.test(inner.at(-1) ?? "") && CJK.test(after);
  if (!opens && !closes) return undefined;
  const type = marks === "**" ? "strong" : "em";
  return { type, raw, text: inner, tokens: this.lexer.inlineTokens(inner) };
}

/** A bare address ends where Chinese begins: nobody writes a space before ``，然后``. */
class CjkTokenizer extends Tokenizer {
  /** @override @param {string} source */
  url(source) {
    const end = source.search(CJK);
    return end === 0 ? undefined : super.url(end < 0 ? source : source.slice(0, end));
  }
}

// The lexer by itself, not ``Marked`` around it: what renders HTML is then left out where modules are joined.
const OPTIONS = {
  ...getDefaults(),
  breaks: true,
  tokenizer: new CjkTokenizer(),
  extensions: /** @type {any} */ ({ inline: [cjkEmphasis], startInline: [emphasisStart], childTokens: {} }),
};

/**
 * @param {string} text
 * @returns {Token[]} the blocks of *text*
 */
export function blocksOf(text) {
  return new Lexer(OPTIONS).lex(text);
}

/**
 * @param {Token[]} tokens blocks
 * @param {Builder} builder
 * @param {number} [depth]
 * @returns {any[]} nodes; deeper than 24 levels everything is text
 */
export function render(tokens, builder, depth = 0) {
  /** @type {any[]} */
  const nodes = [];
  for (const token of tokens) {
    const node = depth > MAX_DEPTH ? builder.text(token.raw ?? "") : renderOne(token, builder, depth);
    if (Array.isArray(node)) nodes.push(...node);
    else if (node !== null) nodes.push(node);
  }
  return nodes;
}

/** @type {Record<string, (token: Token, builder: Builder, depth: number) => any>} */
const RENDERERS = {
  space: () => null,
  def: () => null,
  checkbox: () => null,
  paragraph: (token, b, depth) => b.element("p", {}, inside(token, b, depth)),
  heading: (token, b, depth) =>
    b.element(`h${levelOf(token.depth, b.levels)}`, {}, inside(token, b, depth)),
  blockquote: (token, b, depth) => b.element("blockquote", {}, inside(token, b, depth)),
  hr: (_token, b) => b.element("hr", {}, []),
  code: (token, b) => b.code(firstWord(token.lang), token.text),
  list: list,
  table: table,
  strong: (token, b, depth) => b.element("strong", {}, inside(token, b, depth)),
  em: (token, b, depth) => b.element("em", {}, inside(token, b, depth)),
  del: (token, b, depth) => b.element("del", {}, inside(token, b, depth)),
  codespan: (token, b) => b.element("code", {}, [b.text(token.text)]),
  br: (_token, b) => b.element("br", {}, []),
  escape: (token, b) => b.text(token.text),
  link: (token, b, depth) => link(token.href, inside(token, b, depth), b),
  image: (token, b) => link(token.href, [b.text(token.text || token.href)], b),
  text: (token, b, depth) => (token.tokens ? inside(token, b, depth) : b.text(decoded(token))),
  html: (token, b) => b.text(token.raw),
};

/** @param {number} depth as the text says @param {number[]} levels changed by it */
function levelOf(depth, levels) {
  while (levels.length && levels[levels.length - 1] >= depth) levels.pop();
  levels.push(depth);
  return Math.min(FIRST_LEVEL + levels.length - 1, LAST_LEVEL);
}

/** @param {Token} token @param {Builder} builder @param {number} depth */
function renderOne(token, builder, depth) {
  const renderer = RENDERERS[token.type];
  return renderer ? renderer(token, builder, depth) : builder.text(token.raw ?? "");
}

/** @param {Token} token @param {Builder} builder @param {number} depth */
function inside(token, builder, depth) {
  return render(token.tokens ?? [], builder, depth + 1);
}

/** @param {Token} token */
function decoded(token) {
  return ENTITY.test(token.text) ? token.text.replace(ENTITY_ALL, entity) : token.text;
}

const ENTITY = /&(?:amp|lt|gt|quot|nbsp|#39|#x27);/;
const ENTITY_ALL = /&(amp|lt|gt|quot|nbsp|#39|#x27);/g;
/** @type {Record<string, string>} */
const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: '"', nbsp: "\u00a0", "#39": "'", "#x27": "'" };

/** @param {string} _match @param {string} name */
function entity(_match, name) {
  return ENTITIES[name];
}

/** @param {string} href @param {any[]} children @param {Builder} builder */
function link(href, children, builder) {
  if (!SAFE_LINK.test(href)) return builder.element("span", {}, children);
  return builder.element("a", { href, target: "_blank", rel: "noopener noreferrer nofollow" }, children);
}

/** @param {Token} token @param {Builder} builder @param {number} depth */
function list(token, builder, depth) {
  /** @type {Record<string, string>} */
  const attributes = token.ordered && Number(token.start) > 1 ? { start: String(token.start) } : {};
  const items = token.items.map((/** @type {Token} */ item) => {
    const children = render(item.tokens, builder, depth + 1);
    const mark = item.task ? [builder.text(item.checked ? "☑ " : "☐ ")] : [];
    return builder.element("li", item.task ? { class: "task" } : {}, [...mark, ...children]);
  });
  return builder.element(token.ordered ? "ol" : "ul", attributes, items);
}

/** @param {Token} token @param {Builder} builder @param {number} depth */
function table(token, builder, depth) {
  /** @param {Token[]} cells @param {"th"|"td"} name */
  const row = (cells, name) =>
    builder.element(
      "tr",
      {},
      cells.map((cell) => {
        /** @type {Record<string, string>} */
        const attributes = name === "th" ? { scope: "col" } : {};
        if (cell.align) attributes["data-align"] = String(cell.align);
        return builder.element(name, attributes, render(cell.tokens, builder, depth + 1));
      }),
    );
  const head = builder.element("thead", {}, [row(token.header, "th")]);
  const body = builder.element("tbody", {}, token.rows.map((/** @type {Token[]} */ r) => row(r, "td")));
  const whole = builder.element("table", {}, [head, body]);
  return builder.element("div", { class: "md-table", tabindex: "0", role: "group" }, [whole]);
}

/** @param {string|undefined} words */
function firstWord(words) {
  return (words ?? "").trim().split(/\s/, 1)[0].slice(0, 40);
}

/**
 * Text that is still being written, with the marks closed that its last paragraph leaves open, so that bold and code
 * look right before they end. An open fence needs none: the lexer closes it at the end of the text.
 *
 * @param {string} text
 * @returns {string}
 */
export function withClosedMarks(text) {
  if ((text.match(/^ {0,3}(```|~~~)/gm)?.length ?? 0) % 2) return text;
  // A lone dash is the next item of a list on its way, not the line under a heading.
  if (/\n[ \t]*(?:-+|=+)[ \t]*$/.test(text)) return withClosedMarks(text.replace(/\n[ \t]*(?:-+|=+)[ \t]*$/, ""));
  const last = text.slice(text.lastIndexOf("\n\n") + 1);
  if (count(last, "`") % 2) return `${text}\``;
  if (count(last, "**") % 2) return /\*\*\s*$/.test(text) ? text.replace(/\*\*\s*$/, "") : `${text.trimEnd()}**`;
  return text;
}

/** @param {string} text @param {string} mark */
function count(text, mark) {
  return text.split(mark).length - 1;
}

/**
 * Where the finished part of a growing text ends: everything before its last block can change no more.
 *
 * @param {Token[]} tokens the blocks of the text so far
 * @returns {number} how many of *tokens* are finished
 */
export function finishedCount(tokens) {
  let last = tokens.length - 1;
  while (last >= 0 && tokens[last].type === "space") last -= 1;
  return Math.max(last, 0);
}
