// What the tests of the page's pure modules share.

// The modules as they are delivered, or, run by hand, as they were written.
const STATIC = new URL(process.env.ONELINER_PAGE_FILES ?? "../../src/oneliner/web/static/oneliner/", import.meta.url);

/** The address of one of the page's modules. */
export const at = (name) => new URL(name, STATIC).href;

/** A run as the server sends it, with what the test is about. */
export function run(overrides = {}) {
  return {
    id: "r1", session_id: "s1", title: "A run", run_status: "running", reason: "", allowed_actions: ["cancel"], source_type: "chat",
    plan: { rev: 1, goal: "", steps: [] }, usage: null, created_at: "2026-01-01T00:00:00.000Z", updated_at: "2026-01-01T00:00:00.000Z",
    started_at: null, finished_at: null, last_seq: 2, ...overrides,
  };
}

/** A message as the server sends it. */
export function message(overrides = {}) {
  return {
    id: "m1", session_id: "s1", run_id: "r1", position: 1, role: "assistant", state: "complete", purpose: "answer", content: "Hello",
    tool_calls: [], tool_call_id: "", created_at: "2026-01-01T00:00:01.000Z", ...overrides,
  };
}

/** A builder of plain objects, in place of the page's builder of DOM nodes. */
export const plain = () => ({
  levels: [],
  element: (name, attributes, children) => ({ name, attributes, children }),
  text: (value) => value,
  code: (language, text) => ({ name: "pre", attributes: { language }, children: [text] }),
});

/** Every element in a tree of plain nodes. */
export function elements(nodes) {
  return nodes.flatMap((node) => (typeof node === "string" ? [] : [node, ...elements(node.children)]));
}

/** All the text in a tree of plain nodes. */
export function textOf(nodes) {
  return nodes.map((node) => (typeof node === "string" ? node : textOf(node.children))).join("");
}
