import assert from "node:assert/strict";
import { test } from "node:test";
import { at, elements, plain, textOf } from "./page.mjs";

const { blocksOf, finishedCount, render, withClosedMarks } = await import(at("markdown.js"));

const drawn = (text) => render(blocksOf(text), plain());
const found = (text, name) => elements(drawn(text)).filter((e) => e.name === name).map((e) => textOf(e.children));

const ALLOWED = new Set("p h3 h4 h5 h6 blockquote hr pre ul ol li div table thead tbody tr th td strong em del code br a span".split(" "));
const ATTRIBUTES = new Set(["href", "target", "rel", "class", "start", "data-align", "scope", "tabindex", "role", "language"]);

const HOSTILE = [
  "<script>alert(1)</script>",
  "<img src=x onerror=alert(1)>",
  "<svg onload=alert(1)><circle/></svg>",
  "<iframe src='javascript:alert(1)'></iframe>",
  "<div style='position:fixed;inset:0'>overlay</div>",
  "<form action='https://evil.test'><input name=a><button>go</button></form>",
  "<a href='javascript:alert(1)'>x</a>",
  "<style>*{display:none}</style>",
  "<meta http-equiv=refresh content='0;url=https://evil.test'>",
  "<base href='https://evil.test/'>",
  "<link rel=stylesheet href='https://evil.test/a.css'>",
  "<video src='https://evil.test/v' autoplay></video>",
  "<object data='https://evil.test'></object>",
  "<!-- <script>alert(1)</script> -->",
  "<![CDATA[<script>alert(1)</script>]]>",
  "<details open ontoggle=alert(1)>x</details>",
  "<math><mi xlink:href='javascript:alert(1)'>x</mi></math>",
  "[x](javascript:alert(1))",
  "[x](JaVaScRiPt:alert(1))",
  "[x](java\nscript:alert(1))",
  "[x](&#106;avascript:alert(1))",
  "[x](\u0001javascript:alert(1))",
  "[x]( javascript:alert(1))",
  "[x](data:text/html,<script>alert(1)</script>)",
  "[x](vbscript:msgbox(1))",
  "[x](file:///etc/passwd)",
  "[x](//evil.test)",
  "[x](/v1/agent/sessions)",
  "[x](#a)",
  "[x](blob:https://evil.test/1)",
  "<javascript:alert(1)>",
  "[ref]\n\n[ref]: javascript:alert(1)",
  "![x](javascript:alert(1))",
  "![x](https://evil.test/pixel.png?secret)",
  "![x][i]\n\n[i]: https://evil.test/p.png",
  "[![x](https://evil.test/p.png)](javascript:alert(1))",
  "![<script>](https://evil.test/p.png)",
  "![x](data:image/svg+xml,<svg onload=alert(1)>)",
  "https://evil.test/<script>alert(1)</script>",
  "[a](https://e.test \"onmouseover=alert(1)\")",
  "[a](<https://e.test\" onclick=\"alert(1)>)",
  "`<script>alert(1)</script>`",
  "```html\n<script>alert(1)</script>\n```",
  "```\"><script>alert(1)</script>\nx\n```",
  "| <img src=x onerror=alert(1)> | b |\n|---|---|\n| [x](javascript:alert(1)) | <script>1</script> |",
  "# <script>alert(1)</script>",
  "> <img src=x onerror=alert(1)>",
  "- <svg onload=alert(1)>\n- [x](data:text/html,1)",
  "- [ ] <input type=checkbox onclick=alert(1)>",
  "**<b onclick=alert(1)>x</b>**",
  "&lt;script&gt;alert(1)&lt;/script&gt;",
  "a\u202egnp.exe <script>",
  "<p><table><td><script>alert(1)",
  "<x".repeat(500),
  "[".repeat(2000),
  ">".repeat(500) + " deep",
  "- ".repeat(200) + "deep",
  "*".repeat(2000),
  "[a](".repeat(500),
  "<a ".repeat(300) + "href=javascript:alert(1)>",
];

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
