/**
 * The time of a run as bars, one under the other; each says in words what its bar shows. Above them, over the same time, the
 * workers that held it.
 *
 * @import {Translator} from "../i18n.js"
 * @import {Lease} from "../leases.js"
 * @import {RunEvent, Span} from "../timeline.js"
 */

import { h, setAttribute } from "../dom.js";
import { leasesOf } from "../leases.js";
import { spansOf } from "../timeline.js";
import { clock } from "./parts.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 1_000;
const HEIGHT = 10;
const LEAST = 4;
const MAX_SHOWN = 300;
/** A run that waits for people often is held often; the latest say how it stands. */
const MAX_LEASES = 30;

/** @param {RunEvent[]} events @param {Translator} words @returns {HTMLElement|null} null: there is nothing to see yet */
export function timeline(events, words) {
  const now = Date.now();
  const spans = spansOf(events, now);
  const leases = leasesOf(events, now);
  if (!spans.length && !leases.length) return null;
  const begin = Math.min(...[...spans.slice(0, 1), ...leases.slice(0, 1)].map((one) => one.from));
  const end = [...spans, ...leases].reduce((latest, one) => Math.max(latest, one.to), begin);
  const whole = Math.max(end - begin, 1);
  const rows = spans.slice(0, MAX_SHOWN).map((span) => row(span, begin, whole, words));
  return h("div", { class: "timeline-box" },
    leases.length > 0 && h("h3", { class: "preview-title" }, words.text("leases.heading")),
    leases.length > 0 && h("ol", { class: "timeline leases" }, ...leases.slice(-MAX_LEASES).map((lease) => leaseRow(lease, begin, whole, words))),
    leases.length > MAX_LEASES && h("p", { class: "hint" }, words.text("leases.more", { count: leases.length - MAX_LEASES })),
    leases.length > 0 && h("h3", { class: "preview-title" }, words.text("leases.done")),
    h("ol", { class: "timeline" }, ...rows),
    spans.length > MAX_SHOWN && h("p", { class: "hint" }, words.text("timeline.more", { count: spans.length - MAX_SHOWN })),
    h("p", { class: "hint" }, words.text("timeline.all", { took: words.took(end - begin) })));
}

/** @param {Span} span @param {number} begin @param {number} whole @param {Translator} words */
function row(span, begin, whole, words) {
  const took = span.kind === "lost" ? "" : words.took(span.to - span.from);
  const said = span.isOpen ? words.text("timeline.open", { took }) : took;
  const label = span.label && words.has(`timeline.label.${span.label}`) ? words.text(`timeline.label.${span.label}`) : span.label;
  return h("li", { class: "span", data: { kind: span.kind } }, h("span", { class: "span-name" }, words.text(`timeline.${span.kind}`), label && h("code", {}, ` ${label}`), span.isBad && span.kind !== "lost" && h("span", { class: "changed" }, ` ${words.text("timeline.bad")}`)),
    bar(span, begin, whole), h("span", { class: "span-took" }, said));
}

/** @param {Lease} lease @param {number} begin @param {number} whole @param {Translator} words */
function leaseRow(lease, begin, whole, words) {
  const isLost = lease.end === "lost";
  const noticed = lease.noticedBy && words.text("leases.noticed", { worker: lease.noticedBy });
  const ended = h("span", { class: isLost ? "changed" : "" }, words.text(`leases.end.${lease.end}`), noticed && ` (${noticed})`);
  const until = lease.end === "held" ? "" : clock(lease.to, words);
  return h("li", { class: "span", data: { kind: "lease" } },
    h("span", { class: "span-name" }, words.text("leases.worker"), " ", h("code", {}, lease.worker || "–"), h("span", { class: "lease-when" }, `${clock(lease.from, words)}–${until}`, " · ", ended)),
    bar({ ...lease, isBad: isLost }, begin, whole), h("span", { class: "span-took" }, words.took(lease.to - lease.from)));
}

/** @param {{from: number, to: number, isBad: boolean}} span @param {number} begin @param {number} whole */
function bar(span, begin, whole) {
  const svg = document.createElementNS(SVG, "svg");
  const rect = document.createElementNS(SVG, "rect");
  const width = Math.max(((span.to - span.from) / whole) * WIDTH, LEAST);
  const from = Math.min(((span.from - begin) / whole) * WIDTH, WIDTH - width);
  for (const [name, value] of Object.entries({ x: from, y: 1, width, height: HEIGHT - 2, rx: 1.5 })) setAttribute(rect, name, value.toFixed(1));
  for (const [name, value] of Object.entries({ viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true", class: "span-bar" })) setAttribute(svg, name, value);
  if (span.isBad) setAttribute(rect, "class", "bad");
  svg.append(rect);
  return svg;
}
