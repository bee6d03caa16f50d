#!/usr/bin/env node
/**
 * Joins the page's modules into few small files, for those who fetch them over a slow line.
 *
 *     node scripts/page-bundle.mjs            write src/oneliner/web/static/oneliner/bundle/
 *     node scripts/page-bundle.mjs --check    write nothing; exit 1 when it is not what the modules would be joined to
 *
 * The modules stay what is written, read and tested, and a server delivers them one by one as soon as one of them is not
 * what was joined: ``made_from`` in ``bundle.json`` is the hash of all that went in, as web/page_bundle.py takes it too.
 */

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import { rollup } from "@rollup/wasm-node";
import { minify } from "terser";

const STATIC = join(dirname(fileURLToPath(import.meta.url)), "../src/oneliner/web/static");
// As deep as the folders of the modules, so that what one of them says of its own address stays true.
const FOLDER = "oneliner/bundle";
/** What is loaded by itself, and what is only sure to be loaded after it, each with all that it imports. */
const ENTRIES = {
  window: { entry: "oneliner/embed/host.js", then: "oneliner/embed/window.js" },
  page: { entry: "oneliner/boot.js", then: null },
};
/** Of marked, its lexer is all that the page uses; its instance of everything would keep what renders HTML. */
const LEXER = { file: "/marked.esm.js", before: "var v=new ne;", exports: ["Lexer", "Tokenizer", "getDefaults"] };
const MINIFY = { module: true, ecma: 2022, compress: { passes: 3 }, format: { comments: /^\**!/ } };

/** @param {string} name of a module, below STATIC @param {Set<string>} [found] @returns {Set<string>} it and all that it imports at once */
function closure(name, found = new Set()) {
  if (found.has(name)) return found;
  found.add(name);
  for (const [, path] of readFileSync(join(STATIC, name), "utf8").matchAll(/^import (?:[^"\n]* from )?"(\.[^"]+)";/gm))
    closure(posix.join(posix.dirname(name), path), found);
  return found;
}

/** @returns {string[]} the modules that may be joined and the script that loads the window, in the order in which they are hashed */
function modules() {
  const all = readdirSync(STATIC, { recursive: true }).map((name) => String(name).replaceAll("\\", "/"));
  return all.filter((name) => /^(embed|(oneliner|vendor)\/.*)\.js$/.test(name) && !name.startsWith(`${FOLDER}/`)).sort();
}

function madeFrom() {
  const hash = createHash("sha256");
  for (const name of modules()) hash.update(`${name}\0`).update(readFileSync(join(STATIC, name)));
  return hash.digest("hex");
}

/** @param {string} id of a module, as the bundler names it @returns {string} its name below STATIC */
const nameOf = (id) => posix.relative(STATIC.replaceAll("\\", "/"), id.replaceAll("\\", "/"));

/** The bundler's plug-in for LEXER. Throws: marked is another version, and LEXER has to be looked at again. */
const onlyTheLexer = {
  name: "only the lexer",
  /** @param {string} code @param {string} id */
  transform(code, id) {
    if (!id.endsWith(LEXER.file)) return null;
    const [kept, ...rest] = code.split(LEXER.before);
    const clause = /export\{([^}]*)\}/.exec(rest.join(""))?.[1].split(",") ?? [];
    const exported = clause.filter((one) => LEXER.exports.includes(one.split(" as ").at(-1) ?? ""));
    if (rest.length !== 1 || exported.length !== LEXER.exports.length) throw new Error("marked has changed: see LEXER in scripts/page-bundle.mjs");
    return { code: `${kept}export{${exported}};`, map: null };
  },
};

/** @param {string} part a key of ENTRIES @returns {Promise<{files: Map<string, string>, told: object}>} */
async function joined(part) {
  const { entry, then } = ENTRIES[part];
  const first = closure(entry);
  const second = then ? closure(then) : new Set();
  const bundle = await rollup({
    input: { [posix.basename(entry, ".js")]: join(STATIC, entry) },
    preserveEntrySignatures: "allow-extension",
    plugins: [onlyTheLexer],
    onwarn: (warning) => {
      throw new Error(warning.message);
    },
  });
  const { output } = await bundle.generate({
    format: "es",
    entryFileNames: `${part}-[name].js`,
    chunkFileNames: `${part}-[name].js`,
    manualChunks: (id) => {
      const name = nameOf(id);
      if (first.has(name)) return posix.basename(entry, ".js");
      return second.has(name) ? posix.basename(then, ".js") : undefined;
    },
  });
  await bundle.close();
  const files = new Map();
  /** @type {Record<string, {file: string, imports: string[]}>} */
  const told = {};
  for (const chunk of output) {
    const address = `${FOLDER}/${chunk.fileName}`;
    files.set(address, `${licences(chunk.moduleIds)}${(await minify(chunk.code, MINIFY)).code}\n`);
    for (const id of chunk.moduleIds) told[nameOf(id)] = { file: address, imports: chunk.imports.map((name) => `${FOLDER}/${name}`) };
  }
  return { files, told: Object.fromEntries(Object.entries(told).sort(([a], [b]) => (a < b ? -1 : 1))) };
}

/** What others have written says so in what is joined too. @param {string[]} ids of modules */
function licences(ids) {
  const folders = ids.map(nameOf).filter((name) => name.startsWith("vendor/")).map((name) => posix.dirname(name));
  return folders.map((folder) => {
    const { name, version, licence } = JSON.parse(readFileSync(join(STATIC, folder, "vendor.json"), "utf8"));
    return `/*! ${name} ${version}, ${licence}: /static/${folder}/LICENSE */\n`;
  }).join("");
}

const parts = {};
const wanted = new Map();
for (const part of Object.keys(ENTRIES)) {
  const { files, told } = await joined(part);
  for (const [name, text] of files) wanted.set(name, text);
  parts[part] = told;
}
const script = `${FOLDER}/embed.js`;
wanted.set(script, `${(await minify(readFileSync(join(STATIC, "embed.js"), "utf8"), { ...MINIFY, module: false })).code}\n`);
parts.window["embed.js"] = { file: script, imports: [] };
wanted.set(`${FOLDER}/bundle.json`, `${JSON.stringify({ made_from: madeFrom(), ...parts }, null, 1)}\n`);

const there = new Map();
try {
  for (const name of readdirSync(join(STATIC, FOLDER), { recursive: true })) {
    const address = `${FOLDER}/${String(name).replaceAll("\\", "/")}`;
    if (/\.\w+$/.test(address)) there.set(address, readFileSync(join(STATIC, address), "utf8"));
  }
} catch (error) {
  if (error.code !== "ENOENT") throw error;
}
const differing = [...new Set([...wanted.keys(), ...there.keys()])].filter((name) => wanted.get(name) !== there.get(name));
if (process.argv.includes("--check")) {
  for (const name of differing) console.error(`page-bundle: ${name} is not what the modules are joined to`);
  if (differing.length) console.error("page-bundle: run: node scripts/page-bundle.mjs");
  process.exitCode = differing.length ? 1 : 0;
} else {
  rmSync(join(STATIC, FOLDER), { recursive: true, force: true });
  for (const [name, text] of wanted) {
    mkdirSync(dirname(join(STATIC, name)), { recursive: true });
    writeFileSync(join(STATIC, name), text);
  }
  console.log(`page-bundle: ${wanted.size} files, ${differing.length} changed`);
}
