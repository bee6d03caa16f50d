import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { at } from "./page.mjs";

const { Translator, chooseLanguage, loadConsoleWords, loadPageWords, loadWords } = await import(at("i18n.js"));
const CONSOLE = { en: await loadConsoleWords("en"), zh: await loadConsoleWords("zh") };
const PAGE = { en: await loadPageWords("en"), zh: await loadPageWords("zh") };
const WORDS = { en: { ...PAGE.en, ...CONSOLE.en }, zh: { ...PAGE.zh, ...CONSOLE.zh } };
const WINDOW = await loadWords("en");

const folder = fileURLToPath(at(""));
const modules = readdirSync(folder, { recursive: true })
  .filter((name) => name.endsWith(".js") && !/^(words|bundle)/.test(name))
  .map((name) => [name, readFileSync(new URL(name, at("")), "utf8")]);
const known = (key) => key in WORDS.en || `${key}.other` in WORDS.en;

test("English and Chinese have the same words", () => {
  assert.deepEqual(Object.keys(WORDS.zh), Object.keys(WORDS.en));
});

test("the console says nothing anew that the page says already", () => {
  assert.deepEqual(Object.keys(CONSOLE.en).filter((key) => key in PAGE.en), []);
  const words = new Translator("en", PAGE.en);
  assert.equal(words.has("live.pause"), false);
  words.learn(CONSOLE.en);
  assert.equal(words.text("live.pause"), "Pause");
  assert.equal(words.text("page.runs"), "Runs");
});

test("each word has the same gaps in both languages", () => {
  const gaps = (text) => [...text.matchAll(/\{(\w+)\}/g)].map((m) => m[1]).sort();
  for (const key of Object.keys(WORDS.en)) assert.deepEqual(gaps(WORDS.zh[key]), gaps(WORDS.en[key]), key);
});

test("every word the modules name is in the dictionaries", () => {
  for (const [name, source] of modules) {
    for (const [, key] of source.matchAll(/\b(?:text|#button)\(\s*"([a-z_.0-9]+)"/g)) assert.ok(known(key), `${key} in ${name}`);
    for (const [, start] of source.matchAll(/\btext\(\s*`([a-z_]+\.[a-z_]*)\$\{/g)) {
      assert.ok(Object.keys(WORDS.en).some((key) => key.startsWith(start)), `${start}… in ${name}`);
    }
  }
});

test("no module holds Chinese of its own, but for the name of the language", () => {
  for (const [name, source] of modules) {
    const code = source.replace(/\/\*[\s\S]*?\*\//g, "").replace(/\/\/.*$/gm, "");
    assert.deepEqual(code.match(/[\u4e00-\u9fff]+/g)?.filter((word) => word !== "中") ?? [], [], name);
  }
});

test("money, counts and times read well, and an unknown price is no zero", () => {
  const en = new Translator("en", WORDS.en);
  assert.equal(en.cost("0.000123"), "$0.00012");
  assert.equal(en.cost("0.125"), "$0.125");
  assert.equal(en.cost("12.5"), "$12.50");
  assert.equal(en.cost("0.000000"), "$0.00");
  assert.equal(en.cost(null), "price unknown");
  assert.equal(en.text("tokens", { count: 1 }), "1 token");
  assert.equal(en.text("tokens", { count: 2140 }), "2,140 tokens");
  assert.equal(new Translator("zh", WORDS.zh).text("queue.ahead", { count: 3 }), "排队中，前面还有 3 个任务");
  assert.equal(en.took(420), "0.4s");
  assert.equal(en.took(20), "<0.1s");
  assert.equal(en.took(41_000), "0:41");
  assert.equal(en.duration(41_000), "0:41");
  assert.equal(en.duration(3_723_000), "1:02:03");
});

test("a moment is told in the same way in both languages, with its year when that is another one", () => {
  const at = new Date(new Date().getFullYear(), 10, 22, 15, 5).toISOString();
  assert.equal(new Translator("en", WORDS.en).moment(at), "Nov 22, 15:05");
  assert.equal(new Translator("zh", WORDS.zh).moment(at), "11月22日 15:05");
  assert.equal(new Translator("en", WORDS.en).moment(new Date(2019, 10, 22, 0, 5).toISOString()), "Nov 22, 2019, 00:05");
});

test("the first wish that we speak is the language", () => {
  assert.equal(chooseLanguage([null, "fr-FR", "zh-Hant-TW", "en"]), "zh");
  assert.equal(chooseLanguage(["de"]), "en");
});
