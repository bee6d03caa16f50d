/**
 * Reading project documents: what stands there now, and what a run has written. Every call throws Refused.
 *
 * @import {Api} from "./api.js"
 * @typedef {{version: number, content: string}} DocumentText
 */

const PATH = "/v2/oneliner/documents";

/** @param {Api} api @param {string} projectId @param {string} path @returns {Promise<DocumentText|null>} null: there is none yet */
export async function newestDocument(api, projectId, path) {
  const { items } = await api.ask("GET", `${PATH}?${new URLSearchParams({ project_id: projectId, path })}`);
  return items.length ? documentText(api, items[0].id) : null;
}

/** @param {Api} api @param {string} id @param {number} [version] the newest when left out @returns {Promise<DocumentText>} */
export function documentText(api, id, version) {
  return api.ask("GET", `${PATH}/${id}` + (version ? `?version=${version}` : ""));
}

/** In its order. @param {Api} api @param {string} runId @returns {Promise<{document_id: string, path: string, version: number}[]>} */
export async function documentsWrittenBy(api, runId) {
  const { items } = await api.ask("GET", `/v2/oneliner/runs/${runId}/documents`);
  return items.filter((/** @type {{access: string}} */ use) => use.access === "write");
}
