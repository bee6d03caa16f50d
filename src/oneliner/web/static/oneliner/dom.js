/**
 * Making and changing DOM nodes. Text enters as text; there is no way here to hand the browser markup.
 *
 * @typedef {Node|string|number|null|false|undefined} Child
 * @typedef {{class?: string, on?: Record<string, (event: any) => void>, data?: Record<string, string>,
 *   props?: Record<string, any>, [attribute: string]: any}} Options
 */

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element. ``on`` holds listeners, ``data`` dataset entries, ``props`` properties; everything else is an attribute:
 * true is an empty one, null, false and undefined are none.
 *
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name
 * @param {Options} [options]
 * @param {...(Child|Child[])} children
 * @returns {HTMLElementTagNameMap[Name]}
 */
export function h(name, options = {}, ...children) {
  const element = document.createElement(name);
  const { on = {}, data = {}, props = {}, ...attributes } = options;
  for (const [key, value] of Object.entries(attributes)) setAttribute(element, key, value);
  for (const [key, value] of Object.entries(data)) element.dataset[key] = value;
  for (const [type, listener] of Object.entries(on)) element.addEventListener(type, listener);
  element.append(...nodesOf(children));
  Object.assign(element, props);
  return element;
}

/** @param {(Child|Child[])[]} children @returns {(Node|string)[]} */
function nodesOf(children) {
  /** @type {(Node|string)[]} */
  const nodes = [];
  for (const child of children.flat()) {
    if (child === null || child === false || child === undefined) continue;
    nodes.push(child instanceof Node ? child : String(child));
  }
  return nodes;
}

/** @param {Element} element @param {string} name @param {any} value */
export function setAttribute(element, name, value) {
  if (value === null || value === undefined || value === false) element.removeAttribute(name);
  else if (value === true) element.setAttribute(name, "");
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, String(value));
}

/** @param {Element} element @param {...(Child|Child[])} children */
export function replaceChildren(element, ...children) {
  element.replaceChildren(...nodesOf(children));
}

/** What is not seen, or turns around what is seen after it. */
const UNSEEN = /[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;

/**
 * For what somebody decides on: *text* with every character named that would not be seen, or would show others in another
 * order. As JSON writes them, so that JSON stays the same JSON.
 *
 * @param {string} text
 */
export function laidBare(text) {
  return text.replace(UNSEEN, (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Whether a key belongs to a composition, as of Chinese; by 229 Safari means the Enter that ends one. @param {KeyboardEvent} event */
export function isComposing(event) {
  return event.isComposing || event.keyCode === 229;
}

/** Sets text only where it differs, so that a selection in it survives. @param {Node} node @param {string} text */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * Makes *parent* hold exactly the nodes for *items*, in order, keeping each node as long as its key stays.
 *
 * @template T
 * @param {Element} parent
 * @param {T[]} items
 * @param {(item: T) => string} keyOf
 * @param {(item: T, old: HTMLElement|null) => HTMLElement} draw gives the old node, changed, or a new one
 */
export function drawList(parent, items, keyOf, draw) {
  const old = new Map([...parent.children].map((node) => [/** @type {HTMLElement} */ (node).dataset.key ?? "", node]));
  let at = parent.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    const known = /** @type {HTMLElement|undefined} */ (old.get(key)) ?? null;
    const node = draw(item, known);
    node.dataset.key = key;
    old.delete(key);
    if (known && known !== node) {
      if (at === known) at = node;
      known.replaceWith(node);
    } else if (node === at) {
      at = at.nextElementSibling;
      continue;
    } else {
      parent.insertBefore(node, at);
      continue;
    }
    if (at === node) at = node.nextElementSibling;
  }
  for (const node of old.values()) node.remove();
}

/**
 * Redraws *root* with *draw* and gives the focus back to the element with the same ``data-focus``: nothing that arrives
 * may take the focus away. Where that element is gone, as a button is that was pressed, it goes to *home*.
 *
 * @param {HTMLElement} root
 * @param {() => void} draw
 * @param {string} [home] a selector
 */
export function keepFocus(root, draw, home) {
  const scope = /** @type {Document|ShadowRoot} */ (root.getRootNode());
  const active = /** @type {HTMLElement|null} */ (scope.activeElement ?? null);
  const wasInside = active !== null && root.contains(active);
  const key = wasInside ? active.dataset.focus : undefined;
  const selection = active instanceof HTMLInputElement || active instanceof HTMLTextAreaElement ? active.selectionStart : null;
  draw();
  // What was hidden keeps the focus until the next frame, and then nobody has it; what was put elsewhere has lost it.
  const isThere = active !== null && root.contains(active) && !active.closest("[hidden]");
  if (!wasInside || (isThere && scope.activeElement === active)) return;
  const same = isThere ? active : key && root.querySelector(`:not([hidden] *)[data-focus="${CSS.escape(key)}"]`);
  const next = /** @type {HTMLElement|null} */ (same || (home ? root.querySelector(home) : null));
  next?.focus({ preventScroll: true });
  if (selection !== null && (next instanceof HTMLInputElement || next instanceof HTMLTextAreaElement)) {
    next.setSelectionRange(selection, selection);
  }
}

/** @type {Record<string, string>} paths in a box of 16 by 16 */
const ICONS = {
  check: "M3.5 8.5l3 3 6-7",
  cross: "M4 4l8 8M12 4l-8 8",
  plus: "M8 3v10M3 8h10",
  up: "M8 13V3.5M4 7.5l4-4 4 4",
  down: "M8 3v9.5M4 8.5l4 4 4-4",
  chevron: "M4 6l4 4 4-4",
  send: "M8 13V3.5M4 7.5l4-4 4 4",
  play: "M5 3.2l7.5 4.8L5 12.8z",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  stop: "M4.5 4.5h7v7h-7z",
  copy: "M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8z",
  trash: "M2.5 4.5h11M6 4.5v-2h4v2M4 4.5l.6 9h6.8l.6-9M6.7 7v4M9.3 7v4",
  undo: "M6 3L2.5 6.5 6 10M2.5 6.5H10a3.5 3.5 0 010 7H7",
  retry: "M13 8a5 5 0 11-1.5-3.6M13 2.5v2.8h-2.8",
  menu: "M2.5 4h11M2.5 8h11M2.5 12h11",
  tool: "M10.5 2.5a3.2 3.2 0 00-3 4.3L2.6 11.7a1.2 1.2 0 001.7 1.7l4.9-4.9a3.2 3.2 0 004.2-4l-2 2-1.9-.5-.5-1.9z",
  hand: "M2.5 8h9M8 4l4 4-4 4M14 2.5v11",
  clock: "M8 2.5a5.5 5.5 0 110 11 5.5 5.5 0 010-11zM8 5v3.2l2 1.3",
  out: "M9.5 3h-6v10h6M6.5 8h7M11 5.5L13.5 8 11 10.5",
  edit: "M10.8 2.7l2.5 2.5-7.6 7.6-3.2.7.7-3.2z",
  alert: "M8 2.2L14.5 13.5h-13zM8 6.5v3.2M8 11.4v.6",
  question: "M5.8 6a2.2 2.2 0 114 1.3c-.8.8-1.8 1.1-1.8 2.4M8 12v.6",
  side: "M2.5 3h11v10h-11zM9.5 3v10",
  half: "M8 2.5a5.5 5.5 0 110 11zM8 2.5a5.5 5.5 0 100 11",
};

/** @param {string} name @returns {SVGElement} a decoration; the words stand beside it or in a label */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  for (const [key, value] of Object.entries({ viewBox: "0 0 16 16", "aria-hidden": "true", focusable: "false" })) {
    svg.setAttribute(key, value);
  }
  svg.classList.add("icon", `icon-${name}`);
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name] ?? "");
  svg.append(path);
  return svg;
}

/**
 * The product's mark: a spark on one line.
 *
 * @returns {SVGElement}
 */
export function mark() {
  const svg = icon("mark");
  svg.classList.add("mark");
  svg.firstElementChild?.setAttribute("d", "M8 .8l1.7 5.5L15.2 8l-5.5 1.7L8 15.2 6.3 9.7.8 8l5.5-1.7z");
  return svg;
}

/**
 * Draws at the next frame, once, however often it is asked; by a timer in a tab that is not shown, where frames do not
 * come.
 *
 * @param {() => void} draw
 * @returns {() => void}
 */
export function oncePerFrame(draw) {
  let isDue = false;
  const go = () => {
    isDue = false;
    draw();
  };
  return () => {
    if (isDue) return;
    isDue = true;
    if (document.hidden) setTimeout(go, 50);
    else requestAnimationFrame(go);
  };
}
