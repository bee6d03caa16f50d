/**
 * The one script a host page includes. It is a classic script, so that it needs no more than a tag; it holds the page's
 * calls until the window's modules are here, and loads those from where it came from itself.
 *
 *     <script src="https://agent.example/embed.js"></script>
 *     <script src="/your-own.js"></script>  →  OneLiner.init({ token: async () => (await fetch("/token")).text() })
 *
 * With ``data-token-url`` on the tag nothing else is needed.
 */
(() => {
  const script = /** @type {HTMLScriptElement} */ (document.currentScript);
  const { tokenUrl, ...attributes } = script.dataset;
  const known = /** @type {any} */ (globalThis).OneLiner;
  // The tag stands on the page twice, or was put there again by a page that changes in place: there is one window.
  if (known) {
    if (tokenUrl && !known.isStarted) void known.init({ tokenUrl });
    return;
  }
  const OPTIONS = ["base", "language", "position", "projectId", "theme"];
  const base = new URL(".", script.src).href.replace(/\/$/, "");
  // When this is sent, the name gives way to those of all that the first module imports, so that none waits for another to
  // be read. Where modules have been joined, their names below are replaced by those of the joined files.
  /** @type {string[]} */
  const imported = ["oneliner/imported.js"];
  const language = script.dataset.language || document.documentElement.lang || navigator.language;
  imported.push(/^zh/i.test(language) ? "oneliner/words/zh.js" : "oneliner/words/en.js");
  /** @param {Partial<HTMLLinkElement>} what */
  const announce = (what) => document.head.append(Object.assign(document.createElement("link"), what));
  for (const name of imported) announce({ rel: "modulepreload", href: `${base}/static/${name}` });
  announce({ rel: "preload", as: "fetch", crossOrigin: "anonymous", href: `${base}/static/oneliner/css/window.css` });
  const modules = import(`${base}/static/oneliner/embed/host.js`);
  const given = Object.fromEntries(Object.entries(attributes).filter(([name]) => OPTIONS.includes(name)));

  /** @type {{made: Promise<any>, started: Promise<any>, isHere: boolean, pressed: HTMLElement|null}|null} */
  let host = null;
  // A handoff that is pressed before the window is here waits for it.
  const early = (/** @type {Event} */ event) => {
    if (!host || host.isHere) return;
    const isSubmit = event.type === "submit";
    const found = event.composedPath().find((node) => node instanceof HTMLElement && node.matches('[data-action="handoff-to-main-agent"]') && isSubmit === node instanceof HTMLFormElement);
    if (!found) return;
    event.preventDefault();
    host.pressed = /** @type {HTMLElement} */ (found);
    host.pressed.setAttribute("aria-busy", "true");
  };
  for (const type of ["click", "submit"]) document.addEventListener(type, early);
  /** @param {string} name @returns {(...given: any[]) => Promise<any>} */
  const later = (name) => async (...args) => {
    if (!host) throw new Error("OneLiner: call init({ token }) first");
    return (await host.started)[name](...args);
  };

  const OneLiner = {
    /** Whether init was called and destroy was not. */
    get isStarted() {
      return host !== null;
    },
    /** Starts. @param {Record<string, any>} [options] */
    init(options = {}) {
      if (host) throw new Error("OneLiner: init was called before; call destroy() first");
      const made = modules.then(({ Host }) => new Host({ base, ...given, ...options }));
      const mine = { made, started: made.then((one) => one.start()), isHere: false, pressed: /** @type {HTMLElement|null} */ (null) };
      host = mine;
      const here = () => {
        mine.isHere = true;
        mine.pressed?.removeAttribute("aria-busy");
      };
      return mine.started.then(() => {
        here();
        if (host !== mine) return;
        if (mine.pressed instanceof HTMLFormElement) mine.pressed.requestSubmit();
        else mine.pressed?.click();
      }, async (error) => {
        here();
        // What could not start stands in nobody's way.
        if (host === mine) await OneLiner.destroy();
        throw error;
      });
    },
    open: later("open"),
    close: later("close"),
    handoff: later("handoff"),
    /** Takes everything away again. */
    async destroy() {
      const gone = host;
      host = null;
      await gone?.made.then((one) => one.destroy(), () => undefined); // options that were refused made nothing
    },
  };
  Object.defineProperty(globalThis, "OneLiner", { value: OneLiner, configurable: true });
  if (tokenUrl) void OneLiner.init({ tokenUrl });
})();
