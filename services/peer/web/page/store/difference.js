/** What differs between two lists of rows. Pure. */

/**
 * Returns what has changed between two lists: for sources that only know whole lists.
 * @param {Map<string, any>} before by key
 * @param {any[]} rows
 * @returns {{put: any[], gone: string[]}}
 */
export function difference(before, rows) {
  const put = [], keys = new Set();
  for (const row of rows) {
    keys.add(row.key);
    const old = before.get(row.key);
    if (old === undefined || !sameRow(old, row)) put.push(row);
  }
  return {put, gone: Array.from(before.keys()).filter((key) => !keys.has(key))};
}

/** @param {any} a @param {any} b rows of one kind */
export function sameRow(a, b) {
  for (const name in b) {
    const x = a[name], y = b[name];
    if (x === y || Number.isNaN(x) && Number.isNaN(y)) continue;
    if (typeof x !== 'object' || typeof y !== 'object' || x === null || y === null) return false;
    if (JSON.stringify(x) !== JSON.stringify(y)) return false;
  }
  return true;
}
