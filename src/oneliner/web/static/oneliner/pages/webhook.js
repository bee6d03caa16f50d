/**
 * One address that is told of run events: what was delivered to it and what was not, its change, and its secret's.
 *
 * @import {Translator} from "../i18n.js"
 * @import {PageContext, Route, Shown} from "./router.js"
 * @typedef {{id: string, project_id: string|null, url: string, description: string, event_types: string[], enabled: boolean,
 *   disabled_reason: string, failing_since: string|null, old_secret_until: string|null, signable: boolean, created_by: string,
 *   created_at: string, updated_at: string}} Endpoint
 * @typedef {{id: string, event_type: string, run_id: string|null, seq: number|null, status: "pending"|"delivered"|"failed",
 *   attempts: number, next_attempt_at: string|null, created_at: string, log?: Attempt[]}} Delivery
 * @typedef {{number: number, at: string, status_code: number|null, duration_ms: number, error: string, answer: string}} Attempt
 */

import { newKey } from "../api.js";
import { h, icon, replaceChildren } from "../dom.js";
import { copy } from "../views/copying.js";
import { attempted, badge, choice, facts, filters, labelled, nothing, opened, section, showAgain, sureButton, table, when } from "./parts.js";
import { addressOf } from "./router.js";

/** @type {Record<string, "good"|"bad"|"waits">} */
const STATES = { delivered: "good", pending: "waits", failed: "bad" };

/** @param {PageContext} context @param {Route} route @returns {Promise<Shown>} */
export async function show(context, route) {
  const { api, words } = context;
  const path = `/v2/oneliner/webhooks/${encodeURIComponent(route.id)}`;
  const given = { status: route.query.get("status"), before: route.query.get("before") };
  const query = new URLSearchParams(Object.entries({ ...given, limit: "25" }).flatMap(([name, value]) => (value ? [[name, value]] : [])));
  /** @type {[Endpoint, {items: Delivery[], next_cursor: string|null}]} */
  const [endpoint, page] = await Promise.all([api.ask("GET", path), api.ask("GET", `${path}/deliveries?${query}`)]);
  const problem = h("div", {});
  const columns = [{ text: words.text("hooks.event"), kind: "wide" }, { text: words.text("column.status") }, { text: words.text("hooks.attempts"), kind: "number" }, { text: words.text("hooks.next") }, { text: words.text("column.created") }, { text: words.text("column.action") }];
  const rows = page.items.map((one) => deliveryRow(context, path, one, problem));
  const node = h("div", { class: "stack" }, head(context, path, endpoint, problem), problem,
    section(words.text("hooks.deliveries"),
      filters(route, words, labelled(words.text("column.status"), choice("status", [["", words.text("filter.all")], ...Object.keys(STATES).map((s) => /** @type {[string, string]} */ ([s, words.text(`hooks.status.${s}`)]))], given.status ?? ""))),
      rows.length ? table(words.text("hooks.deliveries"), columns, rows) : nothing(words.text("hooks.no_deliveries")),
      page.next_cursor && h("a", { class: "button small", href: addressOf("webhook", { ...given, before: page.next_cursor }, endpoint.id) }, words.text("runs.older"))),
    opened([icon("edit"), words.text("hooks.change")], () => changing(context, path, endpoint)));
  return { title: endpoint.description || endpoint.url, node };
}

/** @param {Endpoint} endpoint @param {Translator} words */
export function endpointState(endpoint, words) {
  if (!endpoint.enabled) return badge("off", words.text(`hooks.disabled.${endpoint.disabled_reason || "by_admin"}`));
  if (!endpoint.signable) return badge("bad", words.text("hooks.no_key"));
  return endpoint.failing_since ? badge("bad", words.text("hooks.failing")) : badge("good", words.text("hooks.enabled"));
}

/** @param {Endpoint} endpoint @param {Translator} words */
export function projectOf(endpoint, words) {
  return endpoint.project_id === null ? words.text("hooks.all_projects") : endpoint.project_id || words.text("hooks.no_project");
}

/** A secret that is shown this once. @param {string} secret @param {Translator} words */
export function secretBox(secret, words) {
  const code = h("code", { class: "secret", tabindex: "0" }, secret);
  const label = h("span", {}, words.text("hooks.copy"));
  const button = h("button", { type: "button", class: "button small", on: { click: () => void copy(secret, label, words) } }, icon("copy"), label);
  return h("div", { class: "notice", role: "status" }, icon("alert"), h("div", { class: "stack" }, h("strong", {}, words.text("hooks.secret_once")), h("div", { class: "row" }, code, button)));
}

/** @param {PageContext} context @param {string} path @param {Endpoint} endpoint @param {HTMLElement} problem */
function head(context, path, endpoint, problem) {
  const { api, words, announce } = context;
  const act = async (/** @type {() => Promise<any>} */ work, said = "") => {
    if (!(await attempted(words, problem, work))) return;
    if (said) announce(said);
    showAgain();
  };
  const told = h("div", {});
  const rotate = () => attempted(words, problem, async () => {
    const made = await api.ask("POST", `${path}/rotate`, {});
    replaceChildren(told, secretBox(made.secret, words));
    /** @type {HTMLElement|null} */ (told.querySelector("code"))?.focus();
  });
  const remove = async () => {
    if (await attempted(words, problem, () => api.ask("DELETE", path))) location.hash = addressOf("webhooks");
  };
  return h("div", { class: "stack" },
    h("div", { class: "row" }, endpointState(endpoint, words),
      h("button", { type: "button", class: "button small", on: { click: () => void act(() => api.ask("POST", `${path}/test`, undefined, newKey()), words.text("hooks.test_sent")) } }, icon("send"), words.text("hooks.test")),
      h("button", { type: "button", class: "button small", on: { click: () => void act(() => api.ask("PATCH", path, { enabled: !endpoint.enabled })) } }, icon(endpoint.enabled ? "pause" : "play"), words.text(endpoint.enabled ? "hooks.disable" : "hooks.enable")),
      sureButton(words, { text: words.text("hooks.rotate"), ask: words.text("hooks.rotate_ask"), yes: words.text("hooks.rotate_yes"), icon: "retry" }, () => void rotate()),
      sureButton(words, { text: words.text("hooks.delete"), ask: words.text("hooks.delete_ask"), yes: words.text("hooks.delete_yes"), icon: "trash" }, () => void remove())),
    told,
    facts([
      [words.text("hooks.address"), h("code", {}, endpoint.url)], [words.text("hooks.types"), endpoint.event_types.join(", ")], [words.text("fact.project"), projectOf(endpoint, words)],
      ...(endpoint.failing_since ? [/** @type {[string, any]} */ ([words.text("hooks.failing_since"), when(endpoint.failing_since, words)])] : []),
      ...(endpoint.old_secret_until ? [/** @type {[string, any]} */ ([words.text("hooks.old_secret"), when(endpoint.old_secret_until, words)])] : []),
      [words.text("fact.created"), [when(endpoint.created_at, words), ` · ${endpoint.created_by}`]],
    ]));
}

/** @param {PageContext} context @param {string} path @param {Delivery} one @param {HTMLElement} problem */
function deliveryRow({ api, words, announce }, path, one, problem) {
  const log = h("div", { class: "stack" });
  const fill = () => attempted(words, log, async () => replaceChildren(log, ...attempts(await api.ask("GET", `${path}/deliveries/${one.id}`), words)));
  const detail = h("details", { class: "detail", on: { toggle: () => detail.open && void fill() } }, h("summary", {}, h("code", {}, one.event_type)), log);
  const again = async () => {
    if (!(await attempted(words, problem, () => api.ask("POST", `${path}/deliveries/${one.id}/redeliver`, undefined, newKey())))) return;
    announce(words.text("hooks.sent_again"));
    showAgain();
  };
  return [[detail, one.run_id && h("a", { href: addressOf("run", {}, one.run_id) }, words.text("schedules.its_run"))], badge(STATES[one.status] ?? "off", words.text(`hooks.status.${one.status}`)), words.number(one.attempts),
    one.next_attempt_at ? when(one.next_attempt_at, words) : "–", when(one.created_at, words),
    h("button", { type: "button", class: "button small", "aria-label": words.text("hooks.again_named", { type: one.event_type }), on: { click: () => void again() } }, words.text("hooks.again"))];
}

/** @param {Delivery} delivery @param {Translator} words */
function attempts(delivery, words) {
  if (!delivery.log?.length) return [h("p", { class: "hint" }, words.text("hooks.no_attempts"))];
  return delivery.log.map((one) => h("div", {}, h("p", { class: "hint" }, `${one.number}. `, when(one.at, words), ` · ${one.status_code ?? words.text("hooks.no_answer")} · ${words.took(one.duration_ms)}`, one.error && ` · ${one.error}`), one.answer && h("pre", { class: "block", tabindex: "0" }, one.answer)));
}

/** @param {PageContext} context @param {string} path @param {Endpoint} endpoint */
function changing({ api, words, announce }, path, endpoint) {
  const problem = h("div", {});
  const url = h("input", { type: "url", name: "url", required: true, maxlength: 2_000, autocomplete: "off", props: { value: endpoint.url } });
  const types = h("input", { type: "text", name: "event_types", required: true, autocomplete: "off", spellcheck: "false", props: { value: endpoint.event_types.join(", ") } });
  const about = h("input", { type: "text", name: "description", maxlength: 500, autocomplete: "off", props: { value: endpoint.description } });
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const body = { url: url.value.trim(), event_types: types.value.split(/[\s,]+/).filter(Boolean), description: about.value.trim() };
    if (!(await attempted(words, problem, () => api.ask("PATCH", path, body)))) return;
    announce(words.text("hooks.saved"));
    showAgain();
  };
  return h("form", { class: "stack", "aria-label": words.text("hooks.change"), on: { submit } },
    h("div", { class: "rule-fields" }, labelled(words.text("hooks.address"), url), labelled(words.text("hooks.types"), types), labelled(words.text("hooks.about"), about)),
    h("p", { class: "hint" }, words.text("hooks.types_note")), problem, h("div", { class: "row" }, h("button", { type: "submit", class: "button primary" }, words.text("schedules.save"))));
}
