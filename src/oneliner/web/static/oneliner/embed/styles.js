/**
 * The styles of the window, as a sheet that a shadow root takes: a ``<style>`` would be refused by a strict policy.
 *
 * They are those of the product's own page. What is said of the whole page there is said of the window here, and sizes
 * do not follow the host's root size, which many pages set to something of their own.
 */

const PX_PER_REM = 16;

/** @param {"window"|"asking"|"answers"} name @returns {Promise<CSSStyleSheet>} */
export async function styleSheet(name) {
  const answer = await fetch(new URL(`../css/${name}.css`, import.meta.url));
  const text = await answer.text();
  const made = new CSSStyleSheet();
  made.replaceSync(
    text
      .replace(/:root/g, ".oneliner-root")
      .replace(/(?<![\w.-])(\d*\.?\d+)rem\b/g, (_, size) => `${Number(size) * PX_PER_REM}px`),
  );
  return made;
}
