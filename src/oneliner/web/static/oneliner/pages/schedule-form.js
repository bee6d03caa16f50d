/**
 * What a schedule hands over, and when: for a new one, or for a change of one. The next due times are asked of the server
 * while the expression is written, so that what is shown is what will be.
 *
 * @import {PageContext} from "./router.js"
 * @typedef {{id: string, user_id: string, project_id: string, title: string, cron: string, timezone: string,
 *   handoff: Record<string, any>, confirmed_ahead: boolean, paused: boolean, next_due_at: string|null}} Schedule
 */

import { Refused, newKey } from "../api.js";
import { h, replaceChildren, setAttribute } from "../dom.js";
import { problemLine, problemText } from "../views/problem-line.js";
import { attempted, choice, labelled } from "./parts.js";

const USUAL = ["0 9 * * *", "0 9 * * MON-FRI", "0 9 * * MON", "0 9 1 * *", "0 * * * *"];
const PAUSE_MS = 250;

/** @param {PageContext} context @param {Schedule|null} schedule null: a new one @param {(schedule: Schedule) => void} onDone */
export function scheduleForm(context, schedule, onDone) {
  const { api, words } = context;
  const plan = schedule?.handoff ?? {};
  const title = h("input", { type: "text", name: "title", required: true, maxlength: 200, autocomplete: "off", props: { value: schedule?.title ?? "" } });
  const goal = h("textarea", { name: "goal", rows: 2, props: { value: plan.goal ?? "" } });
  const steps = h("textarea", { name: "steps", rows: 3, props: { value: (plan.steps ?? []).join("\n") } });
  const project = h("input", { type: "text", name: "project_id", maxlength: 128, autocomplete: "off", props: { value: schedule?.project_id ?? "" } });
  const cron = h("input", { type: "text", name: "cron", required: true, maxlength: 200, spellcheck: "false", autocomplete: "off", class: "code", props: { value: schedule?.cron ?? USUAL[0] } });
  const usual = choice("usual", [["", words.text("schedules.own")], ...USUAL.map((c) => /** @type {[string, string]} */ ([c, words.text(`schedules.usual.${USUAL.indexOf(c)}`)]))], USUAL.includes(cron.value) ? cron.value : "");
  const zones = h("datalist", { id: "oneliner-zones" }, ...Intl.supportedValuesOf("timeZone").map((zone) => h("option", { value: zone })));
  const zone = h("input", { type: "text", name: "timezone", required: true, maxlength: 64, list: "oneliner-zones", autocomplete: "off", spellcheck: "false", props: { value: schedule?.timezone ?? Intl.DateTimeFormat().resolvedOptions().timeZone ?? "UTC" } });
  const draft = h("input", { type: "checkbox", name: "draft", props: { checked: Boolean(plan.draft) } });
  const ahead = h("input", { type: "checkbox", name: "confirmed_ahead", props: { checked: schedule?.confirmed_ahead ?? false } });
  const stepsField = labelled(words.text("handoff.steps"), steps);
  const preview = new Preview(context, cron, zone);
  const problem = h("div", {});

  const follow = () => {
    setAttribute(stepsField, "hidden", draft.checked);
    if (draft.checked) ahead.checked = false;
    setAttribute(ahead, "disabled", draft.checked);
  };
  draft.addEventListener("change", follow);
  follow();
  usual.addEventListener("change", () => {
    if (!usual.value) return cron.focus();
    cron.value = usual.value;
    preview.soon();
  });
  cron.addEventListener("input", () => { usual.value = USUAL.includes(cron.value) ? cron.value : ""; });

  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const lines = steps.value.split("\n").map((line) => line.trim()).filter(Boolean);
    const body = {
      cron: cron.value, timezone: zone.value.trim(), confirmed_ahead: ahead.checked,
      handoff: { ...kept(plan), title: title.value.trim(), project_id: project.value.trim(), plan_request: { goal: goal.value.trim() || title.value.trim(), steps: draft.checked ? [] : lines, draft: draft.checked } },
    };
    /** @type {Schedule|null} */
    let stored = null;
    const isDone = await attempted(words, problem, async () => {
      stored = await (schedule ? api.ask("PUT", `/v2/oneliner/schedules/${schedule.id}`, body) : api.ask("POST", "/v2/oneliner/schedules", body, newKey()));
    });
    if (isDone && stored) onDone(stored);
  };
  const flag = (/** @type {HTMLElement} */ box, /** @type {string} */ key) => h("label", { class: "choice" }, box, h("span", {}, words.text(key), h("span", { class: "hint" }, words.text(`${key}.hint`))));
  return h("form", { class: "stack", "aria-label": words.text(schedule ? "schedules.change" : "schedules.new"), on: { submit } },
    h("div", { class: "form-columns" },
      h("div", { class: "stack" }, labelled(words.text("handoff.title"), title), labelled(words.text("handoff.goal"), goal), flag(draft, "schedules.draft"), stepsField, labelled(words.text("handoff.project"), project)),
      h("div", { class: "stack" }, labelled(words.text("schedules.when"), usual), labelled(words.text("schedules.cron"), cron), labelled(words.text("schedules.timezone"), zone), zones, preview.node, flag(ahead, "schedules.ahead"))),
    problem,
    h("div", { class: "row" }, h("button", { type: "submit", class: "button primary" }, words.text(schedule ? "schedules.save" : "schedules.create"))));
}

/** What stands in a handoff beside what the form asks. @param {Record<string, any>} handoff */
function kept(handoff) {
  const { source_screen = "schedules", source_action_key = "schedule", summary, intent_key, platform, platform_scope } = handoff;
  return Object.fromEntries(Object.entries({ source_screen, source_action_key, summary, intent_key, platform, platform_scope }).filter(([, value]) => value));
}

/** The next due times of what stands in two fields. */
class Preview {
  node = h("div", { class: "preview", role: "status" });
  #context;
  #cron;
  #zone;
  #timer = 0;
  #asked = 0;

  /** @param {PageContext} context @param {HTMLInputElement} cron @param {HTMLInputElement} zone */
  constructor(context, cron, zone) {
    this.#context = context;
    this.#cron = cron;
    this.#zone = zone;
    for (const field of [cron, zone]) field.addEventListener("input", () => this.soon());
    void this.#ask();
  }

  /** Asks when the writer has paused. */
  soon() {
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => void this.#ask(), PAUSE_MS);
  }

  async #ask() {
    const { api, words } = this.#context;
    const mine = (this.#asked += 1);
    const timezone = this.#zone.value.trim();
    try {
      const found = await api.ask("GET", `/v2/oneliner/due-times?${new URLSearchParams({ cron: this.#cron.value, timezone })}`);
      if (mine !== this.#asked) return;
      this.#mark(null);
      replaceChildren(this.node, dueList(found.items.map((/** @type {any} */ item) => item.due_at), timezone, words));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (mine !== this.#asked) return;
      this.#mark(/** @type {any} */ (error.problem).field ?? null);
      replaceChildren(this.node, error.problem.status === 422 ? h("p", { class: "field-error" }, problemText(error.problem, words)) : problemLine(error.problem, words));
    }
  }

  /** @param {string|null} field */
  #mark(field) {
    setAttribute(this.#cron, "aria-invalid", field === "cron" ? "true" : null);
    setAttribute(this.#zone, "aria-invalid", field === "timezone" ? "true" : null);
  }
}

/** @param {string[]} times @param {string} timezone @param {import("../i18n.js").Translator} words */
export function dueList(times, timezone, words) {
  const format = new Intl.DateTimeFormat(words.locale, { timeZone: timezone, weekday: "short", year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZoneName: "short" });
  return h("div", {}, h("p", { class: "preview-title" }, words.text("schedules.next")), h("ol", { class: "due-list" }, ...times.map((time) => h("li", {}, h("time", { datetime: time, title: time }, format.format(new Date(time)))))));
}
