/**
 * What happens to the caller's runs, as it happens. It reads the stream that the page has open anyway.
 *
 * Every event costs the same, however many came before: it is kept in a bounded ring, and once a frame at most the newest
 * hundred are drawn.
 *
 * @import {Frame} from "../types.js"
 * @import {PageContext, Route, Shown} from "./router.js"
 */

import { drawList, h, icon, oncePerFrame, replaceChildren, setAttribute, setText } from "../dom.js";
import { Tail } from "../tail.js";
import { choice, clock, labelled, nothing, offerKinds } from "./parts.js";
import { addressOf } from "./router.js";

const MAX_KEPT = 2_000;
const MAX_SHOWN = 100;

/** From the first look on everything is kept, so that there is no hole after a visit to another page. @type {WeakMap<import("../workspace.js").Workspace, Tail>} */
const tails = new WeakMap();

/** @param {PageContext} context @param {Route} route @returns {Promise<Shown>} */
export async function show(context, route) {
  const { words, workspace } = context;
  const tail = tailOf(workspace);
  const chosen = route.query.get("kind") ?? "";
  const kind = choice("kind", [["", words.text("filter.all")], ...(chosen ? [/** @type {[string, string]} */ ([chosen, `${chosen}.*`])] : [])], chosen);
  const text = h("input", { type: "search", name: "q", maxlength: 200, props: { value: route.query.get("q") ?? "" } });
  const titleOf = (/** @type {Frame} */ frame) => workspace.state.runs[frame.run_id]?.title ?? frame.run_id;
  const about = (/** @type {Frame} */ frame) => `${frame.type} ${frame.summary ?? ""} ${titleOf(frame)} ${frame.run_id}`;
  const list = h("ol", { class: "tail" });
  const log = h("div", { class: "tail-box", role: "log", "aria-live": "off", "aria-label": words.text("page.live"), tabindex: "0" }, list);
  const empty = h("div", {});
  const told = h("p", { class: "fact" });
  const pause = h("button", { type: "button", class: "button small", on: { click: () => toggle() } });
  const clear = h("button", { type: "button", class: "button small", on: { click: () => { tail.clear(); draw(); } } }, words.text("live.clear"));

  const draw = () => {
    offerKinds(kind, tail.types);
    const frames = tail.shown({ kind: kind.value, text: text.value.trim().toLowerCase() }, about, MAX_SHOWN);
    drawList(list, frames, keyOf, (frame, old) => retitled(old ?? line(frame, context), titleOf(frame)));
    setText(told, words.text("live.count", { count: tail.count, kept: tail.kept, shown: frames.length }));
    replaceChildren(pause, icon(tail.isPaused ? "play" : "pause"), tail.isPaused ? words.text("live.resume", { count: tail.waiting }) : words.text("live.pause"));
    setAttribute(pause, "aria-pressed", String(tail.isPaused));
    setAttribute(log, "hidden", frames.length === 0);
    replaceChildren(empty, frames.length === 0 && nothing(words.text(tail.count ? "live.nothing_fits" : "live.none"), !tail.count && h("a", { class: "button small", href: "#chat" }, words.text("nav.new_chat"))));
  };
  const schedule = oncePerFrame(draw);
  const leaveTitles = workspace.subscribe(schedule);
  const toggle = () => {
    if (tail.isPaused) tail.resume();
    else tail.pause();
    draw();
  };
  const narrow = () => {
    // Beside the history: a filter is no place one goes back to, and what came so far stays.
    history.replaceState(null, "", addressOf("live", { kind: kind.value, q: text.value.trim() }));
    draw();
  };
  kind.addEventListener("change", narrow);
  text.addEventListener("input", narrow);
  const leaveEvents = workspace.listen(schedule);
  const leave = () => {
    leaveTitles();
    leaveEvents();
  };
  draw();
  const node = h("div", { class: "stack" },
    h("div", { class: "filters", role: "search" }, labelled(words.text("filter.kind"), kind), labelled(words.text("filter.search"), text), pause, clear), told, empty, log);
  return { title: words.text("page.live"), node, leave };
}

/** @param {import("../workspace.js").Workspace} workspace */
function tailOf(workspace) {
  const known = tails.get(workspace);
  if (known) return known;
  const tail = new Tail(MAX_KEPT);
  tails.set(workspace, tail);
  workspace.listen((frame) => tail.add(frame));
  return tail;
}

/** @param {Frame} frame */
function keyOf(frame) {
  return `${frame.run_id} ${frame.seq}`;
}

/** The run may become known after its first event. @param {HTMLElement} node @param {string} title */
function retitled(node, title) {
  setText(/** @type {HTMLElement} */ (node.querySelector("a")), title);
  return node;
}

/** @param {Frame} frame @param {PageContext} context */
function line(frame, { words }) {
  const at = frame.at ?? "";
  const details = Object.keys(frame.details ?? {}).length
    ? h("details", { class: "detail" }, h("summary", { "aria-label": words.text("live.details_of", { type: frame.type, seq: String(frame.seq) }) }, words.text("live.details")), h("pre", { tabindex: "0" }, JSON.stringify(frame.details, null, 2)))
    : null;
  return h("li", { class: "tail-line" },
    h("time", { datetime: at, title: at }, at && clock(at, words, { digits: 3 })), h("code", { class: "tail-type", data: { kind: frame.type.split(".")[0] } }, frame.type),
    h("a", { href: addressOf("run", {}, frame.run_id) }), h("span", { class: "tail-text" }, gistOf(frame, words)), details);
}

/** What it is about, beside its type: the tool, the state, the reason. @param {Frame} frame @param {import("../i18n.js").Translator} words */
function gistOf(frame, words) {
  const { name, run_status: status, reason, model } = frame.details ?? {};
  const said = [name, status && words.text(`status.${status}`), reason && words.has(`reason.${reason}`) ? words.text(`reason.${reason}`) : reason, model];
  return frame.summary || said.filter((part) => typeof part === "string" && part).join(" · ");
}
