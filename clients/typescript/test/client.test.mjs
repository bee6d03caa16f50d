// Run by the project's tests, which start the server that ONELINER_SERVER names.
import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, Refused } from "../dist/index.js";

const baseUrl = process.env.ONELINER_SERVER;
const token = process.env.ONELINER_TOKEN;

/** Every frame of a run. */
async function all(oneliner, runId, options) {
  const frames = [];
  for await (const frame of oneliner.events(runId, options)) frames.push(frame);
  return frames;
}

test("a chat is followed to its end, each event once and in order", async () => {
  const oneliner = connect({ baseUrl, token });
  const { data: begun } = await oneliner.api.POST("/v1/agent/runs", { body: { message: "What is 17 * 23?" } });
  const seqs = (await all(oneliner, begun.run_id)).flatMap((frame) => frame.seq ?? []);
  const run = await oneliner.wait(begun.run_id);

  assert.deepEqual(seqs, Array.from({ length: run.last_seq }, (_, n) => n + 1));
  assert.equal(run.run_status, "done");
  assert.match(String(run.result.text), /391/);
});

test("a handoff waits for the person who confirms it", async () => {
  const oneliner = connect({ baseUrl, token, language: "zh" });
  const { data: run } = await oneliner.api.POST("/v2/oneliner/runs", {
    body: {
      title: "Greet",
      source_screen: "dashboard",
      source_action_key: "primary",
      plan_request: { goal: "Greet", steps: ["Say hello"] },
    },
  });
  const waiting = await oneliner.wait(run.id);
  assert.equal(waiting.run_status, "needs_confirmation");

  const at = { params: { path: { run_id: run.id } } };
  const refused = await oneliner.api.POST("/v2/oneliner/runs/{run_id}/confirm", { ...at, body: { plan_rev: 7 } });
  assert.equal(refused.error.code, "plan_changed");
  const confirmed = await oneliner.api.POST("/v2/oneliner/runs/{run_id}/confirm", { ...at, body: { plan_rev: 1 } });
  assert.match(confirmed.data.status_summary, /Agent/);
  assert.equal((await oneliner.wait(run.id)).run_status, "done");
});

test("a stream that breaks is taken up behind the last event", async () => {
  let cuts = 2;
  const cutting = async (request) => {
    const response = await fetch(request);
    if (!request.url.endsWith("/events") || cuts-- <= 0) return response;
    let left = 400;
    const cut = new TransformStream({
      transform(chunk, controller) {
        controller.enqueue(chunk.subarray(0, left));
        left -= chunk.length;
        if (left <= 0) controller.error(new TypeError("cut"));
      },
    });
    return new Response(response.body.pipeThrough(cut), response);
  };
  const oneliner = connect({ baseUrl, token, fetch: cutting });
  const { data: begun } = await oneliner.api.POST("/v1/agent/runs", { body: { message: "Hello" } });
  const seqs = (await all(oneliner, begun.run_id)).flatMap((frame) => frame.seq ?? []);

  assert.ok(cuts <= 0);
  assert.deepEqual(seqs, Array.from({ length: seqs.length }, (_, n) => n + 1));
});

test("a token that is refused is renewed once", async () => {
  const made = [];
  const oneliner = connect({ baseUrl, token: () => (made.push(1), made.length === 1 ? "stale" : token) });
  const { data } = await oneliner.api.POST("/v1/agent/runs", { body: { message: "Hello" } });

  assert.ok(data.created);
  assert.equal(made.length, 2);
});

test("a post with the same key is done once", async () => {
  const { api } = connect({ baseUrl, token });
  const once = () => api.POST("/v1/agent/runs", { body: { message: "Once" }, headers: { "Idempotency-Key": "ts" } });

  assert.deepEqual((await once()).data, (await once()).data);
});

test("what the server refuses is an error with its code, and leaving ends the wait", async () => {
  const oneliner = connect({ baseUrl, token });
  await assert.rejects(all(oneliner, "01890000-0000-7000-8000-000000000000"), (error) => {
    return error instanceof Refused && error.status === 404 && error.problem.code === "not_found";
  });
  const leaving = new AbortController();
  setTimeout(() => leaving.abort(), 50);
  const listening = (async () => {
    for await (const frame of oneliner.stream({ signal: leaving.signal })) assert.ok(frame.type);
  })();
  await assert.rejects(listening, { name: "AbortError" });
});
