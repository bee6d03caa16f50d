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
  const OPTIONS = ["base", "language", "position", "projectId", "theme"];
  const base = new URL(".", script.src).href.replace(/\/$/, "");
  // Filled in when this is sent: all that the first module imports, so that none waits for another to be read.
  /** @type {string[]} */
  const imported = [];
  const language = script.dataset.language || document.documentElement.lang || navigator.language;
  imported.push(`oneliner/words/${/^zh/i.test(language) ? "zh" : "en"}.js`);
  /** @param {Partial<HTMLLinkElement>} what */
  const announce = (what) => document.head.append(Object.assign(document.createElement("link"), what));
  for (const name of imported) announce({ rel: "modulepreload", href: `${base}/static/${name}` });
  announce({ rel: "preload", as: "fetch", crossOrigin: "anonymous", href: `${base}/static/oneliner/css/window.css` });
  const modules = import(`${base}/static/oneliner/embed/host.js`);
  const { tokenUrl, ...attributes } = script.dataset;
  const given = Object.fromEntries(Object.entries(attributes).filter(([name]) => OPTIONS.includes(name)));

  /** @type {Promise<any>|null} */
  let host = null;
  /** @param {string} name @returns {(...given: any[]) => Promise<any>} */
  const later = (name) => async (...args) => {
    if (!host) throw new Error("OneLiner: call init({ token }) first");
    return (await host)[name](...args);
  };

  const OneLiner = {
    /** Starts. @param {Record<string, any>} [options] */
    init(options = {}) {
      if (host) throw new Error("OneLiner: init was called before; call destroy() first");
      host = modules.then(({ Host }) => new Host({ base, ...given, ...options })).then((made) => made.start());
      return host.then(() => undefined);
    },
    open: later("open"),
    close: later("close"),
    handoff: later("handoff"),
    /** Takes everything away again. */
    async destroy() {
      const gone = host;
      host = null;
      (await gone)?.destroy();
    },
  };
  Object.defineProperty(globalThis, "OneLiner", { value: OneLiner, configurable: true });
  if (tokenUrl) void OneLiner.init({ tokenUrl });
})();
