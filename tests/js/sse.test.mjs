import assert from "node:assert/strict";
import { test } from "node:test";
import { at } from "./page.mjs";

const { EventParser } = await import(at("sse.js"));

const STREAM = 'retry: 1000\n: open\nid: 7\ndata: {"text":"请确认 👍"}\n\n: alive\ndata: a\ndata: b\n\nevent: x\ndata:no space\n\n';
const WANTED = [
  { id: "7", event: "", data: '{"text":"请确认 👍"}' },
  { id: null, event: "", data: "a\nb" },
  { id: null, event: "x", data: "no space" },
];

test("a stream is read the same however it is cut, also inside a character", () => {
  const bytes = new TextEncoder().encode(STREAM);
  for (let first = 0; first <= bytes.length; first += 1) {
    const parser = new EventParser();
    assert.deepEqual([...parser.push(bytes.slice(0, first)), ...parser.push(bytes.slice(first))], WANTED, `cut at ${first}`);
  }
});

test("one byte at a time, with CRLF and with CR", () => {
  for (const end of ["\n", "\r\n", "\r"]) {
    const parser = new EventParser();
    const bytes = new TextEncoder().encode(`${STREAM.replaceAll("\n", end)}: end${end}`);
    const events = [...bytes].flatMap((byte) => parser.push(Uint8Array.of(byte)));
    assert.deepEqual(events, WANTED);
  }
});

test("an event that is not finished is not given", () => {
  const parser = new EventParser();
  assert.deepEqual(parser.push(new TextEncoder().encode("data: half\n")), []);
  assert.deepEqual(parser.push(new TextEncoder().encode("\n")).map((e) => e.data), ["half"]);
});
