/**
 * The addresses that are told of run events: how each is doing, and a new one, whose secret is shown this once.
 *
 * @import {PageContext, Route, Shown} from "./router.js"
 * @import {Endpoint} from "./webhook.js"
 */

import { h, icon, replaceChildren } from "../dom.js";
import { attempted, choice, filters, labelled, nothing, opened, table, when } from "./parts.js";
import { addressOf } from "./router.js";
import { endpointState, projectOf, secretBox } from "./webhook.js";

const USUAL = ["run.completed, run.failed", "run.*", "*"];

/** @param {PageContext} context @param {Route} route @returns {Promise<Shown>} */
export async function show(context, route) {
  const { api, words } = context;
  const project = route.query.get("project_id");
  const before = route.query.get("before");
  /** @type {{items: Endpoint[], next_cursor: string|null}} */
  const page = await api.ask("GET", `/v2/oneliner/webhooks?${new URLSearchParams({ limit: "25", ...(project ? { project_id: project } : {}), ...(before ? { before } : {}) })}`);
  const isNarrowed = Boolean(project || before);
  const columns = [{ text: words.text("hooks.address"), kind: "wide" }, { text: words.text("column.status") }, { text: words.text("hooks.types") }, { text: words.text("column.project") }, { text: words.text("column.created") }];
  const rows = page.items.map((one) => [h("a", { href: addressOf("webhook", {}, one.id) }, one.description || one.url), endpointState(one, words), one.event_types.join(", "), projectOf(one, words), when(one.created_at, words)]);
  const node = h("div", { class: "stack" },
    page.items.length > 0 || isNarrowed ? filters(route, words, labelled(words.text("column.project"), h("input", { type: "text", name: "project_id", maxlength: 128, props: { value: project ?? "" } }))) : null,
    rows.length ? table(words.text("page.webhooks"), columns, rows) : nothing(words.text(isNarrowed ? "hooks.not_found" : "hooks.nobody"), isNarrowed && h("a", { class: "button small", href: addressOf("webhooks") }, words.text("filter.reset"))),
    page.next_cursor && h("a", { class: "button small", href: addressOf("webhooks", { project_id: project, before: page.next_cursor }) }, words.text("runs.older")),
    opened([icon("plus"), words.text("hooks.new")], () => creating(context), { isOpen: rows.length === 0 && !isNarrowed }));
  return { title: words.text("page.webhooks"), node };
}

/** @param {PageContext} context */
function creating({ api, words }) {
  const problem = h("div", {});
  const url = h("input", { type: "url", name: "url", required: true, maxlength: 2_000, placeholder: "https://…", autocomplete: "off" });
  const types = h("input", { type: "text", name: "event_types", required: true, autocomplete: "off", spellcheck: "false", list: "oneliner-types", props: { value: USUAL[0] } });
  const which = choice("which", [["all", words.text("hooks.all_projects")], ["one", words.text("hooks.one_project")]], "all");
  const project = h("input", { type: "text", name: "hook_project", maxlength: 128, autocomplete: "off" });
  const projectField = labelled(words.text("handoff.project"), project);
  projectField.hidden = true;
  which.addEventListener("change", () => { projectField.hidden = which.value === "all"; });
  const about = h("input", { type: "text", name: "description", maxlength: 500, autocomplete: "off" });
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const body = { url: url.value.trim(), project_id: which.value === "all" ? null : project.value.trim(), event_types: types.value.split(/[\s,]+/).filter(Boolean), description: about.value.trim() };
    // Without a key: a repeated answer would come without the secret.
    await attempted(words, problem, async () => {
      const made = await api.ask("POST", "/v2/oneliner/webhooks", body);
      replaceChildren(form, secretBox(made.secret, words), h("div", { class: "row" }, h("a", { class: "button primary", href: addressOf("webhook", {}, made.id) }, words.text("hooks.go_on"))));
      /** @type {HTMLElement|null} */ (form.querySelector("code"))?.focus();
    });
  };
  const form = h("form", { class: "stack", "aria-label": words.text("hooks.new"), on: { submit } },
    h("div", { class: "rule-fields" }, labelled(words.text("hooks.address"), url), labelled(words.text("hooks.types"), types), labelled(words.text("hooks.which"), which), projectField, labelled(words.text("hooks.about"), about)),
    h("datalist", { id: "oneliner-types" }, ...USUAL.map((value) => h("option", { value }))), h("p", { class: "hint" }, words.text("hooks.types_note")), problem,
    h("div", { class: "row" }, h("button", { type: "submit", class: "button primary" }, words.text("hooks.create"))));
  return form;
}
