/**
 * Reading project documents: what stands there now, and what a run has written. Every call throws Refused.
 *
 * @import {Api} from "./api.js"
 * @typedef {{version: number, content: string}} DocumentText
 */

const PATH = "/v2/oneliner/documents";

export class Documents {
  #api;

  /** @param {Api} api */
  constructor(api) {
    this.#api = api;
  }

  /** @param {string} projectId @param {string} path @returns {Promise<DocumentText|null>} null: there is none yet */
  async newest(projectId, path) {
    const { items } = await this.#api.ask("GET", `${PATH}?${new URLSearchParams({ project_id: projectId, path })}`);
    return items.length ? this.text(items[0].id) : null;
  }

  /** @param {string} id @param {number} [version] the newest when left out @returns {Promise<DocumentText>} */
  text(id, version) {
    return this.#api.ask("GET", `${PATH}/${id}` + (version ? `?version=${version}` : ""));
  }

  /** In its order. @param {string} runId @returns {Promise<{document_id: string, path: string, version: number}[]>} */
  async writtenBy(runId) {
    const { items } = await this.#api.ask("GET", `/v2/oneliner/runs/${runId}/documents`);
    return items.filter((/** @type {{access: string}} */ use) => use.access === "write");
  }
}
