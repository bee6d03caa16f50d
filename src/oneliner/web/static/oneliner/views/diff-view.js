/**
 * What differs between two texts, for reading: the lines that changed and what stands around them. Long stretches that
 * stay as they are come down to one line that says how many.
 *
 * @import {Translator} from "../i18n.js"
 */

import { diffLines, folded } from "../diff.js";
import { h, laidBare } from "../dom.js";

const SIGNS = { same: " ", added: "+", removed: "−" };

/** @param {string} before @param {string} after @param {Translator} words @returns {HTMLElement} */
export function diffView(before, after, words) {
  const lines = diffLines(before, after);
  if (lines.every((line) => line.kind === "same")) return h("p", { class: "hint" }, words.text("diff.none"));
  return h(
    "div", { class: "diff", tabindex: "0", role: "group", "aria-label": words.text("diff.label") },
    ...folded(lines).map((line) =>
      line.kind === "fold"
        ? h("div", { class: "diff-fold" }, words.text("diff.same", { count: line.count }))
        : h(
            "div", { class: "diff-line", data: { kind: line.kind } },
            h("span", { class: "diff-sign", "aria-hidden": "true" }, SIGNS[line.kind]),
            line.kind !== "same" && h("span", { class: "sr-only" }, words.text(`diff.${line.kind}`)),
            h("span", {}, laidBare(line.text) || " "),
          ),
    ),
  );
}
