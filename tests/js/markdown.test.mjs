import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { at, elements, plain, textOf } from "./page.mjs";

const { blocksOf, finishedCount, render, withClosedMarks } = await import(at("markdown.js"));

const drawn = (text) => render(blocksOf(text), plain());
const found = (text, name) => elements(drawn(text)).filter((e) => e.name === name).map((e) => textOf(e.children));

const ALLOWED = new Set("p h3 h4 h5 h6 blockquote hr pre ul ol li div table thead tbody tr th td strong em del code br a span".split(" "));
const ATTRIBUTES = new Set(["href", "target", "rel", "class", "start", "data-align", "scope", "tabindex", "role", "language"]);

const HOSTILE = JSON.parse(readFileSync(new URL("hostile.json", import.meta.url), "utf8"));

test(`${HOSTILE.length} hostile texts become no markup of theirs, no other link than http, https and mailto, and no request`, () => {
  for (const text of HOSTILE) {
    for (const element of elements(drawn(text))) {
      assert.ok(ALLOWED.has(element.name), `${element.name} from ${text.slice(0, 60)}`);
      for (const [name, value] of Object.entries(element.attributes)) {
        assert.ok(ATTRIBUTES.has(name), `${name} from ${text.slice(0, 60)}`);
        if (name === "href") assert.match(value, /^(https?:\/\/|mailto:)/i);
        if (name === "href") assert.match(element.attributes.rel, /noopener noreferrer nofollow/);
      }
    }
  }
});

test("markup stays visible as the text it is", () => {
  assert.match(textOf(drawn("a <b onclick=x>c</b>")), /<b onclick=x>c<\/b>/);
});

test("Chinese bold and emphasis need no spaces", () => {
  assert.deepEqual(found("请**务必（重要）**确认", "strong"), ["务必（重要）"]);
  assert.deepEqual(found("这是**“引用”**的话", "strong"), ["“引用”"]);
  assert.deepEqual(found("先看**《计划》**，再确认**第 2 步。**然后执行", "strong"), ["《计划》", "第 2 步。"]);
  assert.deepEqual(found("请*（注意）*这里", "em"), ["（注意）"]);
});

test("Latin text keeps CommonMark's rules", () => {
  assert.deepEqual(found("**bold** and *it* and **a(b)**c", "strong"), ["bold"]);
  assert.deepEqual(found("2 * 3 * 4", "em"), []);
  assert.deepEqual(found("use snake_case_name and __init__ here", "em"), []);
  assert.equal(textOf(drawn("use snake_case_name here")), "use snake_case_name here");
});

test("a bare address ends where Chinese begins", () => {
  const hrefs = (text) => elements(drawn(text)).filter((e) => e.name === "a").map((e) => e.attributes.href);
  assert.deepEqual(hrefs("见https://example.com/a?b=1，然后确认"), ["https://example.com/a?b=1"]);
  assert.deepEqual(hrefs("打开 https://example.com/路径 看看"), ["https://example.com/"]);
  assert.deepEqual(hrefs("https://example.com/a。"), ["https://example.com/a"]);
  assert.deepEqual(hrefs("see https://example.com/a, then"), ["https://example.com/a"]);
});

test("a picture is a link, a heading stands below the page's own and skips no level", () => {
  assert.deepEqual(found("![a chart](https://e.test/c.png)", "a"), ["a chart"]);
  const text = "## First\n\n#### Under\n\n# Top\n\n###### Deep\n\n## Next";
  const headings = elements(drawn(text)).filter((e) => /^h\d/.test(e.name)).map((e) => `${e.name} ${textOf(e.children)}`);
  assert.deepEqual(headings, ["h3 First", "h4 Under", "h3 Top", "h4 Deep", "h4 Next"]);
});

test("growing text drawn block by block comes out as drawn at once", () => {
  const whole = "## Title\n\n### Part\n\nSome **bold** and `code`.\n\n- one\n- two\n\n  more\n\n```js\nlet a = 1;\n\nlet b;\n```\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\n### Last\n\nEnd 请**务必（重要）**确认。";
  let done = 0;
  const kept = [];
  const builder = plain();
  for (let length = 1; length <= whole.length; length += 1) {
    const tokens = blocksOf(whole.slice(done, length));
    const count = finishedCount(tokens);
    kept.push(...render(tokens.slice(0, count), builder));
    done += tokens.slice(0, count).reduce((sum, t) => sum + t.raw.length, 0);
  }
  assert.deepEqual([...kept, ...render(blocksOf(whole.slice(done)), builder)], drawn(whole));
});

test("marks that are still open are closed for the moment", () => {
  assert.equal(withClosedMarks("a **bo"), "a **bo**");
  assert.equal(withClosedMarks("a **"), "a ");
  assert.equal(withClosedMarks("a `co"), "a `co`");
  assert.equal(withClosedMarks("```js\nlet a = `x"), "```js\nlet a = `x");
  assert.equal(withClosedMarks("done **b**"), "done **b**");
  assert.equal(withClosedMarks("1. one\n   -"), "1. one");
});
