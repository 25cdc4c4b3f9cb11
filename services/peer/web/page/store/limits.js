/** Limits as a person types them. Pure. */

/**
 * Parses what a person types as a rate or size: "20MiB", "1.5 g", "100k", "0".
 * @param {string} text
 * @returns {number|null} bytes; null when it is none
 */
export function parseBytes(text) {
  const found = /^\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(i?b)?(?:\/s)?\s*$/i.exec(text);
  if (!found) return null;
  const power = ' kmgt'.indexOf((found[2] || ' ').toLowerCase());
  const decimal = found[2] && (found[3] || '').toLowerCase() === 'b';
  return Math.round(Number(found[1]) * (decimal ? 1000 : 1024) ** power);
}
